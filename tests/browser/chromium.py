"""Debian's Chromium, as it starts on any machine, also as root and without a screen.

Most tests use ``chromium-headless-shell``: the same engine without windows, for about half the processor time. Sharing
and fetching by the keyboard (browser/general/test_keyboard.py) run in the whole Chromium too, on the embedded stack.
"""

from playwright.sync_api import Browser, Playwright

WHOLE, SHELL = "/usr/bin/chromium", "/usr/bin/chromium-headless-shell"
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


def launch(playwright: Playwright, program: str = SHELL, *arguments: str) -> Browser:
    """A browser with more ``arguments``, to be closed by the caller."""
    return playwright.chromium.launch(executable_path=program, args=[*_ARGUMENTS, *arguments])
