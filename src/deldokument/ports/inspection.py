"""Contract of the detection of media types."""

from __future__ import annotations

from typing import Protocol


class MediaTypes(Protocol):
    """What kind of content some bytes are."""

    def guess(self, head: bytes) -> str:
        """The media type told by the first bytes of a document, ``application/octet-stream`` when unknown."""
        ...
