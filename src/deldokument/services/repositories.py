"""What the use cases need of the database, as contracts: the repositories of one transaction.

Repositories only keep and find; they decide nothing. A method that changes something is called in a ``write`` block.
Rows about persons hold sealed fields and keyed hashes, never a number or a name. Times are aware datetimes in UTC.
The suite in tests/contract runs against SQLite and PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from deldokument.domain.errors import Broken, NotFound
from deldokument.domain.share import Document, Receipt, Recipient, Share, ShareState
from deldokument.domain.upload import Part, Upload
from deldokument.services.address_book import AddressBook
from deldokument.services.answered import AnsweredRequests
from deldokument.services.backlog import Backlog
from deldokument.services.chains import Audit
from deldokument.services.counting import Statistics
from deldokument.services.deployments import Deployments
from deldokument.services.outboxes import Outbox
from deldokument.services.paperwork import Paperwork
from deldokument.services.spending import Allowances
from deldokument.services.sweeps import Sweeps
from deldokument.services.tenancies import Tenancies
from deldokument.services.tenures import Tenures
from deldokument.services.webhook_contracts import Webhooks

_Row = TypeVar("_Row")


def standing(row: _Row | None) -> _Row:
    """What the database's own rules say is there. Raises Broken when it is not: then the database is damaged."""
    if row is None:
        raise Broken("a row that others need is missing")
    return row


def found(row: _Row | None, what: str) -> _Row:
    """What was asked for by an id from outside. Raises NotFound."""
    if row is None:
        raise NotFound(what)
    return row


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A login session. ``token_hash`` is the SHA-256 of the cookie's value; the rest is sealed or random."""

    token_hash: bytes
    csrf_token: str
    sealed_identity: bytes
    provider_session_id: str | None
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login under way. ``browser_hash`` is the SHA-256 of the cookie that binds it to one browser."""

    state: str
    browser_hash: bytes
    nonce: str
    code_verifier: str
    return_to: str
    created_at: datetime
    on_behalf_of: str = ""


ReceiptPlace = tuple[datetime, str, str, str]
"""Where a receipt stands among those of its share: its first time, document (empty for none), recipient, subject."""


@dataclass(frozen=True, slots=True)
class ShareFilter:
    """Which shares of some accounts are wanted, newest first; ``before`` continues after that id.

    ``states`` are as they are at ``now``, whether or not a worker has been there; without it, as they are kept.
    """

    account_ids: tuple[str, ...]
    states: tuple[ShareState, ...] = ()
    now: datetime | None = None
    reference_hashes: tuple[bytes, ...] = ()
    before: tuple[datetime, str] | None = None
    limit: int = 50


class Shares(Protocol):
    """Shares with their recipients, documents, receipts."""

    def add(self, share: Share) -> None: ...
    def get(self, share_id: str) -> Share | None: ...
    def known(self, share_ids: Collection[str]) -> set[str]:
        """Those that there are."""
        ...

    def lock(self, share_id: str) -> Share | None:
        """The share, its row locked until the transaction ends."""
        ...

    def save(self, share: Share) -> None: ...
    def find(self, wanted: ShareFilter) -> list[Share]: ...
    def needing(self, account_ids: Collection[str], now: datetime, until: datetime, limit: int) -> list[Share]:
        """``limit`` drafts of each account, and as many open at ``now`` that end by ``until``, unread; in no order."""
        ...

    def audit_key_ids_available(self) -> list[str]: ...
    def open_for(self, lookup_hashes: Collection[bytes], now: datetime) -> list[tuple[Share, Recipient]]:
        """Shares open at ``now`` with the recipients found by hash, those that end first first."""
        ...

    def add_recipient(self, recipient: Recipient) -> bool:
        """False, and nothing changed, when the share has a recipient of that hash."""
        ...

    def save_recipient(self, recipient: Recipient) -> None: ...
    def remove_recipient(self, share_id: str, recipient_id: str) -> None: ...
    def recipients(self, share_ids: Collection[str]) -> list[Recipient]: ...
    def add_document(self, document: Document) -> None: ...
    def document(self, document_id: str) -> Document | None: ...
    def documents(self, share_ids: Collection[str]) -> list[Document]: ...
    def documents_after(self, share_id: str, after: tuple[int, str] | None, limit: int) -> list[Document]:
        """Of one share, in the order of ``documents``; those that come after that position and id."""
        ...

    def save_document(self, document: Document) -> None: ...
    def remove_document(self, document_id: str, now: datetime) -> None:
        """Remove it with its uploads; its parts become garbage in the same transaction."""
        ...

    def record_receipt(self, receipt: Receipt) -> None:
        """Insert, or replace the one of the same share, document, recipient and subject.

        The first that a share gets, and the first for a whole document, is remembered for the statistics.
        """
        ...

    def record_receipts(self, receipts: Sequence[Receipt]) -> None:
        """As ``record_receipt``, for at least one, all of the same share."""
        ...

    def receipt(self, share_id: str, document_id: str | None, recipient_id: str, subject_id: str) -> Receipt | None: ...
    def receipts_of(self, share_id: str, subject_id: str, document_ids: Collection[str]) -> list[Receipt]:
        """For these documents, of whom the subject is. To write them on, hold the share's lock."""
        ...

    def receipts(self, share_ids: Collection[str]) -> list[Receipt]: ...
    def receipts_after(self, share_id: str, after: ReceiptPlace | None, limit: int) -> list[Receipt]:
        """Of one share, the oldest first; those that come after that place in the order."""
        ...


