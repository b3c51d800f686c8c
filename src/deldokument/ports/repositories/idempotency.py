"""What the use cases need of the database to answer a repeated request as the first one was, as a contract.

See ports.repositories.transaction for what holds for all repositories. Of a request only keyed hashes are
stored, and its answer only sealed under a key that cannot be had without what the caller sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """A request that its caller named; ``id`` and ``fingerprint`` are keyed hashes of whose it is and what it asks.

    ``new_id`` is the id of what it makes. Until ``leased_until`` somebody is doing it; ``sealed_answer`` is empty until
    it is done.
    """

    id: bytes
    fingerprint: bytes
    new_id: str
    created_at: datetime
    leased_until: datetime
    sealed_answer: bytes = b""


class IdempotencyRecords(Protocol):
    """Named requests of the last day."""

    def lock(self, request_id: bytes) -> IdempotencyRecord | None:
        """The request, its row locked; where there is none, nobody else makes one until the transaction ends."""
        ...

    def save(self, request: IdempotencyRecord) -> None:
        """Insert, or replace the one of the same id."""
        ...

    def remove(self, request_id: bytes) -> None:
        """One that is not there is no error."""
        ...

    def forget(self, created_before: datetime, limit: int) -> int:
        """Remove those made before then, the oldest first; how many there were."""
        ...
