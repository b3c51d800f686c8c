"""Two workers plan and send the reminders of a day at once, on PostgreSQL: one message, in each share's trail."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.messages.outbox import Channel
from deldokument.services.accounts.statistics import tenant_statistics
from deldokument.services.notifications.recipient_reminders import plan_reminders
from deldokument.services.notifications.registry import CHANNELS
from deldokument.worker import Sending
from tests.support.stage.notices import configure_notices, send_notices
from tests.support.stage.stage import OLA, Stage, set_stage

SHARES = 6


@pytest.fixture
def stage(tmp_path: Path, postgres_url: str) -> Iterator[Stage]:
    """A world on PostgreSQL, whose workers do not wait for each other."""
    new = set_stage(tmp_path, postgres_url)
    yield new
    new.close()


def at_once(work: Callable[[], object]) -> None:
    start = threading.Barrier(2)

    def begin(_: int) -> None:
        start.wait(10)
        work()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(begin, range(2)))


def test_two_workers_send_one_reminder_of_all_shares(stage: Stage) -> None:
    altinn = configure_notices(stage)
    end = stage.clock.now() + timedelta(days=20)
    shares = [stage.publish(OLA, notify=True, expires_at=end) for _ in range(SHARES)]
    send_notices(stage)
    altinn.taken.clear()
    stage.clock.instant = end - timedelta(days=7, hours=1)
    at_once(lambda: plan_reminders(stage.deps))
    # One that has lost the order's first message to the other is planned in the next round.
    plan_reminders(stage.deps)
    stage.clock.advance(hours=1)
    sending = Sending(Channel.ALTINN, CHANNELS[Channel.ALTINN])
    at_once(lambda: sending(stage.deps))
    assert len({notice.id for notice in altinn.taken}) == 1
    with stage.deps.database.read() as tx:
        messages = [one for one in tx.outbox.of_shares(shares, Channel.ALTINN) if one.kind == "week_left"]
    assert len(messages) == SHARES
    assert all(one.sent_at for one in messages)
    assert sum(one.messages > 0 for one in messages) == 1
    events = [event for _, event in stage.trail() if event.kind is EventKind.RECIPIENT_NOTIFIED]
    assert len(events) == 2 * SHARES
    assert tenant_statistics(stage.deps, stage.tenant.id).notice_count == SHARES + 1
