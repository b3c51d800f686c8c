"""Repository contract: tags and cards of rows that a version before 0.3.0 may have written.

For the task that tags them before tags are enforced (services.maintenance.row_tagging). It compares a row with the
events about it before it tags it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from deldokument.domain.audit import AuditEvent
from deldokument.domain.row_evidence import Doubt
from deldokument.domain.share import Recipient


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row that decides about access, whether or not it is damaged.

    ``is_intact``: its tag or card is valid. ``has_tag``: it has one, valid or not.
    """

    id: str
    values: Mapping[str, Any]
    is_intact: bool
    has_tag: bool


@dataclass(frozen=True, slots=True)
class RowSlice:
    """A slice of a table, and the last id seen; None at the table's end."""

    rows: tuple[StoredRow, ...]
    last: str | None


@dataclass(frozen=True, slots=True)
class DoubtfulRow:
    """A row that the events do not support."""

    kind: str
    id: str
    doubt: Doubt
    found_at: datetime


class RowTagging(Protocol):
    """Tags of existing rows, whether or not tags are enforced."""

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of authenticated rows."""
        ...

    def look(self, kind: str, after: str, limit: int) -> RowSlice:
        """Return the next ``limit`` rows by id after an id; empty for the first. An erased share needs no card."""
        ...

    def lock(self, kind: str, row_ids: Collection[str]) -> list[StoredRow]:
        """Return the rows, locked, without those that another transaction holds."""
        ...

    def events_about(self, kind: str, row_ids: Collection[str]) -> dict[str, list[AuditEvent]]:
        """Return the events that say what the rows should contain, by row, in the order of their chain."""
        ...

    def memberships(self, lookup_hashes: Collection[bytes]) -> set[tuple[str, bytes]]:
        """Return account and hash of members with these hashes, removed ones included."""
        ...

    def shares_of_documents(self, document_ids: Collection[str]) -> dict[str, str]:
        """Return the share of each document that exists, by document."""
        ...

    def tag(self, kind: str, rows: Collection[StoredRow]) -> None:
        """Give rows that ``lock`` has returned tags or cards for their values."""
        ...

    def untag(self, kind: str, row_ids: Collection[str]) -> None:
        """Remove the rows' tags or cards."""
        ...

    def set_role_hashes(self, kind: str, hashes: Mapping[str, bytes]) -> None:
        """Store the role hashes of members, administrators or operators, by id."""
        ...

    def set_grants(self, recipients: Sequence[Recipient]) -> None:
        """Store the recipients' grants, and nothing else of them."""
        ...

    def add_doubt(self, row: DoubtfulRow) -> bool:
        """List a row; return False if it is listed already."""
        ...

    def remove_doubts(self, kind: str, row_ids: Collection[str]) -> None:
        """Remove rows from the list."""
        ...

    def listed(self, kind: str, row_ids: Collection[str]) -> set[str]:
        """Return the ids among these that are listed."""
        ...

    def doubts(self, limit: int) -> list[DoubtfulRow]:
        """Return the listed rows, by kind and id."""
        ...

    def count_doubts(self) -> int:
        """Count the listed rows."""
        ...

    def count_bare(self, at_most: int) -> int:
        """Count the rows without any tag or card; at most ``at_most`` of each kind."""
        ...
