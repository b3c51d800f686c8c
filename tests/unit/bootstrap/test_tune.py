"""A full collection of garbage stops each thread for as long as there are objects to read."""

from __future__ import annotations

import gc

from deldokument.bootstrap.tune import leave_loaded_objects_alone


def test_what_is_loaded_is_not_collected_and_what_comes_later_is() -> None:
    loaded, frozen = len(gc.get_objects()), gc.get_freeze_count()
    leave_loaded_objects_alone()
    try:
        later = [object()]
        later.append(later)
        assert gc.get_freeze_count() >= frozen + loaded
        assert any(one is later for one in gc.get_objects())
        assert len(gc.get_objects()) < loaded
    finally:
        gc.unfreeze()
