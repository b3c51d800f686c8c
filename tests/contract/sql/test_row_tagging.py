"""Rows of a version before tags are found, slice by slice, and get tags as they are."""

from __future__ import annotations

from sqlalchemy import update

from deldokument.adapters.sql.database import SqlDatabase
from deldokument.adapters.sql.engines import open_engines
from deldokument.adapters.sql.tables.base import metadata
from deldokument.domain.email_addresses import NoticeAddress
from deldokument.domain.tenancy import Administrator, Integration, Operator
from deldokument.domain.webhook import Webhook, WebhookEvent
from deldokument.ports.integrity import DamageReports
from tests.contract.records import ACCOUNT, KARI, NOW, TENANT, available, begin_upload, draft, recipient_of, settle
from tests.fakes.integrity import tagging

SYSTEM = Integration("system", ACCOUNT.id, "991825827", "Fagsystem AS", NOW)


def of_before(database: SqlDatabase, database_url: str) -> None:
    """A row of each kind and four shares, none of them with a tag."""
    settle(database)
    share = available(id="b")
    with database.write() as tx:
        tx.staff.add_administrator(Administrator("anne", TENANT.id, b"hash of anne", b"number", b"name"))
        tx.staff.add_operator(Operator("drift", b"hash of siv", b"number", b"name"))
        tx.integrations.add(SYSTEM)
        tx.webhooks.add(Webhook("hook", SYSTEM.id, b"url", b"secret", frozenset({WebhookEvent.OPENED}), NOW))
        for one in (draft(id="a"), share, draft(id="c"), draft(id="d")):
            tx.shares.add(one)
        tx.shares.add_recipient(recipient_of(share))
        tx.notification_addresses.save(NoticeAddress("address", KARI.lookup_hash))
    begin_upload(database, draft(id="a"))
    engines = open_engines(database_url)
    with engines.write() as connection:
        for table in metadata.tables.values():
            for name in {"tag", "card"} & {column.name for column in table.c}:
                connection.execute(update(table).values({name: None}))
    engines.close()


def unsealed(database: SqlDatabase, kind: str, limit: int = 3) -> list[str]:
    found, after = list[str](), ""
    with database.read() as tx:
        while True:
            seen = tx.row_tagging.look(kind, after, limit)
            found += [row.id for row in seen.rows if not row.is_intact]
            if seen.last is None:
                return found
            after = seen.last


def test_rows_without_tags_are_found_in_slices_and_sealed_as_they_are(database: SqlDatabase, database_url: str) -> None:
    of_before(database, database_url)
    lenient = tagging(database, enforced=False)
    with lenient.read() as tx:
        kinds = tx.row_tagging.kinds()
    assert unsealed(lenient, "share") == unsealed(lenient, "share", 2) == ["a", "b", "c", "d"]
    assert all(unsealed(lenient, kind) for kind in kinds)
    with lenient.write() as tx:
        tx.row_tagging.tag("share", tx.row_tagging.lock("share", ["a", "c", "nothing"]))
        tx.row_tagging.tag("share", [])
    assert unsealed(lenient, "share") == ["b", "d"]
    for kind in kinds:
        with lenient.write() as tx:
            tx.row_tagging.tag(kind, tx.row_tagging.look(kind, "", 100).rows)
    assert not [kind for kind in kinds if unsealed(lenient, kind)]
    damage = DamageReports()
    with tagging(database, damage=damage).read() as tx:
        assert tx.members.get(KARI.id) == KARI
        assert [tx.shares.get(name).intact for name in "abcd"] == [True] * 4  # type: ignore[union-attr]
    assert damage.is_empty


def test_a_tag_of_before_a_change_counts_as_missing(database: SqlDatabase, database_url: str) -> None:
    settle(database)
    engines = open_engines(database_url)
    with engines.write() as connection:
        connection.execute(update(metadata.tables["tenant"]).values(name="Storevik"))
    engines.close()
    assert unsealed(tagging(database, enforced=False), "tenant") == [TENANT.id]
