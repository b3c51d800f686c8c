"""Whole sweeps, for tests of what they leave."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from deldokument.domain.audit import EventKind
from deldokument.ports.clock import Clock
from deldokument.ports.dependencies import Dependencies
from deldokument.services.maintenance.orphans import sweep_orphans


@dataclass(frozen=True)
class LaterClock:
    """Another clock, ``by`` ahead: what a crash has left is old enough to be swept."""

    clock: Clock
    by: timedelta

    def now(self) -> datetime:
        return self.clock.now() + self.by

    def skew(self) -> timedelta:
        return timedelta()


def swept(deps: Dependencies) -> list[int]:
    """How many orphans each sweep that took any has taken."""
    with deps.database.read() as tx:
        events = [event for _, event in tx.audit.events() if event.kind is EventKind.ORPHANS_SWEPT]
    return [int(event.details["count"]) for event in events]


def sweep_all(deps: Dependencies) -> int:
    """One sweep from where it stands to its end; how many orphans it took."""
    before = len(swept(deps))
    while sweep_orphans(deps):
        pass
    return sum(swept(deps)[before:])
