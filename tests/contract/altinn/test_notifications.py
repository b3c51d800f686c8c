"""Notices ordered at the notifications simulator: taken once however often they are sent, and never by mistake."""

import csv
import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from deldokument.adapters.altinn.notifications import PATH, AltinnNotifications, NoticesUnavailable
from deldokument.adapters.altinn.token_exchange import AltinnTokens
from deldokument.adapters.http.circuit_breaker import FAILURES, PAUSE_SECONDS
from deldokument.adapters.http.client import signing_key
from deldokument.adapters.maskinporten.client import MaskinportenClient
from deldokument.config.groups import NOTIFICATIONS_SCOPE
from deldokument.domain.identifiers import OrganizationNumber, PersonIdentifier
from deldokument.domain.messages.outbox import SENT, Channel, Result, refuse
from deldokument.domain.messages.text_messages import message_count
from deldokument.domain.shares.share import new_id
from deldokument.domain.tenants.tenancy import NoticeChannel
from deldokument.ports.channels import Notice
from tests.support.browser import EWA, serve, stage_in_memory
from tests.support.deployment.simulators import Running
from tests.support.stage.notices import send_notices, want_notices

SIMULATORS = ["altinn", "notifications"]

OLA, SIV = (PersonIdentifier(number, "foedselsnummer") for number in ("21879498012", "14839114193"))
FJELL = OrganizationNumber("312824450")
RECEIPT = {
    "notificationOrderId": "8ae8edf5-5f1c-4c32-a2b9-1f8c26db0fbc",
    "notification": {"shipmentId": "ea1a1a24-3d29-4b1c-a4fa-70d5dcbba0f3", "sendersReference": "x"},
}
"""As the specification shows it."""


def notice(**changes: Any) -> Notice:
    usual = Notice(
        id=new_id(),
        recipient=OLA,
        subject="Noen har delt dokumenter med deg",
        body="Noen har delt dokumenter med deg. Logg inn.",
        text="Noen har delt dokumenter.",
        sender="DelDokument",
        channel=NoticeChannel.EMAIL_FIRST,
        condition_url="http://127.0.0.1:9/varsling/x/vilkar",
    )
    return replace(usual, **changes)


@pytest.fixture
def altinn(running: Running, outbound: httpx.Client, maskinporten: MaskinportenClient) -> AltinnNotifications:
    return AltinnNotifications(
        running.notifications, lambda: maskinporten.token(NOTIFICATIONS_SCOPE), running.subscription_key, outbound
    )


def orders(running: Running, sent: Notice) -> list[dict[str, Any]]:
    every = httpx.get(f"{running.notifications}/orders").json()
    return [order for order in every if order["idempotency_id"] == sent.id]


def test_a_notice_is_taken_as_it_was_written(altinn: AltinnNotifications, running: Running) -> None:
    sent = notice()
    assert altinn.send(sent) == SENT
    [order] = orders(running, sent)
    expected = {"recipient": OLA.value, "subject": sent.subject, "body": sent.body, "text": sent.text}
    assert order.items() >= {**expected, "sender": sent.sender, "condition": sent.condition_url}.items()


@pytest.mark.parametrize(
    ("channel", "schema", "has_email"),
    [(NoticeChannel.SMS_FIRST, "SmsPreferred", True), (NoticeChannel.SMS_ONLY, "Sms", False)],
)
@pytest.mark.parametrize("recipient", [OLA, FJELL])
def test_the_chosen_channel_is_ordered_and_only_a_text_message_if_nothing_else_is_wanted(
    altinn: AltinnNotifications, running: Running, recipient: PersonIdentifier | OrganizationNumber,
    channel: NoticeChannel, schema: str, *, has_email: bool,
) -> None:  # fmt: skip
    sent = notice(recipient=recipient, channel=channel)
    assert altinn.send(sent) == SENT
    [order] = orders(running, sent)
    assert (order["schema"], bool(order["body"]), order["text"]) == (schema, has_email, sent.text)


