"""Example data of the demo.

Two active municipalities with accounts and members, one municipality that is not yet set up, and an operator.

Guarantees:
- Use cases create the data, as they do for people.
- A data folder is seeded once.
- The agreements are signed after a login at the simulated ID-porten, whose form this module fills in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

from deldokument.cli.demo import sender as demo_sender
from deldokument.domain.errors import existing
from deldokument.domain.identifiers import parse_person
from deldokument.domain.norwegian_time import day_of
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.impact_assessment import ResidualRisk
from deldokument.domain.tenants.tenancy import Contact, Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.integrations import add_integration
from deldokument.services.accounts.lifecycle import create_account
from deldokument.services.accounts.members import add_member
from deldokument.services.agreements.impact_assessment import AssessmentWords, record_assessment
from deldokument.services.agreements.signing import begin_signing, complete_signing, offer_signing, start_login
from deldokument.services.agreements.status import record_main_agreement
from deldokument.services.agreements.texts import current_document, list_texts, publish_agreement
from deldokument.services.auth.sessions import Session, begin_login, complete_login, find_session
from deldokument.services.tenants.activation import activate
from deldokument.services.tenants.administrators import add_administrator
from deldokument.services.tenants.operators import add_operator
from deldokument.services.tenants.registration import change_tenant_rules, create_tenant, register_tenant
from deldokument.simulators.common.cast import Cast, Person

_LEADERS_ROLE: Final = "Kommunedirektør"
"""Signs the agreements and is responsible for the impact assessment; the data protection officer only gives advice."""
_TRANSACTION = re.compile(r'name="transaction" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class _Municipality:
    number: str
    name: str
    contact: Contact
    administrator: str
    on_behalf_of: str
    """Its name at the simulated ID-porten."""
    members: Mapping[str, tuple[str, ...]]
    """The people of each account, by their keys in the cast."""


_MUNICIPALITIES = (
    _Municipality(
        number="310240001",
        name="Eksempel kommune",
        contact=Contact("22 00 00 00", "postmottak@eksempel.example", "mandag–fredag kl. 9–15"),
        administrator="anne",
        on_behalf_of="eksempel_kommune",
        members={"Byggesak": ("kari",), "Avtaledokumenter": ("kari", "odd")},
    ),
    _Municipality(
        number="213640003",
        name="Prøve kommune",
        contact=Contact("55 00 00 00", "post@prove.example", "kvardagar kl. 9–15"),
        administrator="siv",
        on_behalf_of="prove_kommune",
        members={"Barnevern": ("siv",)},
    ),
)


CUSTOMERS: Final = tuple(municipality.on_behalf_of for municipality in _MUNICIPALITIES)
"""Names on whose behalf the demo's client may start logins at ID-porten."""


def seed(deps: Dependencies, cast: Cast) -> None:
    """Publish the texts and create the municipalities, unless they exist."""
    for listing in list_texts(deps):
        if not listing.published:
            publish_agreement(deps, listing.kind, listing.publishable)
    with deps.database.read() as tx:
        if tx.tenants.all():
            return
    people = {person.key: person for person in cast.people}
    for municipality in _MUNICIPALITIES:
        _make(deps, municipality, people)
    add_operator(deps, number=people["tora"].identifier, name=people["tora"].name)
    register_tenant(
        deps,
        organization_number="310550000",
        contact=Contact("77 00 00 00", "post@nyby.example", "kl. 8–15"),
        number=people["liv"].identifier,
        name=people["liv"].name,
        person=None,
    )


def _make(deps: Dependencies, municipality: _Municipality, people: Mapping[str, Person]) -> None:
    tenant = create_tenant(
        deps,
        organization_number=municipality.number,
        name=municipality.name,
        contact=municipality.contact,
    )
    change_tenant_rules(deps, tenant_id=tenant.id, on_behalf_of=municipality.on_behalf_of)
    leader = people[municipality.administrator]
    add_administrator(deps, tenant_id=tenant.id, number=leader.identifier, name=leader.name)
    _agree(deps, tenant, leader)
    assessment = AssessmentWords(leader.name, _LEADERS_ROLE, day_of(deps.clock.now()), ResidualRisk.LOW)
    record_assessment(deps, tenant_id=tenant.id, words=assessment)
    activate(deps, tenant_id=tenant.id)
    signer = parse_person(leader.identifier, allow_synthetic=True)
    for account_name, keys in municipality.members.items():
        account = create_account(deps, tenant_id=tenant.id, name=account_name)
        for person in map(people.__getitem__, keys):
            add_member(
                deps,
                tenant_id=tenant.id,
                account_id=account.id,
                number=person.identifier,
                name=person.name,
                person=signer,
            )
        if (municipality.number, account_name) == (demo_sender.ORGANIZATION, demo_sender.ACCOUNT):
            number = municipality.number
            add_integration(
                deps,
                tenant_id=tenant.id,
                account_id=account.id,
                organization_number=number,
                archive_confirmed=True,
                person=signer,
            )


def _agree(deps: Dependencies, tenant: Tenant, leader: Person) -> None:
    """Record a main agreement signed on paper, and sign the service agreement."""
    signed_by, today = f"{leader.name}, {_LEADERS_ROLE.lower()}", day_of(deps.clock.now())
    document = existing(current_document(deps, tenant_id=tenant.id, kind=AgreementKind.MAIN))
    markdown = f"{document.markdown}\n\nSignert {today:%d.%m.%Y}: *{signed_by}*\n"
    record_main_agreement(
        deps,
        tenant_id=tenant.id,
        version=document.version,
        signed_on=today,
        signed_by=signed_by,
        copy=deps.renderer.pdf(replace(document.paper, markdown=markdown)),
    )
    session = _session(deps, leader)
    offer = offer_signing(deps, session, tenant_id=tenant.id)
    shown = offer.document.sha256, offer.document_sha256
    where = {"tenant_id": tenant.id}
    intent_id = begin_signing(deps, session, **where, shown=shown, role=_LEADERS_ROLE, confirmed=True)
    answer = _log_in(start_login(deps, session, **where, intent_id=intent_id, locale="nb"), leader)
    done = complete_signing(deps, session, answer)
    if done.refusal is not None:
        raise done.refusal


def _session(deps: Dependencies, person: Person) -> Session:
    started = begin_login(deps, return_to="/", locale="nb")
    answer = _log_in(started.url, person)
    done = complete_login(deps, answer, browser_secret=started.browser_secret, previous_secret=None)
    return existing(find_session(deps, done.session_secret))


def _log_in(url: str, person: Person) -> dict[str, str]:
    """Fill in the login page of the simulated ID-porten; return the parameters of its response."""
    with httpx.Client() as browser:
        transaction = _TRANSACTION.search(browser.get(url).text)
        if transaction is None:
            raise RuntimeError("the simulated ID-porten shows no page to log in at")
        form = {"transaction": transaction[1], "identifier": person.identifier, "action": "login"}
        answer = browser.post(urljoin(url, "/login"), data=form)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))
