"""Scans of archives that are too large for the engine: a zip, a tar or a gzip, member by member.

Guarantees:
- The report is CLEAN only if every member is, and the archive has no other bytes.
- Malware in one member makes the archive infected, even if others could not be examined.
- Nothing is unpacked to disk, and at most one step is in memory.
"""

from collections.abc import Callable
from typing import Final

from deldokument.domain.shares.scanning import ScanReport
from deldokument.domain.shares.share import Verdict
from deldokument.ports.inspection import Scanner
from deldokument.services.inspection.gzip_content import GZIP, GzipContent, Stream
from deldokument.services.inspection.tar_members import tar_members
from deldokument.services.inspection.zip_members import ArchiveMember, Read, UnexaminedError, unpack, zip_members

_ZIP: Final = b"PK\x03\x04"
_TAR: Final = b"ustar"
_TAR_AT: Final = 257
Members = Callable[[Read, int], list[ArchiveMember]]
"""Returns the members of an archive, given its bytes and its length."""


def opener_of(head: bytes) -> Members | None:
    """Return the function that lists the members of an archive that begins with ``head``; None for another format."""
    if head.startswith(_ZIP):
        return zip_members
    return tar_members if head.startswith(_TAR, _TAR_AT) else None


def scan_opened(
    scanner: Scanner, head: bytes, read: Read, stream: Stream, length: int, waiting: Callable[[], object]
) -> ScanReport | None:
    """Scan the members of an archive that begins with ``head``; return None for another format.

    Raises: as ``scan_archive``.

    Of nested archives, only a tar in a gzip is opened here. The engine opens the others, within its own limits.
    """
    if head.startswith(GZIP):
        return _scan_gzip(scanner, stream, length, waiting)
    members_of = opener_of(head)
    return scan_archive(scanner, members_of, read, stream, length, waiting) if members_of else None


def _scan_gzip(scanner: Scanner, stream: Stream, length: int, waiting: Callable[[], object]) -> ScanReport:
    try:
        content = GzipContent(stream, length)
        is_tar = opener_of(content.read(0, _TAR_AT + len(_TAR))) is tar_members
    except UnexaminedError as error:
        return ScanReport(error.verdict, scanner.engine())
    members_of = tar_members if is_tar else _one_member
    return scan_archive(scanner, members_of, content.read, content.stream, content.length, waiting)


def _one_member(_read: Read, length: int) -> list[ArchiveMember]:
    return [ArchiveMember(0, length, length)]


def scan_archive(
    scanner: Scanner, members_of: Members, read: Read, stream: Stream, length: int, waiting: Callable[[], object]
) -> ScanReport:
    """Scan each member of an archive of ``length`` bytes. Raises: Unavailable; errors of ``read`` and ``stream``."""
    engine = scanner.engine()
    worst = ScanReport(Verdict.CLEAN, engine)
    try:
        for member in members_of(read, length):
            content = unpack(member, stream(member.start, member.stop))
            report = (
                ScanReport(member.unexamined, engine)
                if member.unexamined
                else scanner.scan(content, member.length, waiting)
            )
            if report.verdict is Verdict.INFECTED:
                return report
            worst = report if worst.verdict is Verdict.CLEAN else worst
    except UnexaminedError as error:
        return ScanReport(error.verdict, engine)
    return worst
