"""Notices to persons and organisations, ordered at Altinn, which looks up where they are reached and delivers them.

Promises that an order counts as taken only by an answer that names it, as Altinn gives for one that it has taken before
too: whatever else comes, or nothing, is NoticesUnavailable, and the same order may be sent again, for Altinn takes each
id once. What Altinn refuses as it stands is refused for good. Whether the notice still applies is asked by Altinn at
the moment of delivery, which for a text message is in daytime. While Altinn is silent, says so at once.

Deliberately does not read what a refusal says: it may repeat what was sent.

Source: Altinn/altinn-notifications, FutureOrdersController and NotificationOrderChainRequestExt (2026).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from deldokument.adapters.http.circuit_breaker import Breaker
from deldokument.adapters.http.client import json_object
from deldokument.domain.errors import Unavailable
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.outbox import SENT, Outcome, refused
from deldokument.ports.channels import Notice

PATH: Final = "/notifications/api/v1/future/orders"
_TAKEN: Final = (httpx.codes.CREATED, httpx.codes.OK)
_REFUSALS: Final[Mapping[int, str]] = {
    httpx.codes.BAD_REQUEST: "altinn_refused",
    httpx.codes.UNPROCESSABLE_ENTITY: "unreachable",
}
"""422: neither person nor organisation has let it be known where they are reached, or the person has opted out."""


class NoticesUnavailable(Unavailable):
    """Nobody knows whether Altinn has taken the order, or it has not now."""

    def __init__(self, detail: str) -> None:
        super().__init__("notices_unavailable", detail=f"altinn notifications: {detail}")


class AltinnNotifications:
    """Orders at the Altinn at ``base_url`` with the bearer token that ``token`` gives and an API subscription key.

    ``resource_id``: the resource in Altinn's registry that an organisation's own contacts are chosen by, if there is
    one. ``clock`` is monotonic seconds.
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
        """See Notices."""
        if not self._breaker.admits():
            raise NoticesUnavailable("not asked, it was silent just now")
        try:
            outcome = _understood(self._order(notice, self._token()))
        except httpx.HTTPError as error:
            self._breaker.failed()
            raise NoticesUnavailable(type(error).__name__) from error
        except Unavailable as error:
            self._breaker.failed()
            raise NoticesUnavailable(error.detail) from error
        self._breaker.answered()
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
            "channelSchema": "EmailPreferred",
            "emailSettings": {
                "subject": notice.subject,
                "body": notice.body,
                "contentType": "Plain",
                "sendingTimePolicy": "Anytime",
            },
            "smsSettings": {"body": notice.text, "sender": notice.sender, "sendingTimePolicy": "Daytime"},
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


def _understood(response: httpx.Response) -> Outcome:
    """What Altinn says became of the order. Raises Unavailable for what is no such thing."""
    if refusal := _REFUSALS.get(response.status_code):
        return refused(refusal)
    if response.status_code not in _TAKEN or not _names_order(response):
        raise Unavailable("notices_unavailable", detail=f"status {response.status_code}")
    return SENT


def _names_order(response: httpx.Response) -> bool:
    """Whether it is Altinn's own answer, and not that of something on the way."""
    try:
        answer = json_object(response)
        shipment = answer["notification"]["shipmentId"]
    except (ValueError, KeyError, TypeError):
        return False
    return isinstance(shipment, str) and isinstance(answer.get("notificationOrderId"), str)
