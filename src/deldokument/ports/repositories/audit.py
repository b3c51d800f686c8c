"""Repository contract: event chains of the audit trail.

Each tenant has a hash chain of events, and events that concern no tenant have one too. Numbers begin at 1 in each
chain. Searches order events by time, then by number; a chain is read in the order of its numbers. See
ports.repositories.transaction for what holds for all repositories.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.chain import Fault, Mark


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its place in its chain, and the tag by which the service knows its own events."""

    number: int
    previous: bytes
    hash: bytes
    event: AuditEvent
    tag: bytes = b""


Place = tuple[datetime, int]
"""Position of an event in the order of a search: time, then number."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A filter for the events of one chain, from ``since`` until before ``until``. None: not restricted.

    ``subject_ids`` are the ids of one person; an empty tuple matches nothing.
    """

    chain: str
    since: datetime | None = None
    until: datetime | None = None
    kind: EventKind | None = None
    share_id: str | None = None
    subject_ids: tuple[str, ...] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the filter matches every event of the chain."""
        return self == EventFilter(self.chain)


class Audit(Protocol):
    """The events of the audit trail."""

    def append(self, event: AuditEvent) -> None:
        """Write the event when the transaction ends, linked to the last one of its chain.

        From that write on, transactions that append to the same chain wait for each other; others do not.
        """
        ...

    def events(self, *, share_id: str | None = None, limit: int = 1000) -> list[tuple[int, AuditEvent]]:
        """Return the newest events with their numbers, oldest first, of one share or of all chains."""
        ...

    def newest(self, wanted: EventFilter, *, before: Place | None, limit: int) -> list[StoredEvent]:
        """Return the newest matching events, newest first; ``before`` continues."""
        ...

    def oldest(self, wanted: EventFilter, *, after: Place | None, last_number: int, limit: int) -> list[StoredEvent]:
        """Return the oldest matching events up to ``last_number``, oldest first; ``after`` continues."""
        ...

    def following(self, chain: str, *, after: int, last_number: int, limit: int) -> list[StoredEvent]:
        """Return events of a chain in the order of their numbers."""
        ...

    def are_own(self, events: Iterable[StoredEvent]) -> bool:
        """Return whether the service wrote each of these events as it is stored here; report the first other one."""
        ...

    def head(self, chain: str) -> Mark:
        """Return the last event of a chain."""
        ...

    def ends(self) -> dict[str, Mark]:
        """Return the head of each chain whose last event is there."""
        ...

    def has(self, chain: str, mark: Mark) -> bool:
        """Return whether the chain has an event with this number and hash."""
        ...

    def chains(self) -> list[str]:
        """Return the keys of all chains that have an event, a head or a checkpoint."""
        ...

    def verify(self, chain: str | None = None) -> Fault | None:
        """Return the first fault in any chain, or in this one; None if there is none.

        Checkpoints are compared with the chain; their signatures are not verified.
        """
        ...

    def verify_since(self, chain: str, mark: Mark) -> Fault | None:
        """Verify one chain as ``verify`` does, from a mark on, the marked event included."""
        ...