def test_the_monthly_file_equals_what_altinn_received(altinn: AltinnNotifications, running: Running) -> None:
    with stage_in_memory() as stage:
        stage.deps = replace(stage.deps, notices=altinn)
        ids: dict[str, set[str]] = {}
        for code, rules in (("4711", {}), ("4712", {"name_tenant": True, "notice_channel": NoticeChannel.SMS_ONLY})):
            want_notices(stage, sms_cost_code=code, **rules)
            share_id = stage.publish(OLA.value, FJELL.value, notify=True)
            # Altinn takes the order, but its receipt is not understood: it is sent again, and counts once.
            running.fail("notifications", "mislabelled")
            assert send_notices(stage) == [Result.AGAIN] * 2
            running.fail("notifications", "ok")
            stage.clock.advance(hours=1)
            assert send_notices(stage) == [Result.SENT] * 2
            with stage.deps.database.read() as tx:
                sent = tx.outbox.of_shares([share_id], Channel.ALTINN)
                assert {(one.cost_code, one.messages > 0) for one in sent} == {(code, True)}
            ids[code] = {one.id for one in sent}
        received = {one["reference"]: one for one in httpx.get(f"{running.notifications}/orders").json()}
        expected = [
            ["2026-11", "Byggesak", code, len(own), sum(message_count(received[one]["text"]) for one in own)]
            for code, own in ids.items()
        ]
        served = serve(stage)
        page = served.browser(EWA).get(f"/konfigurasjon/{stage.tenant.id}/statistikk?fra=2026-11&til=2026-11")
        assert page.text.count("statistikk/varsler.csv?") == 1
        file = served.browser(EWA).get(
            f"/konfigurasjon/{stage.tenant.id}/statistikk/varsler.csv?fra=2026-11&til=2026-11"
        )
        served.close()
    lines = list(csv.reader(file.content.decode("utf-8-sig").splitlines(), delimiter=";"))
    assert lines[1:] == [[str(value) for value in line] for line in expected]
    assert lines[0] == ["Måned", "Konto", "Konteringskode", "Varsler", "SMS-er, høyst"]
    assert 'filename="varsler-2026-11-2026-11.csv"' in file.headers["content-disposition"]


def test_tokens_of_altinns_own_are_taken_too(
    running: Running, outbound: httpx.Client, maskinporten: MaskinportenClient
) -> None:
    tokens = AltinnTokens(running.altinn, maskinporten.token, outbound)
    altinn = AltinnNotifications(
        running.notifications, lambda: tokens.token(NOTIFICATIONS_SCOPE), running.subscription_key, outbound
    )
    assert altinn.send(notice()) == SENT


def test_an_organisation_is_notified_as_well(altinn: AltinnNotifications, running: Running) -> None:
    sent = notice(recipient=FJELL)
    assert altinn.send(sent) == SENT
    [order] = orders(running, sent)
    assert order["recipient"] == FJELL.value


def test_a_notice_sent_again_under_its_id_is_taken_once(altinn: AltinnNotifications, running: Running) -> None:
    sent = notice()
    assert [altinn.send(sent), altinn.send(sent), altinn.send(sent)] == [SENT] * 3
    [order] = orders(running, sent)
    assert order["repeated"] == 2


def test_a_recipient_without_an_address_is_reported_as_unreachable(
    altinn: AltinnNotifications, running: Running
) -> None:
    running.set_reachable(SIV.value, reachable=False)
    try:
        assert altinn.send(notice(recipient=SIV)) == refuse("unreachable")
    finally:
        running.set_reachable(SIV.value, reachable=True)


def test_an_order_that_is_refused_as_invalid_is_not_retried(altinn: AltinnNotifications) -> None:
    assert altinn.send(notice(text="")) == refuse("altinn_refused")


@pytest.mark.parametrize("mode", ["down", "garbage", "500"])
def test_a_notice_that_met_a_failing_altinn_may_be_sent_again(
    altinn: AltinnNotifications, running: Running, mode: str
) -> None:
    sent = notice()
    running.fail("notifications", mode)
    try:
        with pytest.raises(NoticesUnavailable):
            altinn.send(sent)
    finally:
        running.fail("notifications", "ok")
    assert orders(running, sent) == []
    assert altinn.send(sent) == SENT


def test_a_notice_with_an_invalid_receipt_is_sent_again_and_taken_once(
    altinn: AltinnNotifications, running: Running
) -> None:
    sent = notice()
    running.fail("notifications", "mislabelled")
    try:
        with pytest.raises(NoticesUnavailable):
            altinn.send(sent)
    finally:
        running.fail("notifications", "ok")
    assert altinn.send(sent) == SENT
    [order] = orders(running, sent)
    assert order["repeated"] == 1


def test_a_slow_altinn_is_unavailable_within_the_time_limit(running: Running) -> None:
    running.fail("notifications", "slow", seconds=1)
    try:
        with httpx.Client(timeout=0.1) as impatient, pytest.raises(NoticesUnavailable, match="Timeout"):
            AltinnNotifications(running.notifications, lambda: "token", "key", impatient).send(notice())
    finally:
        running.fail("notifications", "ok")


@pytest.mark.parametrize(("token", "key"), [("not-a-token", "simulator-subscription-key"), ("x", "wrong")])
def test_a_refusal_of_us_loses_no_notice(running: Running, outbound: httpx.Client, token: str, key: str) -> None:
    with pytest.raises(NoticesUnavailable, match="401"):
        AltinnNotifications(running.notifications, lambda: token, key, outbound).send(notice())


def test_a_token_without_the_scope_loses_no_notice(running: Running, outbound: httpx.Client) -> None:
    token = running.access_token(running.client_id, "altinn:accessmanagement/authorizedparties.resourceowner")
    altinn = AltinnNotifications(running.notifications, lambda: token, running.subscription_key, outbound)
    with pytest.raises(NoticesUnavailable, match="403"):
        altinn.send(notice())


