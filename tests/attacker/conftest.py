"""One deployment for all attacks of a file; its database is put back after each."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.attacker.attack import Attack, Request
from tests.attacker.victims import victims
from tests.support.snapshots import snapshot
from tests.support.stage.stage import stage  # noqa: F401

_ALL_ROUTES = ("available", "draft")
"""The states of shares that every route is asked about."""


@pytest.fixture(scope="module")
def begun() -> Iterator[Attack]:
    with victims() as place, closing(snapshot(place.stage.database_url)) as kept:
        attack = Attack(place, kept)
        attack.learn(attack.narrow())
        yield attack


@pytest.fixture
def attack(begun: Attack) -> Iterator[Attack]:
    """The attack, before anything is changed."""
    yield begun
    begun.restore()


@pytest.fixture(scope="module")
def every_route(begun: Attack) -> list[Request]:
    """Every route, with what attackers are answered before anything is changed."""
    asked = begun.every(_ALL_ROUTES)
    begun.learn(asked)
    return asked
