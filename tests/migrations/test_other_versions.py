"""A database of another version is refused by every command that opens one, and not a byte of it changes."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from deldokument.bootstrap.schema import is_current
from deldokument.config.settings import ConfigurationError
from deldokument.store.engine.engines import open_engines
from deldokument.store.migrations import migrate
from tests.migrations.test_migrations import schema
from tests.support.servers.ports import free_ports
from tests.support.servers.postgres import PROGRAMS

EARLIER, LATER = "0061", "9999"


def of_revision(database_url: str, revision: str) -> None:
    """Make a database that another version could have made: its tables are not compared, its revision is."""
    migrate(database_url)
    engines = open_engines(database_url)
    with engines.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
    engines.close()


def deldokument(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DELDOKUMENT_")}
    own = {f"DELDOKUMENT_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "deldokument.cli.main", *words],
        env=environment | own, cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def settings_of(database_url: str, data: Path) -> dict[str, str]:
    """Enough for a command to open the database."""
    [port] = free_ports(1, 1)
    given = {name: "x" for name in ("idporten_client_id", "maskinporten_client_id", "altinn_subscription_key")}
    keys = {f"{name}_client_key_path": str(data / "client-key.json") for name in ("idporten", "maskinporten")}
    issuers = {f"{name}_issuer": "http://127.0.0.1:9" for name in ("idporten", "maskinporten")}
    return given | keys | issuers | {
        "demo": "true",
        "public_url": f"http://127.0.0.1:{port}",
        "port": str(port),
        "altinn_base_url": "http://127.0.0.1:9",
        "database_url": database_url,
        "data_dir": str(data),
    }  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def dump(database_url: str) -> list[str]:
    """Tables and rows, without the token that pg_dump makes up."""
    output = subprocess.run([PROGRAMS / "pg_dump", database_url], capture_output=True, text=True, check=True).stdout
    return [line for line in output.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def earlier_deployment(folder: Path) -> Path:
    """The folder of a deployment of an earlier version, whose processes ended in order."""
    folder.mkdir()
    of_revision(f"sqlite:///{folder}/deldokument.sqlite3", EARLIER)
    (folder / "root.key").write_bytes(b"key")
    return folder


def killed_deployment(folder: Path) -> Path:
    """The same, with a transaction in the -wal file that no process moved to the database."""
    running = earlier_deployment(folder.with_name("running"))
    with closing(sqlite3.connect(running / "deldokument.sqlite3")) as alive:
        alive.execute("UPDATE deployment SET halted_at = 1")
        alive.commit()
        # Without the index of the -wal file, which every reader creates anew.
        shutil.copytree(running, folder, ignore=shutil.ignore_patterns("*-shm"))
    return folder


@pytest.mark.parametrize(
    ("command", "prepare"),
    [
        ("demo", earlier_deployment),
        ("demo", killed_deployment),
        ("migrate", earlier_deployment),
        ("serve", earlier_deployment),
        ("worker", earlier_deployment),
    ],
)
def test_no_command_touches_a_folder_of_a_version_before_the_first(
    tmp_path: Path, command: str, prepare: Callable[[Path], Path]
) -> None:
    data = prepare(tmp_path / "data")
    before = contents(data)
    settings = settings_of(f"sqlite:///{data}/deldokument.sqlite3", data)
    words = ["demo", "--port", settings["port"], "--data", str(data)] if command == "demo" else [command]
    done = deldokument(tmp_path, *words, **settings)
    assert done.returncode == 1, done.stderr
    assert "of a version before 1.0.0, whose data cannot be taken over" in done.stderr
    assert "Begin with an empty folder" in done.stderr
    after = contents(data)
    after.pop("deldokument.sqlite3-shm", None)
    assert after == before


def test_checking_another_version_changes_nothing_in_the_database(empty_url: str) -> None:
    of_revision(empty_url, EARLIER)
    engines = open_engines(empty_url)
    with engines.read() as connection:
        before = schema(connection)
    for revision, words in ((EARLIER, "before 1.0.0"), (LATER, "newer version")):
        with engines.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
        with pytest.raises(ConfigurationError, match=words):
            is_current(empty_url)
        with engines.read() as connection:
            assert schema(connection) == before
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == revision
    engines.close()


def test_migrate_changes_no_row_of_another_version_on_postgresql(empty_postgres_url: str, tmp_path: Path) -> None:
    of_revision(empty_postgres_url, EARLIER)
    before = dump(empty_postgres_url)
    for command in ("migrate", "serve"):
        done = deldokument(tmp_path, command, **settings_of(empty_postgres_url, tmp_path / "data"))
        assert done.returncode == 1, done.stderr
        assert "before 1.0.0" in done.stderr
    assert dump(empty_postgres_url) == before
    assert contents(tmp_path) == {}
