"""Routes for shares: drafts, publishing, listing, extension, withdrawal."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from deldokument.domain.errors import Conflict
from deldokument.domain.shares.share import ShareState
from deldokument.domain.shares.text_fields import ShareTexts
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import api_drafts, drafts
from deldokument.services.shares.drafts.drafts import DraftFields
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.recipients import access_requests
from deldokument.web.api.cursors import Cursor, Limit, read_cursor, write_cursor
from deldokument.web.api.dependencies import ApiCall, ApiContext
from deldokument.web.api.middleware import PREFIX
from deldokument.web.api.models import Items
from deldokument.web.api.openapi import problems
from deldokument.web.api.share_models import (
    ExpiryInput,
    RecipientChange,
    RecipientsInput,
    RefusalInput,
    Share,
    ShareChange,
    ShareInput,
    share_of,
)

router = APIRouter(prefix="/shares", tags=["shares"])
_ID = "/{share_id}"
_REFERENCE = "Your own case number. Spaces and case are ignored."


@router.post("", status_code=201, summary="Create a draft", responses=problems(404, 409))
def create_share(call: ApiContext, sent: ShareInput, response: Response) -> Share:
    """Create a draft with the fields known so far. Add its documents one by one, then publish it."""
    words, recipients = draft_fields_of(sent), [one.to_service() for one in sent.recipients or ()]
    share = api_drafts.create_draft(call.deps, call.consumer, words, recipients, call.new_id)
    response.headers["Location"] = f"{PREFIX}/shares/{share.id}"
    return shown(call, share.id)


@router.get("", summary="List shares, newest first")
def list_shares(
    call: ApiContext,
    account_id: Annotated[str, Query(max_length=100)] = "",
    state: ShareState | None = None,
    reference: Annotated[str, Query(max_length=100, description=_REFERENCE)] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Items[Share]:
    """Return the shares of all your accounts, with drafts, and with ended shares until their names are erased."""
    place = read_cursor(cursor, 1)
    page = queries.list_shares(
        call.deps,
        call.consumer,
        account_id=account_id or None,
        states=(state,) if state else (),
        reference=reference,
        before=(place[0], place[1][0]) if place else None,
        limit=limit,
    )
    return Items(items=[share_of(view) for view in page.shares], next=write_cursor(page.next))


@router.get(_ID, summary="Get a share", responses=problems(404))
def get_share(call: ApiContext, share_id: str) -> Share:
    """Return the share as it is now."""
    return shown(call, share_id)


@router.patch(_ID, summary="Change a draft, or correct a published share", responses=problems(404, 409))
def change_share(call: ApiContext, share_id: str, sent: ShareChange) -> Share:
    """Change the given fields. A field that is absent or null keeps its value. A change cancels a proposal.

    Of a published share, `title`, `message`, `reference` and `confidential` can be changed. If a member of the account
    must approve it, `change_proposed` is true until then.
    """
    texts = sent.texts()
    others: dict[str, Any] = {name: one for name, one in sent if one is not None and name not in texts}
    if others.keys() <= {"confidential"} and is_available(call, share_id):
        changes.change_share(call.deps, call.consumer, share_id, Change(texts=texts, **others))
    else:

        def change(words: DraftFields) -> DraftFields:
            return replace(words, texts=replace(words.texts, **texts), **others)

        api_drafts.change_draft(call.deps, call.consumer, share_id, change)
    return shown(call, share_id)


@router.delete(_ID, status_code=204, summary="Discard a draft", responses=problems(404, 409))
def discard_share(call: ApiContext, share_id: str) -> None:
    """Discard the draft with its documents. To end a published share, withdraw it."""
    drafts.discard_draft(call.deps, call.consumer, share_id)


@router.post(f"{_ID}/recipients", summary="Add recipients", responses=problems(404, 409))
def add_recipients(call: ApiContext, share_id: str, sent: RecipientsInput) -> Share:
    """Add all recipients or none. A recipient that the share already has stays unchanged.

    If a member of the account must approve new recipients of a published share, `change_proposed` is true until then.
    """
    inputs = [one.to_service() for one in sent.recipients]
    add = changes.add_recipients if is_available(call, share_id) else api_drafts.add_recipient_inputs
    add(call.deps, call.consumer, share_id, inputs)
    return shown(call, share_id)


@router.delete(
    f"{_ID}/recipients/{{recipient_id}}",
    status_code=204,
    summary="Remove a recipient",
    responses=problems(404, 409),
)
def remove_recipient(call: ApiContext, share_id: str, recipient_id: str) -> None:
    """Remove one recipient; the others stay, and notice nothing. A published share keeps at least one.

    Of a published share, the removed recipient gets no more bytes after five seconds. It stays in `removed_recipients`.
    """
    remove = changes.remove_recipient if is_available(call, share_id) else drafts.remove_recipient
    remove(call.deps, call.consumer, share_id, recipient_id)


@router.patch(f"{_ID}/recipients/{{recipient_id}}", summary="Change a recipient's label", responses=problems(404, 409))
def change_recipient(call: ApiContext, share_id: str, recipient_id: str, sent: RecipientChange) -> Share:
    """Change the label of a recipient of a draft or of a published share."""
    if not is_available(call, share_id):
        return share_of(drafts.change_recipient(call.deps, call.consumer, share_id, recipient_id, label=sent.label))
    changes.change_share(call.deps, call.consumer, share_id, Change(labels={recipient_id: sent.label}))
    return shown(call, share_id)


@router.post(f"{_ID}/publication", summary="Publish a draft", responses=problems(404, 409))
def publish_share(call: ApiContext, share_id: str) -> Share:
    """Make the share available to its recipients.

    If a member of the account must approve it first, it is proposed instead and `proposed` is true. A repeated request
    returns the same.
    """
    publishing.publish_share(call.deps, call.consumer, share_id)
    return shown(call, share_id)


@router.put(f"{_ID}/expiry", summary="Change the end of a published share", responses=problems(404, 409))
def change_expiry(call: ApiContext, share_id: str, sent: ExpiryInput) -> Share:
    """Set an earlier or later end, within the account's period counted from now.

    If a member of the account must approve a later end, `proposed_expires_at` is the one that waits. Until then,
    `expires_at` stays as it is.
    """
    changes.change_share(call.deps, call.consumer, share_id, Change(expires_at=sent.expires_at))
    return shown(call, share_id)


@router.post(f"{_ID}/refusal", summary="Refuse requests for more time or a new share", responses=problems(404))
def refuse_requests(call: ApiContext, share_id: str, sent: RefusalInput) -> Share:
    """Say no to all recipients who have `asking_since`. A later end is the answer yes. Repeated, it changes nothing."""
    access_requests.refuse_requests(call.deps, call.consumer, share_id, sent.reason)
    return shown(call, share_id)


@router.post(f"{_ID}/withdrawal", summary="End a published share now", responses=problems(404, 409))
def withdraw_share(call: ApiContext, share_id: str) -> Share:
    """Close the share for everyone and destroy its content. A repeated request returns the same."""
    try:
        publishing.withdraw_share(call.deps, call.consumer, share_id)
    except Conflict:
        if shown(call, share_id).state is not ShareState.WITHDRAWN:
            raise
    return shown(call, share_id)


def shown(call: ApiCall, share_id: str) -> Share:
    """Return the share as the API represents it. Raises: NotFound if it is not the consumer's."""
    return share_of(queries.view_share(call.deps, call.consumer, share_id))


def is_available(call: ApiCall, share_id: str) -> bool:
    """Return whether the share is published and open. The use case checks this again."""
    return queries.view_share(call.deps, call.consumer, share_id).share.state is ShareState.AVAILABLE


def draft_fields_of(sent: ShareInput) -> DraftFields:
    """Return the fields of a new share as the services' input."""
    return DraftFields(
        account_id=sent.account_id,
        texts=ShareTexts(**sent.texts()),
        confidential=sent.confidential,
        archived=sent.archived,
        expires_at=sent.expires_at,
        notify=sent.notify,
    )
