"""Kari's uploads to the deployment that tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.server import SOCKET_MODES, Deployment, SocketMode
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


@pytest.fixture(scope="session", params=SOCKET_MODES)
def mortal(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """A deployment to kill and to stop. When it is stopped it waits two seconds for requests under way, not ten."""
    mode: SocketMode = request.param
    with mode.deployment(
        tmp_path_factory.mktemp("mortal"), {"deldokument.server.listeners.UNDER_WAY_SECONDS": 2}
    ) as running:
        yield running


@pytest.fixture
def mortal_tus(mortal: Deployment) -> Tus:
    """Kari's tus client there, with a draft."""
    draft_id = mortal.draft()
    mortal.add_recipients(draft_id, ["21879498012"])
    return Tus(mortal, draft_id)
