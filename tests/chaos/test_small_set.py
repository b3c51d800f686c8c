"""The faults that every run tries: nodes, workers, database and store die or vanish under load, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos.checks import survive
from chaos.cluster import Cluster
from chaos.faults import SMALL
from chaos.hosts import HOSTS, LOOPBACK, may_make_hosts

pytestmark = [
    pytest.mark.skipif(not may_make_hosts(), reason="hosts of the tests' own take root; see tests/chaos"),
    pytest.mark.timeout(1800),
    pytest.mark.allow_hosts([*LOOPBACK, HOSTS]),
]


def test_nothing_is_lost_whatever_dies_under_load(folder: Path) -> None:
    with Cluster(folder) as cluster:
        for fault in SMALL:
            survive(cluster, fault)
