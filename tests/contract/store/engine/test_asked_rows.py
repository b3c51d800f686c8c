"""A look-up returns the row that was asked for, or none, also if the database answers with an authentic other row."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import BinaryExpression, BindParameter, Column, Delete, Select, Text, create_engine, make_url, text
from sqlalchemy.sql import operators, visitors

from deldokument import store
from deldokument.domain.messages.email_addresses import NoticeAddress
from deldokument.domain.messages.webhook import Webhook, WebhookEvent
from deldokument.domain.tenants.tenancy import Administrator, Integration, Operator
from deldokument.store.auth.programs import ProgramRecord
from deldokument.store.auth.sessions import PendingLoginRecord, SessionRecord
from deldokument.store.database import Database
from deldokument.store.engine.asked_columns import asked_columns
from deldokument.store.engine.expressions import InList
from deldokument.store.engine.integrity import DamageReports
from deldokument.store.engine.schema import metadata
from deldokument.store.engine.statements import ByKey
from deldokument.store.shares.shares import ShareFilter
from deldokument.store.transaction import Transaction
from tests.contract.records import (
    ACCOUNT,
    KARI,
    NOW,
    TENANT,
    available,
    document_of,
    draft,
    recipient_of,
    settle,
    upload_of,
)
from tests.fakes.integrity import tagging

SYSTEM = Integration("system", ACCOUNT.id, "991825827", "Fagsystem AS", NOW)
HOOK = Webhook("hook", SYSTEM.id, b"url", b"secret", frozenset({WebhookEvent.DOWNLOADED}), NOW)
SHARE = draft()
DOCUMENT = document_of(SHARE)
UPLOAD = upload_of(DOCUMENT, token_hash=b"hash of token")
REMOVED_BY = {"provider_session_id", "state"}
"""Columns by which a look-up removes the rows that it returns."""
LOOKUPS: dict[tuple[str, str], Callable[[Transaction], object]] = {
    ("session", "token_hash"): lambda tx: tx.sessions.get(b"mine"),
    ("session", "owner_hash"): lambda tx: tx.sessions.of_owner(b"mine"),
    ("session", "provider_session_id"): lambda tx: tx.sessions.remove_by_provider_session("mine"),
    ("pending_login", "state"): lambda tx: tx.sessions.take_pending("mine"),
    ("program", "secret_hash"): lambda tx: tx.programs.get(b"mine"),
    ("program", "session_hash"): lambda tx: tx.programs.of_sessions([b"mine"]),
    ("member", "id"): lambda tx: tx.members.get("mine"),
    ("member", "lookup_hash"): lambda tx: tx.members.by_hash(ACCOUNT.id, b"mine"),
    ("integration", "id"): lambda tx: tx.integrations.get("mine"),
    ("integration", "organization_number"): lambda tx: tx.integrations.of_organization("310000001"),
    ("administrator", "lookup_hash"): lambda tx: tx.staff.administrators_by_hash(b"mine"),
    ("operator", "lookup_hash"): lambda tx: tx.staff.operator_by_hash(b"mine"),
    ("webhook", "id"): lambda tx: tx.webhooks.get("mine"),
    ("upload", "id"): lambda tx: tx.uploads.get("mine"),
    ("upload", "token_hash"): lambda tx: tx.uploads.by_token(b"mine"),
    ("share", "id"): lambda tx: tx.shares.get("mine"),
    ("recipient", "share_id"): lambda tx: tx.shares.recipients(["mine"]),
    ("recipient", "lookup_hash"): lambda tx: tx.share_lookup.open_for([b"mine"], NOW),
    ("document", "share_id"): lambda tx: tx.shares.documents(["mine"]),
    ("document", "id"): lambda tx: tx.additions.document("mine"),
    ("notice_address", "id"): lambda tx: tx.notification_addresses.get("mine"),
    ("notice_address", "lookup_hash"): lambda tx: tx.notification_addresses.of_person(b"mine"),
    ("tenant", "organization_number"): lambda tx: tx.tenants.by_number("310000001"),
    ("tenant", "id"): lambda tx: tx.tenants.get("mine"),
    ("account", "id"): lambda tx: tx.accounts.get("mine"),
}


def furnish(database: Database) -> None:
    """One row in each table, none of which anybody asks for."""
    settle(database)
    with database.write() as tx:
        tx.integrations.add(SYSTEM)
        tx.webhooks.add(HOOK)
        tx.staff.add_administrator(Administrator("anne", TENANT.id, b"hash of anne", b"number", b"name"))
        tx.staff.add_operator(Operator("drift", b"hash of siv", b"number", b"name"))
        tx.notification_addresses.save(NoticeAddress("address", KARI.lookup_hash))
        tx.shares.add(SHARE)
        tx.shares.add_recipient(recipient_of(SHARE))
        tx.shares.add_document(DOCUMENT)
        tx.uploads.add(UPLOAD)
        tx.sessions.add_pending(PendingLoginRecord("state", b"sealed", NOW))
        tx.sessions.add(SessionRecord(b"token", "csrf", b"sealed", "provider", NOW, b"owner"))
        tx.programs.add(ProgramRecord(b"secret", b"token", b"sealed"))


@pytest.mark.parametrize(("table", "column"), LOOKUPS, ids=map(".".join, LOOKUPS))
def test_a_row_that_a_column_type_with_its_own_equality_finds_is_damage(
    postgres_url: str, table: str, column: str
) -> None:
    damage = DamageReports()
    with closing(tagging(Database(postgres_url), damage=damage)) as database:
        furnish(database)
        begun = database.write if column in REMOVED_BY else database.read
        with equal_to_everything(postgres_url, table, column), begun() as tx:
            assert not LOOKUPS[table, column](tx)
    assert {row.kind for row in damage.take()} == {table}


@contextmanager
def equal_to_everything(url: str, table: str, column: str) -> Iterator[None]:
    """As somebody who owns the schema: a view in place of the table, whose column equals every value."""
    base = "varchar" if isinstance(metadata.tables[table].c[column].type, Text) else "bytea"
    names = [one.name for one in metadata.tables[table].c]
    shown = ", ".join(f'"{name}"::odd AS "{name}"' if name == column else f'"{name}"' for name in names)
    execute(
        url,
        f"CREATE DOMAIN odd AS {base}",
        *(
            one
            for asked in sorted({base, "text"})
            for one in (
                f"CREATE FUNCTION is_equal(odd, {asked}) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'",
                f"CREATE OPERATOR = (LEFTARG = odd, RIGHTARG = {asked}, FUNCTION = is_equal)",
            )
        ),
        f"ALTER TABLE {table} RENAME TO real_{table}",
        f"CREATE VIEW {table} AS SELECT {shown} FROM real_{table}",
    )
    try:
        yield
    finally:
        execute(url, f"DROP VIEW {table}", f"ALTER TABLE real_{table} RENAME TO {table}", "DROP DOMAIN odd CASCADE")


def execute(url: str, *statements: str) -> None:
    found = make_url(url)
    engine = create_engine(
        found.set(drivername="postgresql+psycopg") if found.get_backend_name() == "postgresql" else found
    )
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


HIDDEN: dict[tuple[str, str], Callable[[Transaction], object]] = {
    ("member", "removed_at"): lambda tx: tx.members.of_person(KARI.lookup_hash),
    ("integration", "removed_at"): lambda tx: tx.integrations.of_organization(SYSTEM.organization_number),
    ("document", "pending_since"): lambda tx: tx.shares.documents([SHARE.id]),
}
TAKEN: dict[str, Callable[[Transaction], object]] = {
    "member": lambda tx: tx.members.remove(KARI.id, NOW),
    "integration": lambda tx: tx.integrations.remove(SYSTEM.id, NOW),
    "document": lambda tx: tx.shares.save_document(replace(DOCUMENT, pending_since=NOW)),
}


@pytest.mark.parametrize(("table", "column"), HIDDEN, ids=map(".".join, HIDDEN))
def test_a_row_that_was_removed_is_not_found_by_a_view_that_hides_it_from_conditions_only(
    sqlite_url: str, table: str, column: str
) -> None:
    damage = DamageReports()
    with closing(tagging(Database(sqlite_url), damage=damage)) as database:
        furnish(database)
        with database.write() as tx:
            TAKEN[table](tx)
        with sometimes_null(sqlite_url, table, column):
            for _ in range(40):
                with database.read() as tx:
                    assert not HIDDEN[table, column](tx)
    assert {row.kind for row in damage.take()} == {table}


@contextmanager
def sometimes_null(url: str, table: str, column: str) -> Iterator[None]:
    """As the owner of the file: a view whose column is evaluated anew where it is compared and where it is returned."""
    names = [one.name for one in metadata.tables[table].c]
    shown = ", ".join(
        f'CASE WHEN random() % 2 THEN "{name}" END AS "{name}"' if name == column else f'"{name}"' for name in names
    )
    execute(
        url, f"ALTER TABLE {table} RENAME TO real_{table}", f"CREATE VIEW {table} AS SELECT {shown} FROM real_{table}"
    )
    yield


def test_a_list_by_subqueries_has_no_share_of_another_account(sqlite_url: str) -> None:
    """Of a view whose shares are of one account where they are compared, and of another where they are returned."""
    damage, published = DamageReports(), available()
    with closing(tagging(Database(sqlite_url), damage=damage)) as database:
        furnish(database)
        with database.write() as tx:
            tx.shares.add(published)
        names = ", ".join(f'"{one.name}"' for one in metadata.tables["share"].c if one.name != "account_id")
        mixed = "CASE WHEN random() % 2 THEN account_id ELSE 'theirs' END AS account_id"
        execute(
            sqlite_url,
            "ALTER TABLE share RENAME TO real_share",
            f"CREATE VIEW share AS SELECT {names}, {mixed} FROM real_share",
        )
        for _ in range(40):
            with database.read() as tx:
                found = [
                    *tx.shares.find(ShareFilter(("theirs", "others"))),
                    *tx.shares.needing(["theirs"], NOW, NOW, 10),
                    *tx.share_lookup.shared_lately(KARI.id, "theirs", 10, 10),
                ]
            assert not [one for one in found if one.intact]
    # A row that is returned with another account than its own is damaged, too.
    assert {row.id for row in damage.take()} == {SHARE.id, published.id}


def test_a_webhook_is_not_joined_with_the_integration_of_others(sqlite_url: str) -> None:
    with closing(tagging(Database(sqlite_url))) as database:
        furnish(database)
        with database.write() as tx:
            tx.integrations.add(replace(SYSTEM, id="others", organization_number="310000001"))
        names = ", ".join(f'"{one.name}"' for one in metadata.tables["integration"].c if one.name != "id")
        execute(
            sqlite_url,
            "ALTER TABLE integration RENAME TO real_integration",
            f"CREATE VIEW integration AS SELECT CASE WHEN random() % 2 THEN id ELSE 'system' END AS id, {names} "
            "FROM real_integration WHERE id = 'others'",
        )
        for _ in range(40):
            with database.read() as tx:
                assert tx.webhooks.get(HOOK.id) is None


UNCOMPARED = {
    "asks in a subquery: what is returned is compared by another column, or by a statement with the same columns": {
        "share_lookup._newest_of_member",
        "share_lookup._shared_lately",
        "shares._each_needing",
        "shares._ids_of_account",
        "shares._needing",
        "tenant_lifecycle._living_accounts",
        "tenant_lifecycle._own_accounts",
        "tenant_lifecycle._shares",
    },
    "a number of rows, which whoever inserts or deletes rows decides anyway": {
        "accounts._count_members",
        "accounts._drafts_of",
        "accounts._held",
        "accounts._waiting",
        "members._count",
        "outbox._any_due",
        "statistics._destroyed",
        "statistics._first",
        "statistics._named",
        "statistics._of_account",
        "statistics._of_tenant",
        "uploads._unfinished_beside",
        "uploads._unfinished_in_drafts",
    },
    "finds what is taken away": {
        "of_document",
        "of_documents_of_shares",
        "of_shares",
        "tenant_lifecycle._integrations",
        "tenant_lifecycle._members",
        "uploads._partials_of",
    },
    "finds webhooks, which are told of shares of the account that their tags name": {"webhooks._of_tenant"},
    "finds reminders that were not sent yet": {"outbox._unreminded"},
    "finds what a person has downloaded of shares that it may open": {"receipts._of_person"},
}
"""Statements that ask for the value of a column, and do not compare it in what is returned, by the reason why not."""


def statements() -> Iterator[tuple[str, Select[Any] | Delete]]:
    """The statements of the repositories that return rows, by the module and the name that they have in it."""
    for found in pkgutil.walk_packages(store.__path__, f"{store.__name__}."):
        if found.ispkg or found.name.startswith(f"{store.__name__}.migrations."):
            continue
        module = found.name.rpartition(".")[2]
        for name, value in vars(importlib.import_module(found.name)).items():
            for one in _of(value):
                if one.whereclause is not None and list(one.exported_columns):
                    yield f"{module}.{name}" if name.startswith("_") else name, one


def _of(value: object) -> list[Select[Any] | Delete]:
    match value:
        case Select() | Delete():
            return [value]
        case ByKey():
            return [value.one, value.many]
        case tuple():
            return [found for one in value for found in _of(one)]
    return []


def asked_anywhere(statement: Select[Any] | Delete) -> set[tuple[str, str]]:
    """The tables and parameters of all comparisons with a column, also within OR and subqueries."""
    found = set[tuple[str, str]]()
    for one in visitors.iterate(statement.whereclause) if statement.whereclause is not None else ():
        match one:
            case InList():
                column, given = one.clauses
            case BinaryExpression(operator=operators.eq):
                column, given = one.left, one.right
            case _:
                continue
        # `behind` names the tenants that are left out.
        if isinstance(column, Column) and isinstance(given, BindParameter) and given.required and given.key != "behind":
            found.add((str(column.table), given.key))
    return found


def test_every_statement_compares_what_it_asks_for_or_is_named_with_its_reason() -> None:
    uncompared = {
        name
        for name, statement in statements()
        if asked_anywhere(statement) - {(one.table, one.name) for one in asked_columns(statement)}
    }
    assert uncompared == set().union(*UNCOMPARED.values())
