"""An upload: a temporary resource with an offset that only grows, made of parts.

Promises the two rules that resumption stands on: bytes are taken only at the offset, and never beyond the declared
length; and a bound on the number of parts however small the requests are (see :func:`tail_to_merge`). A document may
come as partial uploads, each with an offset of its own, that are joined in the order the client says (:func:`join`).
Protocol: tus 1.0.0 (core, creation, creation-with-upload, termination, expiration, checksum, concatenation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deldokument.domain.errors import Conflict, InvalidInput, TooLarge

MAX_LENGTH = 5 * 2**30
UPLOAD_LIFETIME = timedelta(hours=24)
MAX_PARTIALS = 16
FULL_PART = 8 * 2**20 - 4096
"""A part of at least so many bytes is never merged again."""
_MERGE_RATIO = 4


@dataclass(frozen=True, slots=True)
class Upload:
    """``token_hash`` is the SHA-256 of the upload token; ``deadline`` ends both token and upload.

    Either ``member_id`` or ``integration_id`` says whose it is. A partial upload goes by the token of the one that it
    is ``partial_of``; ``start`` is where it begins in the document, as far as the client has said.
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

    @property
    def is_finished(self) -> bool:
        """Whether the last byte has been committed and the manifest sealed; of a partial one, whether it is joined."""
        return self.finished_at is not None

    @property
    def is_partial(self) -> bool:
        """Whether it is to be joined with others."""
        return self.partial_of is not None

    def check_append(self, offset: int, announced: int | None) -> None:
        """Raise unless bytes may be appended at ``offset``; ``announced`` is the request's length if it is known."""
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
        """The offset just after its last byte."""
        return self.offset + self.length


def check_length(length: int, *, field: str = "documents") -> int:
    """The declared length of a document: 0 to 5 GiB."""
    if length < 0:
        raise InvalidInput(field, "length_negative")
    if length > MAX_LENGTH:
        raise TooLarge("document_too_large", longest=MAX_LENGTH)
    return length


def check_new_partial(whole: Upload, partials: Sequence[Upload], length: int, start: int | None) -> None:
    """Raise unless a partial upload of that length may be begun beside ``partials``.

    Bytes that came to the whole rule out partial ones. What is bounded is what they have together, not what they
    announce (see :func:`remaining_for_partials`): a client that lost the answer to a creation creates again.
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
    """How many bytes its partial uploads may still take: together they stay within the declared length."""
    return whole.length - sum(partial.offset for partial in partials)


def join(whole: Upload, partials: Sequence[Upload]) -> list[Upload]:
    """The partial uploads in that order, with their starts, as the whole document. Raises Conflict when they are not.

    Where one has said that it begins, there it must begin: bytes in the wrong order would be found by nobody.
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
    """Which neighbouring parts should become one, so that their number stays small; empty when none.

    Small parts before a full one go with it, so that small ones stand at the tail only. There their lengths fall by at
    least a factor of four from one to the next, so at most log4(8 MiB) of them stand, and a byte is rewritten a
    bounded number of times (as in a log-structured tree).
    """
    stranded = _stranded(parts)
    if stranded:
        return stranded
    start, length = len(parts) - 1, parts[-1].length if parts else 0
    while start > 0 and parts[start - 1].length < min(FULL_PART, _MERGE_RATIO * length):
        start -= 1
        length += parts[start].length
    return parts[start:] if 0 <= start < len(parts) - 1 else ()


def _stranded(parts: Sequence[Part]) -> Sequence[Part]:
    """The last run of small parts that a full one follows, with that one."""
    for full in range(len(parts) - 1, 0, -1):
        if parts[full].length >= FULL_PART > parts[full - 1].length:
            start = full - 1
            while start > 0 and parts[start - 1].length < FULL_PART:
                start -= 1
            return parts[start : full + 1]
    return ()
