"""A whole world for tests of the use cases: real database, keyring and blobs; registers and clock as told.

People have names. Kari shares from «Byggesak» and «Avtaler», Odd from «Avtaler», Vigdis from another tenant's
«Barnevern». Ola receives. Per holds post/arkiv for Fjell, Lise only ordinary mail there. Siv is a stranger.
"""

import asyncio
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import pytest

from deldokument import worker
from deldokument.adapters.documents.renderer import MarkdownRenderer
from deldokument.adapters.documents.signing import PdfSigner, create_seal_certificate
from deldokument.adapters.documents.texts import PackageLibrary
from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.adapters.media_types import PuremagicMediaTypes
from deldokument.domain.audit import AuditEvent
from deldokument.domain.errors import LoginFailed, TokenRefused, Unavailable, existing
from deldokument.domain.identifiers import Consumer, OrganizationNumber, PersonIdentifier, Sharer, parse_person
from deldokument.domain.messages.outbox import SENT, Outcome
from deldokument.domain.service_config import ServiceConfig
from deldokument.domain.shares.policy import ORDINARY_MAIL, POST_ARKIV
from deldokument.domain.shares.share import Share
from deldokument.domain.shares.text_fields import TEXT_FIELDS, ShareTexts
from deldokument.domain.tenants.agreement import OperatorDetails
from deldokument.domain.tenants.tenancy import Account, Contact, Tenant
from deldokument.ports.channels import Email, WebhookResponse
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.login import Identity, LoginRequest, LogoutForm
from deldokument.ports.registers import MAX_RIGHTS_AGE, OrganizationGrant, RegisteredOrganization
from deldokument.services.accounts import lifecycle, members
from deldokument.services.audit.recording import subject_number
from deldokument.services.encryption import CachedDeploymentKeys
from deldokument.services.maintenance.deployment_claims import adopt_keyring, claim_store
from deldokument.services.shares.drafts import additions, drafts
from deldokument.services.shares.drafts.drafts import DraftFields
from deldokument.services.shares.drafts.upload_tickets import UploadTicket
from deldokument.services.shares.published import publishing
from deldokument.services.tenants import registration
from deldokument.services.uploads import append as uploads_append
from deldokument.services.uploads import part_writer
from deldokument.store.database import Database
from deldokument.store.engine.integrity import ChainsBehind, DamageReports
from tests.support.deployment.memory import folder_in_memory
from tests.support.deployment.stack import Ground, People, stack
from tests.support.stage.confirmed import add_member
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.tenants import take_into_use

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KARI, ODD, VIGDIS = "12838514837", "03897214198", "26866814820"
OLA, SIV, PER, LISE = "21879498012", "14839114193", "05877914102", "17888814825"
FJELL, BANKRUPT, DELETED = "312824450", "313017001", "310488003"
OPERATOR = OperatorDetails("Del dokument", "310240001", "avtaler@del.example", "Deldrift IKS")


@dataclass
class FakeClock:
    """Stands still until moved, or moves by ``tick`` whenever it is read.

    Like the database's clock, it must not be asked in an event loop, which would wait.
    """

    instant: datetime = NOON
    off: timedelta = timedelta()
    tick: timedelta = timedelta()

    def now(self) -> datetime:
        assert not _in_event_loop(), "an event loop waits for the clock"
        self.instant += self.tick
        return self.instant

    def skew(self) -> timedelta:
        return self.off

    def advance(self, **step: float) -> None:
        self.instant += timedelta(**step)


def _in_event_loop() -> bool:
    """Whether it is a server's. The main thread's is the browser's driver."""
    return threading.current_thread() is not threading.main_thread() and asyncio._get_running_loop() is not None


@dataclass
class FakeRights:
    """Altinn as the test says."""

    held: dict[str, tuple[OrganizationGrant, ...]] = field(default_factory=dict)
    down: bool = False

    def grants(self, person: PersonIdentifier, _oldest: timedelta = MAX_RIGHTS_AGE) -> tuple[OrganizationGrant, ...]:
        if self.down:
            raise Unavailable("rights_unavailable")
        return self.held.get(person.value, ())


