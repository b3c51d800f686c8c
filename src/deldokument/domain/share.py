"""A share: documents, recipients and a period, published as one link; and what becomes of it.

    draft ──publish──> available ──time──────> ended
      │                    └──────withdraw───> withdrawn
      └──24 h (proposed: 7 days), discard──> abandoned

Ending is irrevocable: nothing leads out of the last column, but for a draft that was discarded on the pages: for some
seconds whoever did so can undo it, and its key is not destroyed before. Sealed fields are opaque here; whoever holds
the keys opens them. Deliberately knows nothing of bytes (see upload) and of who may do what (see policy).
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from deldokument.domain.errors import InvalidInput

DRAFT_LIFETIME = timedelta(hours=24)
PROPOSAL_LIFETIME = timedelta(days=7)
"""How long a draft that waits for another member's approval is kept."""
DISCARD_UNDO = timedelta(seconds=10)
"""How long the pages say that discarding a draft can be undone."""
DISCARD_GRACE = timedelta(seconds=15)
"""How long it can: a little longer, for slow networks. Only then is the draft's key destroyed."""
MAX_RECIPIENTS = 500
MAX_DOCUMENTS = 1000
TITLE_LENGTH = 200
MESSAGE_LENGTH = 4000
REFERENCE_LENGTH = 100
LABEL_LENGTH = 100
FILE_NAME_LENGTH = 255
PATH_LENGTH = 1000
_ID_BYTES = 16
_NO_STEPS = frozenset({"", ".", ".."})


class ShareState(StrEnum):
    """Where a share is in its life."""

    DRAFT = "draft"
    AVAILABLE = "available"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"
    ABANDONED = "abandoned"


CLOSED = frozenset({ShareState.WITHDRAWN, ShareState.ENDED, ShareState.ABANDONED})


class Verdict(StrEnum):
    """What inspection may honestly say about a document.

    NOT_SCANNED: there is no scanner. That a scanner could not look (too large, encrypted, its signatures too old) gets
    a value of its own, so that nothing but CLEAN ever means that a document was scanned and nothing was found.
    """

    CLEAN = "clean"
    INFECTED = "infected"
    NOT_SCANNED = "not_scanned"
    ERROR = "error"


RELEASED = frozenset({Verdict.CLEAN, Verdict.NOT_SCANNED})
"""The verdicts with which recipients get a document."""


RecipientKind = Literal["person", "organization"]


@dataclass(frozen=True, slots=True)
class Share:
    """A share as it is kept. ``audit_key_id`` names the key of title, reference, names and identifiers.

    ``frozen_at``: the operator has stopped it; it still ends on its date. ``proposed_by``: the member or the
    integration that has asked for a member's approval of the draft (four eyes). Either ``member_id`` or
    ``integration_id`` says who shares. ``notify``: its recipients are sent notices. ``undo_until`` and ``undo_by``: how
    long the membership that discarded the draft can undo that.
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
    sealed_title: bytes = b""
    sealed_message: bytes = b""
    sealed_reference: bytes = b""
    reference_hash: bytes = b""
    key_destroyed_at: datetime | None = None
    erased_at: datetime | None = None
    frozen_at: datetime | None = None
    proposed_by: str | None = None
    integration_id: str | None = None
    notify: bool = False
    undo_until: datetime | None = None
    undo_by: str | None = None

    def is_open_at(self, now: datetime) -> bool:
        """Whether recipients may open it at ``now``: published, not withdrawn, the end not reached."""
        return self.state is ShareState.AVAILABLE and self.expires_at is not None and now < self.expires_at

    def is_over_at(self, now: datetime) -> bool:
        """Whether it was published and is over at ``now``, whether or not a worker has noticed."""
        return self.published_at is not None and not self.is_open_at(now)

    def can_be_restored(self, now: datetime, membership_id: str) -> bool:
        """Whether it is a draft that this membership has just discarded, and whose key is not destroyed."""
        in_time = self.undo_until is not None and now < self.undo_until and self.key_destroyed_at is None
        return self.state is ShareState.ABANDONED and in_time and self.undo_by == membership_id


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person or an organisation that a share names. ``confirmed``: its number was checked.

    By Enhetsregisteret, which then also named it, or else by the sharer.
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


@dataclass(frozen=True, slots=True)
class Document:
    """One named file in a share. ``id`` is 32 hex digits: the 16 bytes that its keys and parts are bound to."""

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

    @property
    def is_complete(self) -> bool:
        """Whether every byte has been received and the manifest is sealed."""
        return self.completed_at is not None


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a person opened a share (``document_id`` None) or received bytes of a document, for one recipient.

    ``covered`` has the half-open byte ranges that have been sent, merged; ``completed_at`` is when they first
    made up the whole document.
    """

    share_id: str
    document_id: str | None
    recipient_id: str
    subject_id: str
    first_at: datetime
    last_at: datetime
    covered: tuple[tuple[int, int], ...] = ()
    completed_at: datetime | None = None

    @property
    def is_download(self) -> bool:
        """Whether the person was sent every byte of the document. Fewer bytes never count as downloaded."""
        return self.document_id is not None and self.completed_at is not None


