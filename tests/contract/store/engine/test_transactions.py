"""Transactions are atomic, a reader sees one snapshot, and failures raise the domain's errors."""

import os
import socket
import sqlite3
import stat
import threading
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text

from deldokument.domain.errors import Broken, Conflict, StorageFull, Unavailable
from deldokument.store.database import Database
from deldokument.store.engine.engines import Engines, open_engines
from deldokument.store.engine.postgres import MAX_CONNECTIONS, REST_SECONDS
from tests.contract.records import ACCOUNT, NOW, TENANT, available, draft, keep, settle
from tests.fakes.integrity import tagging
from tests.support.deployment.memory import folder_in_memory
from tests.support.servers.postgres import PostgresServer, crashed_postgres, running_postgres


def test_nothing_of_a_failed_transaction_stays(database: Database) -> None:
    def add_twice() -> None:
        with database.write() as tx:
            tx.tenants.add(TENANT)
            tx.tenants.add(TENANT)

    with pytest.raises(Conflict):
        add_twice()
    with database.read() as tx:
        assert tx.tenants.all() == []


def test_a_reader_sees_one_moment(database: Database) -> None:
    with database.read() as reader:
        assert reader.tenants.all() == []
        settle(database)
        assert reader.tenants.all() == []
        assert reader.accounts.get(ACCOUNT.id) is None
    with database.read() as later:
        assert later.tenants.all() == [TENANT]


def test_a_writer_sees_what_it_changed_though_it_had_asked_before(database: Database) -> None:
    """A reader asks for each tenant and account once; that must not be so where they change."""
    settle(database)
    renamed = replace(TENANT, name="Another name")
    with database.write() as tx:
        assert tx.tenants.get(TENANT.id) == TENANT
        tx.tenants.save(renamed)
        assert tx.tenants.get(TENANT.id) == renamed
    with database.read() as tx:
        assert tx.tenants.get(TENANT.id) == tx.tenants.get(TENANT.id) == renamed


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(Broken), database.read() as tx:
        tx.tenants.add(TENANT)
    settle(database)


def test_a_written_row_is_there_when_the_database_is_opened_again(database: Database, database_url: str) -> None:
    settle(database)
    database.close()
    again = tagging(Database(database_url))
    with again.read() as tx:
        assert tx.tenants.all() == [TENANT]
    again.close()


def test_the_databases_clock_is_aware_and_runs(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url, closing(Database(url)) as database:
        first, second = database.now(), database.now()
    assert first <= second
    assert first.utcoffset() == timedelta(0)
    assert abs(first - datetime.now(UTC)) < timedelta(seconds=10)


def test_a_result_describes_its_columns_as_the_driver_does(postgres_server: PostgresServer) -> None:
    """Ours makes it when it is looked at; in between nothing else does."""
    question = "SELECT 1 AS one, 'two'::text AS two, NULL::timestamptz AS three"
    with postgres_server.database() as url, psycopg.connect(url) as connection:
        engines = open_engines(url)
        with engines.read() as ours:
            description = ours.execute(text(question)).cursor.description
            nothing = ours.connection.cursor().execute("SET work_mem = '4MB'").description
        engines.close()
        wanted = connection.execute(question).description
        assert wanted is not None
        assert [tuple(column) for column in description] == [tuple(column) for column in wanted]
        assert [tuple(column) for column in description[1:]] == [tuple(column) for column in wanted[1:]]
        assert (len(description), nothing) == (3, None)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x"])
def test_other_databases_are_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="SQLite"):
        tagging(Database(url))


@pytest.mark.parametrize(
    "url",
    ["postgresql://nobody@127.0.0.1:1/nothing", "sqlite:////nowhere/at/all.db"],
)
def test_a_database_that_does_not_answer_is_unavailable(url: str) -> None:
    database = tagging(Database(url))
    with pytest.raises(Unavailable, match="database"), database.read() as tx:
        tx.tenants.all()
    with pytest.raises(Unavailable, match="database"), database.write() as tx:
        tx.tenants.all()
    database.close()


def test_an_error_contains_no_values(database: Database) -> None:
    settle(database)
    keep(database, share := draft(id="a share that is no secret"))
    with pytest.raises(Conflict) as caught:
        keep(database, share)
    assert share.id not in str(caught.value)
    assert "PRIMARYKEY" in caught.value.detail or "pk_share" in caught.value.detail


def hold_too_long(engines: Engines) -> None:
    with engines.write() as connection:
        connection.execute(text("SET idle_in_transaction_session_timeout = 1"))
        time.sleep(0.5)
        connection.execute(text("SELECT 1"))


