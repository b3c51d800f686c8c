"""What the commands for senders take, refuse and promise in words; that they share is tests/client's business."""

import io
import os
import re
import subprocess
import sys
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from deldokument.cli.sending import sender_console
from deldokument.cli.sending.sender_console import read_recipients, read_until, share_id_of
from deldokument.client import Settings, To
from tests.cli.transcripts import run
from tests.docs.documents import DOCS, table

pytestmark = pytest.mark.once

OLA, FJELL = "21879498012", "312824450"
PAGE = (DOCS / "command-line.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("typed", "instant"),
    [
        ("2026-12-24", "2026-12-24T23:00:00+00:00"),
        ("2026-06-30", "2026-06-30T22:00:00+00:00"),
        ("2026-12-24T15:30", "2026-12-24T14:30:00+00:00"),
        ("2026-12-24 15:30", "2026-12-24T14:30:00+00:00"),
        ("2026-12-24T15:30:00Z", "2026-12-24T15:30:00+00:00"),
        ("2026-12-24T15:30+02:00", "2026-12-24T13:30:00+00:00"),
    ],
)
def test_a_day_counts_to_its_end_in_norway_and_a_time_is_norwegian(typed: str, instant: str) -> None:
    assert read_until(typed).astimezone(UTC) == datetime.fromisoformat(instant)


@pytest.mark.parametrize("typed", ["", "tomorrow", "24.12.2026", "2026-13-01", "9999-12-31", "20261224", "2026-W52-4"])
def test_an_invalid_end_is_wrong_usage(typed: str) -> None:
    with pytest.raises(typer.BadParameter, match="YYYY-MM-DD"):
        read_until(typed)


def test_recipients_come_from_options_and_files_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "to.txt"
    path.write_text(f"# søkere\n\n{OLA[:6]} {OLA[6:]}; søker\n{FJELL}\n", "utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO("47906701517\n"))
    found = read_recipients([FJELL, "-"], [str(path)], [f"{FJELL}=advokat"], confirmed=False)
    assert found == [To(FJELL, "advokat"), To(OLA, "søker"), To("47906701517")]


def test_a_byte_order_mark_is_not_part_of_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "to.csv").write_text(f"{OLA};søker\r\n", "utf-8-sig")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"\ufeff{FJELL}\n"))
    found = read_recipients([], [str(tmp_path / "to.csv"), "-"], [], confirmed=False)
    assert found == [To(OLA, "søker"), To(FJELL)]


def test_one_option_may_have_several_numbers_to_confirm() -> None:
    assert read_recipients([f"{OLA},{FJELL}"], [], [], confirmed=True) == [To(OLA, "", True), To(FJELL, "", True)]


@pytest.mark.parametrize(
    ("to", "files", "labels"),
    [
        ([], [], []),
        (["12345"], [], []),
        ([OLA[:-1] + "x"], [], []),
        ([OLA], ["nowhere.txt"], []),
        ([OLA], [], ["søker"]),
        ([OLA], [], [f"{OLA}="]),
        ([OLA], [], [f"{FJELL}=advokat"]),
    ],
)
def test_invalid_recipients_are_wrong_usage(to: list[str], files: list[str], labels: list[str]) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        read_recipients(to, files, labels, confirmed=False)
    assert not re.search(r"\d{5}", str(caught.value)), "an error repeats what may be somebody's number"


def test_a_label_in_the_file_overrides_the_option(tmp_path: Path) -> None:
    path = tmp_path / "to.txt"
    path.write_text(f"{FJELL};søker\n", "utf-8")
    assert read_recipients([], [str(path)], [f"{FJELL}=advokat"], confirmed=False) == [To(FJELL, "søker")]


def test_a_share_is_named_by_its_id_or_its_link() -> None:
    assert {share_id_of(given) for given in ("abc", "https://del.example/d/abc", "https://del.example/d/abc/")} == {
        "abc"
    }


