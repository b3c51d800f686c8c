"""Cards of shares: written with their rows or at the end of a transaction, verified whenever a row is read.

Guarantees:
- A share is intact only if its card is valid, and matches row, recipients, documents and the newest revision in its
  events. Documents count from the proposal or publication on, until it is a draft again.
- An id with a comma makes its share damaged.
- An erased share is intact only if it is closed, and its remaining fields match its card.
- A changed share gets its new card by the end of the transaction, and only if it was locked and intact.
- A change of a value in the card is recorded by an event with the next revision. So an older row is detected.
- Everything that is compared with a card is read by one statement, so it is of the same instant.

Ending shares in batches writes no cards: if the card of a closed share says open, the share counts as closed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, func, literal_column, select, update

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.share_cards import (
    REMOVED,
    SHARE_KIND,
    ShareCard,
    change_digest,
    document_verdict,
    document_version,
    is_card,
    open_card,
    seal_card,
    texts_digest,
)
from deldokument.domain.errors import Broken
from deldokument.domain.shares.share import CLOSED, Document, Share, ShareState
from deldokument.store.audit.audit import Audit
from deldokument.store.engine.authenticated_rows import stored_value
from deldokument.store.engine.column_types import EPOCH
from deldokument.store.engine.expressions import CountedTexts, counted_texts
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.engine.statements import RowMapper, Statements, param
from deldokument.store.tables.audit import audit_event, has_revision
from deldokument.store.tables.shares import document, is_pending, recipient, removed_document, share

SHARE = RowMapper(Share, share, besides=("intact",))
_WIDTH = len(SHARE.columns)
_COMPUTED = {"revision", "sealed_change", "recipients", "documents", "verdicts"}
_COPIED = [name for name in ShareCard.__dataclass_fields__ if name not in _COMPUTED]

_named = recipient.alias("named")
_revision = (
    select(func.max(audit_event.c.revision)).where(audit_event.c.share_id == share.c.id, has_revision).correlate(share)
)
_recipient_ids = (
    select(CountedTexts(_named.c.id))
    .where(_named.c.share_id == share.c.id, _named.c.removed_at.is_(None))
    .correlate(share)
)
_COLON: ColumnElement[str] = literal_column("':'")
_NOTHING: ColumnElement[str] = literal_column("''")
_hashes = func.coalesce(document.c.manifest_hash, _NOTHING) + _COLON + func.coalesce(document.c.verdict_hash, _NOTHING)
_versions = (
    select(CountedTexts(document.c.id + _COLON + _hashes))
    .where(document.c.share_id == share.c.id, ~is_pending)
    .correlate(share)
)
_removed_ids = (
    select(CountedTexts(removed_document.c.id)).where(removed_document.c.share_id == share.c.id).correlate(share)
)
PROOF_COLUMNS = [*SHARE.columns, share.c.card, _revision.scalar_subquery().label("newest_revision")]
"""The columns that `ShareEnds` needs, of a query from ``share``."""
CARD_COLUMNS = [
    *PROOF_COLUMNS,
    _recipient_ids.scalar_subquery().label("recipient_ids"),
    _versions.scalar_subquery().label("versions"),
    _removed_ids.scalar_subquery().label("removed_ids"),
]
"""The columns that `ShareCards.read` needs, of a query from ``share``."""
CARD_WIDTH = len(CARD_COLUMNS)

_own_row = select(share.c.id).where(share.c.id == param("key"))
_by_id = select(*CARD_COLUMNS).where(share.c.id == param("key"))
_write = update(share).where(share.c.id == param("key")).values(card=param("sealed"))


@dataclass(slots=True)
class Held:
    """A share whose row this transaction has locked or inserted.

    - ``versions``: the manifest hash and the verdict hash of each document; empty where there is none
    - ``written``: the card that this transaction has written into the row
    - ``before``: the card before this transaction; None for a share that it inserts
    """

    share: Share
    revision: int
    recipient_ids: set[str]
    versions: dict[str, tuple[str, str]]
    removed_ids: set[str]
    is_changed: bool = False
    written: bytes = b""
    before: ShareCard | None = None


class ShareCards:
    """The cards in one transaction."""

    def __init__(self, work: Statements, audit: Audit) -> None:
        self._work = work
        self._audit = audit
        self._held: dict[str, Held] = {}
        self._without_removed: set[str] = set()

    def read(self, rows: Sequence[Row[Any]]) -> list[Share]:
        """Return the shares of rows that begin with ``CARD_COLUMNS``."""
        return [self._read(row).share for row in rows]

    def lock(self, share_id: str) -> Held | None:
        """Return the share, its row locked until the transaction ends; None if it is missing or damaged."""
        # Two statements: a statement that waits for a lock sees the locked row as it is afterwards, but other rows as
        # before.
        if self._work.first(self._work.with_row_locks(_own_row), {"key": share_id}) is None:
            return None
        row = self._work.first(_by_id, {"key": share_id})
        if row is None:
            raise Broken("a locked row is gone")
        found, held = self._read(row), self._held.get(share_id)
        if held is not None and held.is_changed:
            held.share = found.share
            return held
        self._held[share_id] = found
        return found

    def begin(self, share: Share) -> bytes:
        """Return the card of a share that this transaction inserts."""
        held = self._held[share.id] = Held(share, 0, set(), {}, set(), is_changed=True)
        held.written = self.sealed(held)
        return held.written

    def changing(self, share_id: str) -> Held | None:
        """Return the share, locked, for a change; it gets a new card.

        Raises: Broken if it is damaged, because a new card would make the damage valid.
        """
        held = self._held.get(share_id) or self.lock(share_id)
        if held is not None:
            if not held.share.intact:
                raise Broken("a damaged share is not written")
            if not held.is_changed:
                held.before, held.is_changed = _card_of(held), True
        return held

    def lacks_event(self, share_id: str) -> bool:
        """Return whether the transaction changes a value in the share's card, so far without an event."""
        return _decides_otherwise(self._held[share_id]) and not self._audit.is_revised(share_id)

    def without_event(self) -> list[str]:
        """Return the ids of the shares that lack an event."""
        return list(filter(self.lacks_event, self._held))

    def note_version(self, document: Document) -> None:
        """Remember the version of a document that is about to be written.

        Raises: Broken, as ``changing``, if the share's card names another version of the document, or another verdict.
        """
        held = self._held.get(document.share_id) or self.lock(document.share_id)
        version = document.manifest_hash or "", document.verdict_hash or ""
        versions = {} if document.pending_since else {document.id: version}
        if held is None or held.versions.get(document.id) == versions.get(document.id):
            return
        if held.share.has_fixed_documents:
            self.changing(document.share_id)
        held.versions.pop(document.id, None)
        held.versions |= versions

    def forget_version(self, document_id: str) -> None:
        """Remember that a document is removed."""
        for held in self._held.values():
            held.versions.pop(document_id, None)

    def sealed(self, held: Held) -> bytes:
        """Return a new card for the present state of a share."""
        return seal_card(self._work.integrity.row_key(SHARE_KIND), held.share.id, _card_of(held))

    def flush(self) -> None:
        """Write the cards of the changed shares, unless their rows already have them.

        The event of a change contains the share's next revision. Raises: Broken for a change without an event.
        """
        if self.without_event():
            raise Broken("a share is changed without an event")
        changed = {share_id: held for share_id, held in self._held.items() if held.is_changed}
        for share_id, held in changed.items():
            if self._audit.revise(share_id, held.revision + 1, _documents_of(held)):
                held.revision += 1
        sealed = {share_id: self.sealed(held) for share_id, held in changed.items()}
        cards = [{"key": one, "sealed": card} for one, card in sealed.items() if card != changed[one].written]
        if cards:
            self._work.run(_write, cards)
        self._held.clear()

    def may_have_removed_documents(self, share_ids: Collection[str]) -> list[str]:
        """Return the ids except those of shares whose cards, read in this transaction, name no removed document.

        A write transaction keeps all ids, because it may have removed documents.
        """
        return [one for one in share_ids if self._work.writing or one not in self._without_removed]

    def _read(self, row: Row[Any]) -> Held:
        stored = _read_held(row)
        if not stored.removed_ids:
            self._without_removed.add(stored.share.id)
        # The schema's owner can admit NULL.
        if not (SHARE.is_complete(row) and self._is_intact(stored, row[_WIDTH] or b"")):
            self._work.damage.report(DamagedRow(SHARE_KIND, stored.share.id))
            stored.share = replace(stored.share, intact=False)
        return stored

    def _is_intact(self, stored: Held, sealed: bytes) -> bool:
        """Return whether the card is valid for the share; report the share if not."""
        return self._is_changed_here(stored.share.id) or _fits(self._work, stored, sealed)

    def _is_changed_here(self, share_id: str) -> bool:
        """Return whether this transaction has changed the row, which then gets its card at the end."""
        held = self._held.get(share_id)
        return held is not None and held.is_changed


