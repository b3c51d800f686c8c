"""The metrics of a running node are what is so: on PostgreSQL, with two server processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deldokument.adapters.sql.postgres import MAX_CONNECTIONS
from deldokument.web.metrics import PATH
from tests.support.clamd import Clamd, running_clamd
from tests.support.memory import folder_in_memory
from tests.support.server import Deployment, wait_until

_TOKEN = "a token of the monitoring"


@pytest.fixture
def clamd(tmp_path: Path) -> Iterator[Clamd]:
    with running_clamd(tmp_path / "clamd") as started:
        yield started


@pytest.fixture
def running(postgres_url: str, clamd: Clamd) -> Iterator[Deployment]:
    settings = {"serve_workers": 2, "metrics_token": _TOKEN, "scanner_url": f"unix://{clamd.socket}"}
    with folder_in_memory() as folder, Deployment(folder, postgres_url, worker=False, settings=settings) as deployment:
        yield deployment


def metrics(running: Deployment) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels."""
    url, headers = f"{Deployment.management(running.url)}{PATH}", {"Authorization": f"Bearer {_TOKEN}"}
    families = text_string_to_metric_families(httpx.get(url, headers=headers).raise_for_status().text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_a_node_reports_what_is_so(running: Deployment, clamd: Clamd) -> None:
    # Both processes have started.
    limit = 2 * MAX_CONNECTIONS
    wait_until(
        lambda: metrics(running)["deldokument_database_connections_limit",] == limit, 90, "not the limit of both"
    )
    found = metrics(running)
    breakers = {labels[0]: open_ for (name, *labels), open_ in found.items() if name == "deldokument_breaker_open"}
    assert breakers == {"altinn": 0, "enhetsregisteret": 0, "idporten": 0}
    assert found["deldokument_scanner_up",] == 1
    clamd.signal(signal.SIGKILL)
    assert metrics(running)["deldokument_scanner_up",] == 0
