"""Who typed an operator's command is in the system's log, without what was typed after its name."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import typer

from deldokument.cli.command_log import command_name, login_name, record_command
from deldokument.cli.main import app
from tests.cli.transcripts import run
from tests.support.deployment.memory import folder_in_memory

_ROOT = typer.main.get_command(app)


@pytest.fixture
def system_log() -> Iterator[socket.socket]:
    """A system log: a socket, as `/dev/log` is."""
    with folder_in_memory() as folder, closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as log:
        log.bind(str(folder / "log"))
        log.settimeout(10)
        yield log


def test_the_name_of_a_command_ends_before_its_arguments() -> None:
    assert command_name(_ROOT, ["tenant", "create", "--administrator", "Anne Myhre"]) == "tenant create"
    assert command_name(_ROOT, ["operator", "add", "Tora Vik"]) == "operator add"
    assert command_name(_ROOT, ["--", "operator", "--", "add", "--", "Tora Vik"]) == "operator add"
    assert command_name(_ROOT, ["Tora Vik"]) == command_name(_ROOT, ["--help"]) == ""


def test_the_operator_is_the_user_of_sudo() -> None:
    assert login_name({"SUDO_USER": "tora"}) == "tora"
    assert login_name({})
    assert login_name({"SUDO_USER": ""}) == login_name({})


def test_the_system_log_has_the_command_and_who_typed_it_on_one_line(system_log: socket.socket) -> None:
    record_command("tenant freeze", "tora\nroot: fine", Path(system_log.getsockname()))
    line = system_log.recv(1000).rstrip(b"\0").decode()
    assert line.endswith(r"command: tenant freeze, typed by 'tora\nroot: fine'")
    # Facility authpriv (10), level INFO (6).
    assert line.startswith(f"<{10 * 8 + 6}>deldokument[{os.getpid()}]: ")


def test_a_command_of_an_operator_is_recorded_and_the_doctor_is_not(
    system_log: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deldokument.cli.command_log.SYSTEM_LOG", Path(system_log.getsockname()))
    monkeypatch.setenv("SUDO_USER", "tora")
    assert run({}, "doctor").exit_code == 2
    assert run({}, "operator", "add", "Kari Lunde").exit_code == 1
    line = system_log.recv(1000).rstrip(b"\0").decode()
    assert line.endswith("command: operator add, typed by 'tora'")
    assert "Kari" not in line


def test_a_worker_is_recorded_only_when_it_confirms_something(
    system_log: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deldokument.cli.command_log.SYSTEM_LOG", Path(system_log.getsockname()))
    monkeypatch.setenv("SUDO_USER", "tora")
    # Neither starts, because the settings are missing.
    assert run({}, "worker").exit_code == 1
    for options in ("--confirm-clock", "--confirm-ends", "--confirm-ends --confirm-clock"):
        assert run({}, "worker", *options.split()).exit_code == 1
        line = system_log.recv(1000).rstrip(b"\0").decode()
        assert line.endswith(f"command: worker {options}, typed by 'tora'")


def test_without_a_system_log_standard_error_has_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record_command("tenant freeze", "tora", tmp_path / "log")
    line = f"deldokument[{os.getpid()}]: command: tenant freeze, typed by 'tora'\n"
    assert capsys.readouterr() == ("", line)