class Uploads(Protocol):
    """Uploads, their parts, and the objects that have become garbage, each since the ``now`` that was given."""

    def add(self, upload: Upload) -> None: ...
    def get(self, upload_id: str) -> Upload | None: ...
    def by_token(self, token_hash: bytes) -> Upload | None: ...
    def of_documents(self, document_ids: Collection[str]) -> list[Upload]:
        """Partial ones too."""
        ...

    def renew_token(self, renewed: Upload) -> None:
        """Write its ``token_hash`` and ``deadline``, and whose it is now; the old token is good for nothing.

        Its partial uploads follow.
        """
        ...

    def advance(self, upload_id: str, old: int, new: int, parts: Sequence[Part]) -> bool:
        """Compare-and-set of the offset, with the part rows; False, and nothing changed, when it was not ``old``."""
        ...

    def partials(self, upload_id: str) -> list[Upload]:
        """The partial uploads of that one, in the order of their starts as far as these are known."""
        ...

    def join(self, whole: Upload, partials: Sequence[Upload], now: datetime) -> None:
        """``whole`` has all its bytes: the parts of ``partials``, from their ``start`` on. Its others are discarded.

        Raises NotFound when one of them lacks bytes or has been joined, or when ``whole`` has bytes of its own.
        """
        ...

    def discard_partials(self, upload_id: str, now: datetime) -> None:
        """Remove the partial uploads that have not been joined; their parts become garbage."""
        ...

    def remove(self, upload_id: str, now: datetime) -> None:
        """Remove the upload; its parts become garbage."""
        ...

    def shorten(self, upload_id: str) -> None:
        """Its length is what it has. Raises NotFound, also for one that is finished."""
        ...

    def finish(self, upload_id: str, now: datetime) -> None: ...
    def parts(self, upload_id: str) -> list[Part]:
        """In the order of their offsets."""
        ...

    def merge(self, upload_id: str, old: Sequence[Part], new: Part, now: datetime) -> bool:
        """Put ``new`` in the place of ``old``, which become garbage.

        False, and nothing changed, when one of them no longer stands or the upload is finished.
        """
        ...

    def known_blobs(self, names: Collection[str]) -> set[str]:
        """Those of ``names`` that are parts or garbage."""
        ...

    def garbage(self, limit: int, *, start: str = "") -> list[str]:
        """Names of objects to delete, in order from ``start`` on and then from the beginning."""
        ...

    def forget_garbage(self, names: Collection[str]) -> None: ...


