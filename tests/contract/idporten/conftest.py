"""What the contracts of ID-porten's client are tried with."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.faults.hostile_provider import HostileProvider


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    """A browser that follows no redirect by itself."""
    with httpx.Client() as client:
        yield client


@pytest.fixture(scope="module")
def hostile() -> Iterator[HostileProvider]:
    """A provider that lies."""
    with HostileProvider() as provider:
        yield provider
