"""Rows that belong to shares, read for all the shares of a page at once."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from deldokument.domain.messages.outbox import RECIPIENT_CHANNEL
from deldokument.domain.shares.policy import sharer_decides
from deldokument.domain.shares.share import Document, Receipt, Recipient, RemovedDocument, Share, ShareState
from deldokument.domain.shares.upload import Upload
from deldokument.domain.tenants.tenancy import Integration, Member
from deldokument.services.accounts.members import Membership
from deldokument.services.encryption import EncryptedColumn, open_field
from deldokument.services.shares.recipients.notice_status import NoticeView, view_notice
from deldokument.store.transaction import Transaction


class ShareRelatedRows:
    """Rows that belong to some shares, by share, read for all of them at once.

    ``mine``, ``recipients``, ``documents`` and ``receipts``: rows already read.
    """

    def __init__(
        self,
        tx: Transaction,
        shares: Sequence[Share],
        mine: Sequence[Membership] = (),
        recipients: Sequence[Recipient] | None = None,
        documents: Sequence[Document] | None = None,
        receipts: Sequence[Receipt] | None = None,
    ) -> None:
        share_ids = [share.id for share in shares]
        self.accounts = {one.account.id: one.account for one in mine}
        self.accounts |= tx.accounts.by_ids({share.account_id for share in shares} - self.accounts.keys())
        self.tenants = {one.tenant.id: one.tenant for one in mine}
        self.tenants |= tx.tenants.by_ids({share.tenant_id for share in shares} - self.tenants.keys())
        self.recipients: dict[str, list[Recipient]] = defaultdict(list)
        self.documents: dict[str, list[Document]] = defaultdict(list)
        self.receipts: dict[str, list[Receipt]] = defaultdict(list)
        for recipient in tx.shares.recipients(share_ids) if recipients is None else recipients:
            self.recipients[recipient.share_id].append(recipient)
        for document in tx.shares.documents(share_ids) if documents is None else documents:
            self.documents[document.share_id].append(document)
        for receipt in tx.receipts.of_shares(share_ids) if receipts is None else receipts:
            self.receipts[receipt.share_id].append(receipt)


class SharerRows(ShareRelatedRows):
    """The same rows, and those that only sharers may see."""

    def __init__(self, tx: Transaction, shares: Sequence[Share], mine: Sequence[Membership], now: datetime) -> None:
        share_ids = [share.id for share in shares]
        recipients, documents = tx.shares.all_recipients(share_ids), tx.additions.with_documents(share_ids)
        named = [one for one in recipients if one.removed_at is None]
        present = [one for one in documents if one.pending_since is None]
        # A draft has no receipts: a publication cannot be undone after the first receipt.
        receipts = tx.receipts.of_shares([share.id for share in shares if share.state is not ShareState.DRAFT])
        super().__init__(tx, shares, mine, named, present, receipts)
        self.removed: dict[str, list[Recipient]] = defaultdict(list)
        for recipient in recipients:
            if recipient.removed_at is not None:
                self.removed[recipient.share_id].append(recipient)
        self.removed_documents: dict[str, list[RemovedDocument]] = defaultdict(list)
        for document in tx.shares.removed_documents(share_ids):
            self.removed_documents[document.share_id].append(document)
        self.pending: dict[str, list[Document]] = defaultdict(list)
        for pending in documents:
            if pending.pending_since is not None:
                self.pending[pending.share_id].append(pending)
        unfinished = [document.id for document in documents if not document.is_complete]
        self.offsets: Counter[str] = Counter()
        self.copies: dict[str, Upload] = {}
        for upload in tx.uploads.of_documents(unfinished):
            self.offsets[upload.document_id] += upload.offset
            if upload.is_copy:
                self.copies[upload.document_id] = upload
        self.receipts_for: dict[str, list[Receipt]] = defaultdict(list)
        for many in self.receipts.values():
            for receipt in many:
                self.receipts_for[receipt.recipient_id].append(receipt)
        asked_about = [share_id for share_id, many in self.recipients.items() if any(one.is_asking for one in many)]
        # Reversed, so that the newest draft of each share wins.
        self.answering = {draft.answers: draft for draft in reversed(tx.share_lookup.answering(asked_about))}
        self.notices: dict[str, list[NoticeView]] = defaultdict(list)
        notifying = [share.id for share in shares if share.notify]
        over = {share.id for share in shares if share.is_over_at(now)}
        for message in tx.outbox.of_shares(notifying, RECIPIENT_CHANNEL):
            if notice := view_notice(message, now, is_over=message.share_id in over):
                self.notices[message.target].append(notice)
        subject_ids = {receipt.subject_id for many in self.receipts.values() for receipt in many}
        self.subjects = {subject.id: subject for subject in tx.subjects.by_ids(subject_ids)}
        self.people: dict[str, str] = {}
        self._names = {one.id: one.name for one in mine}
        integration_ids = {share.integration_id for share in shares if share.integration_id}
        self.systems = {i: system.name for i in integration_ids if (system := tx.integrations.get(i))}
        shared_by = {share.sharer_id: share for share in shares}
        self._sharers = {key: sharer_of(tx, share) for key, share in shared_by.items() if key not in self._names}
        self.tx = tx

    def sharer_of(self, share: Share, directory: bytes) -> tuple[str, str]:
        """Return the id and the name, as ``sharer_name``, of who shares it; both empty if that row is damaged.

        A name is decrypted only once for all shares of a sharer.
        """
        sharer_id = share.sharer_id
        if sharer_id not in self._names:
            found = self._sharers[sharer_id]
            if found is None:
                return "", ""
            self._names[sharer_id] = sharer_name(directory, found)
        return sharer_id, self._names[sharer_id]

    def sharer_has_left(self, share: Share) -> bool:
        """Return whether its sharer no longer belongs to the account, or the sharer's row is damaged."""
        sharer_id = share.sharer_id
        found = self._sharers.get(sharer_id)
        return sharer_id in self._sharers and (found is None or found.removed_at is not None)

    def sharer_decides(self, share: Share) -> bool:
        """Return whether its sharer, if not the viewing person, decides alone who gets access."""
        found = self._sharers.get(share.sharer_id)
        return sharer_decides(share, found if isinstance(found, Member) else None)


def sharer_name(directory: bytes, sharer: Member | Integration) -> str:
    """Return the member's name, or the integration's organisation; empty if it has been erased."""
    if isinstance(sharer, Integration):
        return sharer.name
    return open_field(directory, sharer.sealed_name, EncryptedColumn.MEMBER_NAME, sharer.id)


def sharer_of(tx: Transaction, share: Share) -> Member | Integration | None:
    """Return the member or integration that shares it, even if removed since; None if its row is damaged."""
    return tx.members.get(share.member_id) if share.member_id else tx.integrations.get(share.integration_id or "")
