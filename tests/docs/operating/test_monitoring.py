"""Page, alert rules and dashboard use the metrics that the code has, and the page explains each."""

import re

import pytest
import yaml

from deldokument.cli.operate.doctor import SPACE
from deldokument.services.maintenance.health import (
    EXPIRY_WARNING,
    HEARTBEAT_LIMIT,
    KEYS_LIMIT,
    LAG_WARNINGS,
    OTHER_LAG_WARNING,
    SKEW_WARNING,
    TRAIL_WARNING,
)
from tests.docs.documents import table
from tests.docs.monitoring import DASHBOARD, FOLDER, as_json, dashboard, families, sample_names
from tests.support.deployment.operating_page import PAGE

_NAME = re.compile(r"deldokument_\w+")
_QUEUE = re.compile(r'queue=~?"([\w|]+)"')
_RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
_TESTS = yaml.safe_load((FOLDER / "alerts_test.yml").read_text("utf-8"))["tests"]
RULES = {rule["alert"]: " ".join(rule["expr"].split()) for rule in _RULES}


def test_the_page_explains_every_metric_and_no_other() -> None:
    explained = {name for row in table(PAGE, "What to watch") for name in _NAME.findall(row[0])}
    plain = {re.sub(r"_total$", "", name) for name in explained}
    assert plain == {family.name for family in families()}


@pytest.mark.parametrize("name", ["alerts.yml", "alerts_test.yml", "dashboard.json"])
def test_every_metric_of_the_monitoring_exists(name: str) -> None:
    assert set(_NAME.findall((FOLDER / name).read_text("utf-8"))) <= sample_names()


def test_the_dashboard_is_the_one_that_the_code_makes() -> None:
    """After a change of the metrics: python -m tests.docs.monitoring."""
    assert DASHBOARD.read_text("utf-8") == as_json()


def test_the_dashboard_defines_its_variables() -> None:
    defined = {variable["name"] for variable in dashboard()["templating"]["list"]}
    used = set(re.findall(r"\$\{(\w+)", as_json()))
    assert used == defined


def watched(text: str) -> set[tuple[str, str]]:
    """Return the metrics that a text names, each with every queue that it names."""
    queues = [queue for found in _QUEUE.findall(text) for queue in found.split("|")]
    return {(name.removesuffix("_bucket"), queue) for name in _NAME.findall(text) for queue in queues or [""]}


def test_every_alarm_of_the_page_has_a_rule_and_every_rule_an_alarm() -> None:
    rows = [row for row in table(PAGE, "What to watch") if not row[2].startswith("none")]
    assert set().union(*(watched(row[0]) for row in rows)) == set().union(*map(watched, RULES.values()))


@pytest.mark.parametrize("fires", [True, False])
def test_every_rule_is_tested_beyond_its_limit_and_at_it(fires: bool) -> None:
    checks = [check for test in _TESTS for check in test["alert_rule_test"]]
    assert {check["alertname"] for check in checks if bool(check.get("exp_alerts")) is fires} == set(RULES)


def test_the_rules_have_the_doctors_limits() -> None:
    seconds = {queue: int(limit.total_seconds()) for queue, limit in LAG_WARNINGS.items()}
    hour = int(OTHER_LAG_WARNING.total_seconds())
    assert RULES["NoWorker"].startswith(f"deldokument_heartbeat_age_seconds > {HEARTBEAT_LIMIT.seconds} ")
    assert RULES["KeysLate"].endswith(f"> {seconds['keys']}")
    assert RULES["KeysVeryLate"].endswith(f"> {KEYS_LIMIT.seconds}")
    assert RULES["InspectionLate"].endswith(f"> {seconds['inspection']}")
    assert all(RULES[name].endswith(f"> {hour}") for name in ("BlobsLate", "MessagesLate", "WebhooksLate"))
    assert RULES["TrailUnverified"].endswith(f"> {TRAIL_WARNING.days} * 86400")
    assert RULES["ClockSkew"].endswith(f"> {SKEW_WARNING.seconds}")
    assert RULES["ExpiresSoon"].endswith(f"< {EXPIRY_WARNING.days} * 86400")
    space = re.findall(r'deldokument_free_bytes{place="(\w+)"} < (\S+)', RULES["LittleSpace"])
    assert {place: float(limit) for place, limit in space} == {place: warning for place, (warning, _) in SPACE.items()}


def test_every_rule_says_how_bad_it_is_and_what_it_means() -> None:
    assert {rule["labels"]["severity"] for rule in _RULES} == {"warning", "critical"}
    assert all(rule["annotations"]["summary"] for rule in _RULES)
