"""Shares for display: sealed fields decrypted, identifiers masked, receipts grouped by recipient.

Guarantees:
- Persons' numbers are masked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.share_cards import SHARE_KIND
from deldokument.domain.errors import NotFound, existing
from deldokument.domain.identifiers import PersonIdentifier, mask_person
from deldokument.domain.shares.access_requests import is_begun
from deldokument.domain.shares.policy import Allowed, hold_reason, may_share
from deldokument.domain.shares.share import (
    CLOSED,
    Document,
    Progress,
    Receipt,
    ReceiptState,
    Recipient,
    RecipientKind,
    RemovedDocument,
    Share,
    ShareState,
    document_counts,
    progress_of,
)
from deldokument.domain.shares.text_fields import ShareTexts
from deldokument.domain.shares.upload import CopyFailure
from deldokument.domain.tenants.tenancy import Account, Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership
from deldokument.services.audit.recording import subject_number
from deldokument.services.encryption import (
    EncryptedColumn,
    open_field,
    share_key_id,
    stored_identifier,
)
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.approvals.return_notes import ReturnNote, open_return_note
from deldokument.services.shares.display.proposal_views import ProposalView, view_proposal
from deldokument.services.shares.display.related_rows import SharerRows
from deldokument.services.shares.recipients.notice_status import NoticeView
from deldokument.services.shares.scans.verdicts import Finding, finding_of
from deldokument.services.text_fields import open_texts
from deldokument.store.audit.subjects import Subject
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class OpeningView:
    """A person (masked) who opened the share, and the time of the first opening."""

    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DownloadView:
    """A person (masked) to whom a document was sent, with its state and since when.

    ``is_whole``: the person's own machine acknowledged every byte.
    """

    document_id: str
    document_name: str
    person: str
    at: datetime
    state: ReceiptState
    is_whole: bool

    @property
    def is_sent(self) -> bool:
        """Whether every byte of the document has been sent."""
        return self.state is not ReceiptState.STARTED


@dataclass(frozen=True, slots=True)
class RecipientView:
    """A recipient. ``display`` is the masked or grouped number; ``name`` is an organisation's.

    ``sent``: number of documents sent, received ones included; ``received``: number received. ``removed_at``: when
    removed, after publication. ``asking_since``: when the recipient asked for more time or a new share; None if
    answered.
    """

    id: str
    kind: RecipientKind
    display: str
    name: str
    label: str
    confirmed: bool
    openings: tuple[OpeningView, ...] = ()
    downloads: tuple[DownloadView, ...] = ()
    progress: Progress = Progress.NONE
    sent: int = 0
    received: int = 0
    notices: tuple[NoticeView, ...] = ()
    removed_at: datetime | None = None
    asking_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document. ``offset``: number of uploaded bytes.

    ``finding`` is None until the document has been inspected, and once its share is over. ``sha256``, in hexadecimal,
    remains after the end; it is empty until the document has been read whole. ``removed_at``: when removed, after
    publication. ``is_copying``: a worker copies it from another share; ``copy_failure``: why it was not copied.
    """

    id: str
    name: str
    length: int
    modified_at: int | None
    offset: int
    complete: bool
    inspected: bool
    finding: Finding | None
    sha256: str = ""
    removed_at: datetime | None = None
    is_copying: bool = False
    copy_failure: CopyFailure | None = None


@dataclass(frozen=True, slots=True)
class ShareView:
    """A share with its texts, as its sharers see it. ``share.state`` is the state when it was read.

    ``stopped``: it, its account or its tenant is frozen, or the account is deleted. ``proposal``: the draft, or a
    change of the published share, that waits for approval. ``return_note``: set if another member has returned the last
    proposal. ``answering``: the newest draft that will answer recipients who ask for a new share.
    ``pending_documents``: uploaded beside a published share, and not part of it yet.
    """

    share: Share
    account: Account
    tenant: Tenant
    texts: ShareTexts
    recipients: tuple[RecipientView, ...]
    removed_recipients: tuple[RecipientView, ...]
    documents: tuple[DocumentView, ...]
    removed_documents: tuple[DocumentView, ...]
    pending_documents: tuple[DocumentView, ...]
    link: str
    stopped: bool
    may_share: bool
    """Whether its account takes new drafts, and this one, if it is a draft, may be filled in and published."""
    proposal: ProposalView | None
    return_note: ReturnNote | None
    answering: Share | None
    sharer_id: str
    """The membership that shares it, or fills in the draft; empty if its row is damaged."""
    sharer: str
    """That member's name, or the integration's organisation; empty if the name has been erased."""
    sharer_has_left: bool
    """Whether the sharer no longer belongs to the account."""
    sharer_decides: bool
    """Whether the sharer, if that is another than the person, decides alone who gets in."""
    system: str
    """The organisation whose system shares it; empty if a person does."""

    @property
    def is_proposed(self) -> bool:
        """Whether it is a draft that waits for approval."""
        return self.proposal is not None and self.proposal.change is None

    @property
    def change(self) -> Change | None:
        """The change of the published share that waits for approval."""
        return self.proposal.change if self.proposal else None

    @property
    def opened_by(self) -> tuple[RecipientView, ...]:
        """Recipients, including removed ones, who have opened it or received bytes of it."""
        return tuple(one for one in (*self.recipients, *self.removed_recipients) if one.openings or one.downloads)

    @property
    def asking(self) -> tuple[RecipientView, ...]:
        """Recipients who wait for an answer to a request for more time or a new share."""
        return tuple(one for one in self.recipients if one.asking_since)

    @property
    def unanswered(self) -> tuple[RecipientView, ...]:
        """Recipients who are asking, and for whom no draft of a new share has been begun."""
        begun_at = self.answering.created_at if self.answering else None
        return tuple(one for one in self.asking if one.asking_since and not is_begun(one.asking_since, begun_at))


