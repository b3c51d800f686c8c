"""The deployment against which pages are run."""

from support.server import deployment  # noqa: F401