@dataclass
class FakeRegister:
    """Enhetsregisteret as the test says."""

    known: dict[str, RegisteredOrganization]
    down: bool = False

    def find(self, number: OrganizationNumber) -> RegisteredOrganization | None:
        if self.down:
            raise Unavailable("register_unavailable")
        return self.known.get(number.value)


@dataclass
class FakeLogin:
    """A provider at which the person named by the test logged in ``age`` ago. Its own clock is fixed.

    ``failure`` ends every login.
    """

    person: str = KARI
    acr: str = "idporten-loa-high"
    age: timedelta = timedelta()
    session_id: str = "sid-1"
    id_token: str = "id-token"
    failure: Exception | None = None
    error: Exception | None = None
    begun: int = 0
    asked_fresh: bool = False
    on_behalf_of: str = ""
    """Of the last login that was begun."""
    completed: LoginRequest | None = None
    """The last that the browser came back to."""

    def begin(self, locale: str, *, fresh: bool = False, nonce: str = "", on_behalf_of: str = "") -> LoginRequest:
        self.begun += 1
        self.asked_fresh, self.on_behalf_of = fresh, on_behalf_of
        url, state = f"https://login.example/{locale}", f"state-{self.begun}"
        return LoginRequest(url, state, nonce or "nonce", "verifier", on_behalf_of)

    def complete(self, params: Mapping[str, str], request: LoginRequest) -> Identity:
        self.completed = request
        if params.get("error"):
            raise LoginFailed("login_cancelled")
        if self.failure:
            raise self.failure
        then = NOON - self.age
        claims = {
            "iss": "https://login.example",
            "aud": "deldokument",
            "sub": "pairwise",
            "acr": self.acr,
            "auth_time": int(then.timestamp()),
            "iat": int(NOON.timestamp()),
            "jti": f"jti-{self.begun}",
            "nonce": request.nonce,
        }
        return Identity(self.person, self.acr, then, NOON, "nb", self.session_id, self.id_token, claims)

    def logout(self, id_token: str, state: str) -> LogoutForm:
        if self.error:
            raise self.error
        return LogoutForm("https://login.example/endsession", {"id_token_hint": id_token, "state": state})

    @property
    def issuer(self) -> str:
        return "https://login.example"

    def framing_origins(self) -> tuple[str, ...]:
        if self.error:
            raise self.error
        return ("https://login.example", "https://pages.login.example")

    @contextmanager
    def ended_session(self, logout_token: str) -> Iterator[str]:
        """Believes every token that begins so; what follows is the session."""
        if self.error:
            raise self.error
        kind, _, session_id = logout_token.partition(":")
        if kind != "ended":
            raise LoginFailed("login_refused")
        yield session_id


@dataclass
class FakeTokens:
    """Knows the tokens that the test says, and whom they stand for; an error is raised. ``down``: no keys."""

    known: dict[str, Consumer | Exception] = field(default_factory=dict)
    down: bool = False

    def verify(self, token: str) -> Consumer:
        if self.down:
            raise Unavailable("tokens_unavailable")
        found = self.known.get(token, TokenRefused("token_invalid"))
        if isinstance(found, Exception):
            raise found
        return found


@dataclass
class FakeMail:
    """Takes letters, or does with each what the test says."""

    letters: list[Email] = field(default_factory=list)
    outcome: Outcome = SENT

    def send(self, letter: Email) -> Outcome:
        if self.outcome == SENT:
            self.letters.append(letter)
        return self.outcome


@dataclass
class FakeWebhookCalls:
    """The called host answers as the test says; ``sent`` holds URL, headers and body of every call."""

    outcome: WebhookResponse = field(default_factory=lambda: WebhookResponse(204))
    sent: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        self.sent.append((url, headers, body))
        return self.outcome


