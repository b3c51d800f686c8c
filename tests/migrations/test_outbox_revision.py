"""Revision 0009: nothing that happened before there was an outbox is told, and all that happens after it is."""

from __future__ import annotations

from datetime import UTC, datetime

from alembic import command
from sqlalchemy import text

from deldokument.adapters.sql.database import SqlDatabase
from deldokument.adapters.sql.engines import open_engines
from deldokument.adapters.sql.migrations import configuration, migrate
from deldokument.domain.audit import AuditEvent, EventKind
from tests.fakes.integrity import tagging

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_HEADS = "INSERT INTO audit_head (chain, number, hash) VALUES ('t', 7, :hash), ('-', 0, :hash)"
_TENANT = """
    INSERT INTO tenant (id, organization_number, name, contact_telephone, contact_email, contact_hours, period_shortest,
        period_standard, period_longest, ask_archived, retention)
    VALUES ('t', '974760673', 'Lillevik kommune', '', '', '', 1, 1, 1, true, 0)
"""


def test_what_happened_before_is_not_told_and_what_happens_after_is(empty_url: str) -> None:
    engines = open_engines(empty_url)
    with engines.write() as connection:
        command.upgrade(configuration(connection), "0008")
        connection.execute(text(_TENANT))
        connection.execute(text(_HEADS), {"hash": bytes(32)})
        connection.execute(text("INSERT INTO account (id, tenant_id, name) VALUES ('a', 't', 'Byggesak')"))
    migrate(empty_url)
    engines.close()
    database = tagging(SqlDatabase(empty_url))
    with database.write() as tx:
        assert tx.outbox.chains_ahead() == []
        account = tx.accounts.get("a")
        assert account
        assert not account.rules.notify
        tx.audit.append(AuditEvent(NOW, EventKind.ACCOUNT_RENAMED, "t"))
    with database.write() as tx:
        assert tx.outbox.chains_ahead() == ["t"]
        after = tx.outbox.cursor("t")
        assert [event.number for event in tx.audit.following("t", after=after, last_number=99, limit=9)] == [8]
    database.close()
