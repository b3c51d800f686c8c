"""Repository contract: uploads that a worker fills with a copy of another share's document."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from deldokument.domain.upload import Upload


class Copies(Protocol):
    """Unfinished uploads with a source. A worker claims the one that it copies."""

    def waiting(self, now: datetime, limit: int) -> list[Upload]:
        """Return those of living drafts that no worker has claimed, the earliest deadline first."""
        ...

    def claim(self, upload_id: str, now: datetime, until: datetime) -> bool:
        """Claim the copy; return False if another worker has it, or nothing is left to copy."""
        ...

    def keep(self, upload_id: str, until: datetime) -> None:
        """Renew the claim; do nothing if the upload is gone."""
        ...