@cache
def press() -> MarkdownRenderer:
    """The one that all worlds share."""
    return MarkdownRenderer()


@cache
def seal() -> PdfSigner:
    """The one that all worlds share, valid at NOON."""
    with TemporaryDirectory() as name:
        paths = Path(name) / "seal.key", Path(name) / "seal.pem"
        return create_seal_certificate(*paths, operator_name=OPERATOR.name, operator_number=OPERATOR.number, at=NOON)


@cache
def database_at(url: str) -> Database:
    """One for each address, which the stack gives out again: a sixth of a test process's time was compiling.

    Closed, it has no connections, and can be used again.
    """
    return Database(url)


def person(number: str) -> PersonIdentifier:
    """A person of the cast."""
    return parse_person(number, allow_synthetic=True)


def _sharer(sharer: str | Sharer) -> Sharer:
    return person(sharer) if isinstance(sharer, str) else sharer


class Announce(Protocol):
    """Announcement of a document, in a draft or beside a share."""

    def __call__(
        self, deps: Dependencies, sharer: Sharer, share_id: str, *, name: str, length: int, modified_at: int | None
    ) -> UploadTicket: ...


@dataclass
class Cast:
    """Who is there when a test begins."""

    tenant: Tenant
    byggesak: Account
    avtaler: Account
    barnevern: Account
    members: dict[str, str]
    """Ids of those who share."""


