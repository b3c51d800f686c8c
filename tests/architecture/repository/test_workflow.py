"""The workflow and the hook that run the checks elsewhere: valid, and they call targets that the Makefile has.

The schema is the one that `check-jsonschema` carries, so the check needs no network.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.architecture.rules import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "test.yml"
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))


def schema_errors(path: Path) -> str:
    """Return what the schema of GitHub's workflows objects to in the file; empty if the file is valid."""
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    checked = subprocess.run([sys.executable, *command], check=False, capture_output=True, text=True)
    return "" if checked.returncode == 0 else checked.stdout + checked.stderr


def workflow() -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    return loaded


def commands(job: dict[str, Any]) -> list[str]:
    """Return the `make` commands of a job, one for each target of its matrix."""
    runs = [step["run"] for step in job["steps"] if step.get("run", "").startswith("make ")]
    matrix = job.get("strategy", {}).get("matrix", {"target": [""]})
    return [run.replace("${{ matrix.target }}", target) for run in runs for target in matrix["target"]]


def test_the_workflow_is_valid() -> None:
    assert schema_errors(WORKFLOW) == ""


def test_an_invalid_workflow_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "test.yml"
    wrong.write_text(WORKFLOW.read_text("utf-8").replace("runs-on:", "runs-at:"), "utf-8")
    assert "runs-at" in schema_errors(wrong)


def test_each_push_and_pull_request_runs_make_test_and_each_night_the_other_suites() -> None:
    # YAML 1.1 reads the key `on` as true.
    assert {"push", "pull_request", "schedule"} == set(workflow()[True])
    jobs = workflow()["jobs"]
    assert jobs["test"]["if"] == "github.event_name != 'schedule'"
    assert jobs["nightly"]["if"] == "github.event_name == 'schedule'"
    assert commands(jobs["test"]) == ["make test"]
    assert commands(jobs["nightly"]) == ["make test-cluster", "make test-large", "make audit"]
    assert {"test", "test-cluster", "test-large", "audit"} <= TARGETS


def test_each_job_has_only_the_privileges_that_it_needs() -> None:
    assert "--privileged" not in WORKFLOW.read_text("utf-8")
    jobs = workflow()["jobs"]
    assert isinstance(jobs["test"]["container"], str)
    assert jobs["nightly"]["container"]["options"] == "${{ matrix.options }}"
    matrix = jobs["nightly"]["strategy"]["matrix"]
    # An option of the matrix itself would run all targets twice, instead of adding one.
    assert matrix.keys() == {"target", "include"}
    assert [one["target"] for one in matrix["include"]] == ["test-cluster", "test-large"]


def test_images_and_actions_are_pinned_by_digest() -> None:
    jobs = workflow()["jobs"]
    assert jobs["test"]["container"] == jobs["nightly"]["container"]["image"]
    assert re.fullmatch(r"debian@sha256:[0-9a-f]{64}", jobs["test"]["container"])
    actions = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert actions
    assert [action for action in actions if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)] == []


def test_the_hook_before_a_commit_runs_make_lint() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == ["make lint"]
    assert "lint" in TARGETS
