"""Members of a tar, so that a scanner can examine them one by one.

Guarantees:
- The tar contains only members, headers and zeros.
- The data of extended headers is among the members. A header that changes the meaning of others is refused.
- The number of members is bounded.
- The tar is read in order, because it may be in a gzip.
"""

from tarfile import BLOCKSIZE, HeaderError, TarInfo
from typing import Final

from deldokument.domain.shares.share import Verdict
from deldokument.services.inspection.zip_members import MAX_MEMBERS, ArchiveMember, Read, UnexaminedError, require

MAX_EXTENDED: Final = 2**20
MAX_ZEROS: Final = 2**20
"""Most bytes after the last member: programs for tape fill up their records."""
_EXTENDED: Final = frozenset(b"xgLK")
_WITH_DATA: Final = _EXTENDED | frozenset(b"07\0")
"""Kinds of members that have data. Of others, programs may skip the data or not."""
_REFUSED: Final = (b"size=", b"GNU.sparse")
"""Keywords that give another length than the header. A program that ignores them sees other members."""


def tar_members(read: Read, length: int) -> list[ArchiveMember]:
    """Return the members of a tar of ``length`` bytes. Raises: UnexaminedError."""
    members, at = list[ArchiveMember](), 0
    while header := _header(read(at, at + BLOCKSIZE)):
        start = at + BLOCKSIZE
        stop = start + header.size
        at = stop + -header.size % BLOCKSIZE
        require(header.size >= 0 and at <= length and len(members) < MAX_MEMBERS)
        require(header.size == 0 or header.type[0] in _WITH_DATA)
        if header.type[0] in _EXTENDED:
            require(header.size <= MAX_EXTENDED)
            extended = read(start, stop)
            require(not any(word in extended for word in _REFUSED))
        require(not any(read(stop, at)))
        members.append(ArchiveMember(start, stop, header.size))
    require(length - at <= MAX_ZEROS and not any(read(at, length)))
    return members


def _header(block: bytes) -> TarInfo | None:
    """Return the header in a block; None for a block of zeros, which ends the tar."""
    if block == bytes(BLOCKSIZE):
        return None
    try:
        return TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except HeaderError:
        raise UnexaminedError(Verdict.UNREADABLE) from None
