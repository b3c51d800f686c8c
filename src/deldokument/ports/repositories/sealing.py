"""Repository contract: tags and cards of rows that a version before 0.3.0 has written.

For the task that seals them before tags are enforced. It compares a row with the event log before it has it sealed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class UnsealedRows:
    """A slice of a table: the ids of its rows without a valid tag, and the last id seen; None at the table's end."""

    ids: tuple[str, ...]
    last: str | None


class Sealing(Protocol):
    """Tags of existing rows, whether or not tags are enforced."""

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of authenticated rows."""
        ...

    def unsealed(self, kind: str, after: str, limit: int) -> UnsealedRows:
        """Look at the next ``limit`` rows by id after an id; empty for the first. An erased share needs no card."""
        ...

    def seal(self, kind: str, row_ids: Collection[str]) -> None:
        """Give the rows tags or cards as they are now, their rows locked."""
        ...