def test_without_a_token_no_notice_is_lost(running: Running, outbound: httpx.Client) -> None:
    nobody = MaskinportenClient(running.maskinporten_issuer, "nobody", signing_key(running.client_key), outbound)
    altinn = AltinnNotifications(
        running.notifications, lambda: nobody.token(NOTIFICATIONS_SCOPE), running.subscription_key, outbound
    )
    with pytest.raises(NoticesUnavailable, match="maskinporten"):
        altinn.send(notice())


@contextmanager
def answering(status: int, body: bytes, content_type: str = "application/json", announced: int | None = None) -> Any:
    """A server that answers so, and keeps what it was sent; ``announced`` bytes of it, of which not all come."""
    kept: list[tuple[dict[str, str], Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            read = json.loads(self.rfile.read(int(self.headers["content-length"])))
            kept.append((dict(self.headers), {"path": self.path, **read}))
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body) if announced is None else announced))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send_to(url: str, http: httpx.Client, sent: Notice, **options: Any) -> Any:
    return AltinnNotifications(url, lambda: "token", "key", http, **options).send(sent)


@pytest.mark.parametrize("status", [200, 201])
def test_an_answer_as_the_specification_shows_it_is_a_taken_order(outbound: httpx.Client, status: int) -> None:
    with answering(status, json.dumps(RECEIPT).encode()) as (url, _):
        assert send_to(url, outbound, notice()) == SENT


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        (200, b"<html>login</html>", "text/html"),
        (201, b"[]", "application/json"),
        (201, b'{"notificationOrderId": "x"}', "application/json"),
        (201, b'{"notification": {"shipmentId": "x"}}', "application/json"),
        (201, b'{"notificationOrderId": 7, "notification": {"shipmentId": 7}}', "application/json"),
        (201, b"", "application/json"),
        (202, json.dumps(RECEIPT).encode(), "application/json"),
        (302, b"", "text/plain"),
        (429, b"", "text/plain"),
        (499, b"", "text/plain"),
        (599, b"", "text/plain"),
    ],
)
def test_an_answer_that_names_no_order_is_none(
    outbound: httpx.Client, status: int, body: bytes, content_type: str
) -> None:
    with answering(status, body, content_type) as (url, _), pytest.raises(NoticesUnavailable):
        send_to(url, outbound, notice())


def test_an_answer_that_is_cut_off_is_none(outbound: httpx.Client) -> None:
    with answering(201, b'{"notif', announced=100) as (url, _), pytest.raises(NoticesUnavailable):
        send_to(url, outbound, notice())


@pytest.mark.parametrize(
    ("recipient", "kind", "number"),
    [(OLA, "recipientPerson", "nationalIdentityNumber"), (FJELL, "recipientOrganization", "orgNumber")],
)
def test_the_order_is_as_the_specification_has_it(
    outbound: httpx.Client, recipient: PersonIdentifier | OrganizationNumber, kind: str, number: str
) -> None:
    sent = notice(recipient=recipient)
    with answering(201, json.dumps(RECEIPT).encode()) as (url, kept):
        send_to(url, outbound, sent, resource_id="urn:altinn:resource:del")
    [(headers, order)] = kept
    assert headers["Authorization"] == "Bearer token"
    assert headers["Ocp-Apim-Subscription-Key"] == "key"
    own = {"ignoreReservation": False} if kind == "recipientPerson" else {}
    assert order == {
        "path": PATH,
        "idempotencyId": sent.id,
        "sendersReference": sent.id,
        "conditionEndpoint": sent.condition_url,
        "recipient": {
            kind: {
                number: recipient.value,
                "resourceId": "urn:altinn:resource:del",
                "channelSchema": "EmailPreferred",
                "emailSettings": {
                    "subject": sent.subject,
                    "body": sent.body,
                    "contentType": "Plain",
                    "sendingTimePolicy": "Anytime",
                },
                "smsSettings": {"body": sent.text, "sender": sent.sender, "sendingTimePolicy": "Daytime"},
                **own,
            }
        },
    }


def test_an_altinn_that_is_silent_is_left_alone_for_a_while() -> None:
    asked, now = [], [0.0]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(500)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        altinn = AltinnNotifications("http://altinn.example", lambda: "t", "key", http, clock=lambda: now[0])
        for _ in range(FAILURES + 2):
            with pytest.raises(NoticesUnavailable):
                altinn.send(notice())
        assert len(asked) == FAILURES
        now[0] += PAUSE_SECONDS
        with pytest.raises(NoticesUnavailable):
            altinn.send(notice())
        assert len(asked) == FAILURES + 1


@pytest.mark.parametrize("mode", ["garbage", "500"])
def test_an_unavailability_names_nobody(altinn: AltinnNotifications, running: Running, mode: str) -> None:
    running.fail("notifications", mode)
    try:
        with pytest.raises(NoticesUnavailable) as caught:
            altinn.send(notice())
    finally:
        running.fail("notifications", "ok")
    assert OLA.value not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
