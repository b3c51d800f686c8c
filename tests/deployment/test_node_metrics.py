"""The metrics of a running node are what is so: on PostgreSQL, with two server processes."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from prometheus_client.parser import text_string_to_metric_families

from deldokument.bootstrap.node_state import CLIENT_KEY_LIFETIME
from deldokument.store.engine.postgres import MAX_CONNECTIONS
from deldokument.web.metrics import PATH
from tests.support.deployment.deployment import Deployment, wait_until
from tests.support.deployment.memory import folder_in_memory
from tests.support.servers.clamd import Clamd, running_clamd
from tests.support.servers.mail import make_certificate

_TOKEN = "a token of the monitoring"
_SECONDS = 90.0


@pytest.fixture
def clamd(tmp_path: Path) -> Iterator[Clamd]:
    with running_clamd(tmp_path / "clamd") as started:
        yield started


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """What the URL of the database names. The server has no TLS, so that nobody asks for it."""
    return make_certificate(tmp_path)[0]


@pytest.fixture
def running(postgres_url: str, clamd: Clamd, certificate: Path) -> Iterator[Deployment]:
    settings = {"serve_workers": 2, "metrics_token": _TOKEN, "scanner_url": f"unix://{clamd.socket}"}
    url = f"{postgres_url}?sslrootcert={certificate}"
    with folder_in_memory() as folder, Deployment(folder, url, settings=settings) as deployment:
        yield deployment


def metrics(running: Deployment, name: str) -> dict[str, float]:
    """The samples of a metric, each by the value of its label, if it has one."""
    url, headers = f"{Deployment.management(running.url)}{PATH}", {"Authorization": f"Bearer {_TOKEN}"}
    families = text_string_to_metric_families(httpx.get(url, headers=headers, timeout=60).raise_for_status().text)
    samples = [one for family in families for one in family.samples if one.name == f"deldokument_{name}"]
    return {"".join(one.labels.values()): one.value for one in samples}


def expiry(path: Path) -> float:
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc.timestamp()


def test_a_node_reports_what_is_so(running: Deployment, clamd: Clamd, certificate: Path) -> None:
    # Both processes have started.
    limit = {"": 2 * MAX_CONNECTIONS}
    wait_until(lambda: metrics(running, "database_connections_limit") == limit, _SECONDS, "not the limit of both")
    assert metrics(running, "breaker_open") == {"altinn": 0, "enhetsregisteret": 0, "idporten": 0}
    # All its files are on one disk. Others write there too.
    [free] = metrics(running, "free_bytes").values()
    assert free == pytest.approx(shutil.disk_usage(running.folder).free, abs=10**9)
    # The worker publishes the certificate of the seal.
    wait_until(lambda: "seal" in metrics(running, "expiry_timestamp_seconds"), _SECONDS, "no seal")
    key_created_at = (running.folder / "registers" / "client-key.json").stat().st_mtime
    keys_end = pytest.approx(key_created_at + CLIENT_KEY_LIFETIME.total_seconds(), abs=1)
    assert metrics(running, "expiry_timestamp_seconds") == {
        "client key at ID-porten": keys_end,
        "client key at Maskinporten": keys_end,
        "certificate of database sslrootcert": expiry(certificate),
        "seal": expiry(running.settings.seal_certificate_path),
    }
    assert metrics(running, "scanner_up") == {"": 1}
    clamd.signal(signal.SIGKILL)
    assert metrics(running, "scanner_up") == {"": 0}
