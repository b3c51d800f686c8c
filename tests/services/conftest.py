"""The stage that each test of the use cases gets for itself."""

from collections.abc import Iterator

import pytest

from tests.support.memory import folder_in_memory
from tests.support.world import Stage, set_stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A fresh world with its people."""
    with folder_in_memory() as folder:
        made = set_stage(folder)
        yield made
        made.close()
