"""Constraints and indexes of the migrated database that decide about correctness and speed, on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from deldokument.domain.errors import Broken
from deldokument.store.database import Database
from deldokument.store.engine.engines import open_engines
from deldokument.store.migrations import migrate
from deldokument.store.transaction import Transaction
from tests.contract.records import begin_upload, draft, keep, settle
from tests.fakes.integrity import tagging
from tests.migrations.test_migrations import statements

_DAY = 24 * 3600 * 1_000_000
_INTEGRATION = """
    INSERT INTO integration (id, account_id, organization_number, name, added_at, rights, revision, tag)
    VALUES ('i', 'account', '312824450', 'FJELL AS', 0, 'share', 1, :tag)
"""


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ("UPDATE share SET integration_id = 'i'", "ck_share_sharer"),
        ("UPDATE share SET member_id = NULL", "ck_share_sharer"),
        ("UPDATE upload SET integration_id = 'i'", "ck_upload_sharer"),
        ("UPDATE upload SET member_id = NULL", "ck_upload_sharer"),
        ("UPDATE integration SET rights = 'everything'", "ck_integration_rights"),
    ],
)
def test_a_row_with_no_sharer_or_two_or_unknown_rights_is_refused(empty_url: str, wrong: str, check: str) -> None:
    migrate(empty_url)
    engines, database = open_engines(empty_url), tagging(Database(empty_url))
    settle(database)
    share = draft()
    keep(database, share)
    begin_upload(database, share)
    with engines.write() as connection:
        connection.execute(text(_INTEGRATION), {"tag": b""})
    with pytest.raises(Broken) as refused, engines.write() as connection:
        connection.execute(text(wrong))
    assert check in str(refused.value.__cause__)
    database.close()
    engines.close()


_MANY = """
    INSERT INTO share (id, tenant_id, account_id, member_id, state, created_at, changed_at, audit_key_id, expires_at,
        published_at, closed_at, confidential, archived, sealed_audit_texts, sealed_share_texts, reference_hash,
        key_destroyed_at, blobs_released, document_count, byte_count, notify, invites, card)
    SELECT 's' || n, 't', 'a' || n % 50, 'm', 'ended', 0, 0, 'k', :day, n * :day, n * :day, true, true, '', '', '',
        n, true, 1, 1, false, false, ''
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
    engines, database = open_engines(empty_url), tagging(Database(empty_url))
    with engines.write() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(_MANY), {"day": _DAY})
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