PLAIN = {"TERM": "dumb", "COLUMNS": "100", "NO_COLOR": "1"}
HOME = {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": ""}
SHARE = ("share", __file__, "--account", "A", "--until", "2026-12-24")


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (("list",), sender_console.EXIT_HERE, "missing DELDOKUMENT_CLIENT_URL"),
        ((*SHARE, "--to", OLA), sender_console.EXIT_HERE, "missing DELDOKUMENT_CLIENT_URL"),
        (SHARE, 2, "name a recipient"),
        (("share", "--account", "A", "--until", "2026-12-24"), 2, "Missing argument"),
        ((*SHARE, "--to", OLA, "--parallel", "17"), 2, "--parallel"),
        (("extend", "abc", "--until", "soon"), 2, "YYYY-MM-DD"),
    ],
)
def test_an_error_is_printed_with_its_exit_code(given: tuple[str, ...], code: int, words: str) -> None:
    result = run(HOME, *given)
    assert (result.exit_code, words in result.output) == (code, True), result.output


def test_exit_codes_are_those_of_the_page_and_of_the_help() -> None:
    codes = {
        sender_console.EXIT_HERE,
        sender_console.EXIT_REFUSED,
        sender_console.EXIT_UNREACHABLE,
        sender_console.EXIT_INTERRUPTED,
    } | {0, 2}
    assert {int(row[0]) for row in table(PAGE, "Exit status")} == codes
    status = run(HOME, "share", "--help").output.split("Exit status:")[1].split("╭")[0]
    assert {int(code) for code in re.findall(r"^ +(\d)  ", status, re.M)} == codes


def test_every_setting_of_a_sender_is_on_the_page_and_nothing_else() -> None:
    rows = table(PAGE, "Before the first share")
    names = {row[1].strip("`"): row[0].strip("`") for row in rows}
    assert names.pop("–") == "DELDOKUMENT_CLIENT_CONFIG"
    assert names == {field.name: f"DELDOKUMENT_CLIENT_{field.name.upper()}" for field in fields(Settings)}


def test_the_help_warns_of_numbers_on_a_command_line() -> None:
    assert "can be seen by other users of the machine" in run(HOME, "share", "--help").output


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ({"COMP_WORDS": "deldokument share --lab", "COMP_CWORD": "2"}, "bash"),
        ({"_TYPER_COMPLETE_ARGS": "deldokument share --lab"}, "zsh"),
        ({"_TYPER_COMPLETE_ARGS": "deldokument share --lab", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}, "fish"),
    ],
    ids=("bash", "zsh", "fish"),
)
def test_a_shell_completes_options_without_the_service(typed: dict[str, str], given: str) -> None:
    asked = typed | {"_DELDOKUMENT_COMPLETE": f"complete_{given}"}
    script = """
import sys
sys.argv = ['deldokument']
from deldokument.cli.entry import main
try:
    main()
except SystemExit:
    pass
assert 'deldokument.bootstrap.runtime' not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | asked)
    assert done.returncode == 0, done.stderr
    assert "--label" in done.stdout


def test_a_shell_completes_the_commands() -> None:
    asked = {"_DELDOKUMENT_COMPLETE": "complete_bash", "COMP_WORDS": "deldokument sh", "COMP_CWORD": "1"}
    line = [sys.executable, "-m", "deldokument.cli.entry"]
    done = subprocess.run(line, capture_output=True, text=True, env=os.environ | asked)
    assert done.stdout.split() == ["share", "show"]


def test_a_senders_command_loads_nothing_of_the_service() -> None:
    script = """
import sys
sys.argv = ['deldokument', 'share', '--help']
from deldokument.cli.entry import main
try:
    main()
except SystemExit:
    pass
packages = {name.split('.')[1] for name in sys.modules if name.startswith('deldokument.')}
assert packages == {'cli', 'client'}, packages
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | PLAIN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == run(PLAIN, "share", "--help").output.strip()


def test_the_program_has_all_its_commands() -> None:
    line = [sys.executable, "-m", "deldokument.cli.entry", "--help"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    for command in ("share", "receipts", "serve", "tenant"):
        assert re.search(rf"│ {command} ", done.stdout), done.stdout
