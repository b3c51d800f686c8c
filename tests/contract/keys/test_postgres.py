"""The keyring's PostgreSQL: its tables, its faults, and what it leaves behind."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from secrets import token_bytes
from urllib.parse import urlsplit

import psycopg
import pytest

from deldokument.adapters.keys import postgres
from deldokument.adapters.keys.keyring import SealedEntry
from deldokument.domain.errors import Unavailable
from deldokument.store.engine.postgres import REST_SECONDS
from deldokument.store.migrations import migrate
from tests.fakes.root_keys import MemoryRootKeys
from tests.support.servers.postgres import PostgresServer, database_roles
from tests.support.stage.keyrings import ROOT, opened

StoresOfRoles = tuple[postgres.PostgresStore, postgres.PostgresStore]


@pytest.fixture
def stores_of_roles(empty_postgres_url: str, postgres_server: PostgresServer) -> Iterator[StoresOfRoles]:
    """The keyring's store as a server process and as the worker reach it."""
    with database_roles(postgres_server, empty_postgres_url) as (serve, worker):
        postgres.prepare(empty_postgres_url, serve=serve, worker=worker)
        places = (empty_postgres_url.replace("//postgres@", f"//{role}@") for role in (serve, worker))
        with (
            closing(postgres.PostgresStore(next(places), "root-1")) as of_serve,
            closing(postgres.PostgresStore(next(places), "root-1", vacuum_every=0)) as of_worker,
        ):
            yield of_serve, of_worker


def run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_preparing_twice_is_as_preparing_once(keyring_url: str) -> None:
    with closing(postgres.PostgresStore(keyring_url, "root-1")) as store:
        assert store.add(SealedEntry("share/1", "root-1", b"sealed"))
        postgres.prepare(keyring_url)
        assert store.ids("") == ["share/1"]


def test_a_database_without_the_tables_is_not_opened(empty_postgres_url: str) -> None:
    with pytest.raises(Unavailable, match="migrate"):
        postgres.PostgresStore(empty_postgres_url, "root-1")


def test_tables_of_another_layout_are_not_opened(keyring_url: str) -> None:
    run(keyring_url, "UPDATE keyring_layout SET version = 99")
    with pytest.raises(Unavailable, match="migrate"):
        postgres.PostgresStore(keyring_url, "root-1")


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute("SELECT relname FROM pg_class WHERE relname ~ '^keyring'")}


def addresses(url: str) -> list[str]:
    """The same database by other names than the service has for it."""
    parts = urlsplit(url)
    port, name = parts.port, parts.path.removeprefix("/")
    return [
        f"postgresql://postgres@localhost:{port}/{name}",
        f"postgresql://postgres@/{name}?host=127.0.0.1&port={port}",
        f"postgresql://postgres@127.0.0.1:{port}/?dbname={name}",
        f"postgresql://postgres@127.0.0.1:{port}/%{ord(name[0]):x}{name[1:]}",
        f"{url}?options=-c%20search_path%3Dkeys",
    ]


def test_the_keyring_is_never_in_the_backed_up_database_under_any_of_its_names(
    postgres_url: str,
) -> None:
    for url in (postgres_url, *addresses(postgres_url)):
        with pytest.raises(Unavailable, match="DELDOKUMENT_KEYRING_DATABASE_URL must be another database"):
            postgres.prepare(url)
    assert tables(postgres_url) == set()


def test_nor_is_it_opened_where_the_service_has_moved_in_since(keyring_url: str) -> None:
    migrate(keyring_url)
    with pytest.raises(Unavailable, match="DELDOKUMENT_KEYRING_DATABASE_URL must be another database"):
        postgres.PostgresStore(keyring_url, "root-1")


def test_a_database_that_does_not_answer_is_unavailable_by_the_keyrings_name() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(Unavailable) as caught:
        postgres.PostgresStore(f"postgresql://postgres@127.0.0.1:{port}/keyring", "root-1")
    assert caught.value.code == "keyring"


def test_a_database_that_was_gone_is_used_again_when_it_is_back(
    keyring_url: str, postgres_server: PostgresServer
) -> None:
    with closing(opened(lambda root: postgres.PostgresStore(keyring_url, root), MemoryRootKeys(ROOT))) as keyring:
        key = keyring.create("share/1")
        postgres_server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{keyring_url.rpartition('/')[2]}' AND application_name = 'deldokument-keyring'"
        )
        time.sleep(REST_SECONDS)
        assert keyring.get(["share/1"]) == {"share/1": key}


