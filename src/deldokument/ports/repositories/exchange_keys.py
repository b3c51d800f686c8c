"""Repository contract: key pairs to which systems encrypt their uploads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ExchangeKey:
    """A sealed key pair; it is sealed for its ``id`` and organisation. The number is empty for people."""

    id: str
    organization_number: str
    created_at: datetime
    sealed_pair: bytes


class ExchangeKeys(Protocol):
    """Key pairs, few."""

    def add(self, key: ExchangeKey) -> None: ...
    def of(self, organization_number: str) -> list[ExchangeKey]:
        """Return the organisation's key pairs, the newest first."""
        ...

    def remove_before(self, created_before: datetime) -> None:
        """Delete the key pairs that were created earlier."""
        ...
