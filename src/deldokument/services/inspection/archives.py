"""Scans of archives that are too large for the engine: a zip or a tar, member by member.

Guarantees:
- The report is CLEAN only if every member is, and the archive has no other bytes.
- Malware in one member makes the archive infected, even if others could not be examined.
- Nothing is unpacked to a disk, and at most one step is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from deldokument.domain.scanning import ScanReport
from deldokument.domain.share import Verdict
from deldokument.ports.inspection import Scanner
from deldokument.services.inspection.tar_members import tar_members
from deldokument.services.inspection.zip_members import ArchiveMember, Read, UnexaminedError, unpacked, zip_members

_ZIP: Final = b"PK\x03\x04"
_TAR: Final = b"ustar"
_TAR_AT: Final = 257
Members = Callable[[Read, int], list[ArchiveMember]]
"""Returns the members of an archive, given its bytes and its length."""

Stream = Callable[[int, int], Iterable[bytes | memoryview]]
"""Yields the bytes [start, stop) of the archive."""


def opener_of(head: bytes) -> Members | None:
    """Return what finds the members of the archive that begins so; None for anything else."""
    if head.startswith(_ZIP):
        return zip_members
    return tar_members if head.startswith(_TAR, _TAR_AT) else None


def scan_archive(
    scanner: Scanner, members_of: Members, read: Read, stream: Stream, length: int, waiting: Callable[[], object]
) -> ScanReport:
    """Scan each member of an archive of ``length`` bytes. Raises: Unavailable; errors of ``read`` and ``stream``."""
    engine = scanner.engine()
    worst = ScanReport(Verdict.CLEAN, engine)
    try:
        for member in members_of(read, length):
            content = unpacked(member, stream(member.start, member.stop))
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
