"""The application over a fresh world, and the fagsystemer that call it."""

from collections.abc import Iterator

import pytest

from tests.support.browser import Web, serve, stage_in_memory
from tests.support.stage.api import Systems, systems


@pytest.fixture
def web() -> Iterator[Web]:
    """The application as it is deployed behind https://del.example."""
    with stage_in_memory() as stage:
        served = serve(stage)
        yield served
        served.close()


@pytest.fixture
def cast(web: Web) -> Systems:
    """The systems."""
    return systems(web)
