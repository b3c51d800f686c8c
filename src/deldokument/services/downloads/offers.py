"""Shares as a recipient sees them: one share by its link, and the list of all that are open to the person."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.share_cards import SHARE_KIND
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import NotFound, RightMissing, existing
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.shares.policy import Allowed, Reason, hold_reason, may_open
from deldokument.domain.shares.share import Document, Receipt, Recipient, Share, ShareState
from deldokument.domain.shares.text_fields import ShareTexts
from deldokument.domain.tenants.tenancy import Account, Contact, Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.registers import MAX_RIGHTS_AGE
from deldokument.services.audit.recording import record_event, subject_of
from deldokument.services.downloads.access import (
    Access,
    AuthorizedRead,
    authorized,
    check_clock,
    claim_of,
    grants_of,
    identifiers_of,
    missing_right_error,
    over_error,
)
from deldokument.services.downloads.warnings import confirmed_warnings, must_confirm
from deldokument.services.encryption import (
    EncryptedColumn,
    existing_key,
    identifier_hashes,
    open_field,
    share_key_id,
    subject_hash,
)
from deldokument.services.shares.display.related_rows import ShareRelatedRows
from deldokument.services.shares.display.views import display_number, file_name
from deldokument.services.shares.recipients.access_requests import RequestStatus, request_status
from deldokument.services.shares.rights.grants import grants_with
from deldokument.services.shares.scans.verdicts import Finding, finding_of
from deldokument.services.text_fields import open_texts, open_title
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction

_ONE_OPENING = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class OfferedDocument:
    """A document as its recipient sees it.

    ``receipt`` is this person's; of several recipients, the one with the furthest state. ``finding`` is None until the
    document is inspected. ``needs_warning``: the person must confirm a warning before the download.
    """

    id: str
    name: str
    length: int
    receipt: Receipt | None
    finding: Finding | None = None
    needs_warning: bool = False

    @property
    def is_confirmed(self) -> bool:
        """Whether the person has confirmed the document."""
        return self.receipt is not None and self.receipt.confirmed_at is not None


@dataclass(frozen=True, slots=True)
class Offer:
    """A share as its recipient sees it. ``acting_for``: the organisations on whose behalf the person opens it."""

    id: str
    tenant: Tenant
    account: Account
    texts: ShareTexts
    published_at: datetime
    expires_at: datetime
    documents: tuple[OfferedDocument, ...]
    acting_for: tuple[str, ...]
    request: RequestStatus
    """The person's request for more time."""

    @property
    def to_confirm(self) -> tuple[OfferedDocument, ...]:
        """Documents that were sent to the person, at least in part, and that the person has not confirmed."""
        return tuple(one for one in self.documents if one.receipt and not one.is_confirmed)

    @property
    def contact(self) -> Contact:
        """Contact for the recipient's questions."""
        return self.account.contact(self.tenant)


@dataclass(frozen=True, slots=True)
class ListedOffer:
    """A share in the list of a recipient.

    ``documents``, ``sent`` and ``confirmed`` are numbers: all documents, those sent in full to the person, and those
    that the person has confirmed.
    """

    id: str
    tenant: Tenant
    account: Account
    title: str
    expires_at: datetime
    acting_for: tuple[str, ...]
    documents: int
    sent: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class OfferList:
    """The open shares for a person and the organisations represented.

    ``complete``: Altinn answered. ``lacking``: organisations with shares that need another right, and that right, each
    pair once. ``held``: shares are left out because the database is behind.
    """

    offers: tuple[ListedOffer, ...] = ()
    complete: bool = True
    lacking: tuple[RightMissing, ...] = ()
    held: bool = False


def open_share(deps: Dependencies, person: PersonIdentifier, share_id: str) -> Offer:
    """Return the content of the recipient's page, and record the opening. Raises: as ``authorize``.

    Reloads within ten minutes count as the same opening.
    """
    try:
        with authorized(deps, person, share_id) as read:
            offer, is_recent = _open_offer(deps, read)
    except IntegrityError:
        deps.damage.report(DamagedRow(SHARE_KIND, share_id))
        raise NotFound("damaged share") from None
    if not is_recent:
        with deps.database.write() as tx:
            _note_opening(deps, tx, read.access, read.grants.audit_key)
    return offer


