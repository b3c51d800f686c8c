"""Contract of media type detection."""

from __future__ import annotations

from typing import Protocol


class MediaTypes(Protocol):
    """Detection of the type of a document by its content."""

    def guess(self, head: bytes) -> str:
        """Return the media type by the first bytes of a document; ``application/octet-stream`` if unknown."""
        ...
