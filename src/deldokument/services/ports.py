"""What the use cases need of the world, as contracts. Each has a suite in tests/contract that every adapter passes.

A port promises what its docstring says, no more; adapters raise the errors of domain.errors and nothing of their own
libraries. Times are aware datetimes in UTC. All methods block; the web runs them in threads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from deldokument.domain.addresses import Language
from deldokument.domain.agreement import OperatorDetails
from deldokument.domain.identifiers import Consumer, OrganizationNumber, PersonIdentifier
from deldokument.domain.policy import AccessRule
from deldokument.domain.webhook import AddressRule
from deldokument.services.letters import Mail
from deldokument.services.notice import Notices
from deldokument.services.papers import DocumentPress, DocumentSeal, Library
from deldokument.services.repositories import Database
from deldokument.services.webhook_contracts import WebhookCalls

Buffer = bytes | bytearray | memoryview


# --- time ------------------------------------------------------------------------------------------------------------


class Clock(Protocol):
    """The database's time, as every node sees it."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        ...

    def skew(self) -> timedelta:
        """How far this machine's clock is from the database's, as an absolute value."""
        ...


# --- keys ------------------------------------------------------------------------------------------------------------


class Keyring(Protocol):
    """A store of 32-byte keys apart from database and blobs, each entry sealed under the root key.

    ``destroy`` is final: after it returns, the store gives the entry to nobody, and ``create`` of the same id makes
    another key. What a store's medium may keep of it, sealed under the root key of that time, its adapter's charter
    says; destroying that root key in a rotation, which goes on beside all of these calls, makes it worthless.
    """

    def create(self, entry_id: str) -> bytes:
        """The key of ``entry_id``; made, and durable before this returns, if there is none. Safe for two at once."""
        ...

    def get(self, entry_ids: Collection[str]) -> dict[str, bytes]:
        """The keys that exist among ``entry_ids``. Raises Unavailable, or Broken when one cannot be unsealed."""
        ...

    def ids(self, prefix: str) -> list[str]:
        """The ids of the entries that begin with ``prefix``."""
        ...

    def destroy(self, entry_ids: Collection[str]) -> None:
        """Make the entries unreadable for ever; ids that do not exist are no error."""
        ...

    def claim(self, deployment_id: str) -> None:
        """Make the keyring this deployment's; of two claimants one gets it. Raises Conflict when it is another's."""
        ...


# --- blobs -----------------------------------------------------------------------------------------------------------


class BlobWriter(Protocol):
    """One new object under way. Nothing of it is to be seen before ``commit``."""

    def write(self, data: Buffer) -> None:
        """Append. Raises StorageFull or Unavailable; the object is then gone."""
        ...

    def commit(self) -> None:
        """Make the object durable: on stable storage, name included, when this returns.

        Raises StorageFull or Unavailable, and Conflict when another has taken the name; the object is then not to be
        counted on, and what stands of it all the same is for the sweep.
        """
        ...

    def abort(self) -> None:
        """Leave nothing behind. Safe after a failure and after ``commit`` (then it does nothing)."""
        ...


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """An object that stands in the store."""

    name: str
    size: int
    modified_at: datetime


SHELVES = 256
"""In so many parts a store may be listed, so that who goes through all of it can stop and go on."""


class BlobStore(Protocol):
    """Immutable objects named by 32 hex digits."""

    def deployment_id(self) -> str | None:
        """The id of the deployment that the store belongs to, or None when it has not been claimed."""
        ...

    def claim(self, deployment_id: str) -> None:
        """Write the id into an unclaimed store. Raises Conflict when it belongs to another."""
        ...

    def create(self, name: str, expected: int = 0) -> BlobWriter:
        """Begin an object under a name never used before. Raises Conflict when it exists, here or at ``commit``.

        Room for ``expected`` bytes may be set aside, or StorageFull raised; it comes out as long as what is written.
        """
        ...

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Bytes [start, stop) of the object. Raises Broken when it is missing or shorter."""
        ...

    def delete(self, names: Collection[str]) -> None:
        """Remove objects; those that do not exist are no error. Durable when it returns."""
        ...

    def list(self, shelf: int | None = None) -> Iterator[StoredBlob]:
        """Every object, in constant memory, in no order; or those of one of the SHELVES alone.

        The shelf of an object is the number that the first two digits of its name make.
        """
        ...


# --- the registers ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrganizationGrant:
    """That a person holds roles or access packages for an organisation. Codes case-folded, without URN prefix."""

    organization_number: str
    name: str
    codes: frozenset[str]


OLDEST_RIGHTS = timedelta(minutes=5)
"""How old the list of a person's rights may be that lets in."""
OLDEST_DENIAL = timedelta(seconds=30)
"""How old it may be where it keeps out: who has just been given a right is not told for minutes that it is missing."""


class OrganizationRights(Protocol):
    """Altinn: what a person may do for organisations."""

    def grants(self, person: PersonIdentifier, oldest: timedelta = OLDEST_RIGHTS) -> tuple[OrganizationGrant, ...]:
        """The person's whole list, younger than ``oldest`` and five minutes; an empty one than 30 seconds.

        Raises Unavailable when it cannot be had or trusted.
        """
        ...


