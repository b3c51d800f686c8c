"""The application over a fresh world, for each test of its own."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from deldokument.services.tenants.operators import add_operator
from tests.support.browser import Web, serve, stage_in_memory
from tests.support.stage.stage import SIV, Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A fresh world with its people."""
    with stage_in_memory() as new:
        yield new


@pytest.fixture(scope="module")
def still() -> Iterator[Web]:
    """The application over a world that the tests of a module leave as it is; Siv operates the service."""
    with stage_in_memory() as new:
        # Each test of the module logs in the same few people.
        new.deps = replace(new.deps, config=replace(new.deps.config, logins_per_hour=10_000))
        add_operator(new.deps, number=SIV, name="Siv Holm")
        served = serve(new)
        yield served
        served.close()


@pytest.fixture
def web(stage: Stage) -> Iterator[Web]:
    """The application as it is deployed behind https://del.example."""
    served = serve(stage)
    yield served
    served.close()
