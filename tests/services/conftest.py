"""The stage that each test of the use cases gets for itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.world import Stage, set_stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A fresh world with its people."""
    made = set_stage(tmp_path)
    yield made
    made.close()