class Progress(StrEnum):
    """How far a recipient has come with a share."""

    NONE = "none"
    OPENED = "opened"
    PARTLY = "partly"
    DOWNLOADED = "downloaded"


def progress_of(receipts: Collection[Receipt], document_ids: Collection[str]) -> Progress:
    """How far the recipient of these receipts has come with a share of these documents.

    DOWNLOADED: every document was downloaded, whoever did so for an organisation. PARTLY: some bytes, but not that.
    """
    downloaded = {receipt.document_id for receipt in receipts if receipt.is_download}
    if document_ids and downloaded.issuperset(document_ids):
        return Progress.DOWNLOADED
    if any(receipt.document_id is not None for receipt in receipts):
        return Progress.PARTLY
    return Progress.OPENED if receipts else Progress.NONE


def new_id() -> str:
    """128 random bits in 22 URL-safe characters: the identity of a share and of what belongs to it.

    Drawn again until the first is a letter or digit, so that no program takes an id for an option (the last always is).
    """
    drawn = secrets.token_urlsafe(_ID_BYTES)
    return drawn if drawn[0].isalnum() else new_id()


def new_document_id() -> str:
    """128 random bits in 32 hex digits."""
    return secrets.token_hex(_ID_BYTES)


def check_text(text: str, longest: int, *, field: str, lines: bool = False) -> str:
    """Plain text without surrounding white space and without control characters, at most ``longest`` characters."""
    tidy = text.replace("\r\n", "\n").strip()
    if len(tidy) > longest:
        raise InvalidInput(field, "text_too_long", longest=longest, length=len(tidy))
    if any(_is_unwritable(c) and not (lines and c in "\n\t") for c in tidy):
        raise InvalidInput(field, "text_control_characters")
    return tidy


def _is_unwritable(character: str) -> bool:
    """Control characters, and halves of surrogate pairs: JSON can carry them, UTF-8 cannot."""
    return unicodedata.category(character) in {"Cc", "Cs"}


def check_file_name(name: str, *, field: str = "documents") -> str:
    """The last component of a file's name as the browser gave it: no path, no control characters, never empty."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(c for c in base if not _is_unwritable(c)).strip()
    if not visible or visible in {".", ".."}:
        raise InvalidInput(field, "file_name_missing")
    if len(visible) > FILE_NAME_LENGTH:
        raise InvalidInput(field, "file_name_too_long", longest=FILE_NAME_LENGTH)
    return visible


def check_document_name(name: str) -> str:
    """A document's name: a file's, or the way to it from the folder that was shared, its parts apart by slashes.

    A way that starts at a root or a drive, climbs or has an empty part leads out of that folder: its last component is
    kept, as of any file's name. The letters of a way are composed (NFC), so that no folder is there twice.
    """
    parts = unicodedata.normalize("NFC", name).split("/")
    if len(parts) == 1 or "\\" in name or any(part.strip() in _NO_STEPS for part in parts):
        return check_file_name(name)
    # Once more: a letter and its accent may have stood apart until a character between them was removed.
    path = unicodedata.normalize("NFC", "/".join(check_file_name(part) for part in parts))
    if path[1:2] == ":":
        return path.rpartition("/")[2]
    if len(path) > PATH_LENGTH:
        raise InvalidInput("documents", "file_name_too_long", longest=PATH_LENGTH)
    return path


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Half-open ranges as the shortest sorted list that covers the same bytes."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(r for r in ranges if r[0] < r[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)


def covers(ranges: tuple[tuple[int, int], ...], length: int) -> bool:
    """Whether merged ``ranges`` make up all of ``length`` bytes."""
    return length == 0 or ranges == ((0, length),)
