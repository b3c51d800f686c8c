"""Receipts in a table.

Guarantees:
- Concurrent downloads do not overwrite each other's receipts: a transaction that reads one to update it locks it.
- Every receipt comes from a row with a valid tag. A damaged row is left out, and reported with its share.
"""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, or_, select, tuple_, update

from deldokument.domain.shares.share import Receipt
from deldokument.store.engine.column_types import UtcMicros, ranges_text
from deldokument.store.engine.expressions import InList
from deldokument.store.engine.statements import Repository, RowMapper, param
from deldokument.store.tables.audit import audit_subject
from deldokument.store.tables.shares import receipt, share
from deldokument.store.tables.tags import RECEIPT_TAGS

ReceiptPlace = tuple[datetime, str, str, str]
"""A receipt's place among those of its share: first time, document (empty for none), recipient, subject."""


_RECEIPT = RowMapper(Receipt, receipt)
_whole = [*_RECEIPT.columns, receipt.c.covered_hash, receipt.c.tag]
_listed = [column for column in _whole if column is not receipt.c.covered]

_at, _done, _confirmed = (bindparam(name, type_=UtcMicros()) for name in ("at", "done", "confirmed"))
_is_first = or_(
    share.c.opened_at.is_(None),
    and_(share.c.downloaded_at.is_(None), _done.is_not(None)),
    and_(share.c.received_at.is_(None), _confirmed.is_not(None)),
)
_received = (
    update(share)
    .where(share.c.id == param("key"), _is_first)
    .values(
        opened_at=func.coalesce(share.c.opened_at, _at),
        downloaded_at=func.coalesce(share.c.downloaded_at, _done),
        received_at=func.coalesce(share.c.received_at, _confirmed),
    )
)
_one = select(*_whole).where(
    receipt.c.share_id == param("share"),
    receipt.c.document_id == param("document"),
    receipt.c.recipient_id == param("recipient"),
    receipt.c.subject_id == param("subject"),
)
_of_subject = select(*_whole).where(
    receipt.c.share_id == param("share"),
    InList(receipt.c.document_id, "keys"),
    receipt.c.subject_id == param("subject"),
)
_of_shares = (
    select(*_listed)
    .where(InList(receipt.c.share_id, "keys"))
    .order_by(receipt.c.share_id, receipt.c.first_at, receipt.c.document_id, receipt.c.recipient_id)
)
_is_of_subject = receipt.c.subject_id == audit_subject.c.id
_of_person = _of_shares.join(audit_subject, _is_of_subject).where(InList(audit_subject.c.lookup_hash, "hashes"))
_place = (receipt.c.first_at, receipt.c.document_id, receipt.c.recipient_id, receipt.c.subject_id)
_of_share = select(*_listed).where(receipt.c.share_id == param("key")).order_by(*_place).limit(param("most"))
_later = _of_share.where(
    tuple_(*_place)
    > tuple_(bindparam("first", type_=UtcMicros()), param("document"), param("recipient"), param("subject"))
)


class Receipts(Repository):
    """Repository of receipts, one per share, document, recipient and subject."""

    def save(self, receipt: Receipt) -> None:
        """Insert the receipt, or replace the one of the same share, document, recipient and subject.

        For the statistics, the share keeps the times of its first receipt, first sent document and first confirmation.
        """
        self.save_all([receipt])

    def save_all(self, receipts: Sequence[Receipt]) -> None:
        """Write at least one receipt, as ``save``. All must belong to the same share."""
        rows = [_values(receipt) for receipt in receipts]
        self._work.insert_or_replace(receipt, [RECEIPT_TAGS.with_tag(self._work, row) for row in rows])
        confirmed = min((r.confirmed_at for r in receipts if r.confirmed_at), default=None)
        done = min((r.completed_at or r.state_at for r in receipts if r.is_sent), default=None)
        opened = min(r.first_at for r in receipts)
        self._work.run(_received, {"key": receipts[0].share_id, "at": opened, "done": done, "confirmed": confirmed})

    def get(self, share_id: str, document_id: str | None, recipient_id: str, subject_id: str) -> Receipt | None:
        """Return the receipt.

        A write transaction also takes an advisory lock on its key, even if there is no receipt yet.
        """
        self._work.advisory_lock("receipt", share_id, document_id or "", recipient_id, subject_id)
        values = {"share": share_id, "document": document_id or "", "recipient": recipient_id, "subject": subject_id}
        return next(iter(self._intact(self._work.rows(_one, values))), None)

    def of_subject(self, share_id: str, subject_id: str, document_ids: Collection[str]) -> list[Receipt]:
        """Return a subject's receipts for these documents. To update them, the caller must hold the share's lock."""
        return self._intact(
            self._work.rows_in_batches(_of_subject, "keys", document_ids, share=share_id, subject=subject_id)
        )

    def of_shares(self, share_ids: Collection[str]) -> list[Receipt]:
        """Return the receipts share by share, the oldest first, without their ranges."""
        return self._intact(self._work.rows_in_batches(_of_shares, "keys", share_ids))

    def of_person(self, share_ids: Collection[str], lookup_hashes: Collection[bytes]) -> list[Receipt]:
        """Return the receipts of the subjects with these hashes, as ``of_shares``."""
        return self._intact(self._work.rows_in_batches(_of_person, "keys", share_ids, hashes=list(lookup_hashes)))

    def of_share(self, share_id: str, after: ReceiptPlace | None, limit: int) -> list[Receipt]:
        """Return the receipts of one share, the oldest first; ``after`` continues after that place.

        They come without their ranges.
        """
        found = list[Receipt]()
        while len(found) < limit:
            rows = self._after(share_id, after, limit)
            found += self._intact(rows)
            if len(rows) < limit:
                break
            after = tuple(rows[-1]._mapping[column] for column in _place)
        return found[:limit]

    def _after(self, share_id: str, after: ReceiptPlace | None, limit: int) -> Sequence[Row[Any]]:
        values: dict[str, Any] = {"key": share_id, "most": limit}
        if after is None:
            return self._work.rows(_of_share, values)
        place = dict(zip(("first", "document", "recipient", "subject"), after, strict=True))
        return self._work.rows(_later, values | place)

    def _intact(self, rows: Sequence[Row[Any]]) -> list[Receipt]:
        return [_receipt(row) for row in rows if self._is_intact(row)]

    def _is_intact(self, row: Row[Any]) -> bool:
        values = row._asdict()
        is_changed = "covered" in values and _covered_hash(values["covered"]) != values["covered_hash"]
        return RECEIPT_TAGS.is_intact(self._work, values, None if is_changed else values["tag"], None)


def _values(one: Receipt) -> dict[str, Any]:
    values = _RECEIPT.values(one)
    return values | {"document_id": one.document_id or "", "covered_hash": _covered_hash(one.covered)}


def _covered_hash(covered: tuple[tuple[int, int], ...]) -> bytes:
    return hashlib.sha256(ranges_text(covered).encode()).digest()


def _receipt(row: Row[Any]) -> Receipt:
    values = row._asdict()
    del values["covered_hash"], values["tag"]
    return Receipt(**values | {"document_id": values["document_id"] or None})
