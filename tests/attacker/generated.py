"""Every single change of the database that is tried, and its effect.

Each column of each row gets an older value, those of other rows, none, and values that fit nowhere. Each row is
deleted, or gets its older state as a whole; a row that has gone is inserted again. Tables, and all of them, are put
back. Of the events a seeded sample is changed, because they are many and alike.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from random import Random
from typing import Any

from sqlalchemy import Connection, Engine, column, delete, insert, select, table, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import TableClause

from deldokument.adapters.documents.signing import verify_signature
from deldokument.services.audit import heads
from deldokument.services.audit.verification import verify_trail
from deldokument.store.engine.schema import metadata
from tests.attacker.database.test_event_log import link_anew
from tests.attacker.furnished import Furnished
from tests.attacker.probes import Asked, Cursor
from tests.support.snapshots import Snapshot

Row = dict[str, Any]
Key = tuple[Any, ...]
Rows = dict[str, dict[Key, Row]]
"""By table and primary key, as the driver gives them."""
LOG = ("audit_event", "audit_head", "audit_checkpoint", "audit_certificate")
THINNED = {"audit_event": 20}
"""Tables of which a seeded sample of rows is changed, and its size."""
BY_DESIGN = {
    r"session(\[\d+\]\.seen_at|: removed row|.* put back).*: session: ": "by its holder, for 8 hours at most",
    r"outbox(\[\d+\]\.due_at|.* put back).*: messages: ": "sent early, or again, to those who are told anyway",
}
"""What opens by design (docs/threat-model.md, docs/security-columns.md), with the reason."""
_OTHERS = 2
_GARBAGE: dict[type, tuple[Any, ...]] = {
    str: ("forged", b"\xff\x00", -1),
    bytes: (b"forged", "forged", 2**40),
    int: (-1, 2**62, "forged"),
    bool: (2, "forged"),
    date: (date.min, date.max),
    type(None): ("forged", 1),
}
# No types: every value is written unchanged, even if it does not fit its column.
TABLES = {name: table(name, *(column(part.name) for part in one.c)) for name, one in metadata.tables.items()}
_KEYS = {name: [one.name for one in found.primary_key] for name, found in metadata.tables.items()}
_UNIQUE = {
    name: {part.name for index in (found.primary_key, *found.constraints, *found.indexes) for part in index.columns}
    for name, found in metadata.tables.items()
}
"""The columns of keys, of unique constraints, and of indexes."""


@dataclass(frozen=True, slots=True)
class Case:
    """A change. ``tables``: those that it changes. ``has_new_keys``: rows may have keys that no row had."""

    name: str
    tables: tuple[str, ...]
    change: Callable[[Connection], object]
    has_new_keys: bool = True

    @property
    def table(self) -> str:
        """The table by which it is counted."""
        return self.tables[0]


def rows_of(connection: Connection) -> Rows:
    """All rows."""
    found = {name: connection.execute(select(one)).all() for name, one in TABLES.items()}
    return {
        name: {tuple(getattr(row, key) for key in _KEYS[name]): dict(row._mapping) for row in rows}
        for name, rows in found.items()
    }


def cases(earlier: Rows, now: Rows) -> Iterator[Case]:
    """Every change, always in the same order."""
    for name, rows in now.items():
        keys = list(rows)
        if name in THINNED:
            keys = Random(name).sample(keys, min(THINNED[name], len(keys)))
        for number, key in enumerate(keys):
            for case in _of_row(name, f"{name}[{number}]", key, earlier[name], rows):
                yield case
                if name == "audit_event":
                    linked = f"{case.name}, linked anew"
                    yield replace(case, name=linked, tables=(name, "audit_head"), change=_linked(case, key[0]))
        for number, key in enumerate([one for one in earlier[name] if one not in rows]):
            yield Case(f"{name}: removed row {number} again", (name,), _inserted(name, earlier[name][key]))
    for name in now:
        if earlier[name] != now[name]:
            yield Case(f"{name} put back", (name,), _put_back(earlier, name))
            yield Case(f"{name} and log put back", (name, *LOG), _put_back(earlier, name, *LOG))
    yield Case("all put back", tuple(TABLES), _put_back(earlier, *TABLES))


def _of_row(name: str, label: str, key: Key, earlier: Mapping[Key, Row], rows: Mapping[Key, Row]) -> Iterator[Case]:
    row, older = rows[key], earlier.get(key)
    for attribute, own in row.items():
        given = {"older": [older[attribute]] if older and older[attribute] != own else []}
        others = {repr(one[attribute]): one[attribute] for one in (*rows.values(), *earlier.values())}
        others = {shown: value for shown, value in others.items() if value not in (own, None)}
        given["another's"] = Random(f"{label} {attribute}").sample(list(others.values()), min(_OTHERS, len(others)))
        given["none"] = [None] if own is not None else []
        given["garbage"] = [one for one in _GARBAGE[type(own)] if one != own]
        for kind, values in given.items():
            for number, value in enumerate(values):
                change = _changed(name, key, {attribute: value})
                yield Case(f"{label}.{attribute}: {kind} {number}", (name,), change, attribute in _UNIQUE[name])
    yield Case(f"{label}: deleted", (name,), _deleted(name, key), has_new_keys=False)
    if older and older != row:
        yield Case(f"{label}: older", (name,), _changed(name, key, older))


def _where(one: TableClause, name: str, key: Key) -> list[Any]:
    return [one.c[part] == value for part, value in zip(_KEYS[name], key, strict=True)]


def _changed(name: str, key: Key, values: Row) -> Callable[[Connection], object]:
    one = TABLES[name]

    def change(connection: Connection) -> object:
        with suppress(DBAPIError), connection.begin_nested():
            return connection.execute(update(one).where(*_where(one, name, key)).values(values))
        # Another row has this unique value: this row replaces it.
        for part, value in values.items():
            connection.execute(delete(one).where(one.c[part] == value))
        return connection.execute(update(one).where(*_where(one, name, key)).values(values))

    return change


def _deleted(name: str, key: Key) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(delete(TABLES[name]).where(*_where(TABLES[name], name, key)))


def _inserted(name: str, row: Row) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(insert(TABLES[name]).values(row))


def _put_back(earlier: Rows, *names: str) -> Callable[[Connection], object]:
    def change(connection: Connection) -> None:
        for name in names:
            connection.execute(delete(TABLES[name]))
            if earlier[name]:
                connection.execute(insert(TABLES[name]), list(earlier[name].values()))

    return change


def _linked(case: Case, chain: str) -> Callable[[Connection], object]:
    def change(connection: Connection) -> None:
        case.change(connection)
        link_anew(connection, chain)

    return change


@dataclass
class Siege:
    """The deployment under attack. ``tried``: how many changes the database admitted, by table."""

    place: Furnished
    asked: Asked
    every: list[Case]
    kept: Snapshot
    writer: Engine
    look: Cursor
    tried: Counter[str] = field(default_factory=Counter)

    def findings(self, some: Iterable[Case]) -> list[str]:
        """What the changes opened unnoticed, and the errors that are none of the domain."""
        found = [f"{case.name}: {fault}" for case in some for fault in self._after(case)]
        return [fault for fault in found if not any(re.match(pattern, fault) for pattern in BY_DESIGN)]

    def _after(self, case: Case) -> list[str]:
        try:
            with self.writer.begin() as connection:
                case.change(connection)
        except (DBAPIError, ValueError, TypeError, AttributeError):
            # The database refuses the value, or its hash cannot be computed.
            return []
        try:
            self.tried[case.table] += 1
            found = list(
                self.asked.openings(self.asked.concerned(self.look, case.tables, has_new_keys=case.has_new_keys))
            )
            return [] if found and self._is_noticed() else found
        finally:
            self.kept.restore()
            self.place.victims.forget_reports()
            self.place.stage.deps.behind.note(())

    def _is_noticed(self) -> bool:
        """Whether an alarm was raised, by the worker at the latest, and the verification of the logs names a fault."""
        deps = self.place.stage.deps
        heads.compare_heads(deps)
        heads.patrol_removals(deps)
        is_alarmed = not deps.damage.is_empty or bool(deps.behind.chains)
        verdict = verify_trail(deps, certificates=(), is_signed=verify_signature)
        return is_alarmed and verdict.fault is not None
