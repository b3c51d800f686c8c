"""Every fault, each on a cluster of its own; docs/faults.md tells of those that were survived."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos import report
from chaos.checks import survive
from chaos.cluster import Cluster
from chaos.faults import Fault
from chaos.hosts import HOSTS, LOOPBACK, may_make_hosts

pytestmark = [
    pytest.mark.large,
    pytest.mark.skipif(not may_make_hosts(), reason="hosts of the tests' own take root; see docs/faults.md"),
    pytest.mark.timeout(1800),
    pytest.mark.allow_hosts([*LOOPBACK, HOSTS]),
]


@pytest.mark.parametrize("fault", report.FAULTS, ids=str)
def test_nothing_is_lost_whatever_breaks_under_load(folder: Path, fault: Fault) -> None:
    report.forget(fault)
    with Cluster(folder / str(report.FAULTS.index(fault)), fault.kept) as cluster:
        report.enter(survive(cluster, fault))
