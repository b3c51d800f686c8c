"""Whole sweeps, for tests of what they leave."""

from __future__ import annotations

from deldokument.domain.audit import EventKind
from deldokument.ports.dependencies import World
from deldokument.services.maintenance.orphans import sweep_orphans


def swept(world: World) -> list[int]:
    """How many orphans each sweep that took any has taken."""
    with world.database.read() as tx:
        events = [event for _, event in tx.audit.events() if event.kind is EventKind.ORPHANS_SWEPT]
    return [int(event.details["count"]) for event in events]


def sweep_all(world: World) -> int:
    """One sweep from where it stands to its end; how many orphans it took."""
    before = len(swept(world))
    while sweep_orphans(world):
        pass
    return sum(swept(world)[before:])
