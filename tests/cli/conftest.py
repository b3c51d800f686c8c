"""A deployment's settings in an environment of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.transcripts import database_url, make_ready, on_stack, write_client_key
from tests.support.deployment.memory import folder_in_memory
from tests.support.deployment.simulators import start_simulators
from tests.support.deployment.stack import stack
from tests.support.servers.postgres import postgres_url  # noqa: F401


@pytest.fixture(scope="session")
def client_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A client key, made once."""
    path = tmp_path_factory.mktemp("keys") / "client.json"
    write_client_key(path)
    return path


@pytest.fixture
def folder(client_key: Path) -> Iterator[Path]:
    """An empty place with the client key in it."""
    with folder_in_memory() as new:
        (new / "client.json").write_bytes(client_key.read_bytes())
        yield new


@pytest.fixture
def deployment(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a deployment that is ready to run, on the run's stack."""
    environment = on_stack(folder)
    make_ready(environment)
    yield environment
    stack().give_back(database_url(environment))


@pytest.fixture(scope="session")
def register(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Enhetsregisteret, simulated; its URL."""
    with start_simulators(tmp_path_factory.mktemp("registers"), names=["enhetsregisteret"]) as running:
        yield running.enhetsregisteret
