"""Every route of «Konfigurasjon» and «Drift», asked by those who hold the office elsewhere or another one.

The routes are taken from the application's own list, so a new one is asked too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pytest

from deldokument.domain.errors import existing
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.impact_assessment import ResidualRisk
from deldokument.services.accounts import integrations
from deldokument.services.agreements import impact_assessment, texts
from deldokument.services.agreements import status as agreements_status
from deldokument.services.agreements.impact_assessment import AssessmentPaper, AssessmentWords
from deldokument.services.tenants import administrators, operators
from deldokument.web.app import ENDPOINTS
from deldokument.web.http.request import Endpoint, RequiredRole
from tests.support.browser import EWA, Browser, Web, serve, stage_in_memory
from tests.support.bulk.sample_files import PDF
from tests.support.stage.agreement_texts import begin, publish_texts, session, sign, with_short_texts
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import FJELL, KARI, VIGDIS, Stage
from tests.support.stored_data import contents

_PARAMETER = re.compile(r"\{(\w+)\}")
SECRETS = (
    "Kari Lunde",
    "Ewa Kowalska",
    "Byggesak",
    "128385",
    "FJELL",
    "Grethe",
    "Berit",
    "vurdering.pdf",
    "Eksempel k",
)
"""Words that stand on the pages of Ewa's tenant, and on no page of Vigdis's."""


@dataclass
class Theirs:
    """Ewa's tenant with one of everything, Vigdis, who administers another one, and Kari, who operates the service."""

    web: Web
    vigdis: Browser
    ewa: Browser
    kari: Browser
    own_tenant: str
    ids: dict[str, str]


@pytest.fixture(scope="module")
def theirs() -> Iterator[Theirs]:
    with stage_in_memory() as stage:
        web = serve(with_short_texts(stage))
        with stage.deps.database.read() as tx:
            other = existing(tx.tenants.by_number("213640003"))
        add_administrator(stage.deps, tenant_id=other.id, number=VIGDIS, name="Vigdis Myhre")
        operators.add_operator(stage.deps, number=KARI, name="Kari Lunde")
        ids = everything(stage)
        yield Theirs(web, web.browser(VIGDIS), web.browser(EWA), web.browser(KARI), other.id, ids)
        web.close()


def everything(stage: Stage) -> dict[str, str]:
    """One of each thing that has an id in a path."""
    publish_texts(stage)
    deps, where = stage.deps, {"tenant_id": stage.tenant.id}
    main = agreements_status.record_main_agreement(
        deps, **where, version="1.0", signed_on=date(2026, 11, 20), signed_by="Grethe Ness", copy=PDF
    )
    sign(stage)
    texts.publish_agreement(deps, AgreementKind.SERVICE, "1.1")
    texts.publish_agreement(deps, AgreementKind.ASSESSMENT, "1.0")
    intent_id, _answer = begin(stage, session(stage))
    words = AssessmentWords(
        "Berit Ås", "Ombud", date(2026, 11, 1), ResidualRisk.LOW, paper=AssessmentPaper("vurdering.pdf", PDF)
    )
    return {
        "tenant_id": stage.tenant.id,
        "account_id": stage.byggesak.id,
        "member_id": stage.members["kari"],
        "administrator_id": administrators.list_administrators(deps, **where)[0].id,
        "agreement_id": main.id,
        "signed_id": agreements_status.agreements_of(deps, **where).services[0].agreement.id,
        "intent_id": intent_id,
        "assessment_id": impact_assessment.record_assessment(deps, **where, words=words).id,
        "integration_id": integrations.add_integration(
            deps, **where, account_id=stage.byggesak.id, organization_number=FJELL
        ).id,
        "template": "dpia.pdf",
    }


def _routes(who: RequiredRole, *, below: bool = False) -> list[tuple[str, Endpoint]]:
    """Method and route for each; ``below``: those whose path names something of a tenant.

    Those for signatories are an administrator's too.
    """
    held = {who, RequiredRole.SIGNATORY} if who is RequiredRole.ADMINISTRATOR else {who}
    asked = [endpoint for endpoint in ENDPOINTS if endpoint.who in held]
    if below:
        asked = [endpoint for endpoint in asked if _names_more(endpoint)]
    return [(method, endpoint) for endpoint in asked for method in endpoint.methods]


def _names_more(endpoint: Endpoint) -> bool:
    return bool(set(_PARAMETER.findall(endpoint.path)) - {"tenant_id", "template"})


def _label(route: tuple[str, Endpoint]) -> str:
    return f"{route[0]} {route[1].path}"


