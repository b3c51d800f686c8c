"""The notifications simulator refuses what the real one refuses, takes an id once, and asks before it delivers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from deldokument.domain.shares.share import new_id
from tests.support.deployment.simulators import ALTINN_SCOPE, NOTIFICATIONS_SCOPE, Running, start_simulators

OLA, FJELL = "21879498012", "312824450"
PATH = "/notifications/api/v1/future/orders"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start_simulators(tmp_path_factory.mktemp("simulators"), names=["notifications"]) as running:
        yield running


@pytest.fixture(scope="module")
def token(running: Running) -> str:
    return running.access_token(running.client_id, NOTIFICATIONS_SCOPE)


def order(**changes: Any) -> dict[str, Any]:
    usual = {
        "idempotencyId": new_id(),
        "sendersReference": "x",
        "conditionEndpoint": "http://127.0.0.1:9/varsling/x/vilkar",
        "recipient": {"recipientPerson": person()},
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def person(**changes: Any) -> dict[str, Any]:
    usual = {
        "nationalIdentityNumber": OLA,
        "channelSchema": "EmailPreferred",
        "emailSettings": {"subject": "Emne", "body": "Tekst"},
        "smsSettings": {"body": "Tekst", "sender": "DelDokument"},
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def send(running: Running, token: str, body: Any, **headers: str) -> httpx.Response:
    given = {"Authorization": f"Bearer {token}", "Ocp-Apim-Subscription-Key": running.subscription_key}
    return httpx.post(f"{running.notifications}{PATH}", json=body, headers=given | headers)


def taken(running: Running, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{running.notifications}/orders").json()
    return [one for one in found if one["idempotency_id"] == key]


def test_an_order_is_accepted_and_named(running: Running, token: str) -> None:
    answer = send(running, token, sent := order())
    assert answer.status_code == 201
    assert answer.json()["notification"]["sendersReference"] == "x"
    assert taken(running, sent["idempotencyId"])[0]["shipment_id"] == answer.json()["notification"]["shipmentId"]


def test_a_repeated_id_gets_the_first_response(running: Running, token: str) -> None:
    first, again = send(running, token, sent := order()), send(running, token, sent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(taken(running, sent["idempotencyId"])) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"idempotencyId": None},
        {"idempotencyId": ""},
        {"recipient": None},
        {"recipient": {}},
        {"recipient": {"recipientPerson": person(), "recipientOrganization": {}}},
        {"recipient": {"recipientEmail": {}}},
        {"recipient": {"recipientPerson": "x"}},
        {"unknown": 1},
        {"conditionEndpoint": "ftp://x"},
        *(
            {"recipient": {"recipientPerson": person(**{name: value})}}
            for name, value in (
                ("nationalIdentityNumber", "123"),
                ("nationalIdentityNumber", None),
                ("channelSchema", "Pigeon"),
                ("emailSettings", None),
                ("emailSettings", {"subject": "", "body": "x"}),
                ("smsSettings", {"body": "x"}),
                ("smsSettings", {"body": "x", "sender": "x", "sendingTimePolicy": "Never"}),
                ("orgNumber", FJELL),
            )
        ),
    ],
)
def test_an_incomplete_order_is_refused(running: Running, token: str, wrong: dict[str, Any]) -> None:
    answer = send(running, token, order(**wrong))
    assert answer.status_code == 400
    assert answer.json()["errors"]


@pytest.mark.parametrize("body", [[], "x", 7])
def test_an_invalid_order_is_refused(running: Running, token: str, body: Any) -> None:
    assert send(running, token, body).status_code == 400


def test_an_organisation_needs_its_number(running: Running, token: str) -> None:
    settings = person(nationalIdentityNumber=None)
    wrong, right = settings | {"orgNumber": "12"}, settings | {"orgNumber": FJELL}
    assert send(running, token, order(recipient={"recipientOrganization": wrong})).status_code == 400
    assert send(running, token, order(recipient={"recipientOrganization": right})).status_code == 201


def test_a_client_that_may_not_order_is_refused(running: Running, token: str) -> None:
    other = running.access_token(running.client_id, ALTINN_SCOPE)
    assert send(running, other, order()).status_code == 403
    assert send(running, "not-a-token", order()).status_code == 401
    assert send(running, token, order(), Authorization="Basic x").status_code == 401
    assert send(running, token, order(), **{"Ocp-Apim-Subscription-Key": "wrong"}).status_code == 401


def test_only_an_order_in_json_without_a_query_is_taken(running: Running, token: str) -> None:
    assert send(running, token, order(), **{"content-type": "text/plain"}).status_code == 400
    headers = {"Authorization": f"Bearer {token}", "Ocp-Apim-Subscription-Key": running.subscription_key}
    assert httpx.post(f"{running.notifications}{PATH}?x=1", json=order(), headers=headers).status_code == 400


def test_who_is_unreachable_gets_nothing(running: Running, token: str) -> None:
    running.set_reachable(OLA, reachable=False)
    try:
        assert send(running, token, order()).status_code == 422
    finally:
        running.set_reachable(OLA, reachable=True)


@contextmanager
def condition(answer: bytes) -> Iterator[str]:
    """A condition endpoint that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/vilkar"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "delivered"),
    [
        (b'{"sendNotification": true}', True),
        (b'{"sendNotification": false}', False),
        (b'{"sendNotification": "yes"}', None),
        (b"[]", None),
        (b"no", None),
    ],
)
def test_a_notice_is_delivered_when_its_condition_says_so(
    running: Running, token: str, answer: bytes, delivered: bool | None
) -> None:
    with condition(answer) as url:
        sent = order(conditionEndpoint=url)
        assert send(running, token, sent).status_code == 201
        httpx.post(f"{running.notifications}/_simulator/deliver", json={}).raise_for_status()
    assert taken(running, sent["idempotencyId"])[0]["delivered"] is delivered


def test_sent_notifications_are_shown_on_a_page(running: Running, token: str) -> None:
    sent = order(recipient={"recipientPerson": person(emailSettings={"subject": "<b>Emne</b>", "body": "Tekst"})})
    assert send(running, token, sent).status_code == 201
    page = httpx.get(running.notifications).text
    assert "&lt;b&gt;Emne&lt;/b&gt;" in page
    assert "Ola Nordmann" in page
    assert OLA not in page
