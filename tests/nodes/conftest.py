"""Two nodes and no worker over one PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.memory import folder_in_memory
from tests.support.postgres import PostgresServer, postgres_server  # noqa: F401
from tests.support.server import Deployment, SocketMode


@dataclass(frozen=True, slots=True)
class Nodes:
    """The deployment, and the addresses of its nodes; links lead to the first."""

    deployment: Deployment
    first: str
    second: str


@pytest.fixture(scope="session")
def nodes(postgres_server: PostgresServer) -> Iterator[Nodes]:  # noqa: F811
    """Two nodes that nobody else uses, which lend every socket; consumers of their API have 10 calls a minute."""
    constants = SocketMode(lend_sockets=True).constants
    with postgres_server.database() as url, folder_in_memory() as folder:
        deployment = Deployment(
            folder, url, worker=False, constants=constants, settings={"api_requests_per_minute": 10}
        )
        with deployment, deployment.node_beside() as (second, _):
            yield Nodes(deployment, deployment.url, second)
