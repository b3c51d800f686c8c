"""A share: documents, recipients and a period, published as one link, and its states.

    draft ──publish──> available ──time──────> ended
      │                    └──────withdraw───> withdrawn
      └──7 days (a system's: 24 h), discard──> abandoned

Ending is irrevocable, with one exception: a member who discarded a draft on the pages can undo that for some seconds.
Until then the draft keeps its key. A publication can be undone for some minutes; then it is a draft again.

Sealed fields are opaque here; the caller's keys open them. Bytes are in `upload`, access in `policy`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

DRAFT_LIFETIME = timedelta(days=7)
"""How long a draft is kept after its last change, also while it waits for another member's approval."""
SYSTEM_DRAFT_LIFETIME = timedelta(hours=24)
"""The same for a draft that a system fills in, until it waits for approval."""
DRAFT_WARNING = timedelta(hours=24)
"""How long before its deletion the pages warn about a draft."""
DISCARD_UNDO = timedelta(seconds=10)
"""How long the pages say that discarding a draft can be undone."""
DISCARD_GRACE = timedelta(seconds=15)
"""How long it can actually be undone, with a margin for slow networks. The draft's key is destroyed afterwards."""
MAX_RECIPIENTS = 500
MAX_DOCUMENTS = 1000
MAX_RANGES = 1000
"""How many separate byte ranges a receipt keeps. Above that it keeps the largest ones."""
_ID_BYTES = 16


class ShareState(StrEnum):
    """State of a share in its life cycle."""

    DRAFT = "draft"
    AVAILABLE = "available"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"
    ABANDONED = "abandoned"


CLOSED = frozenset({ShareState.WITHDRAWN, ShareState.ENDED, ShareState.ABANDONED})


class Verdict(StrEnum):
    """Result of the inspection of a document. Only CLEAN means that every byte was scanned and nothing found.

    - NOT_SCANNED: there is no scanner
    - TOO_LARGE: longer than the engine can examine
    - ENCRYPTED: it, or a file in it, can be opened only with a password
    - ARCHIVE_LIMITS: an archive with too many files or levels, or too large when unpacked
    - UNREADABLE: the engine cannot read the format, because the file is damaged
    - STALE: nothing was found, but the engine's signatures are too old, or have no date
    - ERROR: the content failed its integrity check
    """

    CLEAN = "clean"
    INFECTED = "infected"
    NOT_SCANNED = "not_scanned"
    TOO_LARGE = "too_large"
    ENCRYPTED = "encrypted"
    ARCHIVE_LIMITS = "archive_limits"
    UNREADABLE = "unreadable"
    STALE = "stale"
    ERROR = "error"


RecipientKind = Literal["person", "organization"]