def test_a_transaction_has_the_mode_that_was_asked_for_and_not_that_of_the_connections_last_one(
    postgres_url: str,
) -> None:
    engines, modes, processes = open_engines(postgres_url), list[tuple[str, str]](), set[int]()
    query = text("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
    for begin in (engines.read, engines.write, engines.write, engines.read, engines.read):
        with begin() as connection:
            level, read_only = connection.execute(query).one()
            modes.append((level, read_only))
            processes.add(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    engines.close()
    reading, writing = ("repeatable read", "on"), ("read committed", "off")
    assert modes == [reading, writing, writing, reading, reading]
    assert len(processes) == 1


def test_a_database_that_an_operator_has_set_to_read_only_is_not_written(postgres_url: str) -> None:
    engines = open_engines(f"{postgres_url}?options=-c%20default_transaction_read_only%3Don")
    # The second is on the connection that has read.
    for begin in (engines.write, engines.read, engines.write):
        with begin() as connection:
            assert connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on"
    engines.close()


def test_a_transaction_that_a_busy_machine_held_too_long_is_unavailable(postgres_url: str) -> None:
    engines = open_engines(postgres_url)
    with pytest.raises(Unavailable, match="database"):
        hold_too_long(engines)
    engines.close()


def test_sqlite_keeps_its_promises_to_the_disk(sqlite_url: str) -> None:
    engines = open_engines(sqlite_url)
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "temp_store": 2}
    for begin in (engines.read, engines.write):
        with begin() as connection:
            for pragma, value in wanted.items():
                assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    engines.close()


def test_two_who_open_a_new_file_at_once_both_get_it(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, other.execute, ["COMMIT"]).start()
        engines = open_engines(f"sqlite:///{path}")
        with engines.read() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        engines.close()


def test_a_full_disk_is_reported_as_such_and_loses_nothing(sqlite_url: str) -> None:
    database = tagging(Database(sqlite_url))
    settle(database)
    engines = open_engines(sqlite_url)

    def fill() -> None:
        with engines.write() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
            for number in range(1000):
                connection.exec_driver_sql("INSERT INTO garbage VALUES (?, 0, ?)", (f"{number}" * 1000, TENANT.id))

    with pytest.raises(StorageFull):
        fill()
    engines.close()
    with database.read() as tx:
        assert tx.tenants.all() == [TENANT]
        assert tx.uploads.garbage(10) == []
    database.close()


def test_a_file_that_is_no_database_is_broken(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"certainly not a database " * 1000)
    database = tagging(Database(f"sqlite:///{tmp_path / 'x.db'}"))
    with pytest.raises(Broken), database.read() as tx:
        tx.tenants.all()
    database.close()


def test_a_lost_connection_is_reported_and_the_next_transaction_gets_another(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    database = tagging(Database(postgres_url))
    name = postgres_url.rsplit("/", 1)[-1]

    def lose() -> None:
        with database.write() as tx:
            tx.tenants.add(TENANT)
            postgres_server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            tx.tenants.all()

    with pytest.raises(Unavailable, match="database"):
        lose()
    with database.read() as tx:
        assert tx.tenants.all() == []
    database.close()


def test_connections_that_died_while_idle_are_replaced_unnoticed(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    """As after a restart of the server: what is left in the pool must not make one transaction each fail."""
    database = tagging(Database(postgres_url))
    name = postgres_url.rsplit("/", 1)[-1]
    with database.read(), database.read() as tx:
        tx.tenants.all()
    postgres_server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    time.sleep(REST_SECONDS)
    for _ in range(3):
        with database.read() as tx:
            assert tx.tenants.all() == []
    database.close()


def test_connections_in_use_are_counted_through_an_outage_of_the_server() -> None:
    in_use: list[None] = []
    with folder_in_memory() as folder:
        # PostgreSQL does not run as root.
        folder.chmod(0o755)
        with running_postgres(folder / "postgres") as server, server.database() as url:
            database = tagging(Database(url))
            database.observe_connections(lambda: in_use.append(None), in_use.pop)
            with database.read(), database.read() as tx:
                assert tx.tenants.all() == []
            with crashed_postgres(folder / "postgres"):
                for _ in range(5):
                    with pytest.raises(Unavailable), database.read() as tx:
                        tx.tenants.all()
                assert len(in_use) == 0
            with database.read() as tx:
                assert tx.tenants.all() == []
                assert len(in_use) == 1
            assert len(in_use) == 0
            database.close()


def test_so_many_connections_may_be_in_use_and_no_more(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deldokument.store.engine.engines.BUSY_SECONDS", 1)
    database = tagging(Database(postgres_url))
    assert database.max_connections == MAX_CONNECTIONS
    with ExitStack() as taken:
        for _ in range(MAX_CONNECTIONS):
            taken.enter_context(database.read())
        with pytest.raises(Unavailable, match="database"), database.read():
            pass
    database.close()


def test_connections_of_a_busy_moment_are_used_again(postgres_url: str) -> None:
    """A new connection costs PostgreSQL a process with empty caches, and that when it is busiest."""
    engines = open_engines(postgres_url)

    def be_busy() -> set[int]:
        with ExitStack() as taken:
            return {_process(taken.enter_context(engines.reader.connect())) for _ in range(MAX_CONNECTIONS)}

    first = be_busy()
    assert len(first) == MAX_CONNECTIONS
    assert be_busy() == first
    engines.close()


def test_in_a_quiet_moment_the_connection_used_last_is_used_again(postgres_url: str) -> None:
    """One that was idle for longer is tested first, which costs each transaction another round trip."""
    engines, used = open_engines(postgres_url), set[int]()
    with ExitStack() as taken:
        for _ in range(3):
            taken.enter_context(engines.reader.connect())
    for _ in range(3):
        with engines.reader.connect() as connection:
            used.add(_process(connection))
    engines.close()
    assert len(used) == 1


def _process(connection: Connection) -> int:
    """The process of the server that serves it. Others may look after the same database, such as autovacuum."""
    pid: int = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    return pid


def test_a_network_that_swallows_everything_is_noticed_within_seconds(postgres_url: str) -> None:
    """The system by itself goes on sending for a quarter of an hour, and every thread of a node with it."""
    engines = open_engines(postgres_url)
    with engines.writer.connect() as connection:
        descriptor = connection.connection.driver_connection.fileno()
        with socket.socket(fileno=os.dup(descriptor)) as own:
            unanswered = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) / 1000
            idle, every, count = (
                own.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )
    engines.close()
    assert 0 < unanswered <= 15
    assert idle + every * count <= 15


def test_a_row_held_too_long_by_another_makes_it_unavailable(postgres_url: str) -> None:
    database = tagging(Database(f"{postgres_url}?options=-c%20lock_timeout%3D50ms"))
    settle(database)
    keep(database, share := draft())
    with database.write() as holder:
        holder.shares.lock(share.id)
        with pytest.raises(Unavailable, match="database"), database.write() as tx:
            tx.shares.lock(share.id)
    database.close()


def test_on_postgres_a_worker_skips_what_another_holds(postgres_url: str) -> None:
    database = tagging(Database(postgres_url))
    settle(database)
    keep(database, *[available(expires_at=NOW) for _ in range(4)])
    with database.write() as first, database.write() as second:
        taken = {share.id for share in first.retention.due_shares(NOW, 2)}
        others = {share.id for share in second.retention.due_shares(NOW, 10)}
        assert len(taken) == len(others) == 2
        assert not taken & others
    database.close()


def test_a_write_transaction_trusts_no_record_that_it_read_before_another_statement(postgres_url: str) -> None:
    database = tagging(Database(postgres_url))
    settle(database)
    with database.write() as tx:
        before = tx.tenants.get(TENANT.id)
        with database.write() as other:
            other.tenants.save(replace(TENANT, frozen_at=NOW))
        assert tx.tenants.get(TENANT.id) is before
        tx.sessions.get(b"token")
        tenant = tx.tenants.get(TENANT.id)
        assert tenant
        assert tenant.frozen_at == NOW
    database.close()


def test_a_table_that_is_missing_is_broken(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        with psycopg.connect(url) as connection:
            connection.execute("DROP TABLE session CASCADE")
        database = tagging(Database(url))
        with pytest.raises(Broken), database.read() as tx:
            tx.sessions.get(b"token")
        database.close()


def test_on_sqlite_connections_have_no_limit(sqlite_url: str) -> None:
    with closing(Database(sqlite_url)) as database:
        assert database.max_connections is None


def test_a_new_sqlite_file_is_its_owners_alone(tmp_path: Path) -> None:
    database = tagging(Database(f"sqlite:///{tmp_path / 'new.db'}"))
    with pytest.raises(Unavailable), database.read() as tx:
        tx.tenants.all()
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    database.close()
