"""Notices to persons and organisations, as Altinn notification orders.

Altinn looks up the addresses and delivers.

Guarantees:
- An order counts as accepted only if the response names it. Altinn also names an order that it accepted
  before.
- Any other response, or none, is NoticesUnavailable. The same order may then be sent again, because Altinn
  accepts each id once.
- An order that Altinn rejects as invalid is refused for good.
- While Altinn does not respond, calls fail at once.

At the moment of delivery Altinn asks whether the notice still applies. Text messages are delivered in the
daytime.

Does not read the text of a rejection, which may quote the order.

Source: Altinn/altinn-notifications, FutureOrdersController and NotificationOrderChainRequestExt (2026).
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from deldokument.adapters.http.circuit_breaker import Breaker
from deldokument.adapters.http.client import json_object
from deldokument.domain.errors import Unavailable
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.messages.outbox import SENT, Outcome, refuse
from deldokument.domain.tenants.tenancy import NoticeChannel
from deldokument.ports.channels import Notice

PATH: Final = "/notifications/api/v1/future/orders"
_TAKEN: Final = (httpx.codes.CREATED, httpx.codes.OK)
_SCHEMAS: Final[Mapping[NoticeChannel, str]] = {
    NoticeChannel.EMAIL_FIRST: "EmailPreferred",
    NoticeChannel.SMS_FIRST: "SmsPreferred",
    NoticeChannel.SMS_ONLY: "Sms",
}
_REFUSALS: Final[Mapping[int, str]] = {
    httpx.codes.BAD_REQUEST: "altinn_refused",
    httpx.codes.UNPROCESSABLE_ENTITY: "unreachable",
}
"""422: the person or organisation has not registered an address, or the person has opted out."""


class NoticesUnavailable(Unavailable):
    """Altinn has not accepted the order, or it is unknown whether it has."""

    def __init__(self, detail: str) -> None:
        super().__init__("notices_unavailable", detail=f"altinn notifications: {detail}")


class AltinnNotifications:
    """Orders at Altinn at ``base_url``, with the bearer token from ``token`` and an API subscription key.

    ``resource_id`` is the resource in Altinn's registry that selects an organisation's own contacts, if there
    is one. ``clock`` is monotonic seconds.
    """

    def __init__(
        self,
        base_url: str,
        token: Callable[[], str],
        subscription_key: str,
        http: httpx.Client,
        *,
        resource_id: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = base_url.rstrip("/") + PATH
        self._token = token
        self._subscription_key = subscription_key
        self._http = http
        self._resource_id = resource_id
        self._breaker = Breaker(clock)

    def send(self, notice: Notice) -> Outcome:
        """Order a notice; see Notices."""
        if not self._breaker.admits():
            raise NoticesUnavailable("not asked, it was silent just now")
        try:
            outcome = _read_outcome(self._order(notice, self._token()))
        except httpx.HTTPError as error:
            self._breaker.record_failure()
            raise NoticesUnavailable(type(error).__name__) from error
        except Unavailable as error:
            self._breaker.record_failure()
            raise NoticesUnavailable(error.detail) from error
        self._breaker.record_answer()
        return outcome

    def _order(self, notice: Notice, token: str) -> httpx.Response:
        return self._http.post(
            self._url,
            json=self._body(notice),
            headers={
                "Accept": "application/json",
                "Authorization": f"Bearer {token}",
                "Ocp-Apim-Subscription-Key": self._subscription_key,
            },
        )

    def _body(self, notice: Notice) -> dict[str, Any]:
        number = notice.recipient.value
        settings: dict[str, Any] = {
            "channelSchema": _SCHEMAS[notice.channel],
            "smsSettings": {"body": notice.text, "sender": notice.sender, "sendingTimePolicy": "Daytime"},
        }
        if notice.channel is not NoticeChannel.SMS_ONLY:
            settings["emailSettings"] = {
                "subject": notice.subject,
                "body": notice.body,
                "contentType": "Plain",
                "sendingTimePolicy": "Anytime",
            }
        if self._resource_id is not None:
            settings["resourceId"] = self._resource_id
        if isinstance(notice.recipient, PersonIdentifier):
            person = {"nationalIdentityNumber": number, "ignoreReservation": False, **settings}
            recipient: dict[str, Any] = {"recipientPerson": person}
        else:
            recipient = {"recipientOrganization": {"orgNumber": number, **settings}}
        return {
            "idempotencyId": notice.id,
            "sendersReference": notice.id,
            "conditionEndpoint": notice.condition_url,
            "recipient": recipient,
        }


def _read_outcome(response: httpx.Response) -> Outcome:
    """Return the outcome of an order from Altinn's response.

    Raises: Unavailable if the response does not say.
    """
    if refusal := _REFUSALS.get(response.status_code):
        return refuse(refusal)
    if response.status_code not in _TAKEN or not _names_order(response):
        raise Unavailable("notices_unavailable", detail=f"status {response.status_code}")
    return SENT


def _names_order(response: httpx.Response) -> bool:
    """Return whether the response is Altinn's own, and not an intermediary's."""
    try:
        answer = json_object(response)
        shipment = answer["notification"]["shipmentId"]
    except (ValueError, KeyError, TypeError):
        return False
    return isinstance(shipment, str) and isinstance(answer.get("notificationOrderId"), str)
