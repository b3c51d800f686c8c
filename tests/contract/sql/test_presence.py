"""A process of a version that writes no tags is seen, on SQLite by the files that it has open."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from deldokument.adapters.sql.database import SqlDatabase
from deldokument.adapters.sql.presence import is_older_running

_OPEN = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def test_a_process_with_the_database_open_and_without_the_mark_is_older(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with closing(SqlDatabase(f"sqlite:///{path}")), path.open("wb"):
        assert not is_older_running(str(path))
        with subprocess.Popen(
            [sys.executable, "-c", _OPEN, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as older:
            assert older.stdout is not None
            older.stdout.readline()
            assert is_older_running(str(path))
            older.communicate()
        assert not is_older_running(str(path))


def test_a_system_that_does_not_say_may_run_an_older_process(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.touch()
    assert is_older_running(str(path), tmp_path / "no such folder")


def test_a_process_that_ends_meanwhile_is_none(tmp_path: Path) -> None:
    path, processes = tmp_path / "x.db", tmp_path / "processes"
    path.touch()
    (processes / "1").mkdir(parents=True)
    assert not is_older_running(str(path), processes)
