"""Webhooks between processes: registered over HTTP, called by the worker, and not lost when it is killed."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from deldokument.domain.messages.outbox import LEASE
from deldokument.services.accounts.integrations import add_integration
from tests.support.deployment.crash import OUTBOX, die_at
from tests.support.deployment.deployment import FJELL, OLA_NUMBER, Deployment, wait_until
from tests.support.deployment.forked import forked
from tests.support.deployment.memory import folder_in_memory
from tests.support.faults.webhook_receiver import Receiver, silent, status
from tests.support.stage.inspection import inspect_documents

_PATIENCE = 60.0
CLIENT = "fagsystem"
CALLS = "deldokument.adapters.webhook_client:WebhookClient"
POINTS = [
    pytest.param(f"{OUTBOX}.add", False, 1, id="before-anything-is-planned"),
    pytest.param(f"{OUTBOX}.move_cursor", True, 1, id="planned-not-committed"),
    pytest.param(f"{OUTBOX}.lease", True, 1, id="leased-not-committed"),
    pytest.param(f"{CALLS}.post", False, 1, id="lease-committed-not-called"),
    pytest.param(f"{CALLS}.post", True, 2, id="called-nothing-noted"),
    pytest.param(f"{OUTBOX}.sent", True, 2, id="noted-not-committed"),
]


@pytest.fixture(scope="module")
def running() -> Iterator[Deployment]:
    """A deployment whose workers the tests start, and kill."""
    with folder_in_memory() as folder, Deployment(folder, worker=False) as started:
        deps = started.node.deps
        with deps.database.read() as tx:
            [tenant] = [one for one in tx.tenants.all() if one.name == "Eksempel kommune"]
            [account] = [one for one in tx.accounts.of_tenant(tenant.id) if one.name == "Avtaledokumenter"]
        add_integration(deps, tenant_id=tenant.id, account_id=account.id, organization_number=FJELL)
        started.registers.register_consumer(CLIENT, FJELL)
        yield started


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def api(running: Deployment) -> httpx.Client:
    token = running.access_token(CLIENT)
    return httpx.Client(base_url=f"{running.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60)


@contextmanager
def registered(running: Deployment, receiver: Receiver, *events: str) -> Iterator[dict[str, Any]]:
    with api(running) as system:
        [account] = system.get("/accounts").json()["items"]
        asked = {"account_id": account["id"], "url": receiver.url, "events": list(events)}
        answer = system.post("/webhooks", json=asked)
        assert answer.status_code == 201, answer.text
        yield answer.json()
        assert system.delete(f"/webhooks/{answer.json()['id']}").status_code == 204


def shared(running: Deployment) -> str:
    """A share whose documents have been inspected, without a worker."""
    share_id = running.draft()
    running.add_recipients(share_id, [OLA_NUMBER])
    running.upload(share_id, "vedtak.txt", b"innhold")
    running.publish_uninspected(share_id)
    inspect_documents(running.node.deps)
    return share_id


@contextmanager
def worker(running: Deployment) -> Iterator[None]:
    """While the block runs."""
    running.start_worker()
    try:
        yield
    finally:
        running.stop_worker()


def deliveries(running: Deployment, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    with api(running) as system:
        found: list[dict[str, Any]] = system.get(f"/webhooks/{webhook['id']}/deliveries").json()["items"]
    return found


@contextmanager
def killed_in_the_end(running: Deployment) -> Iterator[None]:
    """A worker that has no time for anything when the block is left."""
    log, environment = running.folder / "worker.log", running.environment()
    process = forked("deldokument.cli.main:app", ["worker"], log=log, environment=environment)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def is_delivered(running: Deployment, webhook: dict[str, Any], count: int = 1) -> bool:
    """Whether so many deliveries are there, and all noted as delivered."""
    found = deliveries(running, webhook)
    return len(found) == count and all(one["delivered_at"] for one in found)


def test_events_are_sent_to_the_registered_system_and_can_be_verified(running: Deployment, receiver: Receiver) -> None:
    with registered(running, receiver, "share.published", "share.withdrawn") as webhook:
        share_id = shared(running)
        running.withdraw(share_id)
        with worker(running):
            wait_until(lambda: is_delivered(running, webhook, 2), _PATIENCE, "not delivered")
    assert len(receiver.received) == 2
    key = base64.b64decode(webhook["secret"].removeprefix("whsec_"))
    for call in receiver.received:
        signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
        expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        assert call.headers["webhook-signature"] == f"v1,{expected}"
    bodies = [json.loads(call.body) for call in receiver.received]
    assert {one["type"] for one in bodies} == {"share.published", "share.withdrawn"}
    assert {one["share_id"] for one in bodies} == {share_id}


def assert_delivered_again_alike(running: Deployment, receiver: Receiver, webhook: dict[str, Any], calls: int) -> None:
    """The next worker tells it, and all calls together are so many, under one id."""
    running.move_clock(LEASE + timedelta(seconds=1))
    with worker(running):
        wait_until(lambda: is_delivered(running, webhook), _PATIENCE, "not delivered again")
    [delivery] = deliveries(running, webhook)
    assert len(receiver.received) == calls
    assert {(call.headers["webhook-id"], call.body) for call in receiver.received} == {
        (delivery["id"], receiver.received[0].body)
    }


@pytest.mark.parametrize(("function", "after", "calls"), POINTS)
def test_no_call_is_lost_and_each_has_one_id_wherever_the_worker_dies(
    running: Deployment, receiver: Receiver, function: str, after: bool, calls: int
) -> None:
    with registered(running, receiver, "share.withdrawn") as webhook:
        share_id = shared(running)
        running.withdraw(share_id)
        die_at(running, function, after=after)
        assert not is_delivered(running, webhook)
        assert_delivered_again_alike(running, receiver, webhook, calls)


def test_a_worker_that_is_killed_while_it_calls_calls_again_under_the_same_id(
    running: Deployment, receiver: Receiver
) -> None:
    with registered(running, receiver, "share.withdrawn") as webhook:
        share_id = shared(running)
        receiver.behaviour = silent
        running.withdraw(share_id)
        with killed_in_the_end(running):
            wait_until(lambda: len(receiver.received) == 1, _PATIENCE, f"not called: {running.log_text()}")
        [delivery] = deliveries(running, webhook)
        assert (delivery["delivered_at"], delivery["attempts"]) == (None, 1)
        receiver.behaviour = status(204)
        assert_delivered_again_alike(running, receiver, webhook, 2)
