"""Debian's Chromium, as it starts on any machine, also as root and without a screen."""

from __future__ import annotations

from playwright.sync_api import Browser, Playwright

_PROGRAM = "/usr/bin/chromium"
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
