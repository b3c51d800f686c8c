"""What commands print for people, and what they write."""

from pathlib import Path

import pytest

from deldokument.cli.output import new_file, say_changed, say_error, say_one, say_rows
from tests.support.deployment.process_limits import files_no_longer_than

pytestmark = pytest.mark.once


def test_an_id_is_whole_in_a_narrow_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    columns = ("id", "state", "title", "expires_at", "recipients", "documents")
    say_rows(columns, [dict.fromkeys(columns, "a long value") | {"id": "zRrQdwU8W39Glg6n_RPh-A"}], as_json=False)
    assert "zRrQdwU8W39Glg6n_RPh-A" in capsys.readouterr().out


def test_a_row_in_a_pipe_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    columns = ("id", "state", "title", "expires_at", "recipients", "documents")
    words = "Vedtak i sak 26/1042 om innvilget ramme for tiltak på eiendommen"
    say_rows(columns, [dict.fromkeys(columns, "available") | {"title": words}], as_json=False)
    [line] = [line for line in capsys.readouterr().out.splitlines() if "available" in line]
    assert words in line
    assert line.count("available") == 5


def test_a_file_without_space_is_not_left_in_part(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with files_no_longer_than(100), pytest.raises(OSError, match="File too large"), new_file(path) as file:
        file.write(b"x" * 200)
    assert not path.exists()


def test_an_existing_file_stays_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(b"there")
    with pytest.raises(FileExistsError), new_file(path):
        raise AssertionError
    assert path.read_bytes() == b"there"


def test_a_title_is_shown_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    titles = ["Svar [utkast]", "Sak [/24]", "Vedtak :id: 7"]
    say_rows(("title",), [{"title": title} for title in titles], as_json=False)
    for title in titles:
        say_one({"title": title}, as_json=False)
        say_error(title)
    said = capsys.readouterr()
    for title in titles:
        assert said.out.count(title) == 2
        assert title in said.err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_result_without_an_id_or_of_an_unforeseen_type_is_shown(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    say_changed({"password": "hemmelig", "file": Path("/srv/a")}, as_json=as_json)
    shown = capsys.readouterr().out
    for said in ("password", "hemmelig", "file", "/srv/a"):
        assert said in shown
