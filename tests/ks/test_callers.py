"""Who may call KS' interface, and that nobody else learns anything."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deldokument.domain.errors import ScopeMissing
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.services.tenants.offboarding import offboard_tenant
from deldokument.web.app import ENDPOINTS
from deldokument.web.http.responses.rate_limit import MAX_CONCURRENT
from deldokument.web.ks.app import PREFIX
from tests.ks.conftest import Fiks
from tests.ks.published import ERROR_MESSAGE, SUCCESS
from tests.ks.test_sharing import form, metadata
from tests.support.browser import EWA
from tests.support.deployment.systems import let_go
from tests.support.stage.accounts import set_rules
from tests.support.stage.stage import KARI, OLA, SIV, VIGDIS

ACCOUNTS = f"{PREFIX}/kontoer"


def test_a_system_sees_the_accounts_that_it_may_use(fiks: Fiks) -> None:
    answer = fiks.system.get(ACCOUNTS, headers=fiks.headers)
    assert answer.status_code == 200
    assert [one["navn"] for one in answer.json()] == ["Byggesak"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Authorization": "Bearer stranger"}, "Klarte ikke å validere access_token"),
        ({"Authorization": "Basic fjell"}, "Klarte ikke å validere access_token"),
        ({"Authorization": ""}, "Klarte ikke å validere access_token"),
        ({"IntegrasjonPassord": "feil"}, "Autentisering feilet for integrasjon med id "),
        ({"IntegrasjonPassord": ""}, "Autentisering feilet for integrasjon med id "),
        ({"IntegrasjonId": str(uuid.UUID(int=7))}, f"Autentisering feilet for integrasjon med id {uuid.UUID(int=7)}"),
        ({"IntegrasjonId": "<script>"}, "Autentisering feilet for integrasjon med id –"),
        ({"IntegrasjonId": ""}, "Autentisering feilet for integrasjon med id –"),
    ],
)
def test_a_system_without_token_id_and_password_is_nobody(fiks: Fiks, changes: dict[str, str], words: str) -> None:
    answer = fiks.system.get(ACCOUNTS, headers=fiks.headers | changes)
    assert answer.status_code == 401
    assert ERROR_MESSAGE.fits(answer.json())
    assert answer.json()["message"].startswith(words)
    assert answer.headers["www-authenticate"] == 'Bearer realm="deldokument"'


def test_nobody_at_all_is_refused_before_the_body_is_read(fiks: Fiks) -> None:
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(b"no form")
        yield read[-1]

    path, form_type = fiks.konto(below="/deldokument"), {"Content-Type": "multipart/form-data; boundary=b"}
    assert fiks.system.request("POST", path, content=body(), headers=form_type).status_code == 401
    assert read == []
    # Of a system that may call it is read.
    assert fiks.system.request("POST", path, content=body(), headers=fiks.headers | form_type).status_code == 400
    assert read


def test_another_organisations_token_with_this_ones_password_is_nobody(fiks: Fiks) -> None:
    fiks.web.stage.tokens.known["other"] = Consumer(OrganizationNumber("310240001"))
    answer = fiks.system.get(ACCOUNTS, headers=fiks.headers | {"Authorization": "Bearer other"})
    assert answer.status_code == 401


def test_a_token_without_the_scope_is_a_403(fiks: Fiks) -> None:
    fiks.web.stage.tokens.known["narrow"] = ScopeMissing("deldokument:share")
    answer = fiks.system.get(ACCOUNTS, headers=fiks.headers | {"Authorization": "Bearer narrow"})
    assert answer.status_code == 403
    assert ERROR_MESSAGE.fits(answer.json())


def test_a_system_that_has_lost_its_access_is_nobody(fiks: Fiks) -> None:
    let_go(fiks.web.stage, fiks.integration)
    assert fiks.system.get(ACCOUNTS, headers=fiks.headers).status_code == 401


def test_with_maskinporten_silent_nobody_is_let_in(fiks: Fiks) -> None:
    fiks.web.stage.tokens.down = True
    answer = fiks.system.get(ACCOUNTS, headers=fiks.headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("limit", ["MAX_CONCURRENT", "MAX_COUNTED"])
def test_a_system_that_asks_for_very_much_at_once_leaves_threads_for_the_others(
    fiks: Fiks, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    kari = fiks.web.browser(KARI)
    monkeypatch.setattr(f"deldokument.web.http.responses.rate_limit.{limit}", 0)
    answer = fiks.system.get(ACCOUNTS, headers=fiks.headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert ERROR_MESSAGE.fits(answer.json())
    assert kari.get(ACCOUNTS).status_code == 200


def test_what_a_system_has_under_way_is_counted_until_it_is_answered(fiks: Fiks) -> None:
    for _ in range(MAX_CONCURRENT + 1):
        assert fiks.system.get(ACCOUNTS, headers=fiks.headers).status_code == 200


def test_a_request_with_a_token_is_never_anybodys_by_its_cookie(fiks: Fiks) -> None:
    kari = fiks.web.browser(KARI)
    assert kari.get(ACCOUNTS).status_code == 200
    assert kari.get(ACCOUNTS, headers={"Authorization": "Bearer stranger"}).status_code == 401


def test_a_session_changes_nothing_without_its_csrf_token(fiks: Fiks) -> None:
    ewa = fiks.web.browser(EWA)
    for headers in ({}, {"X-CSRF-Token": "guess"}):
        answer = ewa.request("POST", fiks.organisation(), json={"navn": "Skole"}, headers=headers)
        assert answer.status_code == 403
    foreign = {"X-CSRF-Token": ewa.csrf_token(), "Origin": "https://evil.example"}
    assert ewa.request("POST", fiks.organisation(), json={"navn": "Skole"}, headers=foreign).status_code == 403
    assert len(ewa.get(fiks.organisation()).json()) == 2


TENANTS: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("POST", "", {"navn": "Tatt"}),
    ("GET", "one", None),
    ("PUT", "one", {"navn": "Tatt"}),
    ("DELETE", "one", None),
    ("POST", "one/aktiverVarsling", {"avsendernavn": "Tatt"}),
    ("POST", "one/deaktiverVarsling", {}),
]


@pytest.mark.parametrize(("method", "below", "body"), TENANTS)
def test_a_tenants_accounts_are_for_its_administrators_alone(fiks: Fiks, method: str, below: str, body: Any) -> None:
    byggesak = fiks.web.stage.byggesak
    path = below.replace("one", fiks.organisation(byggesak)) if below else fiks.organisation()
    for person in (KARI, VIGDIS, SIV):
        assert fiks.web.browser(person).call(method, path, body).status_code == 404
    assert fiks.system.request(method, path, json=body, headers=fiks.headers).status_code == 404
    assert fiks.system.request(method, path, json=body).status_code == 401
    other = path.replace(
        fiks.organisation(), fiks.organisation().replace(fiks.organisation().split("/")[-2], str(uuid.uuid4()))
    )
    assert fiks.web.browser(EWA).call(method, other, body).status_code == 404
    assert [one["navn"] for one in fiks.web.browser(EWA).get(fiks.organisation()).json()] == ["Avtaler", "Byggesak"]


PAGES = {
    ("POST", ""): "/kontoer",
    ("PUT", "one"): "/kontoer/{account_id}/navn",
    ("DELETE", "one"): "/kontoer/{account_id}/sletting",
    ("POST", "one/aktiverVarsling"): "/kontoer/{account_id}/regler",
    ("POST", "one/deaktiverVarsling"): "/kontoer/{account_id}/regler",
}
"""The administrators' form that does the same as each change here."""


