"""The revisions make the tables that the program works with, once, wholly, and from an installed copy.

There is no downgrade: revisions go one way, and the way back is a backup.
"""

import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, text

from deldokument.bootstrap.schema import is_current
from deldokument.domain.errors import Broken, Unavailable
from deldokument.domain.messages.outbox import Channel
from deldokument.store.database import Database
from deldokument.store.engine.engines import Engines, open_engines
from deldokument.store.migrations import configuration, migrate, revisions
from deldokument.store.outbox.outbox import ReminderQuery
from deldokument.store.shares.shares import ShareFilter
from deldokument.store.transaction import Transaction
from tests.contract.records import NOW, TENANT, append, available, begin_upload, draft, keep, settle
from tests.fakes.integrity import tagging
from tests.support.tables import every_table

_SQLITE_SCHEMA = """
    SELECT type, name, sql FROM sqlite_master
    WHERE tbl_name NOT IN ('alembic_version') AND type IN ('table', 'index') AND sql IS NOT NULL
"""
_POSTGRES_SCHEMA = """
    SELECT 'column', table_name || '.' || column_name, data_type || is_nullable || coalesce(collation_name, '')
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic%'
    UNION ALL SELECT 'index', indexname, indexdef
    FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE 'alembic%'
"""


@pytest.fixture
def engines(empty_url: str) -> Iterator[Engines]:
    opened = open_engines(empty_url)
    yield opened
    opened.close()


def schema(connection: Connection) -> set[tuple[str, str, str]]:
    """Every column, constraint and index, as the database itself tells of them, in no order."""
    query = _POSTGRES_SCHEMA if connection.dialect.name == "postgresql" else _SQLITE_SCHEMA
    return {(kind, name, _tidy(definition)) for kind, name, definition in connection.execute(text(query))}


def _tidy(definition: str) -> str:
    """SQLite keeps a table's text as it was written, added columns last: its parts are compared as a set."""
    flat = " ".join(definition.split())
    if not flat.startswith("CREATE TABLE"):
        return flat
    parts = re.split(r",(?![^()]*\))", flat[flat.index("(") + 1 : flat.rindex(")")])
    return "\n".join([*sorted(part.strip() for part in parts), flat[flat.rindex(")") :]])


def test_an_empty_database_becomes_current(empty_url: str) -> None:
    assert not is_current(empty_url)
    migrate(empty_url)
    assert is_current(empty_url)


def test_migrating_a_current_database_changes_nothing(empty_url: str) -> None:
    migrate(empty_url)
    database = tagging(Database(empty_url))
    with database.read() as tx:
        deployment = tx.deployment.get()
    migrate(empty_url)
    with database.read() as tx:
        assert tx.deployment.get() == deployment
    database.close()


# The next test compares an index on an expression as text, because Alembic compares only columns.
@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_tables_and_the_revisions_agree(empty_url: str, engines: Engines) -> None:
    migrate(empty_url)
    with engines.write() as connection:
        is_compared = {"compare_type": True, "include_object": lambda _, name, *__: name != "ix_audit_event_about"}
        context = MigrationContext.configure(connection, opts=is_compared)
        assert compare_metadata(context, every_table()) == []


def test_checks_and_partial_indexes_agree_too(empty_url: str, engines: Engines) -> None:
    metadata = every_table()
    with engines.write() as connection:
        metadata.create_all(connection)
        wanted = schema(connection)
        metadata.drop_all(connection)
    migrate(empty_url)
    with engines.write() as connection:
        assert schema(connection) == wanted


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
def test_sqlite_refuses_values_of_another_type_in_every_table(empty_url: str, engines: Engines) -> None:
    migrate(empty_url)
    ours = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' AND NOT strict"
    with engines.write() as connection:
        assert connection.execute(text(ours)).scalars().all() == ["alembic_version"]
    with pytest.raises(Broken) as refused, engines.write() as connection:
        connection.execute(text("UPDATE deployment SET heartbeat_at = 'abc'"))
    assert "cannot store TEXT value in INTEGER column" in str(refused.value.__cause__)


