"""Repository contract: idempotency records of API requests.

A record holds keyed hashes of its request. The response is sealed under a key derived from the idempotency key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """An API request with an idempotency key.

    ``id`` is a keyed hash of caller and key, ``fingerprint`` of the request. ``new_id`` is the id of the record that it
    creates. The lease ends at ``leased_until``. ``sealed_answer`` is empty until the request has completed.
    """

    id: bytes
    fingerprint: bytes
    new_id: str
    created_at: datetime
    leased_until: datetime
    sealed_answer: bytes = b""


class IdempotencyRecords(Protocol):
    """Idempotency records of the last day."""

    def lock(self, request_id: bytes) -> IdempotencyRecord | None:
        """Return the record, its row locked. If there is none, no other transaction adds it before this one ends."""
        ...

    def save(self, request: IdempotencyRecord) -> None:
        """Insert, or replace the one of the same id."""
        ...

    def remove(self, request_id: bytes) -> None:
        """Remove the record, if it exists."""
        ...

    def forget(self, created_before: datetime, limit: int) -> int:
        """Remove records created before then, the oldest first, and return how many."""
        ...
