"""Debian's Chromium, as it starts on any machine, also as root and without a screen.

On the second stack, which is nothing to a browser, it is the one that can show no window: the same engine, and a third
less work for the machine.
"""

from __future__ import annotations

from playwright.sync_api import Browser, Playwright
from support.stack import stack_name

_PROGRAM = "/usr/bin/chromium" if stack_name() == "embedded" else "/usr/bin/chromium-headless-shell"
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Date fields follow the browser's language, not the page's.
    "--lang=nb-NO",
)


def launch(playwright: Playwright) -> Browser:
    """A browser, to be closed by the caller."""
    return playwright.chromium.launch(executable_path=_PROGRAM, args=_ARGUMENTS)
