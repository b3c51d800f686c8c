"""Every fault, on a cluster with a bucket and on one with a shared directory; docs/faults.md is written at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos import report
from chaos.checks import Outcome, survive
from chaos.cluster import Cluster
from chaos.faults import LARGE, SMALL, Fault
from chaos.hosts import HOSTS, LOOPBACK, may_make_hosts
from chaos.machines import ON_A_BUCKET, ON_A_DIRECTORY

pytestmark = [
    pytest.mark.large,
    pytest.mark.skipif(not may_make_hosts(), reason="hosts of the tests' own take root; see docs/faults.md"),
    pytest.mark.timeout(3600),
    pytest.mark.allow_hosts([*LOOPBACK, HOSTS]),
]


def test_nothing_is_lost_whatever_breaks_under_load(folder: Path) -> None:
    with Cluster(folder / "bucket") as cluster:
        outcomes = survived(cluster, (*SMALL, *LARGE, *ON_A_BUCKET))
    with Cluster(folder / "directory", bucket=False) as cluster:
        outcomes += survived(cluster, ON_A_DIRECTORY)
    report.write(outcomes)


def survived(cluster: Cluster, faults: tuple[Fault, ...]) -> list[Outcome]:
    return [survive(cluster, fault) for fault in faults]
