"""kill -9 of the worker at every point between an event and its notice: none is lost, and each is accepted once."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from deldokument.domain.errors import existing
from deldokument.domain.messages.outbox import LEASE, Channel, OutgoingMessage
from deldokument.services.notifications.recipient_notices import REMINDERS, NoticeKind
from deldokument.services.notifications.registry import CHANNELS
from deldokument.worker import Sending, plan_from_events, plan_from_schedule
from tests.support.deployment.crash import OUTBOX, die_at
from tests.support.deployment.deployment import KARI, Deployment
from tests.support.deployment.memory import folder_in_memory
from tests.support.stage.inspection import inspect_documents

RECIPIENTS = ["21879498012", "14839114193", "312824450"]
ALTINN = "deldokument.adapters.altinn.notifications:AltinnNotifications"
POINTS = [
    pytest.param(f"{OUTBOX}.add", False, id="before-anything-is-planned"),
    pytest.param(f"{OUTBOX}.move_cursor", True, id="planned-not-committed"),
    pytest.param(f"{OUTBOX}.lease", True, id="leased-not-committed"),
    pytest.param(f"{ALTINN}.send", False, id="lease-committed-not-sent"),
    pytest.param(f"{ALTINN}.send", True, id="sent-nothing-noted"),
    pytest.param(f"{OUTBOX}.sent", True, id="noted-not-committed"),
    pytest.param("deldokument.services.notifications.dispatch:_note", True, id="event-written-not-committed"),
]
REMINDER_POINTS = [
    pytest.param(f"{OUTBOX}.add", True, id="planned-not-committed"),
    pytest.param(f"{ALTINN}.send", False, id="lease-committed-not-sent"),
    pytest.param(f"{ALTINN}.send", True, id="sent-nothing-noted"),
    pytest.param(f"{OUTBOX}.sent", True, id="one-share-noted-not-committed"),
]


@pytest.fixture(scope="module")
def mortal() -> Iterator[Deployment]:
    """A deployment whose workers the tests start, and kill."""
    with folder_in_memory() as folder, Deployment(folder, worker=False) as running:
        yield running


def share(mortal: Deployment) -> str:
    """Published, inspected, nobody told yet."""
    share_id = mortal.draft(notify=True)
    mortal.add_recipients(share_id, RECIPIENTS)
    mortal.upload(share_id, "vedtak.pdf", b"innhold")
    assert mortal.session(KARI).post(f"/del/utkast/{share_id}/publisering", json={}).is_success
    inspect_documents(mortal.node.deps)
    return share_id


def messages(mortal: Deployment, share_id: str) -> list[OutgoingMessage]:
    with mortal.node.deps.database.read() as tx:
        return tx.outbox.of_shares([share_id], Channel.ALTINN)


def orders(mortal: Deployment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{mortal.registers.notifications}/orders").json()
    return found


def is_of_another(mortal: Deployment, share_id: str, order: dict[str, Any]) -> bool:
    """Whether it is of a share of another test, for example a reminder that is due by now."""
    with mortal.node.deps.database.read() as tx:
        found = tx.outbox.get(order["idempotency_id"])
    return found is not None and found.share_id != share_id


def go_on(mortal: Deployment) -> None:
    """What the next worker does, until nothing is due."""
    while plan_from_events(mortal.node.deps) or plan_from_schedule(mortal.node.deps):
        pass
    while Sending(Channel.ALTINN, CHANNELS[Channel.ALTINN])(mortal.node.deps):
        pass


@pytest.mark.parametrize(("function", "after"), POINTS)
def test_no_notice_is_lost_and_each_is_accepted_once_wherever_the_worker_dies(
    mortal: Deployment, function: str, after: bool
) -> None:
    earlier = {order["idempotency_id"] for order in orders(mortal)}
    share_id = share(mortal)
    die_at(mortal, function, after=after)
    mortal.move_clock(LEASE + timedelta(seconds=1))
    go_on(mortal)
    assert all(message.sent_at for message in messages(mortal, share_id))
    later = [order for order in orders(mortal) if order["idempotency_id"] not in earlier]
    accepted = [order for order in later if not is_of_another(mortal, share_id, order)]
    assert sorted(order["recipient"] for order in accepted) == sorted(RECIPIENTS)
    assert {order["idempotency_id"] for order in accepted} == {message.id for message in messages(mortal, share_id)}


@pytest.mark.parametrize(("function", "after"), REMINDER_POINTS)
def test_each_is_reminded_once_of_two_shares_wherever_the_worker_dies(
    mortal: Deployment, function: str, after: bool
) -> None:
    shares = [share(mortal), share(mortal)]
    go_on(mortal)
    with mortal.node.deps.database.read() as tx:
        end = existing(existing(tx.shares.get(shares[1])).expires_at)
    day = timedelta(days=1)
    mortal.move_clock(end - REMINDERS[NoticeKind.WEEK_LEFT] - day - mortal.node.deps.clock.now())
    if function.endswith(".add"):
        die_at(mortal, function, after=after)
    go_on(mortal)
    mortal.move_clock(day)
    if not function.endswith(".add"):
        die_at(mortal, function, after=after)
        mortal.move_clock(LEASE + timedelta(seconds=1))
    go_on(mortal)
    planned = [one for share_id in shares for one in messages(mortal, share_id) if one.kind == NoticeKind.WEEK_LEFT]
    assert len(planned) == len(shares) * len(RECIPIENTS)
    assert all(one.sent_at for one in planned)
    accepted = [order for order in orders(mortal) if order["idempotency_id"] in {one.order_id for one in planned}]
    assert sorted(order["recipient"] for order in accepted) == sorted(RECIPIENTS)


def test_a_notice_ordered_in_the_night_is_delivered_in_the_morning_only_if_it_still_applies(
    mortal: Deployment,
) -> None:
    kept, withdrawn = share(mortal), share(mortal)
    mortal.kill()
    go_on(mortal)
    mortal.restart()
    mortal.withdraw(withdrawn)
    httpx.post(f"{mortal.registers.notifications}/_simulator/deliver", json={}).raise_for_status()
    for share_id, delivered in ((kept, True), (withdrawn, False)):
        ids = {message.id for message in messages(mortal, share_id)}
        states = [order["delivered"] for order in orders(mortal) if order["idempotency_id"] in ids]
        assert states == [delivered] * len(RECIPIENTS)


def test_what_the_log_says_of_it_names_nobody(mortal: Deployment) -> None:
    logged = mortal.log_text()
    assert not [number for number in RECIPIENTS if number in logged]