def file_name(audit_key: bytes, document: Document | RemovedDocument) -> str:
    """Return the document's name."""
    return open_field(audit_key, document.sealed_name, EncryptedColumn.FILE_NAME, document.id)


def views_and_damaged(
    deps: Dependencies,
    tx: Transaction,
    shares: Sequence[Share],
    mine: Sequence[Membership] = (),
    *,
    with_content: bool = True,
) -> tuple[list[ShareView], list[Share]]:
    """Return the shares with all their rows, in a handful of queries; and the damaged shares.

    A share is also damaged if its texts do not open. Shares without an audit key are in neither list. Accounts and
    tenants of ``mine`` are not read again. Without content, messages and inspection records are not decrypted, so
    tampering with them is not detected.
    """
    views, damaged = list[ShareView](), [share for share in shares if not share.intact]
    intact = [share for share in shares if share.intact]
    key_ids = {share.audit_key_id for share in intact} | {share_key_id(share.id) for share in intact}
    keys = deps.keyring.get(key_ids)
    now = deps.clock.now()
    related = SharerRows(tx, intact, mine, now)
    for share in intact:
        key = keys.get(share.audit_key_id)
        try:
            if key:
                views.append(_share_view(deps, share, key, keys, related, now, with_content=with_content))
        except IntegrityError:
            deps.damage.report(DamagedRow(SHARE_KIND, share.id))
            damaged.append(share)
    return views, damaged


def share_view(deps: Dependencies, tx: Transaction, share: Share, mine: Sequence[Membership] = ()) -> ShareView:
    """Return one share with all its rows. ``mine``: as for ``views_and_damaged``.

    Raises: NotFound if it is damaged; Broken if its audit key is lost.
    """
    views, damaged = views_and_damaged(deps, tx, [share], mine)
    if damaged:
        raise NotFound("damaged share")
    return existing(next(iter(views), None))


def _share_view(
    deps: Dependencies,
    share: Share,
    key: bytes,
    keys: Mapping[str, bytes],
    related: SharerRows,
    now: datetime,
    *,
    with_content: bool,
) -> ShareView:
    share_key, directory = keys.get(share_key_id(share.id)), deps.integrity.directory_key()
    tenant, account = (
        existing(related.tenants.get(share.tenant_id)),
        existing(related.accounts.get(share.account_id)),
    )
    names = {d.id: file_name(key, d) for d in related.documents[share.id]}
    names |= {d.id: file_name(key, d) for d in related.removed_documents[share.id]}
    state = state_at(share, now)
    pending = related.pending[share.id] if state is ShareState.AVAILABLE else []
    names |= {d.id: file_name(key, d) for d in pending}
    living_key = None if state in CLOSED else share_key
    policy = deps.config.scan_policy_of(tenant) if with_content else None
    sharer_id, sharer = related.sharer_of(share, directory)

    def views_of(documents: Sequence[Document]) -> tuple[DocumentView, ...]:
        findings = [finding_of(living_key, one, policy) if policy else None for one in documents]
        pairs = zip(documents, findings, strict=True)
        return tuple(_document_view(one, names[one.id], sha256_of(one), related, finding) for one, finding in pairs)

    def sha256_of(document: Document | RemovedDocument) -> str:
        sealed = document.sealed_sha256 if with_content else b""
        return open_field(key, sealed, EncryptedColumn.FILE_SHA256, document.id)

    return ShareView(
        share=share if share.state is state else replace(share, state=state),
        account=account,
        tenant=tenant,
        texts=open_texts(key, share_key if with_content else None, share),
        recipients=tuple(_recipient_view(key, r, names, related) for r in related.recipients[share.id]),
        removed_recipients=tuple(_recipient_view(key, r, names, related) for r in related.removed[share.id]),
        documents=views_of(related.documents[share.id]),
        removed_documents=tuple(
            _removed_view(d, names[d.id], sha256_of(d)) for d in related.removed_documents[share.id]
        ),
        pending_documents=views_of(pending),
        link=f"{deps.config.public_url}/d/{share.id}",
        stopped=hold_reason(tenant, account, share) is not None,
        may_share=isinstance(may_share(tenant, account, share), Allowed),
        proposal=view_proposal(directory, share, living_key, related),
        return_note=open_return_note(living_key, share),
        answering=related.answering.get(share.id),
        sharer_id=sharer_id,
        sharer=sharer,
        sharer_has_left=related.sharer_has_left(share),
        sharer_decides=related.sharer_decides(share),
        system=related.systems.get(share.integration_id or "", ""),
    )