ENDING = ReminderQuery(Channel.ALTINN, NOW, NOW, timedelta(), "week_left", NOW)
LATER = ShareFilter(("account",), before=(NOW, "share"))
QUESTIONS: dict[str, Callable[[Transaction], object]] = {
    "ix_share_available": lambda tx: tx.retention.due_shares(NOW, 9),
    "COVERING INDEX ix_share_available_key (audit_key_id>?)": lambda tx: tx.share_lookup.audit_key_ids_available(),
    "ix_share_kept (account_id=?": lambda tx: tx.shares.needing(["account"], NOW, NOW, 9),
    "ix_share_unread (account_id=? AND expires_at>? AND expires_at<?)": lambda tx: tx.shares.needing(
        ["account"], NOW, NOW, 9
    ),
    "ix_share_draft": lambda tx: tx.retention.stale_drafts(NOW, 9),
    "ix_share_key": lambda tx: tx.retention.keys_to_destroy(NOW, 9),
    "ix_share_blobs": lambda tx: tx.retention.blobs_to_release(9),
    "ix_share_spent": lambda tx: (tx.tenants.add(TENANT), tx.retention.spent_shares(NOW, 9)),
    "INDEX ix_share_audit_key (audit_key_id>?)": lambda tx: tx.retention.audit_keys_in_use(),
    "ix_share_account (account_id=? AND created_at<?)": lambda tx: tx.shares.find(LATER),
    "ix_share_kept (account_id=? AND state=?)": lambda tx: tx.accounts.usage("account"),
    "ix_share_tenant_published (tenant_id=? AND published_at>? AND published_at<?)": lambda tx: (
        tx.statistics.published_by_tenant("tenant", NOW, NOW, NOW)
    ),
    "ix_share_account_published (account_id=? AND published_at>? AND published_at<?)": lambda tx: (
        tx.statistics.published_from_account("account", NOW, NOW, NOW)
    ),
    "COVERING INDEX ix_share_tenant_published": lambda tx: tx.statistics.first_published_at("tenant"),
    "ix_document_uninspected": lambda tx: tx.retention.uninspected_documents(NOW, 9),
    "ix_upload_partial": lambda tx: tx.uploads.partials("upload"),
    "ix_recipient_lookup_hash": lambda tx: tx.share_lookup.open_for([b"1"], NOW),
    "ix_member_living": lambda tx: tx.members.of_person(b"1"),
    "ix_integration_living": lambda tx: tx.integrations.of_organization("312824450"),
    "ix_member_removed": lambda tx: tx.retention.spent_members(NOW, 9),
    "ix_outbox_due (channel=? AND due_at<?)": lambda tx: tx.outbox.is_due(Channel.EMAIL, NOW),
    "ix_outbox_target_due (channel=? AND target=? AND due_at<?)": lambda tx: tx.outbox.lease(
        Channel.EMAIL, NOW, NOW, 9
    ),
    "ix_outbox_order_id (order_id=?)": lambda tx: tx.outbox.of_order("order"),
    "ix_outbox_share_id (share_id=?)": lambda tx: tx.outbox.of_shares(["s"], Channel.EMAIL),
    "ix_outbox_channel_target_created_at_id (channel=? AND target=?)": lambda tx: tx.outbox.of_target(
        Channel.EMAIL, "t", before=None, limit=9
    ),
    "ix_share_available (expires_at>? AND expires_at<?)": lambda tx: tx.outbox.pending_reminders(ENDING, limit=9),
    "ix_audit_event_share_id_at_number (share_id=?)": lambda tx: tx.audit.events(share_id="s"),
}


@pytest.mark.parametrize(("index", "ask"), QUESTIONS.items(), ids=QUESTIONS)
def test_every_frequent_query_has_its_index(tmp_path: Path, index: str, ask: Callable[[Transaction], object]) -> None:
    path = tmp_path / "x.db"
    migrate(f"sqlite:///{path}")
    database = tagging(Database(f"sqlite:///{path}"))
    with statements() as asked, database.write() as tx:
        ask(tx)
    database.close()
    connection = sqlite3.connect(path)
    plans = [connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall() for statement, values in asked]
    connection.close()
    assert index in str(plans)


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """What is sent to databases meanwhile, with its values."""
    sent: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, values: Any, *___: object) -> None:
        if statement.startswith(("SELECT", "WITH")):
            sent.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_database_with_data_is_migrated_to_the_newest_revision(empty_url: str) -> None:
    """Begins at the first revision; each later one adds here what it must carry over."""
    migrate(empty_url)
    database = tagging(Database(empty_url))
    settle(database)
    share, open_share = draft(), available()
    keep(database, share, open_share)
    parts = append(database, begin_upload(database, share), 30, 20)
    migrate(empty_url)
    with database.read() as tx:
        assert tx.shares.get(share.id) == share
        assert tx.shares.get(open_share.id) == open_share
        assert tx.uploads.parts(parts[0].upload_id) == parts
        assert tx.retention.due_shares(NOW, 10) == []
    database.close()
    assert is_current(empty_url)


def test_two_nodes_that_start_at_once_migrate_once(empty_url: str) -> None:
    start = threading.Barrier(2)

    def node(_: int) -> None:
        start.wait(10)
        migrate(empty_url)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(node, range(2)))
    assert is_current(empty_url)


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str, engines: Engines) -> None:
    with engines.write() as connection:
        connection.execute(text("CREATE TABLE part (in_the_way INTEGER)"))
    with pytest.raises((Broken, Unavailable)):
        migrate(empty_url)
    with engines.write() as connection:
        tables = {name for kind, name, _ in schema(connection)}
        assert not {name for name in tables if "tenant" in name}
        connection.execute(text("DROP TABLE part"))
    migrate(empty_url)
    assert is_current(empty_url)


def test_revisions_are_one_line_without_downgrades() -> None:
    scripts = ScriptDirectory.from_config(configuration())
    assert scripts.get_heads() == [revisions()[-1]]
    for revision in scripts.walk_revisions():
        assert not hasattr(revision.module, "downgrade")


def test_a_process_that_serves_has_no_alembic_in_its_memory() -> None:
    loaded = "import sys, deldokument.cli.main; print('sqlalchemy' in sys.modules, 'alembic' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["True", "False"]


def test_a_database_that_does_not_answer_is_reported() -> None:
    for ask in (migrate, is_current):
        with pytest.raises(Unavailable):
            ask("postgresql://nobody@127.0.0.1:1/nothing")
