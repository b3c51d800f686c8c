"""Drafts: recipients, period, texts and documents of a share before it is published.

Guarantees:
- Each step of a draft is saved. A recipient is in it once, even if pasted several times.
- A refused recipient is reported with the reason, and not added.
- Only sharers of the account see it, and only its author changes it (see services.shares.rights.authorization).
- A draft without changes is abandoned after seven days, a system's after 24 hours (services.maintenance.retention).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import InvalidInput, NotFound, ServiceError, require
from deldokument.domain.identifiers import Identifier, Sharer, parse_identifier, split_pasted
from deldokument.domain.shares.share import Recipient, Share, ShareState
from deldokument.domain.shares.text_fields import ShareTexts
from deldokument.domain.shares.typed_texts import LABEL_LENGTH, check_text
from deldokument.domain.tenants.tenancy import End, instant_of
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership, membership_in
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import (
    EncryptedColumn,
    existing_key,
    seal_field,
    share_key_id,
)
from deldokument.services.shares.approvals.proposals import touch_draft
from deldokument.services.shares.display.views import ShareView, share_view
from deldokument.services.shares.drafts.additions import remove_unpublished
from deldokument.services.shares.drafts.draft_form import DraftForm, draft_form_in
from deldokument.services.shares.drafts.new_draft import empty_draft, insert_draft
from deldokument.services.shares.drafts.upload_tickets import NewDocument, UploadTicket, announce
from deldokument.services.shares.recipients.organization_names import begin_lookup, needs_confirmation
from deldokument.services.shares.recipients.recipients import CheckedRecipient, check_recipient_count, insert_recipients
from deldokument.services.shares.rights.authorization import (
    check_draft,
    check_may_share,
    check_not_stopped,
    draft_for_update,
    editable_draft,
    first_look,
    share_for_update,
)
from deldokument.services.shares.rights.grants import move_grants, share_grants
from deldokument.services.shares.rights.limits import (
    check_draft_count,
    check_draft_rate,
    check_lookup_rate,
)
from deldokument.services.shares.rights.quota import check_quota
from deldokument.services.text_fields import open_texts, with_texts
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class DraftFields:
    """The fields of a share's form. ``expires_at`` is None until it is filled in.

    None leaves ``confidential``, ``notify`` and ``archived`` unchanged. In a new draft, the first two come from the
    account, and ``archived`` from the tenant's confirmation for the integration. ``notify`` has no effect if no notices
    are configured.
    """

    account_id: str
    texts: ShareTexts = field(default_factory=ShareTexts)
    confidential: bool | None = None
    archived: bool | None = None
    expires_at: End | None = None
    notify: bool | None = None


@dataclass(frozen=True, slots=True)
class RejectedRecipient:
    """A pasted text that was not accepted as a recipient, and why."""

    text: str
    error: ServiceError


@dataclass(frozen=True, slots=True)
class AddedRecipients:
    """The draft with the recipients that were added, and the texts that were refused."""

    form: DraftForm
    refused: Sequence[RejectedRecipient]


def start_draft(deps: Dependencies, sharer: Sharer, *, account_id: str) -> Share:
    """Create an empty draft in the account.

    Raises: NotFound, RightMissing, RateLimited, or as ``insert_draft``.
    """
    with deps.database.read() as tx:
        membership = membership_in(deps, tx, sharer, account_id)
    check_may_share(membership)
    check_draft_rate(deps, sharer)
    share = empty_draft(deps, membership)
    with deps.database.write() as tx:
        insert_draft(deps, tx, share, sharer)
    return share


def save_draft(deps: Dependencies, sharer: Sharer, share_id: str, words: DraftFields) -> ShareView:
    """Save the fields of the form; return the draft. Raises: InvalidInput.

    If only the period is outside the account's rule, the fields are saved nevertheless. Nothing is saved for an invalid
    text, or for an account that accepts no drafts or has too small a quota for the documents.
    """
    tidy = check_fields(words)
    with deps.database.write() as tx:
        share, present = draft_for_update(deps, tx, sharer, share_id)
        membership = target_membership(deps, tx, sharer, share, present, words.account_id)
        changed = move_grants(deps, tx, share, apply_fields(deps, share, membership, tidy))
        touched = touch_draft(deps, tx, changed, sharer)
        view = share_view(deps, tx, touched, [membership])
    check_period(deps, membership, words.expires_at)
    return view


def check_fields(words: DraftFields) -> DraftFields:
    """Return the fields with checked and normalised texts. Raises: InvalidInput."""
    return replace(words, texts=words.texts.checked)


def check_period(deps: Dependencies, membership: Membership, end: End | None) -> None:
    """Raise InvalidInput for an end that the account's rule does not allow. A draft may have no end yet."""
    if end is not None:
        membership.account.period(membership.tenant).check(end, deps.clock.now())


