"""Altinn Notifications on loopback: accepts orders and shows them on a page and as JSON, without delivering.

Guarantees:
- Like the real one, it requires a token with the scope, a subscription key and all mandatory fields.
- It refuses unknown fields.
- A repeated idempotency id gets the first response again, with 200; the order is accepted once.
- An accepted order counts as delivered at once, if its condition endpoint permits it.
- A recipient marked as unreachable (``POST /_simulator/contacts``) gets 422.

``GET /orders`` lists all orders.

Source: Altinn/altinn-notifications, FutureOrdersController, NotificationOrderChainRequestExt and their validators.
"""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Final, Literal, Self
from uuid import uuid4

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from deldokument.simulators.altinn import DEFAULT_SUBSCRIPTION_KEY
from deldokument.simulators.altinn_tokens import TokenCheck
from deldokument.simulators.common.cast import load_cast
from deldokument.simulators.common.failures import CONTROL_PREFIX, Failures, read_order
from deldokument.simulators.common.pages import page
from deldokument.simulators.common.server import command_line, serve
from deldokument.simulators.common.validation import invalid, problem

SCOPE: Final = "altinn:serviceowner/notifications.create"
PATH: Final = "/notifications/api/v1/future/orders"
_CONDITION_TIMEOUT_SECONDS: Final = 5.0
_Text = Annotated[str, Field(min_length=1)]
_TimePolicy = Literal["Anytime", "Daytime", "WorkingDaysDaytime"]


class _Given(BaseModel):
    """Base of an order's parts. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class _Email(_Given):
    subject: _Text
    body: _Text
    content_type: Literal["Plain", "Html"] = "Plain"
    sending_time_policy: _TimePolicy = "Anytime"


class _Sms(_Given):
    body: _Text
    sender: _Text
    sending_time_policy: _TimePolicy = "Daytime"


class _Recipient(_Given):
    channel_schema: Literal["EmailPreferred", "SmsPreferred", "Sms"]
    sms_settings: _Sms
    email_settings: _Email | None = None
    resource_id: str = ""

    @model_validator(mode="after")
    def _has_settings_of_its_media(self) -> Self:
        if self.channel_schema != "Sms" and self.email_settings is None:
            raise ValueError("emailSettings is required")
        return self


class _Person(_Recipient):
    number: str = Field(alias="nationalIdentityNumber", pattern=r"^[0-9]{11}$")
    ignore_reservation: bool = False


class _Organization(_Recipient):
    number: str = Field(alias="orgNumber", pattern=r"^[0-9]{9}$")


class _ToPerson(_Given):
    to: _Person = Field(alias="recipientPerson")


class _ToOrganization(_Given):
    to: _Organization = Field(alias="recipientOrganization")


class _NewOrder(_Given):
    idempotency_id: _Text
    recipient: _ToPerson | _ToOrganization
    senders_reference: str = ""
    condition_endpoint: str = Field("", pattern=r"^(https?://.*)?$")


@dataclass
class Order:
    """An accepted order. ``delivered`` is the condition endpoint's answer; None before it."""

    id: str
    shipment_id: str
    idempotency_id: str
    reference: str
    condition: str
    recipient: str
    schema: str
    subject: str
    body: str
    text: str
    sender: str
    delivered: bool | None = None
    repeated: int = 0


def read_notification(body: bytes) -> Order:
    """Return the order in a request. Raises: ValidationError."""
    given = _NewOrder.model_validate_json(body)
    recipient = given.recipient.to
    email = recipient.email_settings
    return Order(
        id=str(uuid4()),
        shipment_id=str(uuid4()),
        idempotency_id=given.idempotency_id,
        reference=given.senders_reference,
        condition=given.condition_endpoint,
        recipient=recipient.number,
        schema=recipient.channel_schema,
        subject=email.subject if email else "",
        body=email.body if email else "",
        text=recipient.sms_settings.body,
        sender=recipient.sms_settings.sender,
    )


