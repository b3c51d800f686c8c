"""What the contracts are tried on: SQLite in a file, PostgreSQL and SeaweedFS on loopback."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deldokument.adapters.http.client import outbound_client
from deldokument.store.database import Database
from tests.fakes.integrity import tagging
from tests.support.deployment.simulators import Running, start_simulators
from tests.support.deployment.stack import Embedded
from tests.support.servers.ceph import ceph, ceph_place  # noqa: F401
from tests.support.servers.openbao import bao_place, openbao  # noqa: F401
from tests.support.servers.postgres import empty_postgres_url, postgres_server, postgres_url  # noqa: F401
from tests.support.servers.seaweedfs import s3_place, seaweedfs  # noqa: F401
from tests.support.servers.softhsm import hsm, softhsm  # noqa: F401
from tests.support.stage.keyrings import (  # noqa: F401
    file_roots,
    keyring_url,
    memory_roots,
    openbao_opening,
    opening,
    pkcs11_roots,
    postgresql_opening,
    root_place,
    sqlite_opening,
    transit_roots,
)
from tests.support.stage.recorded_changes import recording_at

_FILES = Embedded()


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The simulated registers that the module lists in SIMULATORS."""
    with start_simulators(tmp_path_factory.mktemp("simulators"), names=request.module.SIMULATORS) as running:
        yield running


@pytest.fixture
def outbound() -> Iterator[httpx.Client]:
    """The client that the adapters of registers share."""
    with outbound_client() as client:
        yield client


@pytest.fixture
def sqlite_url(tmp_path: Path) -> Iterator[str]:
    """A fresh, migrated SQLite file, at an address that the next test has too."""
    url = _FILES.database_url(tmp_path)
    yield url
    _FILES.give_back(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database of each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The port on a fresh database. It records an event of each change of a share that has none."""
    # Known at its address, so that its statements are compiled once.
    opened = tagging(recording_at(database_url))
    yield opened
    opened.close()