@dataclass(frozen=True, slots=True)
class Share:
    """A share as stored. ``audit_key_id`` names the key that encrypts title, reference, names and identifiers.

    - ``frozen_at``: the operator has stopped it; it still ends on its date.
    - ``proposed_by``: the member or integration that asked for another member's approval of the draft (four eyes).
    - ``member_id`` or ``integration_id``: the sharer; exactly one is set.
    - ``notify``: recipients are sent notices.
    - ``undo_until``: until when discarding or publishing can be undone. ``undo_by``: who can undo discarding.
    - ``sealed_change``: the change of the published share that waits for another member's approval.
    - ``sealed_return_note``: who returned the last proposal, and why.
    - ``invites``: whether its recipients may ask for a new share although this one was withdrawn.
    - ``answers``: the earlier share whose recipients asked for a new one; publishing this one answers them.
    - ``exposed_to``: the integration that shares it and may read its documents back; None for no system.
    - ``intact``: False if the stored share is damaged; then it looks to everybody as if it did not exist.
    """

    id: str
    tenant_id: str
    account_id: str
    member_id: str | None
    state: ShareState
    created_at: datetime
    changed_at: datetime
    audit_key_id: str
    expires_at: datetime | None = None
    published_at: datetime | None = None
    closed_at: datetime | None = None
    confidential: bool = True
    archived: bool = False
    sealed_audit_texts: bytes = b""
    sealed_share_texts: bytes = b""
    reference_hash: bytes = b""
    key_destroyed_at: datetime | None = None
    erased_at: datetime | None = None
    frozen_at: datetime | None = None
    proposed_by: str | None = None
    integration_id: str | None = None
    notify: bool = False
    undo_until: datetime | None = None
    undo_by: str | None = None
    exposed_to: str | None = None
    sealed_change: bytes | None = None
    sealed_return_note: bytes | None = None
    answers: str | None = None
    invites: bool = False
    intact: bool = True

    @property
    def sharer_id(self) -> str:
        """The id of the member or integration that shares it."""
        return self.member_id or self.integration_id or ""

    @property
    def is_system_draft(self) -> bool:
        """Whether a system fills it in, and has not asked for approval."""
        return self.integration_id is not None and self.proposed_by is None

    @property
    def stale_at(self) -> datetime:
        """When a draft that nobody changes is deleted."""
        return self.changed_at + (SYSTEM_DRAFT_LIFETIME if self.is_system_draft else DRAFT_LIFETIME)

    @property
    def has_fixed_documents(self) -> bool:
        """Whether its card names its documents: it has been published, or waits for another member's approval."""
        return self.published_at is not None or self.proposed_by is not None

    def is_stale_soon(self, now: datetime) -> bool:
        """Return whether it is a draft that will soon be deleted."""
        return self.state is ShareState.DRAFT and self.stale_at - now <= DRAFT_WARNING

    def is_open_at(self, now: datetime) -> bool:
        """Return whether recipients may open it at ``now``: published, not withdrawn, not yet expired."""
        return self.state is ShareState.AVAILABLE and self.expires_at is not None and now < self.expires_at

    def is_over_at(self, now: datetime) -> bool:
        """Return whether it was published and is over at ``now``, even if no worker has processed its end yet."""
        return self.published_at is not None and not self.is_open_at(now)

    def is_past_half(self, now: datetime) -> bool:
        """Return whether at least half of its period has passed."""
        if self.published_at is None or self.expires_at is None:
            return False
        return now - self.published_at >= self.expires_at - now

    def can_be_undone(self, now: datetime) -> bool:
        """Return whether its publication can still be undone."""
        return self.is_open_at(now) and self.undo_until is not None and now < self.undo_until

    def can_be_restored(self, now: datetime, membership_id: str) -> bool:
        """Return whether this membership can still undo discarding the draft; its key still exists."""
        in_time = self.undo_until is not None and now < self.undo_until and self.key_destroyed_at is None
        return self.state is ShareState.ABANDONED and in_time and self.undo_by == membership_id


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person or an organisation that a share names.

    ``confirmed``: the number was confirmed, by Enhetsregisteret (which also supplied the name) or by the sharer.
    ``sealed_grant`` proves which recipient the share names; ``sealed_audit_grant`` does after the end. ``removed_at``:
    removed after publication; the row stays for its receipts. ``requested_at``: the recipient has asked for more time
    or a new share. ``answered_at``: the sharer has answered. ``sealed_refusal``: the reason of a refusal, which may be
    empty. See module access_requests.
    """

    id: str
    share_id: str
    kind: RecipientKind
    lookup_hash: bytes
    sealed_identifier: bytes
    sealed_name: bytes = b""
    sealed_label: bytes = b""
    confirmed: bool = False
    position: int = 0
    sealed_grant: bytes = b""
    sealed_audit_grant: bytes = b""
    removed_at: datetime | None = None
    requested_at: datetime | None = None
    answered_at: datetime | None = None
    sealed_refusal: bytes | None = None

    @property
    def is_asking(self) -> bool:
        """Whether the recipient waits for an answer to a request for more time or a new share."""
        return self.requested_at is not None and self.answered_at is None


@dataclass(frozen=True, slots=True)
class Document:
    """One named file in a share.

    ``id``: 32 hex digits, for the 16 bytes to which keys and parts are bound. ``sealed_scan``: details of its malware
    scan. ``rescan_at``: when it is scanned again. ``sealed_release``: a member's decision to release it, although it is
    held. ``pending_since``: when it was uploaded beside a published share; it is not yet part of the share.
    ``sealed_sha256``: empty until the document has been read whole. ``manifest_hash``: hash of the sealed manifest,
    from the completion on. ``verdict_hash``: hash of the sealed inspection record and release, from the inspection on.
    Both remain when the sealed values are erased.
    """

    id: str
    share_id: str
    sealed_name: bytes
    length: int
    position: int
    modified_at: int | None = None
    completed_at: datetime | None = None
    sealed_manifest: bytes = b""
    sealed_inspection: bytes = b""
    inspected_at: datetime | None = None
    sealed_scan: bytes | None = None
    rescan_at: datetime | None = None
    sealed_release: bytes | None = None
    pending_since: datetime | None = None
    sealed_sha256: bytes = b""
    manifest_hash: str | None = None
    verdict_hash: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every byte has been received and the manifest is sealed."""
        return self.manifest_hash is not None

    @property
    def has_its_manifest(self) -> bool:
        """Whether the manifest matches ``manifest_hash``, unless it has been erased."""
        return not self.sealed_manifest or _hash(self.sealed_manifest) == self.manifest_hash

    @property
    def has_its_verdict(self) -> bool:
        """Whether inspection record and release match ``verdict_hash``, unless they have been erased."""
        return not self.sealed_inspection or self._hash_of_verdict() == self.verdict_hash

    def with_verdict_hash(self) -> Document:
        """Return the document with the hash of its inspection record and release."""
        return replace(self, verdict_hash=self._hash_of_verdict() if self.sealed_inspection else None)

    def _hash_of_verdict(self) -> str:
        return _hash(hashlib.sha256(self.sealed_inspection).digest() + (self.sealed_release or b""))

    def complete(self, sealed_manifest: bytes, now: datetime) -> Document:
        """Return the document with its manifest."""
        return replace(self, completed_at=now, sealed_manifest=sealed_manifest, manifest_hash=_hash(sealed_manifest))


