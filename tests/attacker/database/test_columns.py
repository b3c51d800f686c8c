"""An attacker who writes to the database and logs in as themselves gains nothing by any deciding column."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import pytest
from sqlalchemy import Column, Connection, LargeBinary, Table, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import TypeDecorator

from deldokument.crypto.share_cards import ShareCard
from deldokument.store.engine.column_types import DurationMicros, EnumText, UtcMicros
from deldokument.store.engine.schema import metadata
from tests.attacker.attack import Attack, as_writer, key_of, rows_of
from tests.attacker.columns import PAGE, TABLES, Proof, deciding, unclassified, up_to_date
from tests.support.stage.stage import NOON
from tests.support.tables import EVERY_TAG

Row = dict[str, Any]
pytestmark = pytest.mark.timeout(600)


_SOME: dict[type, Any] = {
    bytes: b"forged",
    str: "forged",
    int: 1,
    UtcMicros: NOON,
    DurationMicros: timedelta(days=1),
    EnumText: None,
}
"""A value for a column that has none, by its type."""


def _is_plain(column: Column[Any]) -> bool:
    return not isinstance(column.type, TypeDecorator)


def values(column: Column[Any], own: Any, others: list[Any]) -> list[Any]:
    """Other values for a column: those of other rows, none, earlier, later."""
    found: list[Any] = [one for one in others if one != own and one is not None]
    match own:
        case bool():
            found.append(not own)
        case int():
            found.append(own + 1)
        case datetime():
            found += [own + timedelta(days=400), own - timedelta(days=400)]
        case timedelta():
            found.append(2 * own)
        case bytes():
            found += [b"forged", b"", bytes(len(own))]
        case Enum():
            found += [one for one in type(own) if one != own]
        case frozenset():
            found.append(frozenset())
        case str():
            found += ["organization", "forged", ""]
        case None:
            found.append(_SOME[column.type.python_type if _is_plain(column) else type(column.type)])
    if column.nullable:
        found.append(None)
    return [one for index, one in enumerate(found) if one != own and one not in found[:index]]


def forge(attack: Attack, table: Table, name: str) -> set[tuple[str, str]]:
    """Give the column of every row another value, a different kind of value to each; the keys of changed rows."""
    changed, column = set(), table.c[name]
    with as_writer(attack.victims.stage.database_url) as connection:
        rows = rows_of(connection, table.name)[table.name]
        for number, row in enumerate(rows):
            if (table.name, str(key_of(table, row)[0])) in changed:
                continue
            wanted = values(column, row[column.key], [other[column.key] for other in reversed(rows)])
            turn = number % max(1, len(wanted))
            for value in wanted[turn:] + wanted[:turn]:
                holder = next((one for one in rows if one[column.key] == value), None)
                if write(connection, table, row, {column.key: value}):
                    changed.add((table.name, str(key_of(table, row)[0])))
                    break
                if holder and name in EXCHANGED and swap(connection, table, column, row, holder):
                    changed |= {(table.name, str(key_of(table, one)[0])) for one in (row, holder)}
                    break
    return changed


def write(connection: Connection, table: Table, row: Row, changes: Row) -> bool:
    """Change a row, unless the database refuses it."""
    these = [one == row[one.key] for one in table.primary_key]
    try:
        with connection.begin_nested():
            return connection.execute(update(table).where(*these).values(changes)).rowcount == 1
    except IntegrityError:
        return False


def swap(connection: Connection, table: Table, column: Column[Any], one: Row, other: Row) -> bool:
    """Exchange the values of a column in which no two rows have the same."""
    between = b"between" if isinstance(column.type, LargeBinary) else "between"
    steps = ((one, between), (other, one[column.key]), (one, other[column.key]))
    return all([write(connection, table, row, {column.key: value}) for row, value in steps])


WITHOUT_ROWS = {
    *("answered_request", "assessment_file", "exchange_key", "impact_assessment", "main_agreement", "pending_login"),
    *(
        "main_agreement_paper",
        "program",
        "published_text",
        "seal_request",
        "service_agreement",
        "service_agreement_paper",
    ),
    *("signing_intent", "tenure"),
}
"""Tables that are empty here: their content is encrypted for its record. Their own tests change them."""
REFERRED_TO = {("account", "id"), ("integration", "id"), ("share", "id"), ("tenant", "id")}
"""Ids that the database keeps as long as other rows have them."""
TOGETHER = {
    *(("share", "integration_id"), ("upload", "integration_id"), ("upload", "partial_of"), ("part", "upload_id")),
    *(("webhook", "disabled_at"), ("webhook", "disabled_for"), ("notice_address", "challenged_at")),
    ("notice_address", "sealed_unconfirmed"),
    *(("receipt", "share_id"), ("receipt", "recipient_id")),
}
"""Columns that the database's checks let nobody change alone."""
OF_THE_SHARE = {
    *(("recipient", "share_id"), ("recipient", "removed_at")),
    *(("removed_document", "id"), ("removed_document", "share_id")),
}
"""The card of a share has the ids of its recipients and removed documents: the share is damaged, not they."""
ATTACKED = [
    (table, name)
    for table in sorted(TABLES.keys() - WITHOUT_ROWS)
    for name in deciding(table)
    if not {Proof.CHAIN} & {some.proof for some in TABLES[table]} and (table, name) not in REFERRED_TO | TOGETHER
]
EXCHANGED = {"lookup_hash", "token_hash", "organization_number"}
"""Columns in which no two rows have the same."""
ABOUT_SHARES = {"share", "recipient", "document"}


def test_every_column_of_the_schema_is_classified() -> None:
    assert unclassified() == {}


def test_the_columns_bound_by_tags_and_cards_are_those_in_the_list() -> None:
    for tags in EVERY_TAG:
        assert set(deciding(tags.kind, Proof.TAG)) == {tags.key, *tags.bound}, tags.kind
    bound = {one.name for one in fields(ShareCard)} - {"revision", "recipients", "documents", "verdicts"}
    assert set(deciding("share", Proof.CARD)) == {"id", *bound}


def test_the_page_shows_the_classification() -> None:
    page = PAGE.read_text("utf-8")
    assert page == up_to_date(page)


def _first_of_each_proof() -> Iterator[Any]:
    """The columns, with all but the first of a table and its proof left to `make test-large`: one check binds them."""
    tried = set[tuple[str, Proof | None]]()
    for table, name in ATTACKED:
        kind = table, next(some.proof for some in TABLES[table] if name in some.names)
        yield pytest.param(table, name, marks=[pytest.mark.large] if kind in tried else [])
        tried.add(kind)


@pytest.mark.parametrize(("table", "name"), list(_first_of_each_proof()))
def test_another_value_opens_nothing_and_raises_an_alarm(attack: Attack, table: str, name: str) -> None:
    watched = attack.watched()
    changed = forge(attack, metadata.tables[table], name)
    assert changed
    is_alarmed = name in deciding(table, Proof.TAG, Proof.CARD, Proof.GRANT) and name != "id"
    is_alarmed = is_alarmed and (table, name) not in OF_THE_SHARE
    about = table in ABOUT_SHARES
    asked = attack.narrow() if about else attack.narrow(("available",))
    faults = attack.faults(asked, changed & watched if is_alarmed else set(), is_about_shares=about)
    assert not faults, "\n".join(faults)
