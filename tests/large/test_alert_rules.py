"""Prometheus takes the alert rules, and each fires beyond its limit."""

import pytest

from tests.docs.monitoring import FOLDER
from tests.support.servers.promtool import promtool

pytestmark = pytest.mark.large


@pytest.mark.parametrize(("command", "name"), [("check", "alerts.yml"), ("test", "alerts_test.yml")])
def test_promtool_accepts_the_rules_and_their_tests(command: str, name: str) -> None:
    promtool(command, "rules", FOLDER / name)
