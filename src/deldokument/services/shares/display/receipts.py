"""The receipts of one share as a list: person, recipient, opening or document, first and last time.

Guarantees:
- Persons are masked.
- Paging continues at the right receipt, even if receipts are added in between.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.share_cards import SHARE_KIND
from deldokument.domain.errors import NotFound
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.share import Receipt, ReceiptState, Share
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import existing_key
from deldokument.services.shares.display.views import display_number, file_name, masked_person
from deldokument.services.shares.rights.authorization import share_for_reading
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.shares.receipts import ReceiptPlace
from deldokument.store.transaction import Transaction


class ReceiptEvent(StrEnum):
    """The event that a receipt records."""

    OPENED = "opened"
    DOWNLOADED = "downloaded"


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A person (masked) who opened the share or downloaded a document for a recipient.

    - ``complete``: every byte of the document was sent to the person.
    - ``state``: state of the document; None for an opening.
    - ``direct``: the person's own machine acknowledged the bytes, not a proxy.
    """

    recipient_id: str
    recipient: str
    document_id: str | None
    document_name: str | None
    event: ReceiptEvent
    person: str
    first_at: datetime
    last_at: datetime
    complete: bool
    state: ReceiptState | None
    direct: bool
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReceiptList:
    """One page, oldest first; ``next`` continues, None at the end."""

    receipts: tuple[ReceiptView, ...]
    next: ReceiptPlace | None


def list_receipts(
    deps: Dependencies, sharer: Sharer, share_id: str, *, after: ReceiptPlace | None = None, limit: int = 50
) -> ReceiptList:
    """Return a page of the share's receipts. Raises: NotFound, also if one of its rows is damaged."""
    with deps.database.read() as tx:
        share = share_for_reading(deps, tx, sharer, share_id)
        found = tx.receipts.of_share(share_id, after, limit + 1)
        try:
            views = _views(deps, tx, share, found[:limit])
        except IntegrityError:
            deps.damage.report(DamagedRow(SHARE_KIND, share_id))
            raise NotFound("damaged share") from None
    return ReceiptList(tuple(views), _place(found[limit - 1]) if len(found) > limit else None)


def _place(receipt: Receipt) -> ReceiptPlace:
    return receipt.first_at, receipt.document_id or "", receipt.recipient_id, receipt.subject_id


def _views(deps: Dependencies, tx: Transaction, share: Share, receipts: list[Receipt]) -> list[ReceiptView]:
    key = existing_key(deps.keyring, share.audit_key_id)
    recipients = {recipient.id: display_number(key, recipient) for recipient in tx.shares.all_recipients([share.id])}
    names = {document.id: file_name(key, document) for document in tx.shares.documents([share.id])}
    names |= {document.id: file_name(key, document) for document in tx.shares.removed_documents([share.id])}
    subjects = {subject.id: subject for subject in tx.subjects.by_ids({receipt.subject_id for receipt in receipts})}
    documents = {receipt.document_id for receipt in receipts if receipt.document_id}
    if not documents <= names.keys() or not {receipt.recipient_id for receipt in receipts} <= recipients.keys():
        # The row of the receipt's document or recipient was deleted, or is damaged.
        raise IntegrityError
    return [
        ReceiptView(
            recipient_id=receipt.recipient_id,
            recipient=recipients[receipt.recipient_id],
            document_id=receipt.document_id,
            document_name=names[receipt.document_id] if receipt.document_id else None,
            event=ReceiptEvent.DOWNLOADED if receipt.document_id else ReceiptEvent.OPENED,
            person=masked_person(key, subjects.get(receipt.subject_id)),
            first_at=receipt.first_at,
            last_at=receipt.last_at,
            complete=receipt.document_id is not None and receipt.completed_at is not None,
            state=receipt.state,
            direct=receipt.direct,
            confirmed_at=receipt.confirmed_at,
        )
        for receipt in receipts
    ]
