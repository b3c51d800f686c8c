"""A folder that every user may look into: PostgreSQL does not run as root, and pytest's own are for their owner."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Gone at the end."""
    with TemporaryDirectory(prefix="deldokument-faults-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