@dataclass(frozen=True, slots=True)
class RegisteredOrganization:
    """An organisation as Enhetsregisteret has it."""

    number: str
    name: str
    form_code: str
    status: Literal["active", "deleted", "bankrupt", "winding_up", "forced_winding_up"]


class OrganizationRegister(Protocol):
    """Enhetsregisteret."""

    def find(self, number: OrganizationNumber) -> RegisteredOrganization | None:
        """The organisation, or None when unknown or removed. Raises Unavailable when there is no answer."""
        ...


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """A login under way at the provider; all but ``url`` stays here until the browser is back."""

    url: str
    state: str
    nonce: str
    code_verifier: str
    on_behalf_of: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says has logged in.

    ``auth_time`` and ``issued_at`` are told by the provider's clock. ``claims`` are what its signature (``id_token``)
    vouches for, without the person's number.
    """

    person_identifier: str
    acr: str
    auth_time: datetime
    issued_at: datetime
    locale: str
    session_id: str | None
    id_token: str
    claims: Mapping[str, str | int]

    def __repr__(self) -> str:
        return f"<Identity {self.acr} {self.auth_time.isoformat()}>"


@dataclass(frozen=True, slots=True)
class LogoutForm:
    """What the browser must post, and where, so that the login at the provider ends too.

    A form and not a link: the ID token holds the person's number, and that must not stand in a URL.
    """

    action: str
    fields: Mapping[str, str] = field(repr=False)


class LoginProvider(Protocol):
    """ID-porten."""

    def begin(self, locale: str, *, fresh: bool = False, nonce: str = "", on_behalf_of: str = "") -> LoginRequest:
        """A new login; ``locale`` is nb, nn, en or se. Raises Unavailable.

        ``fresh``: the provider asks for the person's electronic ID even when there is a login already; whether it did
        is seen from the Identity. ``nonce``: the caller's own, random, to which the provider's answer will be bound.
        ``on_behalf_of``: what the provider calls the customer in whose name its page asks; the answer must name it too.
        """
        ...

    def complete(self, params: Mapping[str, str], request: LoginRequest) -> Identity:
        """The person who came back with ``params``. Raises LoginFailed or Unavailable."""
        ...

    def logout(self, id_token: str, state: str) -> LogoutForm:
        """How to end the login at the provider. Raises Unavailable."""
        ...

    @property
    def issuer(self) -> str:
        """The name that the provider goes by when it calls."""
        ...

    def framing_origins(self) -> tuple[str, ...]:
        """The origins of the provider's pages, one of which frames ours while it logs out. Raises Unavailable."""
        ...

    def ended_session(self, logout_token: str) -> AbstractContextManager[str]:
        """The provider's session that it tells to have ended. Raises LoginFailed or Unavailable.

        A token is good once; a block that an error ends has not used it.
        """
        ...


class AccessTokens(Protocol):
    """Maskinporten, seen from those who are called with its tokens."""

    def verify(self, token: str) -> Consumer:
        """Whom a token stands for. Raises TokenRefused, ScopeMissing, or Unavailable when it cannot be judged."""
        ...


class MediaTypes(Protocol):
    """What kind of content some bytes are."""

    def guess(self, head: bytes) -> str:
        """The media type told by the first bytes of a document, ``application/octet-stream`` when unknown."""
        ...


# --- all of it -------------------------------------------------------------------------------------------------------


SEAL_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """How notices to recipients are written. ``sender`` is whom text messages are from that name nobody."""

    sender: str = "DelDokument"
    language: Language = Language.BOKMAAL


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator has decided."""

    public_url: str
    allow_synthetic: bool
    access: AccessRule = field(default_factory=AccessRule)
    max_skew: timedelta = timedelta(seconds=2)
    """A node whose clock is further off serves no bytes."""
    operator: OperatorDetails = field(default_factory=OperatorDetails)
    """What the texts of agreements say of the operator."""
    api_requests_per_minute: int = 600
    """How often one consumer may call the API."""
    max_pending_logins: int = 10_000
    """How many logins may be under way at a time, on all nodes together. Anybody may begin one."""
    resumable_upload_draft: bool = False
    """Whether uploads may come by the IETF's draft, too."""
    seal_every: timedelta = SEAL_EVERY
    """How old the last seal of a chain of events is before what has been added to it is sealed."""
    notices: NoticeRules = NoticeRules()
    webhooks: AddressRule = field(default_factory=AddressRule)
    """Where fagsystemer may have this service send to."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything that the use cases stand on; composed once in bootstrap."""

    clock: Clock
    database: Database
    keyring: Keyring
    blobs: BlobStore
    rights: OrganizationRights
    register: OrganizationRegister
    login: LoginProvider
    tokens: AccessTokens
    media_types: MediaTypes
    press: DocumentPress
    seal: DocumentSeal
    library: Library
    webhook_calls: WebhookCalls
    rules: Rules
    notices: Notices | None = None
    """None: Altinn's notices are not configured, and recipients are told by whoever shares."""
    mail: Mail | None = None
    """None: no mail server is configured, and nobody here is told by e-mail."""
