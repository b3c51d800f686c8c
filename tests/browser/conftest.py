"""Chromium before the demo. The demo is one per worker; what a test needs of it (shares, drafts) it makes itself.

One browser serves all tests of this folder that run one after the other. It is closed before a test of another
folder. While it runs, no test on the same worker can run its own loop.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.browser.chromium import SHELL, WHOLE, launch
from tests.browser.demo import Demo
from tests.browser.network import Network
from tests.browser.visitor import Visit, Visitor
from tests.support.deployment.memory import folder_in_memory
from tests.support.deployment.resting import resting
from tests.support.deployment.stack import stack_name

_PATIENCE_MS = 60_000
_MEMORY_BYTES = 4 << 30
"""For what all tests share in one demo, a file of a gigabyte among them (test_sender.py)."""
_FOLDER = Path(__file__).parent


class _Running:
    """Playwright and the browser, from the first test that asks for them until the folder is left."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None

    def playwright(self) -> Playwright:
        if self._playwright is None:
            expect.set_options(timeout=_PATIENCE_MS)
            self._playwright = self._open.enter_context(sync_playwright())
        return self._playwright

    def browser(self) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            self._browser = launch(self.playwright())
            self._open.callback(self._browser.close)
        return self._browser

    def close(self) -> None:
        self._playwright = self._browser = None
        self._open.close()


_RUNNING = _Running()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Iterator[None]:
    """After the fixtures of the test have ended."""
    try:
        return (yield)
    finally:
        if nextitem is None or _FOLDER not in nextitem.path.parents:
            _RUNNING.close()


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The demo, running. Its clock only goes forward."""
    with folder_in_memory(_MEMORY_BYTES) as folder, Demo(folder / "data") as running, resting("demo", running.let_work):
        yield running


@pytest.fixture
def chromium() -> Browser:
    """The browser."""
    return _RUNNING.browser()


@pytest.fixture
def whole_chromium() -> Iterator[Browser]:
    """The browser as people have it, for ``visit(browser=...)``. It is nothing to the second stack."""
    browser = launch(_RUNNING.playwright(), WHOLE if stack_name() == "embedded" else SHELL)
    yield browser
    browser.close()


@pytest.fixture
def network() -> Iterator[Network]:
    """A network that can be cut, for visitors who are given its ``proxy``."""
    with Network() as new:
        yield new


@pytest.fixture
def visit(demo: Demo, chromium: Browser) -> Iterator[Visit]:
    """Makes a visitor, logged in when a name is given. At the end none of them may have met a problem."""
    visitors: list[Visitor] = []

    def new(name: str = "", to: str = "", browser: Browser = chromium, **options: Any) -> Visitor:
        visitor = Visitor(browser, demo.url, **options)
        visitor.context.set_default_timeout(_PATIENCE_MS)
        visitors.append(visitor)
        if name:
            visitor.enter(name, to)
        return visitor

    yield new
    for visitor in visitors:
        visitor.close()
