"""Contracts of media type detection and of the malware scanner."""

from collections.abc import Callable, Iterable
from typing import Protocol

from deldokument.domain.shares.scanning import Engine, ScanReport


class MediaTypes(Protocol):
    """Detection of the type of a document by its content."""

    def guess(self, head: bytes) -> str:
        """Return the media type by the first bytes of a document; ``application/octet-stream`` if unknown."""
        ...


class ScannerClosed(Exception):
    """Error: the scan was aborted because the process ends."""


class Scanner(Protocol):
    """A malware scanner. Several threads may use it at once.

    Its report is CLEAN only if the engine has examined every byte. After ``close``, its methods raise ScannerClosed.
    """

    def engine(self) -> Engine:
        """Return the engine. Raises: Unavailable if it does not answer or misses a test sample."""
        ...

    def answers(self) -> bool:
        """Return whether the engine answers. It need not find the test samples."""
        ...

    def scan(
        self, content: Iterable[bytes | memoryview], length: int, waiting: Callable[[], object] = bool
    ) -> ScanReport:
        """Scan a document of ``length`` bytes. The scanner may leave a part of ``content`` unread.

        Calls ``waiting`` every few seconds while the engine has not replied.

        Raises: Unavailable; errors of ``content``.
        """
        ...

    def close(self) -> None:
        """Abort the scans of all threads, and refuse new ones. Returns at once, even if the engine is slow."""
        ...
