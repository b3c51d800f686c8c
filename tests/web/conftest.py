"""The application over a fresh world, for each test of its own."""

from collections.abc import Iterator

import pytest

from tests.support.browser import Web, serve, stage_in_memory
from tests.support.world import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A fresh world with its people."""
    with stage_in_memory() as made:
        yield made


@pytest.fixture
def web(stage: Stage) -> Iterator[Web]:
    """The application as it is deployed behind https://del.example."""
    served = serve(stage)
    yield served
    served.close()
