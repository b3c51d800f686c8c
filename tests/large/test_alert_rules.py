"""Prometheus takes the alert rules, and faults raise their alerts."""

from __future__ import annotations

import subprocess

import pytest

from tests.docs.documents import ROOT

pytestmark = pytest.mark.large


@pytest.mark.parametrize("command", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_promtool_accepts_the_rules_and_their_tests(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["promtool", *command], cwd=ROOT / "deploy" / "monitoring", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