def test_every_change_of_an_administrator_has_its_form_among_the_pages() -> None:
    changes = {(method, path) for method, path in SUCCESS if path.startswith("/{fiksOrgId}") and method != "GET"}
    below = {
        (method, path.replace("/{fiksOrgId}/kontoer", "").replace("/{kontoId}", "one")) for method, path in changes
    }
    assert below == PAGES.keys() == {(method, path) for method, path, _ in TENANTS if method != "GET"}


@pytest.mark.parametrize(("method", "below", "body"), [one for one in TENANTS if one[0] != "GET"])
def test_a_change_needs_a_fresh_login_if_the_pages_ask_for_one(fiks: Fiks, method: str, below: str, body: Any) -> None:
    page = f"/konfigurasjon/{{tenant_id}}{PAGES[method, below]}"
    [form] = [one for one in ENDPOINTS if one.path == page and one.methods == ("POST",)]
    stage, ewa = fiks.web.stage, fiks.web.browser(EWA)
    path = below.replace("one", fiks.organisation(stage.byggesak)) if below else fiks.organisation()
    ewa.csrf_token()
    stage.clock.advance(minutes=15, seconds=1)
    answer = ewa.call(method, path, body)
    if form.needs_fresh_login:
        assert (answer.status_code, answer.json()["errorCode"]) == (403, "login_not_fresh")
        assert [one["navn"] for one in ewa.get(fiks.organisation()).json()] == ["Avtaler", "Byggesak"]
    else:
        assert answer.is_success


