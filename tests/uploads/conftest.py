"""Kari's uploads to the deployment that tests share."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from tests.support.deployment.deployment import SOCKET_MODES, Deployment, Deployments, SocketMode, kept
from tests.uploads.tus import Tus


@pytest.fixture
def draft(deployment: Deployment) -> str:
    """An empty draft of Kari's, filled in, with Ola as recipient."""
    draft_id = deployment.draft()
    deployment.add_recipients(draft_id, ["21879498012"])
    return draft_id


@pytest.fixture
def tus(deployment: Deployment, draft: str) -> Tus:
    """Kari's tus client, with that draft."""
    return Tus(deployment, draft)


@pytest.fixture(scope="session")
def mortals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployments]:
    """Start what ``mortal`` returns. When it is stopped it waits two seconds for requests under way, not ten."""

    def start(mode: SocketMode | None) -> AbstractContextManager[Deployment]:
        assert mode is not None
        waits = {"deldokument.server.listeners.UNDER_WAY_SECONDS": 2}
        return mode.deployment(tmp_path_factory.mktemp("mortal"), waits, worker=False)

    with kept("mortal", start) as started:
        yield started


@pytest.fixture(scope="session", params=SOCKET_MODES)
def mortal(request: pytest.FixtureRequest, mortals: Deployments) -> Deployment:
    """Return a deployment to kill and to stop."""
    return mortals(request.param)


@pytest.fixture
def mortal_tus(mortal: Deployment) -> Tus:
    """Kari's tus client there, with a draft."""
    draft_id = mortal.draft()
    mortal.add_recipients(draft_id, ["21879498012"])
    return Tus(mortal, draft_id)