@dataclass
class Stage(Cast):
    """The world with its people in place."""

    deps: Dependencies
    clock: FakeClock
    rights: FakeRights
    register: FakeRegister
    login: FakeLogin
    tokens: FakeTokens
    folder: Path
    database_url: str
    owns: bool
    """Whether the database is its own."""

    def close(self) -> None:
        """Let go of connections and files, and of a database of its own."""
        self.deps.keyring.close()  # type: ignore[attr-defined]
        self.deps.database.close()  # type: ignore[attr-defined]
        if self.owns:
            stack().give_back(self.database_url)

    @property
    def mail(self) -> FakeMail:
        """Where letters to those who share and administer go."""
        assert isinstance(self.deps.mail, FakeMail)
        return self.deps.mail

    def add(self, number: str, name: str, account: Account) -> str:
        """A member of the account; returns the member's id."""
        return _add(self.deps, number, name, account)

    def remove(self, key: str) -> None:
        """Remove a member of the cast."""
        members.remove_member(self.deps, **self._place_of(key))

    def mark_absent(self, key: str, *, absent: bool = True) -> None:
        """Mark a member of the cast as absent, or as present again."""
        members.mark_absent(self.deps, **self._place_of(key), absent=absent)

    def _place_of(self, key: str) -> dict[str, str]:
        with self.deps.database.read() as tx:
            member = existing(tx.members.get(self.members[key]))
            account = existing(tx.accounts.get(member.account_id))
        return {"tenant_id": account.tenant_id, "account_id": account.id, "member_id": member.id}

    def change_tenant(self, **changes: object) -> None:
        """Write the tenant with these fields, past every rule."""
        with self.deps.database.write() as tx:
            stored = existing(tx.tenants.get(self.tenant.id))
            tx.tenants.save(replace(self.tenant, revision=stored.revision, **changes))  # type: ignore[arg-type]

    def change_account(self, account: Account, **changes: object) -> None:
        """Write the account with these fields, past every rule."""
        with self.deps.database.write() as tx:
            tx.accounts.save(replace(account, **changes))  # type: ignore[arg-type]

    def trail(self) -> list[tuple[str | None, AuditEvent]]:
        """Every event, in order, with the full number of the person who did it."""
        with self.deps.database.read() as tx:
            events = [event for _, event in tx.audit.events()]
            subjects = tx.subjects.by_ids({event.subject_id for event in events if event.subject_id})
        keys = self.deps.keyring.get({subject.audit_key_id for subject in subjects})
        numbers = {subject.id: subject_number(keys[subject.audit_key_id], subject) for subject in subjects}
        return [(numbers.get(event.subject_id or ""), event) for event in events]

    def draft(self, sharer: str = KARI, account: Account | None = None) -> Share:
        """An empty draft."""
        return drafts.start_draft(self.deps, person(sharer), account_id=(account or self.byggesak).id)

    def words(self, **changes: object) -> DraftFields:
        """A filled-in form."""
        given = {"account_id": self.byggesak.id, "archived": True, "expires_at": self.clock.now() + timedelta(days=10)}
        texts = {name: str(changes.pop(name)) for name in TEXT_FIELDS if name in changes}
        return DraftFields(**(given | changes), texts=ShareTexts(**texts))  # type: ignore[arg-type]

    def add_recipients(self, share_id: str, *numbers: str, sharer: str | Sharer = KARI) -> None:
        """Recipients, confirmed."""
        drafts.add_recipients(self.deps, _sharer(sharer), share_id, "\n".join(numbers))
        self.confirm(share_id, sharer)

    def confirm(self, share_id: str, sharer: str | Sharer = KARI) -> None:
        """Tick every number of a draft."""
        with self.deps.database.read() as tx:
            recipients = tx.shares.recipients([share_id])
        for recipient in recipients:
            drafts.change_recipient(self.deps, _sharer(sharer), share_id, recipient.id, confirmed=True)

    def upload(self, share_id: str, name: str, content: bytes, sharer: str | Sharer = KARI) -> str:
        """A whole document in one request; returns its id."""
        return self._upload(drafts.add_document, share_id, name, content, sharer)

    def upload_beside(self, share_id: str, name: str, content: bytes = b"nytt innhold", sharer: str = KARI) -> str:
        """A whole, inspected document beside a published share; returns its id."""
        document_id = self._upload(additions.add_document, share_id, name, content, sharer)
        inspect_documents(self.deps)
        return document_id

    def _upload(self, announce: Announce, share_id: str, name: str, content: bytes, sharer: str | Sharer) -> str:
        ticket = announce(self.deps, _sharer(sharer), share_id, name=name, length=len(content), modified_at=None)
        upload = uploads_append.create_upload(self.deps, ticket.token, length=len(content))
        if content:
            append = uploads_append.begin_append(self.deps, ticket.token, upload.id, offset=0, announced=len(content))
            for start in range(0, len(content), part_writer.FEED):
                append.write([content[start : start + part_writer.FEED]])
            assert append.finish() == len(content)
        return ticket.document_id

    def publish(self, *recipients: str, content: bytes = b"innhold", also: Iterable[str] = (), **words: object) -> str:
        """A share with the inspected document «vedtak.pdf», and others, for the recipients; returns its id."""
        share = self.draft()
        drafts.save_draft(self.deps, person(KARI), share.id, self.words(**words))
        self.add_recipients(share.id, *(recipients or (OLA,)))
        for name in ("vedtak.pdf", *also):
            self.upload(share.id, name, content)
        publishing.publish_share(self.deps, person(KARI), share.id)
        inspect_documents(self.deps)
        return share.id

    def document_ids(self, share_id: str) -> list[str]:
        """Ids of the share's documents, in order."""
        with self.deps.database.read() as tx:
            return [document.id for document in tx.shares.documents([share_id])]


def run_all(deps: Dependencies) -> int:
    """Run every expiry task until none has work left, also after clock jumps."""
    done = 0
    for reconcile in worker.ROUNDS:
        while count := reconcile(deps):
            done += count
    return done


def dependencies(folder: Path, database_url: str, keyring: SealedKeyring) -> Dependencies:
    """What the use cases depend on, with registers and a clock of the tests' own."""
    keys, damage, behind = CachedDeploymentKeys(keyring), DamageReports(), ChainsBehind()
    return Dependencies(
        clock=FakeClock(),
        database=database_at(database_url).authenticated(keys, damage, behind),
        damage=damage,
        behind=behind,
        keyring=keyring,
        integrity=keys,
        blobs=stack().blobs(folder),
        rights=FakeRights(),
        register=FakeRegister(_organizations()),
        login=FakeLogin(),
        tokens=FakeTokens(),
        media_types=PuremagicMediaTypes(),
        renderer=press(),
        signer=seal(),
        texts=PackageLibrary(),
        webhook_calls=FakeWebhookCalls(),
        config=ServiceConfig(
            public_url="https://del.example", allow_synthetic=True, operator=OPERATOR, default_undo_window=timedelta()
        ),
        mail=FakeMail(),
    )


