"""Tags and cards for rows that a version before 0.3.0 has written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, select, update

from deldokument.adapters.sql.authenticated_rows import EVERY_TAG, RowTags
from deldokument.adapters.sql.share_cards import CARD_COLUMNS, ShareCards
from deldokument.adapters.sql.statements import InList, Statements, batches, param
from deldokument.adapters.sql.tables.shares import is_unerased, share
from deldokument.crypto.share_cards import SHARE_KIND
from deldokument.ports.repositories.sealing import UnsealedRows

_TAGS = {tags.kind: tags for tags in EVERY_TAG}


class SqlSealing:
    """The port ports.repositories.sealing.Sealing in SQL."""

    def __init__(self, work: Statements, cards: ShareCards) -> None:
        self._work = work
        self._cards = cards

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of authenticated rows, those first that others refer to."""
        return (*_TAGS, SHARE_KIND)

    def unsealed(self, kind: str, after: str, limit: int) -> UnsealedRows:
        """Return those of the next rows that have no valid tag."""
        table, query = _query(kind)
        query = query.where(table.c.id > param("after")).order_by(table.c.id).limit(param("most"))
        rows = self._work.rows(query, {"after": after, "most": limit})
        ids = tuple(row.id for row in rows if not self._is_sealed(kind, row))
        return UnsealedRows(ids, rows[-1].id if len(rows) == limit else None)

    def seal(self, kind: str, row_ids: Collection[str]) -> None:
        """Give the rows tags or cards as they are now."""
        table, query = _query(kind)
        for batch in batches(row_ids):
            # Locked first, then read: a statement that waits for a lock sees other tables as of before.
            self._work.rows(self._work.locked(select(table.c.id).where(_these(table))), {"keys": batch})
            self._write(kind, table, self._work.rows(query.where(_these(table)), {"keys": batch}))

    def _write(self, kind: str, table: Table, rows: Sequence[Row[Any]]) -> None:
        column = "card" if kind == SHARE_KIND else "tag"
        sealed = [{"key": row.id, column: self._seal_of(kind, row)} for row in rows]
        if sealed:
            self._work.run(update(table).where(table.c.id == param("key")), sealed)

    def _is_sealed(self, kind: str, row: Row[Any]) -> bool:
        if kind == SHARE_KIND:
            return self._cards.is_sealed(row)
        return _TAGS[kind].fits(self._work, row._asdict(), row.tag)

    def _seal_of(self, kind: str, row: Row[Any]) -> bytes:
        return self._cards.card_of(row) if kind == SHARE_KIND else _TAGS[kind].tag(self._work, row._asdict())


def _query(kind: str) -> tuple[Table, Select[Any]]:
    if kind == SHARE_KIND:
        return share, select(*CARD_COLUMNS).where(is_unerased)
    tags: RowTags = _TAGS[kind]
    return tags.table, select(*tags.table.c)


def _these(table: Table) -> ColumnElement[bool]:
    return InList(table.c.id, "keys")
