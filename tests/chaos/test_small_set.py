"""The faults that every run tries, one of each kind; the others are in test_all_faults.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.checks import survive
from tests.chaos.cluster import Cluster
from tests.chaos.network.hosts import HOSTS, LOOPBACK, may_make_hosts
from tests.chaos.report import EVERY_RUN

pytestmark = [
    pytest.mark.skipif(not may_make_hosts(), reason="hosts of the tests' own take root; see docs/faults.md"),
    pytest.mark.timeout(1800),
    pytest.mark.allow_hosts([*LOOPBACK, HOSTS]),
]


def test_nothing_is_lost_when_something_dies_is_cut_off_or_has_a_wrong_clock(folder: Path) -> None:
    with Cluster(folder) as cluster:
        for fault in EVERY_RUN:
            survive(cluster, fault)
