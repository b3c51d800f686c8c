"""Chromium before the demo. The demo is one per worker; what a test needs of it (shares, drafts) it makes itself.

The browser is one per module and no longer: while it runs, no other test on the same worker can run a loop of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.chromium import launch
from tests.browser.demo import Demo
from tests.browser.network import Network
from tests.browser.visitor import Visit, Visitor

_PATIENCE_MS = 20_000


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, running. Its clock only goes forward."""
    with Demo(tmp_path_factory.mktemp("demo") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser."""
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def network() -> Iterator[Network]:
    """A network that can be cut, for visitors who are given its ``proxy``."""
    with Network() as made:
        yield made


@pytest.fixture
def visit(demo: Demo, chromium: Browser) -> Iterator[Visit]:
    """Makes a visitor, logged in when a name is given. At the end none of them may have met a problem."""
    made: list[Visitor] = []

    def new(name: str = "", to: str = "/", **options: Any) -> Visitor:
        visitor = Visitor(chromium, demo.url, **options)
        visitor.context.set_default_timeout(_PATIENCE_MS)
        made.append(visitor)
        if name:
            visitor.log_in(name, to)
        return visitor

    yield new
    for visitor in made:
        visitor.close()