def test_a_person_who_has_left_the_service_changes_nothing_more(fiks: Fiks) -> None:
    stage, ewa = fiks.web.stage, fiks.web.browser(EWA)
    offboard_tenant(stage.deps, tenant_id=stage.tenant.id, typed_name=stage.tenant.name)
    for method, below, body in TENANTS:
        path = below.replace("one", fiks.organisation(stage.byggesak)) if below else fiks.organisation()
        if method != "GET":
            answer = ewa.call(method, path, body)
            assert (answer.status_code, answer.json()["errorCode"]) == (409, "service_ended")


def test_what_is_shared_from_others_accounts_does_not_exist(fiks: Fiks) -> None:
    share_id = fiks.web.stage.publish(OLA)
    [document_id] = fiks.web.stage.document_ids(share_id)
    below = f"/mottakere/{uuid.UUID(document_id)}"
    assert fiks.web.browser(KARI).get(fiks.konto(below=below)).status_code == 200
    assert fiks.system.get(fiks.konto(below=below), headers=fiks.headers).status_code == 200
    assert fiks.web.browser(KARI).get(fiks.konto(fiks.web.stage.avtaler, below)).status_code == 404
    for person in (VIGDIS, EWA, OLA):
        assert fiks.web.browser(person).get(fiks.konto(below=below)).status_code == 404
    sending = {"headers": fiks.headers | {"Content-Type": "multipart/form-data; boundary=b"}}
    content = form(metadata(OLA), b"innhold")
    for account in (fiks.web.stage.avtaler, fiks.web.stage.barnevern):
        answer = fiks.system.request("POST", fiks.konto(account, "/deldokument"), content=content, **sending)
        assert answer.status_code == 404


def test_the_recipients_of_a_document_are_listed_with_masked_numbers(fiks: Fiks) -> None:
    share_id = fiks.web.stage.publish(OLA, "312824450")
    [document_id] = fiks.web.stage.document_ids(share_id)
    answer = fiks.system.get(fiks.konto(below=f"/mottakere/{uuid.UUID(document_id)}"), headers=fiks.headers)
    assert answer.json() == [{"fnrOrgnr": "218794*****"}, {"fnrOrgnr": "312824450"}]


def test_full_numbers_are_returned_to_the_system_if_the_account_allows_it(fiks: Fiks) -> None:
    [document_id] = fiks.web.stage.document_ids(fiks.web.stage.publish(OLA, "312824450"))
    path = fiks.konto(below=f"/mottakere/{uuid.UUID(document_id)}")
    set_rules(fiks.web.stage, fiks.web.stage.byggesak, full_numbers=True)
    assert fiks.system.get(path, headers=fiks.headers).json() == [{"fnrOrgnr": OLA}, {"fnrOrgnr": "312824450"}]
    assert fiks.web.browser(KARI).get(path).json()[0] == {"fnrOrgnr": "218794*****"}
    log = fiks.web.browser(EWA).get(f"/konfigurasjon/{fiks.web.stage.tenant.id}/hendelseslogg").text
    assert "Et system fikk de hele numrene til mottakerne" in log
    assert OLA not in log
