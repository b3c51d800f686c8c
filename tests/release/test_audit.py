"""`make audit` never says that nothing is known when nobody was asked."""

import json
from typing import Any

import pytest

from release.audit import FOUND, NONE_KNOWN, NOT_CHECKED, NotChecked, npm_findings, outcome, python_findings

pytestmark = pytest.mark.once

KNOWN = {"name": "a", "version": "1.0", "vulns": [{"id": "PYSEC-2026-1"}]}
CLEAN = {"name": "b", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited: c (1.0)"}


def test_vulnerabilities_are_found_in_both_reports() -> None:
    assert python_findings(json.dumps({"dependencies": [KNOWN, CLEAN]})) == ["a 1.0: PYSEC-2026-1"]
    assert npm_findings(json.dumps({"vulnerabilities": {"x": {"severity": "high"}}})) == ["x: high"]
    assert npm_findings(json.dumps({"vulnerabilities": {}})) == []


@pytest.mark.parametrize("report", ["", "[]", "no JSON", {"dependencies": []}, {"dependencies": [CLEAN, UNKNOWN]}])
def test_a_package_that_the_feed_does_not_know_is_not_reported_as_free_of_vulnerabilities(report: Any) -> None:
    with pytest.raises(NotChecked):
        python_findings(report if isinstance(report, str) else json.dumps(report))


@pytest.mark.parametrize("report", ["", "{}", '{"error": {"code": "ENOTFOUND"}}'])
def test_a_registry_without_a_feed_is_not_reported_as_free_of_vulnerabilities(report: str) -> None:
    with pytest.raises(NotChecked):
        npm_findings(report)


def test_the_exit_status_distinguishes_found_unchecked_and_clean() -> None:
    def unchecked() -> list[str]:
        raise NotChecked("no answer")

    assert outcome({"npm": list}) == (NONE_KNOWN, ["npm: no known vulnerability"])
    assert outcome({"npm": list, "Python": unchecked})[0] == NOT_CHECKED
    status, lines = outcome({"Python": unchecked, "npm": lambda: ["x: high"]})
    assert (status, lines) == (FOUND, ["NOT CHECKED: Python: no answer", "npm: x: high"])