def state_at(share: Share, now: datetime) -> ShareState:
    """Return the state at ``now``, whether or not a worker has recorded it."""
    return ShareState.ENDED if share.state is ShareState.AVAILABLE and share.is_over_at(now) else share.state


def _document_view(
    document: Document, name: str, sha256: str, related: SharerRows, finding: Finding | None
) -> DocumentView:
    """Return a document's view with its decrypted name and SHA-256."""
    copy = related.copies.get(document.id)
    return DocumentView(
        id=document.id,
        name=name,
        length=document.length,
        modified_at=document.modified_at,
        offset=document.length if document.is_complete else related.offsets.get(document.id, 0),
        complete=document.is_complete,
        inspected=document.inspected_at is not None,
        finding=finding,
        sha256=sha256,
        is_copying=copy is not None and copy.copy_failure is None,
        copy_failure=copy.copy_failure if copy else None,
    )


def _removed_view(document: RemovedDocument, name: str, sha256: str) -> DocumentView:
    facts = (document.id, name, document.length, None, document.length)
    return DocumentView(
        *facts, complete=True, inspected=True, finding=None, sha256=sha256, removed_at=document.removed_at
    )


def _recipient_view(key: bytes, recipient: Recipient, names: dict[str, str], related: SharerRows) -> RecipientView:
    """Return a recipient's view. Progress counts the share's present documents; downloads include removed ones."""
    receipts = related.receipts_for[recipient.id]
    present = {document.id for document in related.documents[recipient.share_id]}
    sent, received = document_counts([one for one in receipts if one.document_id in present])
    return RecipientView(
        id=recipient.id,
        kind=recipient.kind,
        display=display_number(key, recipient),
        name=open_field(key, recipient.sealed_name, EncryptedColumn.RECIPIENT_NAME, recipient.id),
        label=open_field(key, recipient.sealed_label, EncryptedColumn.RECIPIENT_LABEL, recipient.id),
        confirmed=recipient.confirmed,
        openings=tuple(
            OpeningView(_person_display(key, r, related), r.first_at) for r in receipts if r.document_id is None
        ),
        downloads=tuple(
            DownloadView(
                r.document_id,
                names[r.document_id],
                _person_display(key, r, related),
                r.state_at,
                r.state,
                r.is_whole,
            )
            for r in receipts
            if r.document_id in names and r.state
        ),
        progress=progress_of(receipts, present),
        sent=sent,
        received=received,
        notices=tuple(related.notices[recipient.id]),
        removed_at=recipient.removed_at,
        asking_since=recipient.requested_at if recipient.is_asking else None,
    )


def display_number(key: bytes, recipient: Recipient) -> str:
    """Return a person's number masked, an organisation's grouped. Raises: IntegrityError for a damaged recipient."""
    value = open_field(key, recipient.sealed_identifier, EncryptedColumn.RECIPIENT_NUMBER, recipient.id)
    identifier = stored_identifier(recipient.kind, value)
    return identifier.masked if isinstance(identifier, PersonIdentifier) else identifier.grouped


def _person_display(key: bytes, receipt: Receipt, related: SharerRows) -> str:
    """Return the masked number of a receipt's person, decrypted only once for all receipts of the person."""
    subject_id = receipt.subject_id
    if subject_id not in related.people:
        related.people[subject_id] = masked_person(key, related.subjects.get(subject_id))
    return related.people[subject_id]


def masked_person(key: bytes, subject: Subject | None) -> str:
    """Return the masked number of a receipt's person. Raises: IntegrityError if it cannot be read."""
    if subject is None:
        raise IntegrityError
    return mask_person(subject_number(key, subject))