def test_what_the_database_forbids_is_unavailable_not_broken(keyring_url: str) -> None:
    role = "reader_" + keyring_url.rpartition("_")[2]
    run(keyring_url, f"CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        with pytest.raises(Unavailable) as caught:
            postgres.PostgresStore(keyring_url.replace("postgres@", f"{role}@"), "root-1")
        assert caught.value.code == "keyring"
    finally:
        run(keyring_url, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_vacuum_leaves_no_dead_row_of_a_destroyed_entry(keyring_url: str) -> None:
    with closing(postgres.PostgresStore(keyring_url, "root-1")) as store:
        for number in range(10):
            assert store.add(SealedEntry(f"share/{number}", "root-1", b"sealed"))
        store.remove([f"share/{number}" for number in range(10)])
        store.forget()
    with psycopg.connect(keyring_url) as connection:
        assert connection.execute("SELECT pg_relation_size('keyring_entry')").fetchone() == (0,)


def test_a_vacuum_that_fails_does_not_hold_back_the_end_of_what_is_destroyed(keyring_url: str) -> None:
    impatient = f"{keyring_url}?options=-c%20lock_timeout%3D100ms"
    with closing(postgres.PostgresStore(impatient, "root-1", vacuum_every=0)) as store:
        assert store.add(SealedEntry("share/1", "root-1", b"sealed"))
        with psycopg.connect(keyring_url) as other:
            other.execute("LOCK TABLE keyring_entry IN SHARE UPDATE EXCLUSIVE MODE")
            with pytest.raises(Unavailable):
                store.forget()
            store.remove(["share/1"])
            assert store.ids("") == []


def test_a_removal_does_not_wait_for_a_vacuum_that_lasts_longer_than_a_statement_may(
    keyring_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(postgres, "_STATEMENT_SECONDS", 1)
    # A vacuum pauses for this long after each page.
    slow = f"{keyring_url}?options=-c%20vacuum_cost_delay%3D100ms%20-c%20vacuum_cost_limit%3D1"
    with closing(postgres.PostgresStore(slow, "root-1", vacuum_every=0)) as store:
        for number in range(60):
            assert store.add(SealedEntry(f"share/{number:02}", "root-1", token_bytes(1500)))
        store.remove([f"share/{number:02}" for number in range(59)])
        assert store.ids("") == ["share/59"]
        assert "not vacuumed yet" in caplog.text


def test_a_statement_that_hangs_is_given_up(keyring_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_STATEMENT_SECONDS", 1)
    patient = f"{keyring_url}?options=-c%20lock_timeout%3D60s"
    with closing(postgres.PostgresStore(patient, "root-1")) as store, psycopg.connect(keyring_url) as other:
        other.execute("LOCK TABLE keyring_entry IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable, match="QueryCanceled"):
            store.ids("")


def test_settings_that_lose_or_keep_keys_are_reported(keyring_url: str) -> None:
    with closing(postgres.PostgresStore(keyring_url, "root-1")) as store:
        assert any("power cut" in concern for concern in store.concerns())
        assert not any("archive" in concern for concern in store.concerns())


def test_a_server_process_adds_and_reads_keys_and_destroys_none(
    stores_of_roles: StoresOfRoles,
) -> None:
    of_serve, of_worker = stores_of_roles
    assert of_serve.add(SealedEntry("share/1", "root-1", b"sealed"))
    for forbidden in (
        lambda: of_serve.remove(["share/1"]),
        lambda: of_serve.turn("root-1", "root-2"),
        lambda: of_worker.turn("root-1", "root-2"),
        lambda: of_worker.reseal(of_worker.read(["share/1"]), [SealedEntry("share/1", "root-2", b"other")]),
    ):
        with pytest.raises(Unavailable, match="the database forbids it"):
            forbidden()
    assert of_serve.read(["share/1"]) == [SealedEntry("share/1", "root-1", b"sealed")]
    of_worker.remove(["share/1"])
    assert of_serve.read(["share/1"]) == []


def test_a_server_process_reads_named_values_and_writes_none(
    stores_of_roles: StoresOfRoles,
) -> None:
    of_serve, of_worker = stores_of_roles
    of_worker.keep({"head:a": b"1", "head:b": b"2"})
    of_worker.keep({"head:a": b"11"})
    of_worker.forget_kept(["head:b"])
    for forbidden in (lambda: of_serve.keep({"head:a": b"0"}), lambda: of_serve.forget_kept(["head:a"])):
        with pytest.raises(Unavailable, match="the database forbids it"):
            forbidden()
    assert of_serve.list_values("head:") == {"head:a": b"11"}


def test_a_role_of_the_keyring_that_does_not_exist_is_named(empty_postgres_url: str) -> None:
    with pytest.raises(Unavailable, match="no role nobody_here"):
        postgres.prepare(empty_postgres_url, serve="nobody_here")
