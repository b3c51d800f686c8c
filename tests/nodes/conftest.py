"""Two nodes and no worker over one PostgreSQL, and the delivered proxy before them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.deployment.deployment import Deployment, SocketMode
from tests.support.deployment.memory import folder_in_memory
from tests.support.servers.nginx import Front, proxy
from tests.support.servers.postgres import PostgresServer, postgres_server  # noqa: F401


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


@pytest.fixture(scope="session")
def front(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The proxy before both nodes."""
    addresses = [url.removeprefix("http://") for url in (nodes.first, nodes.second)]
    with proxy(tmp_path_factory.mktemp("proxy"), addresses) as running:
        yield running


@contextmanager
def listening(folder: Path) -> Iterator[socket.socket]:
    """A Unix socket as the service manager keeps it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "serve.sock"))
        listener.listen(100)
        yield listener


@pytest.fixture(scope="session")
def local(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The proxy before a node with two processes at a Unix socket, as on one machine."""
    folder = tmp_path_factory.mktemp("local")
    with (
        listening(folder) as listener,
        # This distinguishes its log lines from those of the others.
        nodes.deployment.node_beside("serve --workers 2", listener, DELDOKUMENT_LOG_FORMAT="json"),
        proxy(folder / "proxy", [f"unix:{listener.getsockname()}"]) as running,
    ):
        yield running


@pytest.fixture(params=["front", "local"])
def either(request: pytest.FixtureRequest) -> Front:
    """The proxy before nodes at TCP, and before one at a Unix socket."""
    found: Front = request.getfixturevalue(request.param)
    return found
