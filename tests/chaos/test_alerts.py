"""Real faults raise their alerts and no others, by the delivered rules and the metrics of the nodes."""

import os
import re
import time
from collections.abc import Callable, Iterator, Set
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from deldokument.services.maintenance.health import HEARTBEAT_LIMIT
from deldokument.services.maintenance.lag import measure_lag
from deldokument.services.maintenance.retention import confirm_clock
from deldokument.web.management import LIVE
from tests.chaos.cluster import Cluster, Member
from tests.chaos.faults import no_workers, says_not_ready
from tests.chaos.machines import FAKE_TIME, leapt
from tests.chaos.network.hosts import HOSTS, LOOPBACK, may_make_hosts
from tests.chaos.programs import Bao, Disk, Postgres, wait_until
from tests.chaos.scraping import check_alerts, scrape
from tests.docs.documents import DOCS, table
from tests.support.deployment.deployment import OLA, OLA_NUMBER
from tests.support.deployment.simulators import log_in
from tests.support.servers.ports import NO_TLS

pytestmark = [
    pytest.mark.large,
    pytest.mark.skipif(not may_make_hosts(), reason="hosts of the tests' own take root; see docs/faults.md"),
    pytest.mark.timeout(600),
    pytest.mark.allow_hosts([*LOOPBACK, HOSTS]),
]
Fault = Callable[[Cluster], AbstractContextManager[None]]
_LATE = HEARTBEAT_LIMIT.total_seconds() + 1
_YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[Cluster]:
    """One for all faults: each mends what it broke."""
    with Cluster(folder / "alerts") as running:
        yield running


class Visitor:
    """Ola, who opens pages at every node and returns from ID-porten during the fault."""

    def __init__(self, cluster: Cluster) -> None:
        share_id = cluster.share([OLA_NUMBER], {"a.txt": b"for Ola"})
        self._cluster = cluster
        self._pages = ("/", "/mine", f"/d/{share_id}")
        self._cookies = dict(cluster.session(OLA).cookies)
        browser = cluster.client()
        begun = browser.get("/logg-inn?neste=/mine").headers["location"]
        with httpx.Client(**NO_TLS) as at_idporten:
            back = urlsplit(log_in(at_idporten, begun, person=OLA))
        self._back = f"{back.path}?{back.query}"
        self._begun = dict(browser.cookies)

    def visit(self) -> None:
        """Ask, and be content with any answer."""
        for node in self._cluster.nodes:
            # Several times: one slow page of a node that has just started must not be one in twenty.
            for page in self._pages * 3:
                self._cluster.asked(node, page, self._cookies)
        self._cluster.asked(self._cluster.nodes[0], self._back, self._begun)


@contextmanager
def nothing(_cluster: Cluster) -> Iterator[None]:
    """All is well."""
    yield


@contextmanager
def a_node_is_killed(cluster: Cluster) -> Iterator[None]:
    """kill -9 of one of three."""
    cluster.nodes[1].kill()
    try:
        yield
    finally:
        cluster.nodes[1].start()


@contextmanager
def the_workers_are_killed(cluster: Cluster) -> Iterator[None]:
    """kill -9 of both, before a share is withdrawn."""
    share_id = cluster.share([OLA_NUMBER], {"b.txt": b"to be withdrawn"})
    with no_workers(cluster):
        cluster.withdraw(share_id)
        yield


def the_database_is_killed(cluster: Cluster) -> AbstractContextManager[None]:
    """kill -9: no node can read its metrics."""
    return killed(cluster.postgres)


def the_keyring_is_killed(cluster: Cluster) -> AbstractContextManager[None]:
    """kill -9 of its PostgreSQL."""
    return killed(cluster.keys)


@contextmanager
def killed(server: Postgres | Bao) -> Iterator[None]:
    """It is killed, and started again at the end."""
    server.program.kill()
    try:
        yield
    finally:
        server.start()


@contextmanager
def a_row_is_changed(cluster: Cluster) -> Iterator[None]:
    """Somebody who can write to the database gives every share another day. No worker comes upon it before Ola does."""
    change = f"UPDATE share SET expires_at = expires_at + %s * {timedelta(days=1) // timedelta(microseconds=1)}"
    with no_workers(cluster), psycopg.connect(cluster.postgres.url, autocommit=True) as connection:
        connection.execute(change, [1])
        try:
            yield
        finally:
            connection.execute(change, [-1])


@contextmanager
def a_nodes_clock_is_ahead(cluster: Cluster) -> Iterator[None]:
    """By half a minute."""
    with restarted(cluster, cluster.nodes[1], LD_PRELOAD=FAKE_TIME, FAKETIME="+30s", DONT_FAKE_MONOTONIC="1"):
        yield


