"""The examples of the pages for senders run, in their order, against the running service."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import DOCS
from tests.support.deployment.deployment import FJELL, OLA_NUMBER, Deployment
from tests.support.stage import sender


def blocks(page: str, language: str) -> list[str]:
    """A page's examples in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.M | re.S)


@pytest.fixture
def machine(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A sender's machine, with what the examples share in the folder where one stands; its environment."""
    sender.registered(deployment)
    (tmp_path / "vedtak.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "sak" / "kart").mkdir(parents=True)
    (tmp_path / "sak" / "kart" / "nord.png").write_bytes(b"png")
    (tmp_path / "mottakere.txt").write_text(f"{FJELL};søker\n{OLA_NUMBER}\n", "utf-8")
    given = sender.environment(deployment, tmp_path)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return given


def test_the_commands_of_the_page_do_what_it_says(machine: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "bin" / "deldokument"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m deldokument.cli.entry "$@"\n')
    program.chmod(0o700)
    environment = os.environ | machine | {"PATH": f"{program.parent}:{os.environ['PATH']}", "NUMBER": OLA_NUMBER}
    script = "\n".join(["set -euo pipefail", *blocks("command-line.md", "bash")])
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/d/\S{22}", lines[0])
    assert lines[-1] == "withdrawn"


@pytest.mark.usefixtures("machine")
def test_the_program_of_the_page_does_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    program = "\n".join(blocks("client.md", "python"))
    exec(compile(program, "client.md", "exec"), {})
    said = capsys.readouterr().out
    assert re.search(r"^http://127\.0\.0\.1:\d+/d/\S{22}$", said, re.M)
    for words in ("vedtak.pdf: 8 of 8 bytes", "Byggesak", "now until 20", "withdrawn", "404 not_found"):
        assert words in said, said