def _open_offer(deps: Dependencies, read: AuthorizedRead) -> tuple[Offer, bool]:
    """Return the offer, and whether the person has recently opened it."""
    tx, access, key = read.tx, read.access, read.grants.audit_key
    around = _OfferRows(tx, [access.share], access.person, [key], read.recipients)
    openings = {one.recipient_id: one for one in around.receipts[access.share.id] if one.document_id is None}
    is_recent = _is_recent(access, [openings.get(one) for one in access.recipient_ids])
    offer = _with_findings(deps, _offer(read, around), read.grants.share_key, around)
    return _with_warnings(tx, access, key, offer), is_recent


def note_opening(deps: Dependencies, access: Access) -> None:
    """Record an opening before bytes are sent, while the publication can be undone. An opened share cannot be undone.

    Raises: Gone if the share was closed meanwhile; NotFound if its publication was undone.
    """
    share = access.share
    if share.can_be_undone(deps.clock.now()):
        with deps.database.write() as tx:
            _note_opening(deps, tx, access, existing_key(deps.keyring, share.audit_key_id))


def _note_opening(deps: Dependencies, tx: Transaction, access: Access, key: bytes) -> None:
    """Record an opening, unless there is a recent one. Raises: as ``note_opening``."""
    share = access.share
    # Locked before the subject, in the same order as a delivery, to avoid deadlocks.
    locked = tx.shares.lock(share.id)
    if locked is not None and locked.state in {ShareState.WITHDRAWN, ShareState.ENDED}:
        raise over_error(deps, tx, locked, access.recipient_ids)
    if locked is None or locked.state is not ShareState.AVAILABLE:
        raise NotFound("undone meanwhile")
    subject_id = subject_of(tx, share.audit_key_id, key, access.person)
    # Checked again: two concurrent requests may both have found no recent opening.
    earlier = [tx.receipts.get(share.id, None, one, subject_id) for one in access.recipient_ids]
    if not _is_recent(access, earlier):
        _record_opened(tx, access, subject_id, earlier)
        record_event(deps, tx, EventKind.SHARE_OPENED, share=share, person=access.person, ground=",".join(access.codes))


def list_offers(deps: Dependencies, person: PersonIdentifier) -> OfferList:
    """Return the open shares for the person and the organisations represented.

    Raises: Unavailable if the node's clock is wrong.
    """
    check_clock(deps)
    grants = grants_of(deps, person, MAX_RIGHTS_AGE)
    now = deps.clock.now()
    offers, lacking, held = list[ListedOffer](), dict[tuple[object, object], RightMissing](), False
    with deps.database.read() as tx:
        keys = deps.keyring.get(tx.share_lookup.audit_key_ids_available())
        identifiers = identifiers_of(person, grants)
        hashes = identifier_hashes(keys, identifiers)
        found = tx.share_lookup.open_for({found for own in hashes.values() for found in own.values()}, now)
        shares = {share.id: share for share in found if share.intact}
        share_keys = deps.keyring.get([share_key_id(one) for one in shares])
        audit_keys = [keys[one] for one in {share.audit_key_id for share in shares.values()}]
        # The list shows only the number of documents.
        around = _OfferRows(tx, list(shares.values()), person, audit_keys, documents=())
        documents, all_keys = tx.share_lookup.document_ids(shares), {**keys, **share_keys}
        for share in shares.values():
            key, own = keys[share.audit_key_id], hashes[share.audit_key_id]
            proof = grants_with(share, all_keys)
            claim = claim_of(deps, proof, own, around.recipients[share.id], person, grants)
            decision = may_open(share, claim, now, stop=around.stop(share))
            if not isinstance(decision, Allowed):
                held = held or decision.reason is Reason.BEHIND
                if decision.lacking:
                    error = missing_right_error(deps, tx, share, dict(decision.lacking))
                    lacking[error.params["organizations"], error.params["right"]] = error
                continue
            ids, codes = zip(*decision.grounds, strict=True)
            access = Access(person, share, tuple(ids), tuple(codes), now)
            with suppress(IntegrityError):
                offers.append(_list_offer(access, key, around, documents[share.id]))
    return OfferList(tuple(offers), grants is not None, tuple(lacking.values()), held)