def _read_held(row: Sequence[Any]) -> Held:
    _, revision, *ids = row[_WIDTH:CARD_WIDTH]
    recipients, documents, removed = map(counted_texts, ids)
    versions = {document_id: (manifest, verdict) for document_id, manifest, verdict in map(_parts, documents)}
    return Held(SHARE.make(row[:_WIDTH]), revision or 0, recipients, versions, removed)


def _parts(text: str) -> tuple[str, str, str]:
    document_id, _, hashes = text.partition(":")
    manifest, _, verdict = hashes.partition(":")
    return document_id, manifest, verdict


def _fits(work: Statements, stored: Held, sealed: bytes) -> bool:
    """Return whether the card is valid and matches the share as stored."""
    expected, share_id, is_closed = _card_of(stored), stored.share.id, stored.share.state in CLOSED
    if is_closed != (stored.share.closed_at is not None):
        # NOT NULL forbids it, but the schema's owner can lift that.
        return False
    if is_card(work.integrity.row_key(SHARE_KIND), share_id, expected, sealed):
        return True
    card = opened_card(work, share_id, sealed) if is_closed else None
    if card is None:
        return False
    if stored.share.erased_at is not None:
        # Its recipients and documents are erased.
        expected = replace(expected, recipients=card.recipients, documents=card.documents, verdicts=card.verdicts)
    if card.state not in CLOSED:
        # It was ended in a batch, which writes no card.
        expected = replace(expected, state=card.state, changed_at=card.changed_at)
    # A pending change is deleted with the share's key.
    return card == replace(expected, sealed_change=card.sealed_change)


