"""The log of a process."""

from __future__ import annotations

import logging


def configure_logging() -> None:
    """Log to standard error, one line for each event."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
