"""The operators' commands and their output."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deldokument.adapters.documents.signing import create_seal_certificate, valid_until
from deldokument.services.audit.checkpoints import fingerprint
from tests.cli.transcripts import FIRST, HELP, KARI, SETUP, first_text, help_text, run, settings, setup_text, tamper
from tests.support.deployment.deployment import wait_until

PRIVATE = {"d", "p", "q", "dp", "dq", "qi"}


def process(environment: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    """A command as a process of its own, with nothing but these settings."""
    command = [sys.executable, "-m", "deldokument.cli.main", *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DELDOKUMENT_")}
    return subprocess.Popen(
        command, env={**kept, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def handles(running: subprocess.Popen[str], number: signal.Signals) -> bool:
    """Whether the process has a handler for a signal (proc_pid_status(5))."""
    [caught] = re.findall(r"^SigCgt:\t(\w+)$", Path(f"/proc/{running.pid}/status").read_text(), re.M)
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_the_help_of_every_command_is_as_committed() -> None:
    assert help_text() == HELP.read_text("utf-8")


@pytest.mark.embedded  # Output about the root key's file, and about a missing schema.
def test_creating_a_deployment_matches_the_committed_transcript(folder: Path) -> None:
    assert first_text(folder) == FIRST.read_text("utf-8")


def test_setting_up_goes_as_the_committed_transcript_says(
    folder: Path, deployment: dict[str, str], register: str
) -> None:
    text = setup_text(folder, deployment | {"DELDOKUMENT_ENHETSREGISTERET_BASE_URL": register})
    assert text == SETUP.read_text("utf-8")
    assert KARI not in text


def test_a_number_is_never_an_argument(deployment: dict[str, str]) -> None:
    for command in (("member", "add", "X"), ("tenant", "add-administrator", "X"), ("operator", "add")):
        result = run(deployment, *command, "Kari Lunde", "--number", KARI)
        assert result.exit_code == 2
        assert "--number" not in run(deployment, *command[:2], "--help").output


def test_an_id_that_begins_with_a_hyphen_is_an_id(deployment: dict[str, str]) -> None:
    result = run(deployment, "account", "create", "-AAAAAAAAAAAAAAAAAAAAA", "Byggesak")
    assert (result.exit_code, "not_found (tenant)" in result.output) == (1, True)


def test_a_client_key_is_written_for_its_owner_and_only_the_public_part_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Removing permissions after the file exists is too late: another process may already have opened it.
    monkeypatch.delattr(Path, "chmod")
    path = tmp_path / "client.json"
    result = run({}, "keys", "create-client", str(path))
    [public], private = json.loads(result.stdout)["keys"], json.loads(path.read_text("utf-8"))
    assert not PRIVATE & public.keys()
    assert private.keys() >= PRIVATE
    assert (public["kid"], public["n"]) == (private["kid"], private["n"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = run({}, "keys", "create-client", str(path))
    assert again.exit_code == 1
    assert json.loads(path.read_text("utf-8")) == private


@pytest.mark.parametrize("broken", ["", "[]", "public", "nameless"])
@pytest.mark.parametrize("register", ["IDPORTEN", "MASKINPORTEN"])
def test_a_file_without_a_client_key_is_named_and_not_shown(
    deployment: dict[str, str], register: str, broken: str
) -> None:
    setting = f"DELDOKUMENT_{register}_CLIENT_KEY_PATH"
    whole = json.loads(Path(deployment[setting]).read_text("utf-8"))
    parts = {
        "public": {name: value for name, value in whole.items() if name not in PRIVATE},
        "nameless": {name: value for name, value in whole.items() if name != "kid"},
    }
    path = Path(deployment["DELDOKUMENT_DATA_DIR"]) / "broken.json"
    path.write_text(json.dumps(parts[broken]) if broken in parts else broken, "utf-8")
    result = run(deployment | {setting: str(path)}, "doctor")
    assert (result.exit_code, f"CRITICAL: client key {path}: " in result.output) == (2, True)
    assert whole["d"] not in result.output


@pytest.mark.embedded  # Output about the root key's file.
def test_a_root_key_is_never_overwritten(deployment: dict[str, str]) -> None:
    path = Path(deployment["DELDOKUMENT_DATA_DIR"]) / "root.key"
    before = path.read_bytes()
    assert run(deployment, "keys", "create-root").exit_code == 1
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_seal_is_created_once_for_its_owner_and_the_doctor_shows_its_expiry(
    deployment: dict[str, str],
) -> None:
    assert "seal: MISSING" in run(deployment, "doctor").output
    result = run(deployment | {"DELDOKUMENT_OPERATOR_NAME": "Drift Ø"}, "keys", "seal")
    assert result.exit_code == 0
    data = Path(deployment["DELDOKUMENT_DATA_DIR"])
    kept = {path: path.read_bytes() for path in (data / "seal.key", data / "seal.pem")}
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert fingerprint(kept[data / "seal.pem"]) in result.output
    assert f"seal: valid until {valid_until(kept[data / 'seal.pem']).date()}" in run(deployment, "doctor").output
    again = run(deployment, "keys", "seal")
    assert (again.exit_code, "seal_exists" in again.output) == (1, True)
    assert {path: path.read_bytes() for path in kept} == kept


def test_the_doctor_reports_an_expired_seal_as_critical(deployment: dict[str, str]) -> None:
    data = Path(deployment["DELDOKUMENT_DATA_DIR"])
    long_ago = datetime(2016, 1, 1, tzinfo=UTC)
    create_seal_certificate(
        data / "seal.key", data / "seal.pem", operator_name="Drift", operator_number="", at=long_ago
    )
    examined = run(deployment, "doctor")
    assert (examined.exit_code, "seal: CRITICAL: EXPIRED 2020-12-30" in examined.output) == (2, True)


def test_an_incomplete_seal_prevents_the_start(deployment: dict[str, str]) -> None:
    assert run(deployment, "keys", "seal").exit_code == 0
    (Path(deployment["DELDOKUMENT_DATA_DIR"]) / "seal.key").chmod(0o644)
    refused = run(deployment, "doctor")
    assert (refused.exit_code, "chmod 600" in refused.output) == (2, True)


@pytest.mark.embedded  # Output about the root key's file.
def test_after_a_rotation_the_new_root_key_opens_all_entries_and_the_old_one_none(deployment: dict[str, str]) -> None:
    path = Path(deployment["DELDOKUMENT_DATA_DIR"]) / "root.key"
    assert run(deployment, "operator", "add", "Kari Lunde", typed=f"{KARI}\n").exit_code == 0
    before = path.read_bytes()
    assert run(deployment, "keys", "rotate-root").exit_code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run(deployment, "operator", "list").exit_code == 0
    path.write_bytes(before)
    assert run(deployment, "operator", "list").exit_code == 1
    assert "keyring: CRITICAL: " in run(deployment, "doctor").output


def test_migrating_twice_has_no_further_effect(deployment: dict[str, str]) -> None:
    assert run(deployment, "migrate").exit_code == 0


def test_the_doctor_reports_halts_and_the_worker_ends_them_when_they_are_confirmed(
    deployment: dict[str, str],
) -> None:
    assert run(deployment, "doctor").exit_code == 0
    tamper(deployment, f"UPDATE deployment SET halted_at = {int(time.time() * 1_000_000)}, ends_halted_at = 1")
    halted = run(deployment, "doctor")
    assert halted.exit_code == 2
    assert "destruction: CRITICAL: HALTED" in halted.output
    typed = re.findall(r"deldokument (worker) (--confirm-\w+)", halted.output)
    assert typed == [("worker", "--confirm-clock"), ("worker", "--confirm-ends")]
    worker = process(deployment, "worker", "--confirm-clock", "--confirm-ends")
    # It confirms both before it handles signals.
    wait_until(lambda: handles(worker, signal.SIGTERM), 90, "the worker has not started")
    wait_until(lambda: run(deployment, "doctor").exit_code == 0, 90, "the halt has not ended")
    worker.send_signal(signal.SIGTERM)
    # It runs at nice(2) 10, behind other processes of the machine.
    assert worker.wait(60) == 0
    worker.communicate()
    assert run(deployment, "doctor").exit_code == 0


def test_an_incomplete_configuration_names_the_missing_settings(folder: Path) -> None:
    environment = settings(folder)
    for name in ("IDPORTEN_CLIENT_ID", "ALTINN_BASE_URL", "MASKINPORTEN_ISSUER"):
        del environment[f"DELDOKUMENT_{name}"]
    half = process(environment, "serve")
    out, errors = half.communicate(timeout=60)
    answers = [(half.returncode, out, errors)]
    for command in ("worker", "migrate"):
        result = run(environment, command)
        answers.append((result.exit_code, result.stdout, result.stderr))
    for code, out, errors in answers:
        assert (code, out) == (1, "")
        for name in ("IDPORTEN_CLIENT_ID", "ALTINN_BASE_URL", "MASKINPORTEN_ISSUER"):
            assert f"DELDOKUMENT_{name}" in errors
        assert "Traceback" not in errors
        assert "subscription-secret" not in errors


@pytest.mark.embedded  # Output about the root key's file.
def test_serve_does_not_start_without_schema_or_root_key(folder: Path) -> None:
    environment = settings(folder)
    (folder / "data").mkdir()
    assert "deldokument migrate" in run(environment, "doctor").output
    run(environment, "migrate")
    keyless = run(environment, "doctor")
    assert keyless.exit_code == 2
    assert "root" in keyless.output


@pytest.mark.parametrize(
    "public", [{"HOST": "0.0.0.0"}, {"PUBLIC_URL": "https://del.eksempel.example"}, {"HOST": "192.0.2.1"}]
)
def test_the_demos_settings_are_refused_behind_a_public_address(folder: Path, public: dict[str, str]) -> None:
    local = {"DEMO": "true", "PUBLIC_URL": "http://127.0.0.1:8000", "HOST": "127.0.0.1"}
    result = run(settings(folder, **(local | public)), "migrate")
    assert result.exit_code == 1
    assert "demo settings can never bind a public address" in result.output
    assert not (folder / "data").exists()


@pytest.mark.parametrize("command", ["add-integration", "integration-rights"])
def test_no_command_gives_a_system_access_to_an_account(command: str) -> None:
    result = run({}, "account", command)
    assert result.exit_code == 2
    assert "No such command" in result.output


def test_an_unknown_command_is_an_error_and_no_command_prints_the_usage() -> None:
    assert run({}, "destroy").exit_code == 2
    assert "Usage: deldokument" in run({}).output
    assert run({}, "--version").output.strip()