class _OfferRows(ShareRelatedRows):
    """Rows of some shares, for one of their recipients, with only that person's receipts."""

    def __init__(
        self,
        tx: Transaction,
        shares: Sequence[Share],
        person: PersonIdentifier,
        audit_keys: Sequence[bytes],
        recipients: Sequence[Recipient] | None = None,
        documents: Sequence[Document] | None = None,
    ) -> None:
        hashes = [subject_hash(key, person) for key in audit_keys]
        receipts = tx.receipts.of_person([share.id for share in shares], hashes)
        super().__init__(tx, shares, recipients=recipients, documents=documents, receipts=receipts)

    def stop(self, share: Share) -> Reason | None:
        """Return why the share temporarily cannot be opened, or None."""
        return hold_reason(self.tenants.get(share.tenant_id), self.accounts.get(share.account_id), share)

    def receipts_of(self, share: Share) -> dict[str | None, Receipt]:
        """Return the person's receipts by document; of several, the one with the furthest state."""
        return {receipt.document_id: receipt for receipt in sorted(self.receipts[share.id], key=_furthest)}

    def recipients_of(self, access: Access) -> list[Recipient]:
        """Return the recipients on whose behalf the person opens the share."""
        return [one for one in self.recipients[access.share.id] if one.id in access.recipient_ids]


def _is_recent(access: Access, openings: Sequence[Receipt | None]) -> bool:
    """Return whether each of the person's recipients has recently opened the share."""
    return all(one is not None and access.decided_at - one.last_at < _ONE_OPENING for one in openings)


def _record_opened(tx: Transaction, access: Access, subject_id: str, earlier: Sequence[Receipt | None]) -> None:
    """Save the receipts of an opening. A later opening may already have been recorded."""
    now = access.decided_at
    for recipient_id, one in zip(access.recipient_ids, earlier, strict=True):
        first, last = (one.first_at, max(one.last_at, now)) if one else (now, now)
        tx.receipts.save(Receipt(access.share.id, None, recipient_id, subject_id, first, last))


def _with_findings(deps: Dependencies, offer: Offer, share_key: bytes | None, around: _OfferRows) -> Offer:
    """Return the offer with the findings of its documents."""
    policy, stored = deps.config.scan_policy_of(offer.tenant), around.documents[offer.id]
    found = (finding_of(share_key, document, policy) for document in stored)
    documents = (replace(one, finding=finding) for one, finding in zip(offer.documents, found, strict=True))
    return replace(offer, documents=tuple(documents))


def _with_warnings(tx: Transaction, access: Access, key: bytes, offer: Offer) -> Offer:
    """Return the offer with the warnings that the person has not confirmed yet."""
    if not any(document.finding and document.finding.needs_warning for document in offer.documents):
        return offer
    confirmed = confirmed_warnings(tx, access.share, key, access.person)
    documents = (
        replace(one, needs_warning=one.finding is not None and must_confirm(one.id, one.finding, confirmed))
        for one in offer.documents
    )
    return replace(offer, documents=tuple(documents))


def _offer(read: AuthorizedRead, around: _OfferRows) -> Offer:
    access, key = read.access, read.grants.audit_key
    share, had = access.share, around.receipts_of(access.share)
    recipients = around.recipients_of(access)
    return Offer(
        id=share.id,
        tenant=around.tenants[share.tenant_id],
        account=around.accounts[share.account_id],
        texts=open_texts(key, read.grants.share_key, share).shown,
        published_at=existing(share.published_at),
        expires_at=existing(share.expires_at),
        documents=tuple(
            OfferedDocument(d.id, file_name(key, d), d.length, had.get(d.id)) for d in around.documents[share.id]
        ),
        acting_for=_acting_for(key, recipients),
        request=request_status(read.tx, key, share, recipients, access.decided_at),
    )


def _list_offer(access: Access, key: bytes, around: _OfferRows, document_ids: Sequence[str]) -> ListedOffer:
    share, had = access.share, around.receipts_of(access.share)
    receipts = [had.get(document_id) for document_id in document_ids]
    return ListedOffer(
        id=share.id,
        tenant=around.tenants[share.tenant_id],
        account=around.accounts[share.account_id],
        title=open_title(key, share),
        expires_at=existing(share.expires_at),
        acting_for=_acting_for(key, around.recipients_of(access)),
        documents=len(receipts),
        sent=sum(one is not None and one.is_sent for one in receipts),
        confirmed=sum(one is not None and one.confirmed_at is not None for one in receipts),
    )


def _furthest(receipt: Receipt) -> tuple[bool, bool]:
    return receipt.confirmed_at is not None, receipt.is_sent


def _acting_for(key: bytes, recipients: Sequence[Recipient]) -> tuple[str, ...]:
    return tuple(_acted_for(key, one) for one in recipients if one.kind == "organization")


def _acted_for(key: bytes, recipient: Recipient) -> str:
    """Return the organisation's name and number; only the number if the name is not known from Enhetsregisteret."""
    number = display_number(key, recipient)
    name = open_field(key, recipient.sealed_name, EncryptedColumn.RECIPIENT_NAME, recipient.id)
    return f"{name} ({number})" if name else number