def cast(folder: Path, database_url: str, keyring: SealedKeyring) -> Cast:
    """Puts those who are there when a test begins into an empty database and keyring, and connects the two."""
    deps = dependencies(folder, database_url, keyring)
    adopt_keyring(deps.database, keyring, is_new=True)
    contact = Contact("22 00 00 00", "post@eksempel.example", "9-15")
    tenant = registration.create_tenant(deps, organization_number="310240001", name="Eksempel kommune", contact=contact)
    tenant = take_into_use(deps, tenant.id)
    byggesak = lifecycle.create_account(deps, tenant_id=tenant.id, name="Byggesak")
    avtaler = lifecycle.create_account(deps, tenant_id=tenant.id, name="Avtaler")
    other = registration.create_tenant(deps, organization_number="213640003", name="Prøve kommune", contact=contact)
    take_into_use(deps, other.id)
    barnevern = lifecycle.create_account(deps, tenant_id=other.id, name="Barnevern")
    member_ids = {
        "kari": _add(deps, KARI, "Kari Lunde", byggesak),
        "kari-avtaler": _add(deps, KARI, "Kari Lunde", avtaler),
        "odd": _add(deps, ODD, "Odd Bakken", avtaler),
        "vigdis": _add(deps, VIGDIS, "Vigdis Myhre", barnevern),
    }
    deps.database.close()  # type: ignore[attr-defined]
    return Cast(tenant, byggesak, avtaler, barnevern, member_ids)


def set_stage(folder: Path, database_url: str | None = None, people: People = cast) -> Stage:
    """A fresh world on the run's stack, with files in ``folder``; or on a database with the tables alone."""
    if database_url is None:
        ground = stack().ground(folder, people)
    else:
        keyring = stack().keyring(folder)
        ground = Ground(database_url, keyring, people(folder, database_url, keyring))
    clock, rights, register, login = FakeClock(), FakeRights(), FakeRegister(_organizations()), FakeLogin()
    tokens = FakeTokens()
    fakes = {"clock": clock, "rights": rights, "register": register, "login": login, "tokens": tokens}
    deps = replace(dependencies(folder, ground.database_url, ground.keyring), **fakes)
    claim_store(deps.database, deps.blobs)
    rights.held = {
        PER: (OrganizationGrant(FJELL, "FJELL AS", frozenset({POST_ARKIV})),),
        LISE: (OrganizationGrant(FJELL, "FJELL AS", frozenset({ORDINARY_MAIL})),),
    }
    there = vars(ground.people) | {"members": dict(ground.people.members)}
    return Stage(
        **there, **fakes, deps=deps, folder=folder, database_url=ground.database_url, owns=database_url is None
    )


def _add(deps: Dependencies, number: str, name: str, account: Account) -> str:
    """A member of the account; returns the member's id."""
    given = {"tenant_id": account.tenant_id, "account_id": account.id, "number": number, "name": name}
    return add_member(deps, **given).id


def _organizations() -> dict[str, RegisteredOrganization]:
    return {
        FJELL: RegisteredOrganization(FJELL, "FJELL AS", "AS", "active"),
        BANKRUPT: RegisteredOrganization(BANKRUPT, "NEDLAGT FISK AS", "AS", "bankrupt"),
        DELETED: RegisteredOrganization(DELETED, "GAMLEBAKERIET AS", "AS", "deleted"),
    }


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A fresh world with its people."""
    with folder_in_memory() as folder:
        new = set_stage(folder)
        yield new
        new.close()
