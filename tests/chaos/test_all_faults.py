"""Every fault, one after the other; docs/faults.md tells of those that were survived."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.chaos import report
from tests.chaos.checks import survive
from tests.chaos.cluster import Cluster, Kept
from tests.chaos.faults import Fault
from tests.chaos.network.hosts import HOSTS, LOOPBACK, may_make_hosts

pytestmark = [
    pytest.mark.large,
    pytest.mark.skipif(not may_make_hosts(), reason="hosts of the tests' own take root; see docs/faults.md"),
    pytest.mark.timeout(1800),
    pytest.mark.allow_hosts([*LOOPBACK, HOSTS]),
]


class ReusedCluster:
    """One cluster for several faults, until a fault is not survived, or needs another cluster or free space."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened = ExitStack()
        self._clusters: list[Cluster] = []
        self._kept: Kept | None = None

    @contextmanager
    def cluster(self, kept: Kept) -> Iterator[Cluster]:
        """A cluster of that kind. If the block fails, the next one gets a new cluster."""
        if kept != self._kept or not self._clusters[-1].has_free_space:
            self.close()
            new = Cluster(self._folder / str(len(self._clusters)), kept)
            self._clusters.append(self._opened.enter_context(new))
            self._kept = kept
        try:
            yield self._clusters[-1]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """It is gone."""
        self._kept = None
        self._opened.close()


@pytest.fixture(scope="module")
def reused_cluster(folder: Path) -> Iterator[ReusedCluster]:
    """None, to begin with."""
    cluster = ReusedCluster(folder)
    yield cluster
    cluster.close()


@pytest.mark.parametrize("fault", report.FAULTS, ids=str)
def test_nothing_is_lost_in_any_fault_under_load(reused_cluster: ReusedCluster, fault: Fault) -> None:
    report.forget(fault)
    with reused_cluster.cluster(fault.kept) as cluster:
        report.enter(survive(cluster, fault))
