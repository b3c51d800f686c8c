"""Every garbage collection stops all threads, for longer the more objects it scans."""

import gc
from collections.abc import Iterator

import pytest

from deldokument.bootstrap.tune import YOUNG_OBJECTS, tune_garbage_collection


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_existing_objects_are_excluded_from_collection_and_later_ones_are_not() -> None:
    existing, frozen = len(gc.get_objects()), gc.get_freeze_count()
    # Nothing is unfrozen afterwards: tests/conftest.py has frozen the collected objects.
    tune_garbage_collection()
    later = [object()]
    later.append(later)
    assert gc.get_freeze_count() >= frozen + existing
    assert any(one is later for one in gc.get_objects())
    assert len(gc.get_objects()) < existing


def test_new_objects_are_looked_at_less_often_and_all_of_them_as_often_as_before() -> None:
    young, *older = gc.get_threshold()
    tune_garbage_collection()
    assert gc.get_threshold() == (YOUNG_OBJECTS, *older)
    assert young < YOUNG_OBJECTS