def apply_fields(deps: Dependencies, share: Share, membership: Membership, words: DraftFields) -> Share:
    """Return the draft with the checked fields, sealed, in the account of the membership."""
    key = existing_key(deps.keyring, share.audit_key_id)
    share_key = existing_key(deps.keyring, share_key_id(share.id))
    return replace(
        with_texts(key, share_key, share, words.texts),
        account_id=membership.account.id,
        member_id=membership.member_id,
        integration_id=membership.integration_id,
        expires_at=None if words.expires_at is None else instant_of(words.expires_at, deps.clock.now()),
        confidential=share.confidential if words.confidential is None else words.confidential,
        archived=share.archived if words.archived is None else words.archived,
        notify=(share.notify if words.notify is None else words.notify) and deps.sends_notices,
    )


def fields_of(deps: Dependencies, share: Share) -> DraftFields:
    """Return the present fields of a draft."""
    key = existing_key(deps.keyring, share.audit_key_id)
    return DraftFields(
        account_id=share.account_id,
        texts=open_texts(key, existing_key(deps.keyring, share_key_id(share.id)), share),
        confidential=share.confidential,
        archived=share.archived,
        expires_at=share.expires_at,
        notify=share.notify,
    )


def target_membership(
    deps: Dependencies, tx: Transaction, sharer: Sharer, share: Share, present: Membership, account_id: str
) -> Membership:
    """Return the membership in the draft's next account; ``present`` is the one in its present account.

    Raises: NotFound or Frozen, also for the present account; RightMissing; InvalidInput if the account accepts no
    drafts.
    """
    check_not_stopped(present, share)
    if account_id == share.account_id:
        check_may_share(present)
        return present
    target = membership_in(deps, tx, sharer, account_id)
    if target.tenant.id != share.tenant_id:
        raise InvalidInput("account", "account_of_other_tenant")
    check_may_share(target)
    check_draft_count(deps, tx, target)
    length = sum(document.length for document in tx.shares.documents([share.id]))
    check_quota(deps, tx, target.account, length, field="account")
    return target


def add_recipients(deps: Dependencies, sharer: Sharer, share_id: str, pasted: str) -> AddedRecipients:
    """Add every number in a pasted text.

    If Enhetsregisteret does not answer, or the lookups take too long, organisations are added without a name. Like
    persons, they must then be confirmed. Raises: InvalidInput for too many recipients, before the register is asked.
    """
    with deps.database.read() as tx:
        check_draft(first_look(deps, tx, sharer, share_id))
    texts = dict.fromkeys(split_pasted(pasted))
    check_recipient_count(len(texts))
    check_lookup_rate(deps, sharer, len(texts))
    inquiry = begin_lookup(deps)
    accepted: dict[Identifier, CheckedRecipient] = {}
    refused: list[RejectedRecipient] = []
    for text in texts:
        try:
            identifier = parse_identifier(text, allow_synthetic=deps.config.allow_synthetic)
            name = inquiry.registered_name(identifier)
            accepted[identifier] = CheckedRecipient(name, confirmed=bool(name))
        except ServiceError as error:
            refused.append(RejectedRecipient(text, error))
    with deps.database.write() as tx:
        share, membership = editable_draft(deps, tx, sharer, share_id)
        insert_recipients(deps, tx, share, accepted)
        form = draft_form_in(deps, tx, touch_draft(deps, tx, share, sharer), [membership])
    return AddedRecipients(form, refused)


