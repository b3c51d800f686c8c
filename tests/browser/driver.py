"""A browser that Playwright does not drive, as the walk of tests/browser/general/test_other_browsers.py needs it.

Controls are found by role and name, as the browser itself tells them to assistive technology.
"""

import re
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from tests.support.deployment.deployment import wait_until

PATIENCE_SECONDS = 120
CANDIDATES = {
    "link": "a[href]",
    "button": "button",
    "checkbox": "input[type=checkbox]",
    "textbox": "input:not([type]), input[type=text], textarea",
}
"""By role, which elements are asked for their name. To ask all takes a browser many seconds."""


@contextmanager
def running(words: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A program until the block is left."""
    process: subprocess.Popen[str] = subprocess.Popen(words, text=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


class DriverError(Exception):
    """The browser refused a command: the page has changed, or the element is gone."""


class Driver(ABC):
    """One window, which goes through the proxy on loopback. ``downloads`` is where it saves files."""

    downloads: Path

    def __enter__(self) -> Self:
        with ExitStack() as started:
            self.start(started)
            self._open = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @abstractmethod
    def start(self, started: ExitStack) -> None:
        """Start the browser; ``started`` ends it, and what it needs."""

    @abstractmethod
    def open(self, url: str) -> None:
        """Go to a page, and wait until it is loaded."""

    @abstractmethod
    def find(self, role: str, name: str) -> list[str]:
        """References to the elements with this role and name."""

    @abstractmethod
    def click(self, element: str) -> None:
        """As a person with a mouse."""

    @abstractmethod
    def type(self, element: str, text: str) -> None:
        """Type into a field."""

    @abstractmethod
    def choose_file(self, selector: str, path: Path) -> None:
        """Give a file to the picker."""

    @abstractmethod
    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, as JSON."""

    def text(self) -> str:
        """What can be read on the page."""
        return str(self.evaluate("document.body.innerText"))

    def wait_for(self, pattern: str) -> None:
        """Wait until the page has text like this."""
        self._until(lambda: re.search(pattern, self.text()) is not None, f"the page never said {pattern!r}")

    def press(self, role: str, name: str) -> None:
        """Click on the control, as soon as it is there."""
        self._act(role, name, self.click)

    def fill(self, name: str, text: str) -> None:
        """Type into the text field, as soon as it is there."""
        self._act("textbox", name, lambda element: self.type(element, text))

    def _act(self, role: str, name: str, act: Callable[[str], None]) -> None:
        def acted() -> bool:
            for element in self.find(role, name)[:1]:
                act(element)
                return True
            return False

        self._until(acted, f"no {role} {name!r} could be used")

    def _until(self, true: Callable[[], bool], otherwise: str) -> None:
        """Wait, also over a page that is just being renewed."""

        def so() -> bool:
            try:
                return true()
            except DriverError:
                return False

        wait_until(so, PATIENCE_SECONDS, otherwise)
