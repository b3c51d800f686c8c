"""Routes for an account's webhooks and their deliveries.

All rules are in services.notifications.webhooks.
"""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field, WithJsonSchema

from deldokument.domain.messages.outbox import OutgoingMessage
from deldokument.domain.messages.webhook import MAX_URL_LENGTH, WebhookEvent
from deldokument.services.notifications import webhooks
from deldokument.services.notifications.webhooks import Before
from deldokument.web.api.cursors import Cursor, Limit, read_cursor, write_cursor
from deldokument.web.api.dependencies import ApiContext
from deldokument.web.api.middleware import PREFIX
from deldokument.web.api.models import Given, Instant, Items, Sent, Text
from deldokument.web.api.openapi import problems
from deldokument.web.api.share_models import Id

router = APIRouter(prefix="/webhooks", tags=["webhooks"])
_ID = "/{webhook_id}"
_NAMES = [event.value for event in WebhookEvent]
EventName = Annotated[Text, WithJsonSchema({"type": "string", "enum": _NAMES})]
Url = Annotated[
    Text,
    WithJsonSchema(
        {
            "type": "string",
            "format": "uri",
            "maxLength": MAX_URL_LENGTH,
            "examples": ["https://arkiv.kommune.no/del-dokument"],
        }
    ),
]


class NewWebhook(Sent):
    """The events to deliver, and the URL to deliver them to."""

    account_id: Id
    url: Url
    events: Annotated[list[EventName], Field(min_length=1, max_length=50)]


class Webhook(Given):
    """A URL that receives events of an account. `disabled_at`: when the deliveries stopped."""

    id: str
    account_id: str
    url: str
    events: list[EventName]
    created_at: Instant
    disabled_at: Instant | None


class AddedWebhook(Webhook):
    """A new webhook with the secret that signs its calls. The secret is shown only once."""

    secret: Annotated[str, WithJsonSchema({"type": "string", "pattern": "^whsec_"})]


class Delivery(Given):
    """One event for one webhook. `id` is the `webhook-id` of its calls."""

    id: str
    event: EventName
    share_id: str
    created_at: Instant
    due_at: Instant
    attempts: int
    delivered_at: Instant | None
    given_up_at: Instant | None
    last_error: str | None


@router.get("", summary="List your webhooks, newest first")
def list_webhooks(call: ApiContext, limit: Limit = 50, cursor: Cursor = "") -> Items[Webhook]:
    """Return the webhooks of all your accounts."""
    found = webhooks.list_webhooks(call.deps, call.consumer, before=_before(cursor), limit=limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    following = write_cursor((last.created_at, last.id) if last else None)
    return Items(items=[Webhook.model_validate(view) for view in found[:limit]], next=following)


@router.post("", status_code=201, summary="Add a webhook", responses=problems(404))
def add_webhook(call: ApiContext, wanted: NewWebhook, response: Response) -> AddedWebhook:
    """Deliver the account's future events of these kinds, from all shares of the account."""
    view, secret = webhooks.add_webhook(
        call.deps,
        call.consumer,
        account_id=wanted.account_id,
        url=wanted.url,
        events=wanted.events,
        webhook_id=call.new_id,
    )
    response.headers["Location"] = f"{PREFIX}/webhooks/{view.id}"
    return AddedWebhook(**dict(Webhook.model_validate(view)), secret=secret)


@router.get(_ID, summary="Get a webhook", responses=problems(404))
def show_webhook(call: ApiContext, webhook_id: str) -> Webhook:
    """Return the webhook without its secret, which is never shown again."""
    return Webhook.model_validate(webhooks.show_webhook(call.deps, call.consumer, webhook_id))


@router.delete(_ID, status_code=204, summary="Remove a webhook", responses=problems(404))
def remove_webhook(call: ApiContext, webhook_id: str) -> None:
    """Stop the deliveries. A call that is being made may still arrive."""
    webhooks.remove_webhook(call.deps, call.consumer, webhook_id)


@router.get(f"{_ID}/deliveries", summary="List the deliveries of a webhook, newest first", responses=problems(404))
def list_deliveries(call: ApiContext, webhook_id: str, limit: Limit = 50, cursor: Cursor = "") -> Items[Delivery]:
    """Return past and pending deliveries, for as long as their shares exist."""
    before = _before(cursor)
    found = webhooks.list_deliveries(call.deps, call.consumer, webhook_id, before=before, limit=limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    following = write_cursor((last.created_at, last.id) if last else None)
    return Items(items=[_delivery(message) for message in found[:limit]], next=following)


@router.post(
    f"{_ID}/deliveries/{{delivery_id}}/replay",
    status_code=202,
    response_class=Response,
    summary="Repeat a delivery",
    responses=problems(404, 409),
)
def replay_delivery(call: ApiContext, webhook_id: str, delivery_id: str) -> Response:
    """Deliver the event again under the same id, as soon as possible."""
    webhooks.replay_delivery(call.deps, call.consumer, webhook_id, delivery_id)
    return Response(status_code=202)


def _before(cursor: str) -> Before | None:
    place = read_cursor(cursor, 1)
    return (place[0], place[1][0]) if place else None


def _delivery(message: OutgoingMessage) -> Delivery:
    return Delivery(
        id=message.id,
        event=message.kind,
        share_id=message.share_id or "",
        created_at=message.created_at,
        due_at=message.due_at,
        attempts=message.attempts,
        delivered_at=message.sent_at,
        given_up_at=message.given_up_at,
        last_error=message.last_error or None,
    )
