"""Revision 0003: what is known of shares from before is counted; and PostgreSQL counts by its indexes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from alembic import command
from sqlalchemy import Connection, text

from deldokument.adapters.sql.database import SqlDatabase
from deldokument.adapters.sql.engines import open_engines
from deldokument.adapters.sql.migrations import configuration, migrate
from deldokument.domain.statistics import ShareCounts
from deldokument.ports.repositories.transaction import Transaction
from tests.fakes.integrity import tagging
from tests.migrations.test_migrations import statements

DAY = 24 * 3600 * 1_000_000
_FIRST = (
    "INSERT INTO tenant VALUES ('t', '974760673', 'Lillevik kommune', '', '', '', 1, 1, 1, true, 0, 0)",
    "INSERT INTO account VALUES ('a', 't', 'Byggesak')",
    "INSERT INTO member VALUES ('m', 'a', '', '', '', NULL)",
)
_SHARE = """
    INSERT INTO share (id, tenant_id, account_id, member_id, state, created_at, changed_at, audit_key_id, expires_at,
        published_at, closed_at, confidential, archived, sealed_title, sealed_message, sealed_reference, reference_hash,
        erased_at, blobs_released)
    VALUES (:id, 't', 'a', 'm', :state, 0, 0, 'k', :day, :published, :closed, true, true, '', '', '', '', :erased,
        false)
"""
_DOCUMENT = """
    INSERT INTO document (id, share_id, sealed_name, length, position, sealed_manifest, sealed_inspection)
    VALUES (:id, :share, '', :length, 1, '', '')
"""
_RECIPIENT = """
    INSERT INTO recipient (id, share_id, kind, lookup_hash, sealed_identifier, sealed_name, sealed_label, confirmed,
        position)
    VALUES (:id, :share, 'person', :hash, '', '', '', true, 1)
"""
_RECEIPT = """
    INSERT INTO receipt (share_id, document_id, recipient_id, subject_id, first_at, last_at, covered, completed_at)
    VALUES (:share, :document, :recipient, 's', :first, :first, '[]', :completed)
"""


def fill(connection: Connection) -> None:
    """At revision 0002: a share that was downloaded, one that was opened, one that is erased, and a draft."""
    for statement in _FIRST:
        connection.execute(text(statement))

    def share(name: str, state: str, published: int | None, closed: int | None, erased: int | None) -> None:
        given = {"id": name, "state": state, "published": published, "closed": closed, "erased": erased, "day": DAY}
        connection.execute(text(_SHARE), given)

    share("downloaded", "available", 1, None, None)
    share("opened", "ended", 1, DAY, None)
    share("erased", "ended", 1, DAY, DAY)
    share("draft", "draft", None, None, None)
    for number, (name, length) in enumerate(
        [("downloaded", 5 * 2**30), ("downloaded", 7), ("opened", 2), ("draft", 1)]
    ):
        connection.execute(text(_DOCUMENT), {"id": f"d{number}", "share": name, "length": length})
    for number, name in enumerate(["downloaded", "downloaded", "opened"]):
        connection.execute(text(_RECIPIENT), {"id": f"r{number}", "share": name, "hash": bytes([number])})
    for receipt in (
        {"share": "downloaded", "document": "", "recipient": "r0", "first": 20, "completed": None},
        {"share": "downloaded", "document": "", "recipient": "r1", "first": 10, "completed": None},
        {"share": "downloaded", "document": "d0", "recipient": "r0", "first": 30, "completed": 40},
        {"share": "downloaded", "document": "d1", "recipient": "r0", "first": 30, "completed": 35},
        {"share": "opened", "document": "", "recipient": "r2", "first": 50, "completed": None},
    ):
        connection.execute(text(_RECEIPT), receipt)


def test_shares_from_before_the_statistics_are_counted_in_them(empty_url: str) -> None:
    engines = open_engines(empty_url)
    with engines.write() as connection:
        command.upgrade(configuration(connection), "0002")
        fill(connection)
    migrate(empty_url)
    with engines.read() as connection:
        kept = connection.execute(text("SELECT id, document_count, byte_count, opened_at, downloaded_at FROM share"))
        assert {tuple(row) for row in kept} == {
            ("downloaded", 2, 5 * 2**30 + 7, 10, 35),
            ("opened", 1, 2, 50, None),
            ("erased", 0, 0, None, None),
            ("draft", 0, 0, None, None),
        }
    engines.close()
    database = tagging(SqlDatabase(empty_url))
    then = datetime.fromtimestamp(0, UTC)
    with database.read() as tx:
        found = tx.statistics.published_by_tenant("t", then, then.replace(year=1971), then)
    database.close()
    assert found == {"a": ShareCounts(3, 3, 5 * 2**30 + 9, opened=2, downloaded=1, unopened=1)}


_MANY = """
    INSERT INTO share (id, tenant_id, account_id, member_id, state, created_at, changed_at, audit_key_id, expires_at,
        published_at, closed_at, confidential, archived, sealed_title, sealed_message, sealed_reference, reference_hash,
        key_destroyed_at, blobs_released, document_count, byte_count)
    SELECT 's' || n, 't', 'a' || n % 50, 'm', 'ended', 0, 0, 'k', :day, n * :day, n * :day, true, true, '', '', '', '',
        n, true, 1, 1
    FROM generate_series(1, 20000) AS n
"""
ASKED: dict[str, Callable[[Transaction, datetime], object]] = {
    "ix_share_tenant_published": lambda tx, at: tx.statistics.published_by_tenant("t", at, at.replace(month=2), at),
    "ix_share_account_published": lambda tx, at: tx.statistics.published_from_account(
        "a7", at, at.replace(year=1980), at
    ),
    "Only Scan using ix_share_tenant_published": lambda tx, _at: tx.statistics.first_published_at("t"),
    "ix_share_kept": lambda tx, _at: tx.accounts.usage("a7"),
}


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
def test_postgresql_counts_by_its_indexes(empty_url: str) -> None:
    migrate(empty_url)
    engines, database = open_engines(empty_url), tagging(SqlDatabase(empty_url))
    with engines.write() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(_MANY), {"day": DAY})
        connection.execute(text("ANALYZE share"))
    for index, ask in ASKED.items():
        with statements() as asked, database.read() as tx:
            ask(tx, datetime(1978, 1, 1, tzinfo=UTC))
        with engines.read() as connection:
            plans = [connection.exec_driver_sql(f"EXPLAIN {query}", values).all() for query, values in asked]
        assert index in str(plans), f"{index} is not used: {plans}"
        assert "Seq Scan on share" not in str(plans)
    database.close()
    engines.close()