def change_recipient(
    deps: Dependencies,
    sharer: Sharer,
    share_id: str,
    recipient_id: str,
    *,
    label: str | None = None,
    confirmed: bool | None = None,
) -> ShareView:
    """Set a recipient's label, or confirm that its number was checked. Returns the draft.

    The label is the sharer's own text.
    """
    with deps.database.write() as tx:
        share, membership = editable_draft(deps, tx, sharer, share_id)
        before = recipient = _recipient(tx, share, recipient_id)
        grants = share_grants(deps, share)
        if label is not None:
            text = check_text(label, LABEL_LENGTH, field="label")
            sealed = seal_field(grants.audit_key, text, EncryptedColumn.RECIPIENT_LABEL, recipient_id)
            recipient = replace(recipient, sealed_label=sealed)
        if confirmed is not None and needs_confirmation(grants.audit_key, recipient):
            recipient = replace(recipient, confirmed=confirmed)
        tx.shares.save_recipient(grants.renew(before, recipient))
        return share_view(deps, tx, touch_draft(deps, tx, share, sharer), [membership])


def remove_recipient(deps: Dependencies, sharer: Sharer, share_id: str, recipient_id: str) -> ShareView:
    """Remove a recipient from the draft; return the draft."""
    with deps.database.write() as tx:
        share, membership = draft_for_update(deps, tx, sharer, share_id)
        tx.shares.remove_recipient(share.id, _recipient(tx, share, recipient_id).id)
        return share_view(deps, tx, touch_draft(deps, tx, share, sharer), [membership])


def add_document(
    deps: Dependencies, sharer: Sharer, share_id: str, *, name: str, length: int, modified_at: int | None
) -> UploadTicket:
    """Announce a document; return the ticket for its upload.

    An unfinished document of the same name, length and time continues at its offset, with a new token.
    Raises, before the first byte: TooLarge for more than 5 GiB; InvalidInput for more than the account's quota allows.
    """
    file = NewDocument.checked(name, length, modified_at)
    with deps.database.write() as tx:
        share, membership = editable_draft(deps, tx, sharer, share_id)
        ticket = announce(deps, tx, share, membership, file)
        touch_draft(deps, tx, share, sharer)
    return ticket


def remove_document(deps: Dependencies, sharer: Sharer, share_id: str, document_id: str) -> ShareView:
    """Remove a document from the draft; return the draft. The document's bytes become garbage."""
    with deps.database.write() as tx:
        share, membership = draft_for_update(deps, tx, sharer, share_id)
        document = tx.shares.document(document_id)
        if document is None or document.share_id != share.id:
            raise NotFound("document")
        left = remove_unpublished(deps, tx, share, document_id, sharer)
        return share_view(deps, tx, left, [membership])


def discard_draft(deps: Dependencies, sharer: Sharer, share_id: str, *, grace: timedelta | None = None) -> None:
    """Abandon the draft now. With ``grace``, the same sharer can undo it for that long."""
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, sharer, share_id)
        check_draft(share.state)
        now = deps.clock.now()
        until, by = (now + grace, membership.id) if grace else (None, None)
        tx.shares.save(replace(share, state=ShareState.ABANDONED, closed_at=now, undo_until=until, undo_by=by))
        record_event(deps, tx, EventKind.DRAFT_ABANDONED, share=share, person=sharer)


def _recipient(tx: Transaction, share: Share, recipient_id: str) -> Recipient:
    return require(next((r for r in tx.shares.recipients([share.id]) if r.id == recipient_id), None), "recipient")
