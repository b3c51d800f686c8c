"""Altinn's notifications on loopback: accepts orders and shows them on its page and as JSON, without delivering.

Guarantees:
- Like the real one, it requires a token with the scope, a subscription key and all mandatory fields.
- It refuses unknown fields.
- A repeated idempotency id gets the first response again, with 200; the order is accepted once.
- An accepted order counts as delivered at once, if its condition endpoint permits it.
- A recipient marked as unreachable (``POST /_simulator/contacts``) gets 422.

``GET /orders`` lists all orders.

Source: Altinn/altinn-notifications, FutureOrdersController, NotificationOrderChainRequestExt and their validators.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
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

SCOPE: Final = "altinn:serviceowner/notifications.create"
PATH: Final = "/notifications/api/v1/future/orders"
_CONDITION_TIMEOUT_SECONDS: Final = 5.0
_SETTINGS: Final[Mapping[str, bool]] = {
    "channelSchema": True,
    "emailSettings": False,
    "smsSettings": False,
    "resourceId": False,
}
_ORDER: Final[Mapping[str, bool]] = {
    "idempotencyId": True,
    "recipient": True,
    "sendersReference": False,
    "conditionEndpoint": False,
    "requestedSendTime": False,
}
_EMAIL: Final[Mapping[str, bool]] = {"subject": True, "body": True, "contentType": False, "sendingTimePolicy": False}
_SMS: Final[Mapping[str, bool]] = {"body": True, "sender": True, "sendingTimePolicy": False}
_PERSON: Final[Mapping[str, bool]] = {**_SETTINGS, "nationalIdentityNumber": True, "ignoreReservation": False}
_ORGANIZATION: Final[Mapping[str, bool]] = {**_SETTINGS, "orgNumber": True}
_CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "channelSchema": frozenset({"EmailPreferred", "SmsPreferred", "Sms"}),
    "contentType": frozenset({"Plain", "Html"}),
    "sendingTimePolicy": frozenset({"Anytime", "Daytime", "WorkingDaysDaytime"}),
}
_DIGITS: Final[Mapping[str, int]] = {"nationalIdentityNumber": 11, "orgNumber": 9}


@dataclass
class Order:
    """An accepted order. ``delivered`` is the condition endpoint's answer, None while there is none."""

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


@dataclass
class Flaws:
    """Validation errors of an order, in ASP.NET's format."""

    errors: dict[str, list[str]] = field(default_factory=dict)

    def check(self, name: str, value: Any, fields: Mapping[str, bool]) -> dict[str, Any]:
        """Validate an object's ``fields``, required or optional, and return it; an empty one if it is not an object."""
        if not isinstance(value, dict):
            self.errors[name] = ["The JSON value could not be converted."]
            return {}
        for unknown in value.keys() - fields.keys():
            self.errors[f"{name}.{unknown}"] = ["The field is not known."]
        for missing in (key for key, required in fields.items() if required and not value.get(key)):
            self.errors[f"{name}.{missing}"] = ["The field is required."]
        for key, choices in _CHOICES.items():
            if key in value and value[key] not in choices:
                self.errors[f"{name}.{key}"] = ["The JSON value could not be converted."]
        for key, length in _DIGITS.items():
            if key in value and not (str(value[key]).isdigit() and len(str(value[key])) == length):
                self.errors[f"{name}.{key}"] = [f"Must be {length} digits."]
        return value


def read_notification(body: bytes) -> tuple[Order | None, dict[str, list[str]]]:
    """Return the order, or its validation errors."""
    try:
        given = json.loads(body)
    except ValueError:
        return None, {"$": ["The input is not valid JSON."]}
    flaws = Flaws()
    order = flaws.check("$", given, _ORDER)
    kinds = order.get("recipient")
    known = {"recipientPerson": _PERSON, "recipientOrganization": _ORGANIZATION}
    if not isinstance(kinds, dict) or len(kinds) != 1 or not kinds.keys() <= known.keys():
        return None, flaws.errors | {"recipient": ["Exactly one recipient must be given."]}
    [kind] = kinds
    recipient = flaws.check(kind, kinds[kind], known[kind])
    schema = recipient.get("channelSchema", "")
    # As the real validators: a scheme requires the settings of its media, and those given must be valid.
    email, sms = (
        flaws.check(name, recipient.get(name), fields) if name in recipient or schema != unused else {}
        for name, fields, unused in (("emailSettings", _EMAIL, "Sms"), ("smsSettings", _SMS, ""))
    )
    condition = str(order.get("conditionEndpoint", ""))
    if condition and urlsplit(condition).scheme not in {"http", "https"}:
        flaws.errors["conditionEndpoint"] = ["Must be an absolute URL."]
    if flaws.errors:
        return None, flaws.errors
    return Order(
        id=str(uuid4()),
        shipment_id=str(uuid4()),
        idempotency_id=order["idempotencyId"],
        reference=order.get("sendersReference", ""),
        condition=condition,
        recipient=recipient.get("nationalIdentityNumber") or recipient["orgNumber"],
        schema=schema,
        subject=email.get("subject", ""),
        body=email.get("body", ""),
        text=sms["body"],
        sender=sms["sender"],
    ), {}


class Notifications:
    """One running Altinn Notifications. ``names`` are those of the cast, by number."""

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
            return _problem(400, {"$": ["Nothing but an order in JSON is taken."]})
        order, errors = read_notification(await request.body())
        if order is None:
            return _problem(400, errors)
        if known := self._orders.get(order.idempotency_id):
            known.repeated += 1
            return _receipt(known, 200)
        if order.recipient in self._unreachable:
            return _problem(422, {"recipient": ["Missing contact information for recipient(s)."]})
        self._orders[order.idempotency_id] = order
        return _receipt(order, 201, BackgroundTask(self._deliver, order))

    async def _deliver(self, order: Order) -> None:
        """Deliver if the condition endpoint permits it; without an answer the delivery stays undecided."""
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
        """Retry undecided deliveries, as the real service does when the morning comes."""
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


def _problem(status: int, errors: Mapping[str, Sequence[str]]) -> Response:
    return JSONResponse(
        {"title": "One or more validation errors occurred.", "status": status, "errors": dict(errors)},
        status,
        media_type="application/problem+json",
    )


def build(options: Namespace) -> ASGIApp:
    cast = load_cast(options.cast)
    names = {person.identifier: person.name for person in cast.people} | {o.number: o.name for o in cast.organizations}
    tokens = TokenCheck(options.maskinporten_issuer, frozenset({SCOPE}), altinn=options.altinn)
    notifications = Notifications(tokens, options.subscription_key, names)
    return Failures().application(notifications.routes())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("notifications", "Altinn's notifications for the demo and the tests, on loopback")
    parser.add_argument("--maskinporten-issuer", required=True, help="URL of the Maskinporten simulator")
    parser.add_argument("--altinn", default="", help="URL of the Altinn simulator, whose tokens are accepted too")
    parser.add_argument("--subscription-key", default=DEFAULT_SUBSCRIPTION_KEY)
    options = parser.parse_args(arguments)
    serve("notifications", options, lambda _: build(options))


if __name__ == "__main__":
    main()
