"""Databases without tables, of each kind."""

from pathlib import Path

import pytest

from tests.support.servers.postgres import empty_postgres_url, postgres_server  # noqa: F401


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database in which nothing is."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'a 100% new.db'}"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url
