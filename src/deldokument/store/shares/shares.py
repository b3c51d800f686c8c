"""Shares, recipients and documents in tables.

Guarantees:
- Lists do not contain erased shares.
- A damaged share is returned with ``intact`` False, and cannot be written.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, Self

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    insert,
    not_,
    or_,
    select,
    tuple_,
    union_all,
    update,
)

from deldokument.domain.errors import Broken, require
from deldokument.domain.shares.share import Document, Recipient, RemovedDocument, Share, ShareState
from deldokument.store.engine.authenticated_rows import AuthenticatedMapper
from deldokument.store.engine.column_types import LONG_AGO
from deldokument.store.engine.expressions import InList
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.engine.statements import FEW_KEYS, RowMapper, Statements, few_at_a_time, param
from deldokument.store.shares.share_cards import CARD_COLUMNS, SHARE, ShareCards
from deldokument.store.tables.shares import (
    document,
    has_change,
    is_asking,
    is_available,
    is_draft,
    is_named,
    is_pending,
    is_unerased,
    is_unread,
    may_have_key,
    recipient,
    removed_document,
    share,
)
from deldokument.store.tables.tags import DOCUMENT_TAGS
from deldokument.store.uploads.uploads import discard_uploads, of_document


@dataclass(frozen=True, slots=True)
class ShareFilter:
    """A filter for the shares of some accounts, newest first; ``before`` continues after that id.

    With ``now``, ``states`` are the true states at that instant. Without it, they are the stored states, which a worker
    updates later.
    """

    account_ids: tuple[str, ...]
    states: tuple[ShareState, ...] = ()
    now: datetime | None = None
    reference_hashes: tuple[bytes, ...] = ()
    before: tuple[datetime, str] | None = None
    limit: int = 50


class DocumentMapper(AuthenticatedMapper[Document]):
    """Mapping of documents. A document with another manifest or verdict than its hashes name is damaged."""

    def __init__(self) -> None:
        super().__init__(Document, DOCUMENT_TAGS)

    def _is_intact(self, work: Statements, record: Document, tag: bytes | None, newest: int | None) -> bool:
        if not super()._is_intact(work, record, tag, newest):
            return False
        is_whole = record.has_its_manifest and record.has_its_verdict
        if not is_whole:
            work.damage.report(DamagedRow(DOCUMENT_TAGS.kind, record.id))
        return is_whole


DOCUMENT = DocumentMapper()
RECIPIENT = RowMapper(Recipient, recipient)
_REMOVED = RowMapper(RemovedDocument, removed_document)

_key = param("key")
_now, _until, _at = (bindparam(name, type_=share.c.expires_at.type) for name in ("now", "until", "at"))
_by_id = select(*CARD_COLUMNS).where(share.c.id == _key)
_known = select(share.c.id).where(InList(share.c.id, "keys"))
_add = insert(share)
_save = update(share).where(share.c.id == _key)
_ends_later = share.c.expires_at > _now
_ids_of_account = select(share.c.id).where(share.c.account_id == _key).limit(param("most"))
_each_needing = (
    _ids_of_account.where(is_draft, may_have_key).order_by(share.c.proposed_by.is_(None), share.c.changed_at.desc()),
    _ids_of_account.where(is_unread, _ends_later, share.c.expires_at <= _until).order_by(share.c.expires_at),
    _ids_of_account.where(has_change, _ends_later).order_by(share.c.expires_at),
    _ids_of_account.where(share.c.id.in_(select(recipient.c.share_id).where(is_asking))).order_by(
        share.c.expires_at.desc()
    ),
)
# The columns of a card are selected only once, not in each of these queries: they take most of PostgreSQL's planning
# time.
_needing = select(*CARD_COLUMNS).where(share.c.id.in_(union_all(*(select(one.subquery()) for one in _each_needing))))
_of_accounts = select(*CARD_COLUMNS).where(InList(share.c.account_id, "accounts"))
"""Only compared with rows that subqueries have chosen."""
_save_recipient = update(recipient).where(recipient.c.id == _key)
_remove_recipient = delete(recipient).where(recipient.c.id == _key, recipient.c.share_id == param("share"))
_all_recipients = (
    select(*RECIPIENT.columns)
    .where(InList(recipient.c.share_id, "keys"))
    .order_by(recipient.c.share_id, recipient.c.position, recipient.c.id)
)
_recipients = _all_recipients.where(is_named)
_document_by_id = select(*DOCUMENT.columns).where(document.c.id == _key, ~is_pending)
_documents = (
    select(*DOCUMENT.columns)
    .where(InList(document.c.share_id, "keys"), ~is_pending)
    .order_by(document.c.share_id, document.c.position, document.c.id)
)
_documents_of_share = (
    select(*DOCUMENT.columns)
    .where(document.c.share_id == _key, ~is_pending)
    .order_by(document.c.position, document.c.id)
    .limit(param("most"))
)
_later_documents = _documents_of_share.where(
    document.c.position >= param("position"),
    tuple_(document.c.position, document.c.id) > tuple_(param("position"), param("id")),
)
_add_document = insert(document)
_save_document = update(document).where(document.c.id == _key)
_remove_document = delete(document).where(document.c.id == _key)
_add_removed = insert(removed_document)
_removed_documents = (
    select(*_REMOVED.columns)
    .where(InList(removed_document.c.share_id, "keys"))
    .order_by(removed_document.c.share_id, removed_document.c.position, removed_document.c.id)
)


class Shares:
    """Shares with their recipients and documents."""

    def __init__(self, work: Statements, cards: ShareCards) -> None:
        self._work = work
        self._cards = cards

    def add(self, share: Share) -> None:
        """Insert a share.

        Raises: Conflict if the id is taken.
        """
        self._work.run(_add, SHARE.values(share) | {"card": self._cards.begin(share)})

    def get(self, share_id: str) -> Share | None:
        """Return the share with the id, erased or not."""
        return next(iter(self._cards.read(self._work.rows(_by_id, {"key": share_id}))), None)

    def known_ids(self, share_ids: Collection[str]) -> set[str]:
        """Return the ids for which a share exists, erased or not."""
        return {row[0] for row in self._work.rows_in_batches(_known, "keys", share_ids)}

    def lock(self, share_id: str) -> Share | None:
        """Return the share, its row locked until the transaction ends; None also for a damaged one.

        Required before a change of the share or its recipients.

        Raises: Broken in a read transaction.
        """
        if not self._work.writing:
            raise Broken("a lock in a transaction that only reads")
        held = self._cards.lock(share_id)
        return held.share if held and held.share.intact else None

    def save(self, share: Share) -> bool:
        """Write all fields; return whether the transaction still needs an event about this share.

        An event is needed if a value in the share's card changes. A draft's time of the last change needs none.

        Raises: NotFound; Broken for a damaged share.
        """
        held = require(self._cards.changing(share.id), "share")
        if not share.intact:
            raise Broken("a damaged share is not written")
        held.share = share
        held.written = self._cards.sealed(held)
        self._work.change(_save, SHARE.values(share) | {"card": held.written, "key": share.id}, "share")
        return self._cards.lacks_event(share.id)

    def find(self, wanted: ShareFilter) -> list[Share]:
        """Return matching shares, the newest first."""
        at, share_id = wanted.before or (None, None)
        values = {"now": wanted.now, "references": list(wanted.reference_hashes), "at": at, "before": share_id}
        found: list[Row[Any]] = []
        for keys in few_at_a_time(wanted.account_ids):
            query = _matching(wanted.states, _Given.by(wanted), for_one="key" in keys)
            rows = self._work.rows(query, {**keys, "most": wanted.limit, **values})
            found += self._work.asked_for(_of_accounts, {"accounts": wanted.account_ids}, rows)
        # Rows before records, so that only shown records are verified. The schema's owner can admit NULL.
        found.sort(key=lambda row: (row.created_at or LONG_AGO, row.id or ""), reverse=True)
        return self._cards.read(found[: wanted.limit])

    def needing(self, account_ids: Collection[str], now: datetime, until: datetime, limit: int) -> list[Share]:
        """Return shares that need attention, in any order, at most ``limit`` of each kind per account.

        The kinds: drafts; unread shares that are open at ``now`` and end by ``until``; open shares with a proposed
        change. Also shares, open or over, with a waiting request of a recipient. Drafts proposed for approval come
        first, then the most recently changed.
        """
        found: list[Share] = []
        for account_id in account_ids:
            bounds = {"key": account_id, "now": now, "until": until, "most": limit}
            rows = self._work.rows(_needing, bounds)
            found += self._cards.read(self._work.asked_for(_of_accounts, {"accounts": [account_id]}, rows))
        return found

    def add_recipient(self, recipient: Recipient) -> bool:
        """Insert the recipient; return False, with no change, if the share already has that recipient's hash.

        Raises: NotFound; Broken for a damaged share.
        """
        held = require(self._cards.changing(recipient.share_id), "share")
        is_new = self._work.insert_once(RECIPIENT.table, RECIPIENT.values(recipient))
        if is_new:
            held.recipient_ids.add(recipient.id)
        return is_new

    def save_recipient(self, recipient: Recipient) -> None:
        """Write all fields of the recipient.

        Raises: NotFound.
        """
        self._work.change(_save_recipient, RECIPIENT.values(recipient) | {"key": recipient.id}, "recipient")

    def remove_recipient(self, share_id: str, recipient_id: str) -> None:
        """Delete a recipient.

        Raises: NotFound; Conflict if there are receipts for it; Broken for a damaged share.
        """
        require(self._cards.changing(share_id), "share").recipient_ids.discard(recipient_id)
        self._work.run(_remove_recipient, {"key": recipient_id, "share": share_id})

    def retire_recipient(self, tombstone: Recipient) -> None:
        """Replace a recipient by a tombstone. Raises: NotFound; Broken for a damaged share."""
        require(self._cards.changing(tombstone.share_id), "share").recipient_ids.discard(tombstone.id)
        self.save_recipient(tombstone)

    def recipients(self, share_ids: Collection[str]) -> list[Recipient]:
        """Return the present recipients share by share, by position, without removed ones."""
        return RECIPIENT.all(self._work.rows_in_batches(_recipients, "keys", share_ids))

    def all_recipients(self, share_ids: Collection[str]) -> list[Recipient]:
        """Return all recipients, including tombstones of those that were removed after publication."""
        return RECIPIENT.all(self._work.rows_in_batches(_all_recipients, "keys", share_ids))

    def add_document(self, document: Document) -> None:
        """Insert a document.

        Raises: Conflict if the share does not exist.
        """
        document = document.with_verdict_hash()
        self._cards.note_version(document)
        self._work.run(_add_document, DOCUMENT.columns_of(self._work, document))

    def document(self, document_id: str) -> Document | None:
        """Return the document with the id, unless it is pending. Recipients cannot get a pending document."""
        return DOCUMENT.intact(self._work, self._work.first(_document_by_id, {"key": document_id}))

    def documents(self, share_ids: Collection[str]) -> list[Document]:
        """Return the documents share by share, by position, without pending ones."""
        return DOCUMENT.all_intact(self._work, self._work.rows_in_batches(_documents, "keys", share_ids))

    def documents_after(self, share_id: str, after: tuple[int, str] | None, limit: int) -> list[Document]:
        """Return documents of one share in the order of ``documents``, after that position and id.

        Raises: Broken if one of them is damaged, because an archive must not omit it.
        """
        values: dict[str, Any] = {"key": share_id, "most": limit}
        place = dict(zip(("position", "id"), after, strict=True)) if after else {}
        rows = self._work.rows(_later_documents if after else _documents_of_share, values | place)
        found = DOCUMENT.all_intact(self._work, rows)
        if len(found) < len(rows):
            raise Broken("a damaged document")
        return found

    def save_document(self, document: Document) -> None:
        """Write all fields of the document, with a new tag. It must have been read as intact in this transaction.

        Raises: NotFound.
        """
        document = document.with_verdict_hash()
        self._cards.note_version(document)
        values = DOCUMENT.columns_of(self._work, document) | {"key": document.id}
        self._work.change(_save_document, values, "document")

    def remove_document(self, document_id: str, now: datetime, tombstone: RemovedDocument | None = None) -> None:
        """Remove the document with its uploads; its parts become garbage in the same transaction.

        With a ``tombstone``, which the share's card then names, it raises: NotFound; Broken for a damaged share.
        """
        if tombstone is not None:
            require(self._cards.changing(tombstone.share_id), "share").removed_ids.add(document_id)
        self._cards.forget_version(document_id)
        discard_uploads(self._work, of_document, {"key": document_id}, now)
        self._work.run(_remove_document, {"key": document_id})
        if tombstone is not None:
            self._work.run(_add_removed, _REMOVED.values(tombstone))

    def removed_documents(self, share_ids: Collection[str]) -> list[RemovedDocument]:
        """Return the tombstones of documents that were removed after publication."""
        queried = self._cards.may_have_removed_documents(share_ids)
        return _REMOVED.all(self._work.rows_in_batches(_removed_documents, "keys", queried))


class _Given(NamedTuple):
    """The bounds of a filter: which of them are given."""

    now: bool
    references: bool
    before: bool

    @classmethod
    def by(cls, wanted: ShareFilter) -> Self:
        return cls(wanted.now is not None, bool(wanted.reference_hashes), wanted.before is not None)


@cache
def _matching(states: tuple[ShareState, ...], given: _Given, *, for_one: bool) -> Select[Any]:
    """Return the query for one account, or for several. Cached, because building it costs nearly as much as running it.

    For several, the ids are selected account by account, so that each selection uses an index.
    """
    if for_one:
        return _newest(select(*CARD_COLUMNS), _key, states, given)
    chosen = [_newest(select(share.c.id), key, states, given).subquery() for key in FEW_KEYS]
    found = select(*CARD_COLUMNS).where(share.c.id.in_(union_all(*map(select, chosen))))
    return found.order_by(share.c.created_at.desc(), share.c.id.desc()).limit(param("most"))


def _newest(
    query: Select[Any], account_id: ColumnElement[str], states: tuple[ShareState, ...], given: _Given
) -> Select[Any]:
    query = query.where(is_unerased, share.c.account_id == account_id)
    if states:
        query = query.where(_in_states(states, dated=given.now))
    if given.references:
        query = query.where(InList(share.c.reference_hash, "references"))
    if given.before:
        older = or_(share.c.created_at < _at, and_(share.c.created_at == _at, share.c.id < param("before")))
        query = query.where(share.c.created_at <= _at, older)
    return query.order_by(share.c.created_at.desc(), share.c.id.desc()).limit(param("most"))


def _in_states(states: tuple[ShareState, ...], *, dated: bool) -> ColumnElement[bool]:
    kept = share.c.state.in_(states)
    is_asked = [state in states for state in (ShareState.AVAILABLE, ShareState.ENDED)]
    if not dated or all(is_asked) or not any(is_asked):
        return kept
    is_overdue = and_(is_available, share.c.expires_at <= _now)
    return or_(kept, is_overdue) if ShareState.ENDED in states else and_(kept, not_(is_overdue))
