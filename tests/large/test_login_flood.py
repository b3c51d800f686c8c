"""250 connections without a login ask to log in while ID-porten is slow; what a logged-in recipient notices.

The figures are printed: pytest -m large -s tests/large/test_login_flood.py
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

import httpx
import pytest

from tests.support.deployment.deployment import OLA, OLA_NUMBER, Deployment
from tests.support.faults.flood import flood

pytestmark = [pytest.mark.large, pytest.mark.timeout(600)]

CONNECTIONS = 250
PROVIDER_SECONDS = 4
MEASURED_SECONDS = 30.0
P95_SECONDS = 0.5


def test_a_flood_of_logins_at_a_slow_provider_delays_no_recipient(tmp_path: Path) -> None:
    with Deployment(tmp_path) as running:
        running.share([OLA_NUMBER], {"vedtak.pdf": b"innhold"})
        ola = running.session(OLA)
        before = [_seconds(lambda: ola.get("/mine")) for _ in range(20)]
        running.registers.fail("idporten", "slow", seconds=PROVIDER_SECONDS)
        took: list[float] = []
        with flood(running.port, CONNECTIONS, "/logg-inn?neste=/mine") as answers:
            time.sleep(2 * PROVIDER_SECONDS)
            until = time.monotonic() + MEASURED_SECONDS
            while time.monotonic() < until:
                took.append(_seconds(lambda: ola.get("/mine")))
                time.sleep(0.1)
        sys.stdout.write(
            f"\n/mine: {median(before):.3f} s before; {len(took)} requests under the flood: "
            f"median {median(took):.3f} s, p95 {_p95(took):.3f} s, longest {max(took):.3f} s; "
            f"answers to the flood: {dict(answers)}\n"
        )
    assert _p95(took) < P95_SECONDS


def _p95(took: list[float]) -> float:
    return quantiles(took, n=20)[-1] if len(took) > 1 else took[0]


def _seconds(ask: Callable[[], httpx.Response]) -> float:
    began = time.monotonic()
    assert ask().status_code == 200
    return time.monotonic() - began