def instant(microseconds: int | None) -> datetime | None:
    """Return an instant of a card as a datetime."""
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)


def opened_card(work: Statements, share_id: str, sealed: bytes) -> ShareCard | None:
    """Return the card; None if it is not this share's."""
    try:
        return open_card(work.integrity.row_key(SHARE_KIND), share_id, sealed)
    except IntegrityError:
        return None


def _card_of(stored: Held) -> ShareCard:
    values: dict[str, Any] = {name: stored_value(getattr(stored.share, name)) for name in _COPIED}
    values |= {"revision": stored.revision, "sealed_change": change_digest(stored.share.sealed_change)}
    values |= {"documents": _documents_of(stored), "verdicts": _verdicts_of(stored)}
    return ShareCard(**values, recipients=texts_digest(stored.recipient_ids))


def _decides_otherwise(held: Held) -> bool:
    """Return whether the card differs from the one before. For a draft, the time of the last change is ignored."""
    if held.before is None:
        return False
    card = _card_of(held)
    if held.before.state == card.state == ShareState.DRAFT:
        card = replace(card, changed_at=held.before.changed_at)
    return card != held.before


def _documents_of(stored: Held) -> bytes | None:
    """Return the digest of the documents and tombstones, if the card names them."""
    if not stored.share.has_fixed_documents:
        return None
    removed = [document_version(one, REMOVED) for one in stored.removed_ids]
    return texts_digest([*(document_version(one, hashed) for one, (hashed, _) in stored.versions.items()), *removed])


def _verdicts_of(stored: Held) -> bytes | None:
    """Return the digest of the verdicts, if the card names the documents."""
    if not stored.share.has_fixed_documents:
        return None
    return texts_digest([document_verdict(one, hashed) for one, (_, hashed) in stored.versions.items()])
