"""The application over a fresh world, for each test of its own."""

from collections.abc import Iterator

import pytest
from support.browser import Web, serve, stage_in_memory


@pytest.fixture
def web() -> Iterator[Web]:
    """The application as it is deployed behind https://del.example."""
    with stage_in_memory() as stage:
        served = serve(stage)
        yield served
        served.close()
