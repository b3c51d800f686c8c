"""Every full garbage collection stops all threads, for longer the more objects it scans."""

from __future__ import annotations

import gc

from deldokument.bootstrap.tune import freeze_loaded_objects


def test_existing_objects_are_excluded_from_collection_and_later_ones_are_not() -> None:
    existing, frozen = len(gc.get_objects()), gc.get_freeze_count()
    # Nothing is unfrozen afterwards: tests/conftest.py has frozen what the run collected.
    freeze_loaded_objects()
    later = [object()]
    later.append(later)
    assert gc.get_freeze_count() >= frozen + existing
    assert any(one is later for one in gc.get_objects())
    assert len(gc.get_objects()) < existing
