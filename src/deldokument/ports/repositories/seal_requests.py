"""Repository contract: the worker's seal, for the processes that do not have its key."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class SealKind(StrEnum):
    """What the worker signs on request. Checkpoints of the event chains are not among them."""

    PDF = "pdf"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class SealStatus:
    """The certificate of the seal (PEM), and the code of the error if nothing can be sealed now.

    Without a seal the certificate is empty.
    """

    certificate: bytes
    fault: str


@dataclass(frozen=True, slots=True)
class SealRequest:
    """A document or statement to sign, encrypted, and the encrypted result or the code of the error."""

    id: str
    kind: SealKind
    reason: str
    location: str
    at: datetime
    sealed_content: bytes = field(repr=False)
    sealed_answer: bytes | None = field(default=None, repr=False)
    fault: str = ""


class SealRequests(Protocol):
    """Requests to the seal, and its status."""

    def status(self) -> SealStatus | None:
        """Return the status; None if no worker has stored one yet."""
        ...

    def note_status(self, status: SealStatus) -> None:
        """Store the status."""
        ...

    def add(self, request: SealRequest) -> None:
        """Add a request."""
        ...

    def get(self, request_id: str) -> SealRequest | None:
        """Return a request, or None."""
        ...

    def open_requests(self, limit: int) -> list[SealRequest]:
        """Return requests without a result, the oldest first."""
        ...

    def answer(self, request_id: str, sealed_answer: bytes | None, fault: str) -> None:
        """Store the result of a request."""
        ...

    def remove(self, request_id: str) -> None:
        """Remove a request."""
        ...

    def forget(self, before: datetime) -> int:
        """Remove the requests from before an instant, whose processes have died; return how many."""
        ...