class Sessions(Protocol):
    """Logins under way and sessions."""

    def add_pending(self, login: PendingLogin) -> None: ...
    def take_pending(self, state: str) -> PendingLogin | None:
        """Remove and return it: a state is good once."""
        ...

    def count_pending(self, since: datetime, at_most: int) -> int: ...
    def add(self, session: SessionRecord) -> None: ...
    def get(self, token_hash: bytes) -> SessionRecord | None: ...
    def touch(self, token_hash: bytes, now: datetime) -> None: ...
    def follow(self, token_hash: bytes, sealed_identity: bytes, provider_session_id: str | None) -> None:
        """It hangs on another login at the provider from now on; one that has been removed stays so."""
        ...

    def remove(self, token_hash: bytes) -> None: ...
    def remove_by_provider_session(self, provider_session_id: str) -> list[SessionRecord]:
        """Remove and return those that began in that session at the provider."""
        ...

    def remove_idle(self, seen_before: datetime) -> int:
        """Also logins under way that began before then."""
        ...


class Retention(Sweeps, Deployments, Protocol):
    """What is due. Rows are taken with SKIP LOCKED where the database has it, so that workers share the work."""

    def due_shares(self, now: datetime, limit: int) -> list[Share]:
        """Available shares whose end has come."""
        ...

    def stale_drafts(self, changed_before: datetime, proposed_before: datetime, limit: int) -> list[Share]:
        """Drafts not changed since the one time, and if they are proposed, not since the other, earlier one."""
        ...

    def keys_to_destroy(self, now: datetime, limit: int) -> list[Share]:
        """Closed shares whose share key has not been destroyed, and whose end nobody can undo any more."""
        ...

    def close(self, share_ids: Collection[str], state: ShareState, now: datetime) -> None:
        """They are over since ``now``, in that state."""
        ...

    def note_destroyed_keys(self, share_ids: Collection[str], now: datetime) -> None:
        """Their share keys are destroyed; what was sealed under them in the rows goes too."""
        ...

    def blobs_to_release(self, limit: int) -> list[str]:
        """Shares whose key is destroyed and whose parts, if they had any, have not been made garbage."""
        ...

    def release_blobs(self, share_ids: Collection[str], now: datetime) -> None:
        """Make the parts of the shares garbage and drop uploads, manifests and inspection records."""
        ...

    def uninspected(self, now: datetime, limit: int) -> list[Document]:
        """Complete documents of living shares without an inspection record that nobody is inspecting."""
        ...

    def claim_inspection(self, document_id: str, now: datetime, until: datetime) -> bool:
        """Keep the document from all others until then; False when another one has it, or has been there."""
        ...

    def keep_inspection(self, document_id: str, until: datetime) -> None:
        """Whoever has claimed it keeps it until then, and no longer."""
        ...

    def spent_shares(self, now: datetime, limit: int) -> list[Share]:
        """Closed shares past their tenant's retention period that still have sealed fields."""
        ...

    def erase_shares(self, share_ids: Collection[str], now: datetime) -> None:
        """Remove names, titles, recipients, receipts and messages; state and times stay for the statistics."""
        ...

    def spent_members(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Members removed a retention period ago or longer whose number and name are there, each with its tenant."""
        ...

    def erase_member(self, member_id: str, now: datetime) -> None:
        """Remove number, name and hash; the row stays for what refers to it."""
        ...

    def audit_keys_in_use(self) -> set[str]:
        """Audit keys that an unerased share needs."""
        ...

    def erase_subjects(self, audit_key_id: str) -> None: ...


class Transaction(Protocol):
    """The repositories of one transaction."""

    @property
    def tenancies(self) -> Tenancies: ...
    @property
    def shares(self) -> Shares: ...
    @property
    def uploads(self) -> Uploads: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def paperwork(self) -> Paperwork: ...
    @property
    def retention(self) -> Retention: ...
    @property
    def statistics(self) -> Statistics: ...
    @property
    def tenures(self) -> Tenures: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def addresses(self) -> AddressBook: ...
    @property
    def requests(self) -> AnsweredRequests: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def allowances(self) -> Allowances: ...
    @property
    def backlog(self) -> Backlog: ...


class Database(Protocol):
    """Where the state is. What a ``write`` block did is durable when the block has been left without an error."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent view; writes in it are an error."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """One transaction: all or nothing. On SQLite it holds the write lock from the start (BEGIN IMMEDIATE)."""
        ...
