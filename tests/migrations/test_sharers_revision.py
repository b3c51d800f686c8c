"""Revision 0008: what members have shared stays theirs; and from now on a share has one sharer, of either kind."""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import Connection, text

from deldokument.adapters.sql.engines import open_engines
from deldokument.adapters.sql.migrations import configuration, migrate
from deldokument.domain.errors import ServiceError

_BEFORE = (
    """INSERT INTO tenant (id, organization_number, name, contact_telephone, contact_email, contact_hours,
        period_shortest, period_standard, period_longest, ask_archived, retention)
        VALUES ('t', '974760673', 'Lillevik kommune', '', '', '', 1, 1, 1, true, 0)""",
    "INSERT INTO account (id, tenant_id, name) VALUES ('a', 't', 'Byggesak')",
    """INSERT INTO member (id, account_id, lookup_hash, sealed_identifier, sealed_name)
        VALUES ('m', 'a', '', '', '')""",
    """INSERT INTO integration (id, account_id, organization_number, name, added_at)
        VALUES ('i', 'a', '312824450', 'FJELL AS', 0)""",
)
_SHARE = """
    INSERT INTO share (id, tenant_id, account_id, state, created_at, changed_at, audit_key_id, confidential, archived,
        sealed_title, sealed_message, sealed_reference, reference_hash, blobs_released, {sharers})
    VALUES ('{id}', 't', 'a', 'draft', 0, 0, 'k', true, true, '', '', '', '', false, {values})
"""
_DOCUMENT = """
    INSERT INTO document (id, share_id, sealed_name, length, position, sealed_manifest, sealed_inspection)
    VALUES ('d', 's', '', 1, 1, '', '')
"""
_UPLOAD = """
    INSERT INTO upload (id, document_id, share_id, member_id, length, "offset", token_hash, deadline)
    VALUES ('u', 'd', 's', 'm', 1, 0, '1', 0)
"""


def share(share_id: str, **sharers: str) -> str:
    values = ", ".join(f"'{value}'" for value in sharers.values())
    return _SHARE.format(id=share_id, sharers=", ".join(sharers), values=values)


def fill(connection: Connection) -> None:
    """At revision 0007: a draft of a member with an upload, and an integration."""
    for statement in (*_BEFORE, share("s", member_id="m"), _DOCUMENT, _UPLOAD):
        connection.execute(text(statement))


def test_what_members_have_shared_stays_theirs_and_systems_may_share_from_now_on(empty_url: str) -> None:
    engines = open_engines(empty_url)
    with engines.write() as connection:
        command.upgrade(configuration(connection), "0007")
        fill(connection)
    migrate(empty_url)
    with engines.write() as connection:
        for table in ("share", "upload"):
            kept = connection.execute(text(f"SELECT member_id, integration_id FROM {table}")).all()
            assert [tuple(row) for row in kept] == [("m", None)]
        rights = connection.execute(text("SELECT rights, used_at, password_hash FROM integration")).one()
        assert tuple(rights) == ("share", None, None)
        connection.execute(text(share("of a system", integration_id="i")))
        if not engines.is_postgres:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    engines.close()


@pytest.mark.parametrize(
    "wrong",
    [
        share("both", member_id="m", integration_id="i"),
        share("unknown", integration_id="nobody"),
        _SHARE.format(id="none", sharers="member_id", values="NULL"),
        "UPDATE integration SET rights = 'everything'",
        "UPDATE upload SET integration_id = 'i'",
        "UPDATE upload SET member_id = NULL",
    ],
)
def test_a_row_with_no_sharer_or_two_is_refused(empty_url: str, wrong: str) -> None:
    engines = open_engines(empty_url)
    with engines.write() as connection:
        command.upgrade(configuration(connection), "0007")
        fill(connection)
    migrate(empty_url)
    with pytest.raises(ServiceError), engines.write() as connection:
        connection.execute(text(wrong))
    engines.close()
