"""Webhooks by the API, from registering to what comes in."""

import base64
import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest

from deldokument.domain.messages.outbox import Channel
from deldokument.ports.channels import WebhookFailure, WebhookResponse
from deldokument.services.notifications import dispatch
from deldokument.services.notifications.registry import CHANNELS, PLANNERS
from tests.support.stage.api import Systems
from tests.support.stage.stage import OLA, FakeWebhookCalls

URL = "https://hooks.fjell.example/del"


def asked(cast: Systems, **changes: Any) -> dict[str, Any]:
    return {"account_id": cast.web.stage.byggesak.id, "url": URL, "events": ["share.published"]} | changes


def add(cast: Systems, **changes: Any) -> dict[str, Any]:
    answer = cast.sharer.post("/webhooks", asked(cast, **changes))
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json()
    return added


def deliver(cast: Systems) -> None:
    deps = cast.web.stage.deps
    while dispatch.plan_messages(deps, PLANNERS):
        pass
    while taken := dispatch.take_messages(deps, Channel.WEBHOOK):
        for message in taken:
            dispatch.send_message(deps, CHANNELS[Channel.WEBHOOK], message)


def calls(cast: Systems) -> FakeWebhookCalls:
    fake = cast.web.stage.deps.webhook_calls
    assert isinstance(fake, FakeWebhookCalls)
    return fake


def test_a_webhook_is_registered_seen_and_removed(cast: Systems) -> None:
    answer = cast.sharer.post("/webhooks", asked(cast, events=["share.ended", "share.opened"]))
    added = answer.json()
    secret = added.pop("secret")
    assert secret.startswith("whsec_")
    assert answer.headers["location"] == f"/api/v1/webhooks/{added['id']}"
    assert added == {
        "id": added["id"],
        "account_id": cast.web.stage.byggesak.id,
        "url": URL,
        "events": ["share.opened", "share.ended"],
        "created_at": "2026-11-24T12:00:00Z",
        "disabled_at": None,
    }
    assert cast.sharer.get(f"/webhooks/{added['id']}").json() == added
    assert cast.sharer.get("/webhooks").json() == {"items": [added], "next": None}
    assert secret not in cast.sharer.get("/webhooks").text
    removed = cast.sharer.call("DELETE", f"/webhooks/{added['id']}")
    assert (removed.status_code, removed.content) == (204, b"")
    assert cast.sharer.get(f"/webhooks/{added['id']}").status_code == 404
    assert cast.sharer.call("DELETE", f"/webhooks/{added['id']}").status_code == 404


def test_a_delivery_can_be_verified_with_the_secret_that_was_shown(cast: Systems) -> None:
    secret = add(cast)["secret"]
    share_id = cast.web.stage.publish(OLA)
    deliver(cast)
    [(url, headers, body)] = calls(cast).sent
    assert (url, json.loads(body)["share_id"]) == (URL, share_id)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"


