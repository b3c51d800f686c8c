"""Contracts for authenticated rows: the keys of their tags, and the reports of damaged rows.

The repositories verify the tag of each row that decides about access. They report a row whose tag is missing or
invalid, and treat it as damaged (docs/format.md, «Authenticated rows»).
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

MAX_REMEMBERED = 10_000
"""Damaged rows that a process remembers, so that it reports each once a day."""
ALARM_PERIOD = timedelta(days=1)
"""A row that stays damaged raises an alarm each time that this has passed."""


class IntegrityKeys(Protocol):
    """The keys of the tags. Implementations cache them, because every row needs one."""

    def row_key(self, kind: str) -> bytes:
        """Return the key of the tags of one kind of rows. Raises: Unavailable; Broken if the keyring has none."""
        ...


class DeploymentKeys(IntegrityKeys, Protocol):
    """The keys that live as long as the deployment. Implementations cache them: nearly every request needs one."""

    def directory_key(self) -> bytes:
        """Return the key of registered persons and sessions. Raises: Unavailable; Broken if the keyring has none."""
        ...


@dataclass(frozen=True, slots=True)
class DamagedRow:
    """A row that was changed outside the service: its tag is missing or invalid, or a text in it cannot be decrypted.

    A share is also damaged if one of its rows has such a text.
    """

    kind: str
    id: str


class ChainsBehind:
    """The event chains that lack events in the database, as this process last found.

    They are in memory, because a writer of the database could remove a mark in it. Thread-safe. For these tenants,
    repositories return no rows that are due to end, to be erased or to be sent.
    """

    def __init__(self) -> None:
        self.chains: frozenset[str] = frozenset()

    def note(self, chains: Collection[str]) -> bool:
        """Replace the set of chains; return whether it has changed."""
        before, self.chains = self.chains, frozenset(chains)
        return before != self.chains

    def __contains__(self, chain: str) -> bool:
        """Return whether the chain is behind."""
        return chain in self.chains


@dataclass(eq=False, slots=True)
class DamageReports:
    """The damaged rows that this process has found and not yet recorded. Thread-safe."""

    _waiting: dict[DamagedRow, None] = field(default_factory=dict)
    _known: dict[DamagedRow, float] = field(default_factory=dict)
    """When each was reported, in this order."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seconds: Callable[[], float] = time.monotonic
    findings: int = 0
    """How often a damaged row was found, also again. If it is unchanged, all that was read meanwhile was intact."""

    def report(self, row: DamagedRow) -> None:
        """Add a row, unless this process has reported it within `ALARM_PERIOD`."""
        with self._lock:
            self.findings += 1
            now = self._seconds()
            while self._known and now - next(iter(self._known.values())) >= ALARM_PERIOD.total_seconds():
                del self._known[next(iter(self._known))]
            if row not in self._known and len(self._known) < MAX_REMEMBERED:
                self._known[row] = now
                self._waiting[row] = None

    @property
    def is_empty(self) -> bool:
        """Whether no row waits to be recorded."""
        return not self._waiting

    def take(self) -> list[DamagedRow]:
        """Remove and return the rows that wait to be recorded."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        return taken

    def give_back(self, rows: Iterable[DamagedRow]) -> None:
        """Add rows that were taken and could not be recorded."""
        with self._lock:
            self._waiting.update(dict.fromkeys(rows))