class Notifications:
    """One running simulator of Altinn Notifications. ``names`` are the names of the cast, by number."""

    def __init__(self, tokens: TokenCheck, subscription_key: str, names: Mapping[str, str]) -> None:
        self._tokens = tokens
        self._subscription_key = subscription_key
        self._names = names
        self._orders: dict[str, Order] = {}
        self._unreachable: set[str] = set()

    def routes(self) -> list[Route]:
        return [
            Route(PATH, self._take, methods=["POST"]),
            Route("/", self._page),
            Route("/orders", self._list),
            Route(f"{CONTROL_PREFIX}contacts", self._set_contact, methods=["POST"]),
            Route(f"{CONTROL_PREFIX}deliver", self._deliver_again, methods=["POST"]),
        ]

    async def _take(self, request: Request) -> Response:
        if refusal := await self._tokens.refusal(request, self._subscription_key):
            return refusal
        if request.query_params or request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return problem(400, {"$": ["Nothing but an order in JSON is taken."]})
        try:
            order = read_notification(await request.body())
        except ValidationError as error:
            return invalid(error)
        if known := self._orders.get(order.idempotency_id):
            known.repeated += 1
            return _receipt(known, 200)
        if order.recipient in self._unreachable:
            return problem(422, {"recipient": ["Missing contact information for recipient(s)."]})
        self._orders[order.idempotency_id] = order
        return _receipt(order, 201, BackgroundTask(self._deliver, order))

    async def _deliver(self, order: Order) -> None:
        """Deliver if the condition endpoint permits it. Without an answer, the delivery stays undecided."""
        if not order.condition:
            order.delivered = True
            return
        try:
            async with httpx.AsyncClient(timeout=_CONDITION_TIMEOUT_SECONDS) as http:
                answer = (await http.get(order.condition)).raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            return
        wanted = answer.get("sendNotification") if isinstance(answer, dict) else None
        order.delivered = wanted if isinstance(wanted, bool) else None

    async def _deliver_again(self, request: Request) -> Response:
        """Retry undecided deliveries, as the real service does in the morning."""
        if await read_order(request) is None:
            return JSONResponse({"error": "expected application/json"}, 400)
        for order in list(self._orders.values()):
            if order.delivered is None:
                await self._deliver(order)
        return await self._list(request)

    async def _set_contact(self, request: Request) -> Response:
        order = await read_order(request) or {}
        number, reachable = order.get("number"), order.get("reachable")
        if not isinstance(number, str) or number not in self._names or not isinstance(reachable, bool):
            return JSONResponse({"error": "expected application/json with number and reachable"}, 400)
        (self._unreachable.discard if reachable else self._unreachable.add)(number)
        return JSONResponse({"unreachable": len(self._unreachable)})

    async def _list(self, _request: Request) -> Response:
        return JSONResponse([asdict(order) for order in self._orders.values()])

    async def _page(self, _request: Request) -> Response:
        newest = [(self._names.get(order.recipient, ""), order) for order in reversed(self._orders.values())]
        return page("notices.html", orders=newest)


def _receipt(order: Order, status: int, task: BackgroundTask | None = None) -> Response:
    notification = {"shipmentId": order.shipment_id, "sendersReference": order.reference}
    return JSONResponse({"notificationOrderId": order.id, "notification": notification}, status, background=task)


def build(_url: str, options: Namespace) -> ASGIApp:
    cast = load_cast()
    names = {person.identifier: person.name for person in cast.people} | {o.number: o.name for o in cast.organizations}
    tokens = TokenCheck(options.maskinporten_issuer, frozenset({SCOPE}), altinn=options.altinn)
    notifications = Notifications(tokens, options.subscription_key, names)
    return Failures().application(notifications.routes())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("notifications", "Altinn's notifications for the demo and the tests, on loopback")
    parser.add_argument("--maskinporten-issuer", required=True, help="URL of the Maskinporten simulator")
    parser.add_argument("--altinn", default="", help="URL of the Altinn simulator, whose tokens are accepted too")
    parser.add_argument("--subscription-key", default=DEFAULT_SUBSCRIPTION_KEY)
    serve("notifications", parser.parse_args(arguments), build)


if __name__ == "__main__":
    main()