def test_a_system_that_only_reads_may_register_a_webhook(cast: Systems) -> None:
    assert cast.reader.post("/webhooks", asked(cast)).status_code == 201


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"url": "http://hooks.fjell.example/"}, "url", "webhook_url_not_https"),
        ({"url": "https://127.0.0.1/"}, "url", "webhook_url_private"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "url", "webhook_url_private"),
        ({"url": "https://hooks.fjell.example:22/"}, "url", "webhook_url_port"),
        ({"url": "https://a:b@hooks.fjell.example/"}, "url", "webhook_url_malformed"),
        ({"url": "https://x/" + "a" * 2000}, "url", "webhook_url_length"),
        ({"url": "https://\ud800.example/"}, "url", "field_malformed"),
        ({"url": 7}, "url", "field_malformed"),
        ({"events": ["share.everything"]}, "events", "webhook_event_unknown"),
        ({"events": []}, "events", "field_malformed"),
        ({"events": "share.ended"}, "events", "field_malformed"),
        ({"secret": "whsec_mine"}, "secret", "field_unknown"),
    ],
)
def test_a_refused_registration_names_its_field(cast: Systems, changes: dict[str, Any], field: str, code: str) -> None:
    content = json.dumps(asked(cast, **changes)).encode()
    answer = cast.sharer.call("POST", "/webhooks", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert [(fault["field"], fault["code"]) for fault in answer.json()["errors"]] == [(field, code)]
    assert cast.sharer.get("/webhooks").json()["items"] == []


def test_another_tenants_account_or_webhook_is_not_found(cast: Systems) -> None:
    mine = add(cast)["id"]
    cast.web.stage.publish(OLA)
    deliver(cast)
    [delivery] = cast.sharer.get(f"/webhooks/{mine}/deliveries").json()["items"]
    for system in (cast.neighbour, cast.stranger, cast.reader):
        answers: list[httpx.Response] = [
            system.get(f"/webhooks/{mine}"),
            system.call("DELETE", f"/webhooks/{mine}"),
            system.get(f"/webhooks/{mine}/deliveries"),
            system.post(f"/webhooks/{mine}/deliveries/{delivery['id']}/replay"),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
        assert len({answer.content for answer in answers}) == 1
        assert system.get("/webhooks").json()["items"] == []
    assert cast.stranger.post("/webhooks", asked(cast)).status_code == 404
    assert cast.neighbour.post("/webhooks", asked(cast)).status_code == 404
    assert cast.sharer.get(f"/webhooks/{mine}").status_code == 200


def test_lists_go_on_page_by_page(cast: Systems) -> None:
    ids = []
    for _ in range(3):
        ids.append(add(cast, events=["share.published"])["id"])
        cast.web.stage.clock.advance(seconds=1)
    first = cast.sharer.get("/webhooks?limit=2").json()
    second = cast.sharer.get(f"/webhooks?limit=2&cursor={first['next']}").json()
    assert [one["id"] for one in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None
    for _ in range(3):
        cast.web.stage.publish(OLA)
        cast.web.stage.clock.advance(seconds=1)
    deliver(cast)
    path = f"/webhooks/{ids[0]}/deliveries"
    first = cast.sharer.get(f"{path}?limit=2").json()
    second = cast.sharer.get(f"{path}?limit=2&cursor={first['next']}").json()
    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 1, None)
    assert len({one["id"] for one in first["items"] + second["items"]}) == 3
    assert cast.sharer.get("/webhooks?cursor=x").status_code == 422


def test_a_delivery_shows_its_status_and_is_repeated(cast: Systems) -> None:
    webhook_id = add(cast)["id"]
    share_id = cast.web.stage.publish(OLA)
    calls(cast).outcome = WebhookResponse(failure=WebhookFailure.TLS)
    deliver(cast)
    path = f"/webhooks/{webhook_id}/deliveries"
    [delivery] = cast.sharer.get(path).json()["items"]
    assert delivery == {
        "id": delivery["id"],
        "event": "share.published",
        "share_id": share_id,
        "created_at": "2026-11-24T12:00:00Z",
        "due_at": "2026-11-24T12:00:30Z",
        "attempts": 1,
        "delivered_at": None,
        "given_up_at": None,
        "last_error": "tls",
    }
    calls(cast).outcome = WebhookResponse(200)
    for _ in range(2):
        repeated = cast.sharer.post(f"{path}/{delivery['id']}/replay")
        assert (repeated.status_code, repeated.content) == (202, b"")
        deliver(cast)
        [again] = cast.sharer.get(path).json()["items"]
        assert (again["id"], again["delivered_at"], again["last_error"]) == (
            delivery["id"],
            "2026-11-24T12:00:00Z",
            None,
        )
    assert len(calls(cast).sent) == 3
    assert {headers["webhook-id"] for _, headers, _ in calls(cast).sent} == {delivery["id"]}
    assert cast.sharer.post(f"{path}/unknown/replay").status_code == 404


def test_a_webhook_that_answers_410_is_disabled_and_not_replayed(cast: Systems) -> None:
    webhook_id = add(cast)["id"]
    calls(cast).outcome = WebhookResponse(410)
    cast.web.stage.publish(OLA)
    deliver(cast)
    assert cast.sharer.get(f"/webhooks/{webhook_id}").json()["disabled_at"] == "2026-11-24T12:00:00Z"
    [delivery] = cast.sharer.get(f"/webhooks/{webhook_id}/deliveries").json()["items"]
    assert (delivery["given_up_at"], delivery["last_error"]) == ("2026-11-24T12:00:00Z", "status_410")
    refused = cast.sharer.post(f"/webhooks/{webhook_id}/deliveries/{delivery['id']}/replay")
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")


def test_an_integration_may_have_ten_webhooks(cast: Systems) -> None:
    for _ in range(10):
        add(cast)
    refused = cast.sharer.post("/webhooks", asked(cast))
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_webhooks")
