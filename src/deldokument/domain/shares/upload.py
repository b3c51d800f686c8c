"""An upload: a temporary resource with an offset that only grows, made of parts.

Guarantees:
- Bytes are accepted only at the offset, and never beyond the declared length.
- The number of parts is bounded, however small the requests are (see :func:`tail_to_merge`).

A document may be uploaded as several partial uploads, each with its own offset. :func:`join` joins them in the client's
order.

Protocol: tus 1.0.0 (core, creation, creation-with-upload, termination, expiration, checksum, concatenation).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from deldokument.domain.errors import Conflict, InvalidInput, TooLarge

MAX_LENGTH = 5 * 2**30
UPLOAD_LIFETIME = timedelta(hours=24)
MAX_PARTIALS = 16
FULL_PART = 8 * 2**20 - 4096
"""A part of at least this many bytes is never merged again."""
_MERGE_RATIO = 4


class CopyFailure(StrEnum):
    """Why a document was not copied from another share.

    - GONE: the other share is over or no longer has the document, or the sharer may no longer read it
    - INFECTED: a scanner has found malware in it
    - DAMAGED: it failed its integrity check
    """

    GONE = "gone"
    INFECTED = "infected"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload as stored.

    ``token_hash`` is the SHA-256 of the upload token; ``deadline``: when token and upload expire.

    - ``member_id`` or ``integration_id``: the owner; exactly one is set.
    - ``partial_of``: the whole upload whose token a partial upload uses.
    - ``start``: where a partial upload begins in the document, if the client has said so.
    - ``sealed_metadata``: the client's Upload-Metadata (tus), encrypted.
    - ``sealed_source``: the document of another share that a worker copies, encrypted. No client has its token.
    - ``copy_failure``: why it was not copied; then ``sealed_source`` is empty.
    """

    id: str
    document_id: str
    share_id: str
    member_id: str | None
    length: int
    offset: int
    token_hash: bytes | None
    deadline: datetime
    finished_at: datetime | None = None
    integration_id: str | None = None
    partial_of: str | None = None
    start: int | None = None
    sealed_metadata: bytes | None = None
    sealed_source: bytes | None = None
    copy_failure: CopyFailure | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the last byte is committed and the manifest sealed; for a partial upload, whether it was joined."""
        return self.finished_at is not None

    @property
    def is_copy(self) -> bool:
        """Whether a worker copies the document, or has failed to copy it."""
        return self.sealed_source is not None or self.copy_failure is not None

    @property
    def is_partial(self) -> bool:
        """Whether it is one of several uploads to be joined."""
        return self.partial_of is not None

    def check_append(self, offset: int, announced: int | None) -> None:
        """Raise unless bytes may be appended at ``offset``; ``announced`` is the request's length if it is known.

        Raises: Conflict if the upload is finished or the offset differs; TooLarge if the bytes exceed the declared
        length.
        """
        if self.is_finished:
            raise Conflict("upload_finished")
        if offset != self.offset:
            raise Conflict("upload_offset", expected=self.offset)
        if announced is not None and offset + announced > self.length:
            raise TooLarge("upload_beyond_length", length=self.length)


@dataclass(frozen=True, slots=True)
class Part:
    """One stored object of an upload: ``length`` plaintext bytes from ``offset``, in the object named ``id``."""

    id: str
    upload_id: str
    offset: int
    length: int
    header: bytes

    @property
    def stop(self) -> int:
        """Offset just after the part's last byte."""
        return self.offset + self.length


def check_length(length: int) -> int:
    """Return the declared length of a document in bytes.

    Raises: InvalidInput if it is negative; TooLarge if it is over 5 GiB.
    """
    if length < 0:
        raise InvalidInput("documents", "length_negative")
    if length > MAX_LENGTH:
        raise TooLarge("document_too_large", longest=MAX_LENGTH)
    return length


def check_new_partial(whole: Upload, partials: Sequence[Upload], length: int, start: int | None) -> None:
    """Raise unless a partial upload of that length may be created beside ``partials``.

    Bytes in the whole upload rule out partial ones. Announced lengths are not added up, because a client may lose the
    response to a creation and repeat it. :func:`remaining_for_partials` limits the received bytes instead. Raises:
    Conflict or TooLarge.
    """
    if whole.is_finished:
        raise Conflict("upload_finished")
    if whole.offset:
        raise Conflict("upload_begun_whole")
    if (start or 0) + length > whole.length:
        raise TooLarge("upload_beyond_length", length=whole.length)
    if len(partials) >= MAX_PARTIALS:
        raise Conflict("too_many_partials", longest=MAX_PARTIALS)


def remaining_for_partials(whole: Upload, partials: Sequence[Upload]) -> int:
    """Return how many bytes the partial uploads may still take: together at most the declared length."""
    return whole.length - sum(partial.offset for partial in partials)


def join(whole: Upload, partials: Sequence[Upload]) -> list[Upload]:
    """Return the partial uploads in that order, with their starts, as the whole document.

    A partial upload with a start must begin there. Otherwise bytes in the wrong order would not be detected. Raises:
    Conflict if they are incomplete, repeated, out of place, or do not make up the whole.
    """
    joined, position = [], 0
    for partial in partials:
        if partial.offset != partial.length or partial.start not in (None, position):
            raise Conflict("partials_differ")
        joined.append(replace(partial, start=position))
        position += partial.length
    if position != whole.length or len({partial.id for partial in joined}) != len(joined):
        raise Conflict("partials_differ")
    return joined


def tail_to_merge(parts: Sequence[Part]) -> Sequence[Part]:
    """Return the neighbouring parts to compact into one, so that their number stays small; empty if none.

    Small parts before a full one are merged with it, so small parts exist only at the tail. There each part is at least
    four times as long as the next, so there are at most log4(8 MiB) of them. Each byte is rewritten a bounded number of
    times (as in a log-structured merge tree).
    """
    stranded = _find_small_parts(parts)
    if stranded:
        return stranded
    start, length = len(parts) - 1, parts[-1].length if parts else 0
    while start > 0 and parts[start - 1].length < min(FULL_PART, _MERGE_RATIO * length):
        start -= 1
        length += parts[start].length
    return parts[start:] if 0 <= start < len(parts) - 1 else ()


def _find_small_parts(parts: Sequence[Part]) -> Sequence[Part]:
    """Return the last run of small parts before a full part, together with the full part."""
    for full in range(len(parts) - 1, 0, -1):
        if parts[full].length >= FULL_PART > parts[full - 1].length:
            start = full - 1
            while start > 0 and parts[start - 1].length < FULL_PART:
                start -= 1
            return parts[start : full + 1]
    return ()
