"""A populated deployment, and those who attack it: they write to the database, and log in as themselves.

Kari's account has a share in every state, and a draft that is being filled in. Siv receives from Odd's account of the
same tenant, and from Vigdis's of another one. Siv, Odd, Vigdis and Barnevern's system are the attackers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256

from deldokument.adapters.keys.keyring import SealedEntry
from deldokument.domain.errors import existing
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.tenants.tenancy import Account
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts import lifecycle
from deldokument.services.encryption import share_key_id
from deldokument.services.notifications import email_addresses, webhooks
from deldokument.services.people import directory_key
from deldokument.services.shares.drafts import additions, drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.services.tenants import freezing, operators
from deldokument.services.tenants.freezing import FreezeReason
from deldokument.services.uploads import append
from tests.matrix.ks import headers_of
from tests.support.browser import EWA, Browser, Web, serve, stage_in_memory
from tests.support.stage.api import NEIGHBOUR, integrate, token_of
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import FJELL, KARI, LISE, ODD, OLA, PER, SIV, VIGDIS, Stage, person, run_all

TITLE, MESSAGE, REFERENCE = "Vedtak om Ola", "Til Ola alene", "2026/777"
FILE, CONTENT, ADDRESS = "om-ola.pdf", b"bytene til Ola", "kari.lunde@eksempel.example"
SECRETS = (TITLE, MESSAGE, REFERENCE, FILE, CONTENT.decode(), ADDRESS, OLA[:6])
"""What no attacker may see: texts and bytes of Kari's shares, their recipient's masked number, and her address."""
STATES = ("destroyed", "withdrawn", "ended", "available", "frozen", "draft", "proposed")
ATTACKERS = {"stranger": SIV, "other-account": ODD, "other-tenant": VIGDIS}
RIGHTFUL = {"recipient": OLA, "sharer": KARI, "administrator": EWA, "operator": PER}


@dataclass
class Victims:
    """The deployment. ``shares``: Kari's by state; ``tokens``: of unfinished uploads, by whose they are.

    ``ks``: the headers of the attackers' system in KS' interfaces.
    """

    stage: Stage
    web: Web
    shares: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    ks: dict[str, str] = field(default_factory=dict)
    browsers: dict[str, Browser] = field(default_factory=dict)
    systems: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    destroyed: list[SealedEntry] = field(default_factory=list)
    """The key of the destroyed share, as the keyring's store had it before."""

    @property
    def deps(self) -> Dependencies:
        """What the use cases need."""
        return self.stage.deps

    @property
    def of_systems(self) -> tuple[Account, Account]:
        """The account of the attackers' system, and Kari's."""
        return self.stage.barnevern, self.stage.byggesak

    def forget_reports(self) -> None:
        """As if this process had just been started: it reports each damaged row once."""
        self.deps.damage.take()
        self.deps.damage._known.clear()


@contextmanager
def victims() -> Iterator[Victims]:
    """The deployment, with everybody logged in."""
    with stage_in_memory() as stage:
        unlimited = replace(stage.deps.config, refusals_per_hour=10_000, api_requests_per_minute=100_000)
        stage.deps = replace(stage.deps, config=unlimited)
        place = Victims(stage, serve(stage))
        _furnish(place)
        for name, number in (ATTACKERS | RIGHTFUL).items():
            place.browsers[name] = place.web.browser(number)
            place.browsers[name].csrf_token()
        place.browsers["system"] = place.web.browser()
        _download(place)
        try:
            yield place
        finally:
            place.web.close()


def _furnish(place: Victims) -> None:
    stage, deps = place.stage, place.deps
    operators.add_operator(deps, number=PER, name="Per Drift")
    operators.add_operator(deps, number=LISE, name="Lise Drift")
    add_administrator(deps, tenant_id=stage.barnevern.tenant_id, number=VIGDIS, name="Vigdis Myhre")
    place.ids["integration_id"] = integrate(stage, FJELL, stage.byggesak)
    theirs = integrate(stage, NEIGHBOUR, stage.barnevern)
    place.systems = {"system": token_of(stage, NEIGHBOUR), "rightful-system": token_of(stage, FJELL)}
    place.ks = headers_of(stage, place.systems["system"], stage.barnevern, theirs)
    for number, account in ((FJELL, stage.byggesak), (NEIGHBOUR, stage.barnevern)):
        hook = webhooks.add_webhook(
            deps,
            Consumer(OrganizationNumber(number)),
            account_id=account.id,
            url="https://8.8.8.8/hendelser",
            events=["share.opened"],
        )
        place.ids["webhook_id"] = place.ids.get("webhook_id", hook[0].id)
    _addresses(deps)
    _shares(place)
    with deps.database.read() as tx:
        administrator = tx.staff.administrators(stage.tenant.id)[0]
        [recipient] = tx.shares.recipients([place.shares["available"]])
        upload = existing(tx.uploads.by_token(sha256(place.tokens["sharer"].encode()).digest()))
    place.ids |= {
        "tenant_id": stage.tenant.id,
        "account_id": stage.byggesak.id,
        "member_id": stage.members["kari"],
        "administrator_id": administrator.id,
        "recipient_id": recipient.id,
        "document_id": stage.document_ids(place.shares["available"])[0],
        "upload_id": upload.id,
    }


