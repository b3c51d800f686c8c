"""What commands print for people."""

from __future__ import annotations

import pytest

from deldokument.cli.output import say_rows

pytestmark = pytest.mark.once


def test_an_id_stands_whole_in_a_narrow_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    columns = ("id", "state", "title", "expires_at", "recipients", "documents")
    say_rows(columns, [dict.fromkeys(columns, "a long value") | {"id": "zRrQdwU8W39Glg6n_RPh-A"}], as_json=False)
    assert "zRrQdwU8W39Glg6n_RPh-A" in capsys.readouterr().out
