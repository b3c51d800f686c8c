"""Shares, from draft to end: filled in, published, found, prolonged, withdrawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from deldokument.domain.errors import Conflict
from deldokument.domain.share import ShareState
from deldokument.services.shares import api_drafts, drafts, publishing, queries
from deldokument.services.shares.drafts import DraftFields
from deldokument.web.api.cursors import Cursor, Limit, read_cursor, write_cursor
from deldokument.web.api.dependencies import ApiCall, ApiContext
from deldokument.web.api.middleware import PREFIX
from deldokument.web.api.models import Items
from deldokument.web.api.openapi import problems
from deldokument.web.api.share_models import ExpiryInput, RecipientsInput, Share, ShareChange, ShareInput, share_of

router = APIRouter(prefix="/shares", tags=["shares"])
_ID = "/{share_id}"
_REFERENCE = "Your own case number; spaces and case do not matter."


@router.post("", status_code=201, summary="Begin a share", responses=problems(404, 409))
def create_share(call: ApiContext, sent: ShareInput, response: Response) -> Share:
    """A draft, with as much as is known of it. Documents are added one by one, then it is published."""
    words, recipients = draft_fields_of(sent), [one.given() for one in sent.recipients or ()]
    share = api_drafts.create_draft(call.deps, call.consumer, words, recipients, call.new_id)
    response.headers["Location"] = f"{PREFIX}/shares/{share.id}"
    return shown(call, share.id)


@router.get("", summary="List shares, the newest first")
def list_shares(
    call: ApiContext,
    account_id: Annotated[str, Query(max_length=100)] = "",
    state: ShareState | None = None,
    reference: Annotated[str, Query(max_length=100, description=_REFERENCE)] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Items[Share]:
    """Those of all your accounts, drafts and ended ones among them until their names are erased."""
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


@router.get(_ID, summary="See a share", responses=problems(404))
def get_share(call: ApiContext, share_id: str) -> Share:
    """As it is now."""
    return shown(call, share_id)


@router.patch(_ID, summary="Change a draft", responses=problems(404, 409))
def change_share(call: ApiContext, share_id: str, sent: ShareChange) -> Share:
    """What is absent or null stays as it is. A change takes back a proposal."""
    changes: dict[str, Any] = {name: value for name, value in sent if value is not None}
    api_drafts.change_draft(call.deps, call.consumer, share_id, lambda words: replace(words, **changes))
    return shown(call, share_id)


@router.delete(_ID, status_code=204, summary="Discard a draft", responses=problems(404, 409))
def discard_share(call: ApiContext, share_id: str) -> None:
    """With its documents. What has been published is withdrawn instead."""
    drafts.discard_draft(call.deps, call.consumer, share_id)


@router.post(f"{_ID}/recipients", summary="Add recipients to a draft", responses=problems(404, 409))
def add_recipients(call: ApiContext, share_id: str, sent: RecipientsInput) -> Share:
    """All of them or none. One that is there already stays as it was."""
    inputs = [one.given() for one in sent.recipients]
    api_drafts.add_recipient_inputs(call.deps, call.consumer, share_id, inputs)
    return shown(call, share_id)


@router.delete(
    f"{_ID}/recipients/{{recipient_id}}",
    status_code=204,
    summary="Take a recipient out of a draft",
    responses=problems(404, 409),
)
def remove_recipient(call: ApiContext, share_id: str, recipient_id: str) -> None:
    """The others stay."""
    drafts.remove_recipient(call.deps, call.consumer, share_id, recipient_id)


@router.post(f"{_ID}/publication", summary="Publish a draft", responses=problems(404, 409))
def publish_share(call: ApiContext, share_id: str) -> Share:
    """The recipients can open it from now on; or `proposed` is true, where a member of the account must approve.

    Done again, it says the same.
    """
    publishing.publish_share(call.deps, call.consumer, share_id)
    return shown(call, share_id)


@router.put(f"{_ID}/expiry", summary="Move the end of a published share", responses=problems(404, 409))
def change_expiry(call: ApiContext, share_id: str, sent: ExpiryInput) -> Share:
    """Earlier or later, within the account's period counted from now."""
    publishing.change_expiry(call.deps, call.consumer, share_id, sent.expires_at)
    return shown(call, share_id)


@router.post(f"{_ID}/withdrawal", summary="End a published share now", responses=problems(404, 409))
def withdraw_share(call: ApiContext, share_id: str) -> Share:
    """Nobody can open it any more, and its content is destroyed. Done again, it says the same."""
    try:
        publishing.withdraw_share(call.deps, call.consumer, share_id)
    except Conflict:
        if shown(call, share_id).state is not ShareState.WITHDRAWN:
            raise
    return shown(call, share_id)


def shown(call: ApiCall, share_id: str) -> Share:
    """The share as the API tells it. Raises NotFound."""
    return share_of(queries.view_share(call.deps, call.consumer, share_id))


def draft_fields_of(sent: ShareInput) -> DraftFields:
    """What the caller says of a new share."""
    return DraftFields(
        account_id=sent.account_id,
        title=sent.title or "",
        message=sent.message or "",
        reference=sent.reference or "",
        confidential=sent.confidential,
        archived=sent.archived,
        expires_at=sent.expires_at,
        notify=sent.notify,
    )
