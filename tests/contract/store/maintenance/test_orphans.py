"""The progress of the orphan sweep moves by compare-and-set."""

from dataclasses import replace

from deldokument.store.database import Database
from deldokument.store.maintenance.orphans import Sweep
from tests.contract.records import NOW


def test_a_sweep_moves_only_from_the_expected_state(database: Database) -> None:
    first = Sweep(NOW)
    second = replace(first, deleting=True, shelf=255, seen=3_000_000_000, orphans=2)
    with database.write() as tx:
        assert tx.orphans.sweep() is None
        assert tx.orphans.move_sweep(None, None)
        assert not tx.orphans.move_sweep(first, second)
        assert tx.orphans.move_sweep(None, first)
        assert not tx.orphans.move_sweep(None, second)
        assert tx.orphans.sweep() == first
        assert tx.orphans.move_sweep(first, second)
        assert not tx.orphans.move_sweep(first, None)
    with database.write() as tx:
        assert tx.orphans.sweep() == second
        assert tx.orphans.move_sweep(second, None)
        assert tx.orphans.sweep() is None