@contextmanager
def the_databases_clock_leaps(cluster: Cluster) -> Iterator[None]:
    """Two hours ahead, and back; nobody has looked at the clock yet."""
    with leapt(cluster):
        supervise(cluster, cluster.is_halted, "destruction did not halt")
        for node in cluster.nodes:
            says_not_ready(cluster, node)
    supervise(cluster, lambda: all(map(cluster.is_ready, cluster.nodes)), "a node is not ready")
    try:
        yield
    finally:
        confirm_clock(cluster.node.deps)


@contextmanager
def a_nodes_disk_is_nearly_full(cluster: Cluster) -> Iterator[None]:
    """A gigabyte is left where it writes its temporary files."""
    disk = Disk(cluster.folder / "disk-tmp", 1000)
    try:
        with restarted(cluster, cluster.nodes[1], TMPDIR=str(disk.path)):
            yield
    finally:
        disk.close()


@contextmanager
def idporten_is_down(cluster: Cluster) -> Iterator[None]:
    """It drops connections, so nobody who comes back from it is logged in."""
    cluster.registers.fail("idporten", "down")
    try:
        yield
    finally:
        cluster.registers.fail("idporten", "ok")


@contextmanager
def the_clients_key_is_a_year_old(cluster: Cluster) -> Iterator[None]:
    """The file of the key that ID-porten and Maskinporten know."""
    assert cluster.settings.idporten is not None
    key, now = cluster.settings.idporten.client_key_path, time.time()
    os.utime(key, (now, now - _YEAR.total_seconds()))
    try:
        yield
    finally:
        os.utime(key)


@contextmanager
def restarted(cluster: Cluster, node: Member, **environment: str) -> Iterator[None]:
    """A node runs with this in its environment, for as long as the block lasts."""
    node.kill()
    node.start(**environment)
    try:
        wait_until(lambda: cluster.health(node, LIVE) == 200, "a node does not start")
        yield
    finally:
        node.kill()
        node.start()


def supervise(cluster: Cluster, true: Callable[[], bool], otherwise: str) -> None:
    """Wait, and start again what ends, as systemd does: a worker ends if the database dies while it starts."""

    def is_true() -> bool:
        for member in cluster.nodes + cluster.workers:
            if member.program.ended():
                member.kill()
                member.start()
        return true()

    wait_until(is_true, otherwise)


def is_well(cluster: Cluster) -> bool:
    """Whether every node is ready, and a worker has done what the last fault left to do."""
    if not all(map(cluster.is_ready, cluster.nodes)):
        return False
    lag = measure_lag(cluster.node.deps)
    return lag.heartbeat_age is not None and lag.heartbeat_age < HEARTBEAT_LIMIT and not lag.waiting["keys"].count


# Each with the seconds that it lasts, and its alerts. A worker that has halted does not beat either.
FAULTS: list[tuple[Fault, float, Set[str]]] = [
    (nothing, 0, set()),
    (a_node_is_killed, 0, {"NodeDown"}),
    (the_workers_are_killed, _LATE, {"NoWorker", "KeysLate"}),
    (the_database_is_killed, 0, {"NodeDown", "NoWorker"}),
    (the_keyring_is_killed, 0, {"ServerErrors", "LoginsFail"}),
    (a_row_is_changed, 0, {"DamagedRow"}),
    (a_nodes_clock_is_ahead, 0, {"ClockSkew", "ServerErrors"}),
    (the_databases_clock_leaps, _LATE, {"DestructionHalted", "NoWorker"}),
    (a_nodes_disk_is_nearly_full, 0, {"LittleSpace"}),
    (idporten_is_down, 0, {"LoginsFail", "RegisterFails", "ServerErrors"}),
    (the_clients_key_is_a_year_old, 0, {"Expired", "ExpiresSoon"}),
]


def test_the_page_has_the_alerts_of_every_fault() -> None:
    rows = table((DOCS / "faults.md").read_text("utf-8"), "Alarms")
    assert [set(re.findall(r"`(\w+)`", row[1])) for row in rows] == [alerts for _, _, alerts in FAULTS]


@pytest.mark.parametrize(("fault", "seconds", "alerts"), FAULTS, ids=[fault.__name__ for fault, _, _ in FAULTS])
def test_a_fault_raises_its_alerts_and_no_others(
    cluster: Cluster, tmp_path: Path, fault: Fault, seconds: float, alerts: Set[str]
) -> None:
    supervise(cluster, lambda: is_well(cluster), "the last fault is not mended")
    visitor = Visitor(cluster)
    with fault(cluster):
        before = scrape(cluster)
        visitor.visit()
        time.sleep(seconds)
        after = scrape(cluster)
    check_alerts(tmp_path, before, after, alerts)