def _ask(browser: Browser, method: str, endpoint: Endpoint, ids: dict[str, str]) -> tuple[int, str]:
    path = endpoint.path.replace("/tjenesteavtale/{agreement_id}", "/tjenesteavtale/{signed_id}").format_map(ids)
    if method == "GET":
        answer = browser.get(path)
        head = browser.request("HEAD", path)
        assert (head.status_code, head.content) == (answer.status_code, b"")
    else:
        answer = browser.post(path, FIELDS)
    return answer.status_code, answer.text


ELSEWHERE = ("/sletteprotokoll", "/innlogging")
"""There is none before the end; only the session that began a signature goes on with it."""
FIELDS = {
    "name": "Ola Nordmann",
    "number": "21879498012",
    "list": "21879498012;Ola Nordmann",
    "shown": "1",
    "batch": "AAAAAAAAAAAAAAAAAAAAAA",
    "typed_name": "Eksempel kommune",
    "revision": "1",
    "organization_number": FJELL,
    "deed": "freeze",
    "reason": "security",
    "assessor": "Berit Ås",
    "role": "Ombud",
    "done_on": "2026-11-01",
    "risk": "low",
    "confidential": "yes",
}


def _stored(theirs: Theirs) -> list[str]:
    """All that is stored, but for what says that a session was used."""
    return [line for line in contents(theirs.web.stage) if 'INSERT INTO "session"' not in line]


@pytest.mark.parametrize("who", [RequiredRole.ADMINISTRATOR, RequiredRole.OPERATOR])
def test_the_ids_that_are_tried_exist_for_their_own_administrator_or_member(theirs: Theirs, who: RequiredRole) -> None:
    browser = theirs.ewa if who is RequiredRole.ADMINISTRATOR else theirs.kari
    asked = [endpoint for method, endpoint in _routes(who) if method == "GET" and not endpoint.path.endswith(ELSEWHERE)]
    missed = [endpoint.path for endpoint in asked if _ask(browser, "GET", endpoint, theirs.ids)[0] not in {200, 303}]
    assert missed == []


@pytest.mark.parametrize("method_endpoint", _routes(RequiredRole.ADMINISTRATOR), ids=_label)
def test_a_tenant_of_others_looks_like_none_at_every_route(
    theirs: Theirs, method_endpoint: tuple[str, Endpoint]
) -> None:
    method, endpoint = method_endpoint
    before = _stored(theirs)
    found = _ask(theirs.vigdis, method, endpoint, theirs.ids)
    none = _ask(theirs.vigdis, method, endpoint, theirs.ids | {"tenant_id": "AAAAAAAAAAAAAAAAAAAAAA"})
    assert found[0] == none[0] == 404
    assert not [word for word in SECRETS if word in found[1]]
    assert _stored(theirs) == before


@pytest.mark.parametrize("method_endpoint", _routes(RequiredRole.ADMINISTRATOR, below=True), ids=_label)
def test_ids_of_others_are_nothing_below_ones_own_tenant(theirs: Theirs, method_endpoint: tuple[str, Endpoint]) -> None:
    method, endpoint = method_endpoint
    before = _stored(theirs)
    status, text = _ask(theirs.vigdis, method, endpoint, theirs.ids | {"tenant_id": theirs.own_tenant})
    assert status == 404 or (method, status) == ("POST", 303)
    assert not [word for word in SECRETS if word in text]
    assert _stored(theirs) == before


@pytest.mark.parametrize("method_endpoint", _routes(RequiredRole.OPERATOR), ids=_label)
def test_an_administrator_operates_nothing(theirs: Theirs, method_endpoint: tuple[str, Endpoint]) -> None:
    method, endpoint = method_endpoint
    before = _stored(theirs)
    assert _ask(theirs.ewa, method, endpoint, theirs.ids)[0] == 404
    assert _stored(theirs) == before


@pytest.mark.parametrize("method_endpoint", _routes(RequiredRole.ADMINISTRATOR), ids=_label)
def test_an_operator_administers_nothing(theirs: Theirs, method_endpoint: tuple[str, Endpoint]) -> None:
    method, endpoint = method_endpoint
    before = _stored(theirs)
    assert _ask(theirs.kari, method, endpoint, theirs.ids)[0] == 404
    assert _stored(theirs) == before


@pytest.mark.parametrize("method_endpoint", _routes(RequiredRole.OPERATOR, below=True), ids=_label)
def test_an_operator_who_names_the_wrong_tenant_gets_at_nothing(
    theirs: Theirs, method_endpoint: tuple[str, Endpoint]
) -> None:
    method, endpoint = method_endpoint
    before = _stored(theirs)
    assert _ask(theirs.kari, method, endpoint, theirs.ids | {"tenant_id": theirs.own_tenant})[0] == 404
    assert _stored(theirs) == before