def _addresses(deps: Dependencies) -> None:
    for number, address in ((KARI, ADDRESS), (VIGDIS, "vigdis@eksempel.example")):
        email_addresses.enter_address(deps, person(number), address)
        with deps.database.read() as tx:
            kept = tx.notification_addresses.of_person(
                email_addresses.identifier_hash(directory_key(deps), person(number))
            )
        assert kept
        email_addresses.confirm_address(deps, person(number), email_addresses.code_of(directory_key(deps), kept))


def _shares(place: Victims) -> None:
    stage, deps = place.stage, place.deps
    for state in ("destroyed", "withdrawn", "ended", "available", "frozen", "draft"):
        end = timedelta(hours=1) if state == "ended" else timedelta(days=10)
        place.shares[state] = filled(stage, KARI, stage.byggesak, OLA, end)
        if state == "available":
            stage.upload(place.shares[state], "fjernet.pdf", b"fjernet")
        if state != "draft":
            publishing.publish_share(deps, person(KARI), place.shares[state])
            inspect_documents(deps)
        if state == "available":
            changes.remove_document(deps, person(KARI), place.shares[state], stage.document_ids(place.shares[state])[1])
            additions.add_document(
                deps, person(KARI), place.shares[state], name="venter.pdf", length=9, modified_at=None
            )
        if state in {"destroyed", "withdrawn"}:
            publishing.withdraw_share(deps, person(KARI), place.shares[state])
        if state == "destroyed":
            place.destroyed = deps.keyring._store.read([share_key_id(place.shares[state])])  # type: ignore[attr-defined]
            run_all(deps)
    freezing.set_share_freeze(deps, place.shares["frozen"], person(PER), FreezeReason.SECURITY)
    approvals = lifecycle.create_account(deps, tenant_id=stage.tenant.id, name="Vedtak")
    for number in (KARI, LISE):
        stage.add(number, "Noen", approvals)
    stage.change_account(approvals, rules=replace(approvals.rules, four_eyes=True))
    place.shares["proposed"] = filled(stage, KARI, approvals, OLA, timedelta(days=10))
    publishing.publish_share(deps, person(KARI), place.shares["proposed"])
    for name, sharer, account in (
        ("other-account", ODD, stage.avtaler),
        ("other-tenant", VIGDIS, stage.barnevern),
    ):
        own = filled(stage, sharer, account, SIV, timedelta(days=10), secret=False)
        publishing.publish_share(deps, person(sharer), own)
        inspect_documents(deps)
        draft = filled(stage, sharer, account, SIV, timedelta(days=10), secret=False)
        place.tokens[name] = _unfinished(stage, sharer, draft)
    place.tokens["sharer"] = _unfinished(stage, KARI, place.shares["draft"])
    stage.clock.advance(hours=1)


def filled(stage: Stage, sharer: str, account: Account, recipient: str, end: timedelta, *, secret: bool = True) -> str:
    """A complete draft; returns its id."""
    draft = drafts.start_draft(stage.deps, person(sharer), account_id=account.id)
    texts = {"title": TITLE, "message": MESSAGE, "reference": REFERENCE} if secret else {}
    fields = stage.words(account_id=account.id, expires_at=stage.clock.now() + end, **texts)
    drafts.save_draft(stage.deps, person(sharer), draft.id, fields)
    stage.add_recipients(draft.id, recipient, sharer=sharer)
    name, content = (FILE, CONTENT) if secret else ("eget.pdf", b"eget")
    stage.upload(draft.id, name, content, sharer=sharer)
    return draft.id


def _unfinished(stage: Stage, sharer: str, share_id: str) -> str:
    """An upload that waits for its bytes; returns its token."""
    ticket = drafts.add_document(stage.deps, person(sharer), share_id, name="mer.pdf", length=9, modified_at=None)
    append.create_upload(stage.deps, ticket.token, length=9)
    return ticket.token


def _download(place: Victims) -> None:
    """Recipients open and receive, so that there are receipts."""
    ola, siv = place.browsers["recipient"], place.browsers["stranger"]
    document = f"/d/{place.shares['available']}/dokument/{place.ids['document_id']}"
    assert ola.get(f"/d/{place.shares['available']}").status_code == 200
    assert CONTENT in ola.get(document).content
    assert 'href="/d/' in siv.get("/mine").text