@dataclass(frozen=True, slots=True)
class RemovedDocument:
    """Tombstone of a document that was removed after publication. Its receipts refer to it."""

    id: str
    share_id: str
    sealed_name: bytes
    length: int
    position: int
    removed_at: datetime
    sealed_sha256: bytes = b""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Record that a person, for one recipient, opened a share or received bytes of a document.

    - ``document_id``: None for an opening of the share.
    - ``covered``: the half-open byte ranges that were sent, merged; at most MAX_RANGES of them.
    - ``completed_at``: when the ranges first covered the whole document.
    - ``event_at``: the time of the last download event about the document and the person.
    - ``direct``: the person's own machine acknowledged the ranges, not a proxy.
    - ``confirmed_at``: when the person confirmed that the document has been received.
    """

    share_id: str
    document_id: str | None
    recipient_id: str
    subject_id: str
    first_at: datetime
    last_at: datetime
    covered: tuple[tuple[int, int], ...] = ()
    completed_at: datetime | None = None
    event_at: datetime | None = None
    direct: bool = False
    confirmed_at: datetime | None = None

    @property
    def state(self) -> ReceiptState | None:
        """State of the document for the person; None for an opening."""
        if self.document_id is None:
            return None
        if self.confirmed_at is not None:
            return ReceiptState.RECEIVED
        return ReceiptState.STARTED if self.completed_at is None else ReceiptState.SENT

    @property
    def state_at(self) -> datetime:
        """Since when the document is in that state; while it is only started, the time of the last bytes."""
        return self.confirmed_at or self.completed_at or self.last_at

    @property
    def is_sent(self) -> bool:
        """Whether every byte of the document has been sent, confirmed or not."""
        return self.state in (ReceiptState.SENT, ReceiptState.RECEIVED)

    @property
    def is_whole(self) -> bool:
        """Whether the person's own machine acknowledged every byte of the document."""
        return self.document_id is not None and self.completed_at is not None and self.direct


class ReceiptState(StrEnum):
    """State of a document for a person.

    - STARTED: some bytes were sent.
    - SENT: every byte was sent. Only the person knows whether a program has read them.
    - RECEIVED: the person has confirmed the document.
    """

    STARTED = "started"
    SENT = "sent"
    RECEIVED = "received"


class Progress(StrEnum):
    """Progress of a recipient with all documents of a share. The last three are the states of receipts."""

    NONE = "none"
    OPENED = "opened"
    STARTED = "started"
    SENT = "sent"
    RECEIVED = "received"


def progress_of(receipts: Collection[Receipt], document_ids: Collection[str]) -> Progress:
    """Return a recipient's progress with a share, from the recipient's receipts and the ids of the share's documents.

    RECEIVED: every document is received. SENT: every document is at least sent. Several persons of an organisation
    count together. STARTED: some bytes were sent, but not every document. Receipts of other documents count as an
    opening.
    """
    receipts = [one for one in receipts if one.document_id is None or one.document_id in document_ids]
    sent, received = document_counts(receipts)
    if document_ids and received == len(document_ids):
        return Progress.RECEIVED
    if document_ids and sent == len(document_ids):
        return Progress.SENT
    if any(receipt.document_id is not None for receipt in receipts):
        return Progress.STARTED
    return Progress.OPENED if receipts else Progress.NONE


def document_counts(receipts: Collection[Receipt]) -> tuple[int, int]:
    """Return the number of documents that are sent or received, and the number of those that are received."""
    sent = {receipt.document_id for receipt in receipts if receipt.is_sent}
    return len(sent), len({r.document_id for r in receipts if r.state is ReceiptState.RECEIVED})


def _hash(sealed_manifest: bytes) -> str:
    return hashlib.sha256(sealed_manifest).hexdigest()


def new_id() -> str:
    """Return an id for a share or a part of it: 128 random bits in 22 URL-safe characters.

    The first character is a letter or digit, so that no program takes an id for an option.
    """
    drawn = secrets.token_urlsafe(_ID_BYTES)
    return drawn if drawn[0].isalnum() else new_id()


def new_document_id() -> str:
    """Return 128 random bits as 32 hex digits."""
    return secrets.token_hex(_ID_BYTES)
