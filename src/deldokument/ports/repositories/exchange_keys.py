"""Repository contract: key pairs to which systems encrypt their uploads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ExchangeKey:
    """A sealed key pair; ``id`` is the record that it is sealed for."""

    id: str
    created_at: datetime
    sealed_pair: bytes


class ExchangeKeys(Protocol):
    """Key pairs, few."""

    def add(self, key: ExchangeKey) -> None: ...
    def all(self) -> list[ExchangeKey]:
        """Return all key pairs, the newest first."""
        ...

    def remove_before(self, created_before: datetime) -> None:
        """Delete the key pairs that were created earlier."""
        ...
