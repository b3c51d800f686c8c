"""Repository contract: uploads that a worker fills with a copy of another share's document."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from deldokument.domain.upload import Upload


class Copies(Protocol):
    """Unfinished uploads with a source. A worker that copies one has its lease."""

    def waiting(self, now: datetime, limit: int) -> list[Upload]:
        """Return those of living drafts whose lease is free, the earliest deadline first."""
        ...

    def claim(self, upload_id: str, now: datetime, until: datetime) -> bool:
        """Take the lease; False if another worker has it, or nothing is left to copy."""
        ...

    def keep(self, upload_id: str, until: datetime) -> None:
        """Renew the lease; do nothing if the upload is gone."""
        ...
