"""Kari's uploads to the deployment that tests share."""

from __future__ import annotations

import pytest
from support.server import Deployment
from uploads.tus import Tus


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
