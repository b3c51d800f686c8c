"""A recipient gets one reminder from a tenant on a day, of all shares that need it; each share's trail has it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Unavailable, existing
from deldokument.domain.messages.outbox import LEASE, SENT, Channel, Outcome, OutgoingMessage, Result, refuse
from deldokument.domain.norwegian_time import day_of, start_of
from deldokument.domain.shares.share import Share
from deldokument.ports.channels import Notice, NoticeKind
from deldokument.services.accounts.statistics import tenant_statistics
from deldokument.services.notifications import dispatch, recipient_notices
from deldokument.services.notifications.recipient_reminders import GATHERING, plan_reminders
from deldokument.services.notifications.registry import CHANNELS
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.recipients import reminders
from tests.support.stage.changes import change_expiry
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.notices import FakeNotices, configure_notices, download, send_notices
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import KARI, NOON, OLA, SIV, VIGDIS, Stage, person
from tests.support.stored_data import do_as_owner

END = datetime(2026, 12, 24, 14, 30, tzinfo=UTC)
WEEK, DAY, HOUR = timedelta(days=7), timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def altinn(stage: Stage) -> FakeNotices:
    return configure_notices(stage)


def share(stage: Stage, *recipients: str, **words: object) -> Share:
    share_id = stage.publish(*(recipients or (OLA,)), **({"notify": True, "expires_at": END} | words))
    with stage.deps.database.read() as tx:
        return existing(tx.shares.get(share_id))


def send_first_notices(stage: Stage, altinn: FakeNotices, *shares: Share) -> None:
    """The first notices are out of the way; nothing is due."""
    send_notices(stage)
    assert len(altinn.taken) == len(shares)
    altinn.taken.clear()


def at(stage: Stage, instant: datetime) -> list[Result]:
    """What the worker does at an instant, having planned what is ahead a day before."""
    stage.clock.instant = max(stage.clock.instant, instant - DAY)
    plan_reminders(stage.deps)
    stage.clock.instant = instant
    return send_notices(stage)


def reminders_of(stage: Stage, *shares: Share) -> list[OutgoingMessage]:
    with stage.deps.database.read() as tx:
        messages = tx.outbox.of_shares([one.id for one in shares], Channel.ALTINN)
    return [message for message in messages if message.kind in {*recipient_notices.REMINDERS}]


def reminded(stage: Stage) -> list[str]:
    """The shares whose trail has a reminder."""
    about = {kind.value for kind in recipient_notices.REMINDERS}
    events = [event for _, event in stage.trail() if event.kind is EventKind.RECIPIENT_NOTIFIED]
    return [event.share_id or "" for event in events if (event.details or {})["about"] in about]


def test_six_shares_that_end_together_are_one_message_and_each_trail_has_it(stage: Stage, altinn: FakeNotices) -> None:
    shares = [share(stage) for _ in range(6)]
    send_first_notices(stage, altinn, *shares)
    assert at(stage, END - WEEK) == [Result.SENT]
    [notice] = altinn.taken
    assert notice.subject == "Du har fått dokumenter som du ikke har hentet"
    assert "De er tilgjengelige til 24.12.2026 kl. 15.30." in notice.text
    assert notice.body.count("https://del.example/mine") == notice.body.count("https://") == 3
    assert sorted(reminded(stage)) == sorted(one.id for one in shares)
    assert tenant_statistics(stage.deps, stage.tenant.id).notice_count == 6 + 1
    for one in shares:
        view, _ = queries.show_share(stage.deps, person(KARI), one.id)
        assert [(seen.state, seen.reminds) for seen in view.recipients[0].notices] == [("sent", False), ("sent", True)]
    assert send_notices(stage) == []


def test_what_becomes_due_later_the_same_day_is_in_the_first_message(stage: Stage, altinn: FakeNotices) -> None:
    early, late = share(stage, expires_at=END - 3 * HOUR), share(stage)
    send_first_notices(stage, altinn, early, late)
    assert at(stage, END - WEEK - 3 * HOUR) == [Result.SENT]
    [notice] = altinn.taken
    assert "Noen av dem er bare tilgjengelige til 24.12.2026 kl. 12.30." in notice.text
    assert len(reminded(stage)) == 2
    assert at(stage, END - WEEK) == []


def test_a_week_and_a_day_before_the_end_are_one_message_on_one_day(stage: Stage, altinn: FakeNotices) -> None:
    soon, later = share(stage, expires_at=END - WEEK + DAY), share(stage)
    send_first_notices(stage, altinn, soon, later)
    at(stage, END - 2 * WEEK + DAY)
    altinn.taken.clear()
    assert at(stage, END - WEEK) == [Result.SENT]
    assert {one.kind for one in reminders_of(stage, soon, later)} == {"week_left", "day_left"}
    assert len(altinn.taken) == 1


def test_shares_of_different_months_are_one_message(stage: Stage, altinn: FakeNotices) -> None:
    november = share(stage)
    stage.clock.instant = datetime(2026, 12, 2, 12, tzinfo=UTC)
    december = share(stage)
    assert november.audit_key_id != december.audit_key_id
    send_first_notices(stage, altinn, november, december)
    assert at(stage, END - WEEK) == [Result.SENT]
    assert len(reminded(stage)) == 2


def of_another_tenant(stage: Stage) -> None:
    draft = stage.draft(VIGDIS, stage.barnevern)
    words = stage.words(account_id=stage.barnevern.id, notify=True, expires_at=END)
    drafts.save_draft(stage.deps, person(VIGDIS), draft.id, words)
    stage.add_recipients(draft.id, OLA, sharer=VIGDIS)
    stage.upload(draft.id, "vedtak.pdf", b"innhold", sharer=VIGDIS)
    publishing.publish_share(stage.deps, person(VIGDIS), draft.id)
    inspect_documents(stage.deps)


def test_other_recipients_tenants_and_days_have_messages_of_their_own(stage: Stage, altinn: FakeNotices) -> None:
    share(stage, OLA, SIV)
    share(stage, expires_at=END + DAY)
    of_another_tenant(stage)
    send_notices(stage)
    altinn.taken.clear()
    assert at(stage, END - WEEK) == [Result.SENT] * 3
    assert sorted(notice.recipient.value for notice in altinn.taken) == sorted([OLA, OLA, SIV])
    assert at(stage, END - WEEK + DAY) == [Result.SENT]
    assert len({notice.id for notice in altinn.taken}) == 4


def test_the_condition_holds_while_one_share_needs_the_reminder(stage: Stage, altinn: FakeNotices) -> None:
    first, second, third = shares = [share(stage) for _ in range(3)]
    send_first_notices(stage, altinn, *shares)
    at(stage, END - WEEK)
    [notice] = altinn.taken
    download(stage, first)
    assert recipient_notices.applies(stage.deps, notice.id)
    publishing.withdraw_share(stage.deps, person(KARI), second.id)
    assert recipient_notices.applies(stage.deps, notice.id)
    download(stage, third)
    assert not recipient_notices.applies(stage.deps, notice.id)


def test_a_share_without_need_leaves_the_message_to_the_others(stage: Stage, altinn: FakeNotices) -> None:
    shares = [share(stage) for _ in range(2)]
    send_first_notices(stage, altinn, *shares)
    stage.clock.instant = END - WEEK
    plan_reminders(stage.deps)
    planned = sorted(reminders_of(stage, *shares), key=lambda one: (one.due_at, one.id))
    leader = next(one for one in shares if one.id == planned[0].share_id)
    download(stage, leader)
    assert send_notices(stage) == [Result.MOOT]
    stage.clock.advance(seconds=LEASE.total_seconds())
    assert send_notices(stage) == [Result.SENT]
    [notice] = altinn.taken
    [other] = [one for one in shares if one is not leader]
    assert f"https://del.example/d/{other.id}" in notice.body
    assert reminded(stage) == [other.id]


def test_altinn_gets_one_id_when_the_worker_dies_before_it_notes_the_message(stage: Stage, altinn: FakeNotices) -> None:
    shares = [share(stage) for _ in range(3)]
    send_first_notices(stage, altinn, *shares)
    stage.clock.instant = END - WEEK
    plan_reminders(stage.deps)
    [taken] = dispatch.take_messages(stage.deps, Channel.ALTINN)
    recipient_notices.send_notice(stage.deps, taken)
    stage.clock.advance(seconds=LEASE.total_seconds())
    assert send_notices(stage) == [Result.SENT]
    assert len(altinn.taken) == 2
    assert len({notice.id for notice in altinn.taken}) == 1
    assert len(reminded(stage)) == 3


class SilentOnce(FakeNotices):
    """Takes an order, and does not answer the first time."""

    def send(self, notice: Notice) -> Outcome:
        super().send(notice)
        if len(self.taken) == 1:
            raise Unavailable("notices_unavailable")
        return SENT


def test_a_message_that_altinn_did_not_answer_is_ordered_again_with_its_id(stage: Stage, altinn: FakeNotices) -> None:
    shares = [share(stage) for _ in range(3)]
    send_first_notices(stage, altinn, *shares)
    silent = SilentOnce()
    stage.deps = replace(stage.deps, notices=silent)
    assert at(stage, END - WEEK) == [Result.AGAIN]
    stage.clock.advance(seconds=LEASE.total_seconds())
    assert send_notices(stage) == [Result.SENT]
    assert len({notice.id for notice in silent.taken}) == 1
    assert len(reminded(stage)) == 3


def test_a_recipient_who_cannot_be_reached_is_shown_on_each_share(stage: Stage, altinn: FakeNotices) -> None:
    shares = [share(stage) for _ in range(2)]
    send_first_notices(stage, altinn, *shares)
    altinn.outcome = refuse("unreachable")
    assert at(stage, END - WEEK) == [Result.REFUSED]
    assert {one.last_error for one in reminders_of(stage, *shares)} == {"unreachable"}
    assert len(altinn.taken) == 1


def test_a_share_that_becomes_due_after_the_message_of_the_day_is_in_the_next_days(
    stage: Stage, altinn: FakeNotices
) -> None:
    first, moved = share(stage), share(stage, expires_at=END + 3 * DAY)
    send_first_notices(stage, altinn, first, moved)
    at(stage, END - WEEK)
    change_expiry(stage.deps, person(KARI), moved.id, END + HOUR)
    assert at(stage, END - WEEK + 2 * HOUR) == []
    [waiting] = reminders_of(stage, moved)
    assert waiting.due_at == start_of(day_of(END - WEEK) + DAY)
    assert at(stage, waiting.due_at) == [Result.SENT]
    assert [one.id in reminded(stage) for one in (first, moved)] == [True, True]


@pytest.mark.usefixtures("altinn")
def test_a_reminder_that_was_stopped_meanwhile_is_in_a_later_message(stage: Stage) -> None:
    first, stopped = share(stage), share(stage)
    send_notices(stage)
    stage.clock.instant = END - WEEK
    plan_reminders(stage.deps)
    with recording(stage.deps.database) as tx:
        tx.shares.save(replace(existing(tx.shares.get(stopped.id)), frozen_at=NOON))
    for _ in range(6):
        send_notices(stage)
        stage.clock.advance(seconds=30)
    assert reminded(stage) == [first.id]
    with recording(stage.deps.database) as tx:
        tx.shares.save(replace(existing(tx.shares.get(stopped.id)), frozen_at=None))
    stage.clock.advance(hours=1)
    assert send_notices(stage) == [Result.MOOT]
    assert at(stage, start_of(day_of(END - WEEK) + DAY)) == [Result.SENT]
    assert reminded(stage) == [first.id, stopped.id]


@pytest.mark.parametrize("later", [timedelta(minutes=10), timedelta(days=3)])
@pytest.mark.usefixtures("altinn")
def test_a_reminder_planned_for_an_end_that_is_moved_is_sent_once_for_the_new_end(
    stage: Stage, later: timedelta
) -> None:
    one = share(stage)
    send_notices(stage)
    stage.clock.instant = END - WEEK - HOUR
    assert plan_reminders(stage.deps) == 1
    change_expiry(stage.deps, person(KARI), one.id, END + later)
    far = later > DAY
    assert at(stage, END - WEEK) == ([Result.MOOT] if far else [Result.SENT])
    assert at(stage, END + later - WEEK) == ([Result.SENT] if far else [])
    assert reminded(stage) == [one.id]


@pytest.mark.usefixtures("altinn")
def test_late_reminders_wait_for_the_others_of_their_day(stage: Stage) -> None:
    share(stage)
    send_notices(stage)
    stage.clock.instant = END - WEEK + HOUR
    assert send_notices(stage) == []
    stage.clock.instant += GATHERING
    assert send_notices(stage) == [Result.SENT]


@pytest.mark.usefixtures("altinn")
def test_a_reminder_that_is_not_due_is_not_seen_and_holds_back_no_other_notice(stage: Stage) -> None:
    one = share(stage)
    send_notices(stage)
    stage.clock.instant = END - WEEK - HOUR
    assert plan_reminders(stage.deps) == 1
    view, _ = queries.show_share(stage.deps, person(KARI), one.id)
    assert [(seen.kind, seen.state) for seen in view.recipients[0].notices] == [(NoticeKind.SHARED, "sent")]
    added = stage.upload_beside(one.id, "kart.pdf")
    changes.change_share(stage.deps, person(KARI), one.id, Change(documents=(added,)))
    assert send_notices(stage) == [Result.SENT]


def test_the_tenant_is_named_only_if_each_share_may_name_it(stage: Stage, altinn: FakeNotices) -> None:
    share(stage, confidential=False)
    share(stage, expires_at=END + DAY, confidential=False)
    share(stage, expires_at=END + DAY, confidential=True)
    send_notices(stage)
    altinn.taken.clear()
    at(stage, END - WEEK)
    at(stage, END - WEEK + DAY)
    assert ["Eksempel kommune" in notice.text for notice in altinn.taken] == [True, False]


@pytest.mark.usefixtures("altinn")
def test_a_reminder_by_hand_is_a_message_of_its_own_at_once(stage: Stage) -> None:
    shares = [share(stage) for _ in range(2)]
    send_notices(stage)
    stage.clock.advance(days=2)
    for one in shares:
        reminders.request_reminder(stage.deps, person(KARI), one.id)
    assert send_notices(stage) == [Result.SENT] * 2


@pytest.mark.parametrize("damaged", ["sealed_identifier = lookup_hash", "sealed_identifier = sealed_name", "audit key"])
@pytest.mark.usefixtures("altinn")
def test_a_number_that_does_not_open_holds_up_no_other_reminder(stage: Stage, damaged: str) -> None:
    good, bad = share(stage), share(stage, SIV)
    statement = f"UPDATE recipient SET {damaged} WHERE share_id = '{bad.id}'"
    if damaged == "audit key":
        statement = f"UPDATE share SET audit_key_id = 'audit:none' WHERE id = '{bad.id}'"
    do_as_owner(stage.database_url, statement)
    stage.clock.instant = END - WEEK
    assert plan_reminders(stage.deps) == 2
    assert [one.order_id is None for one in (*reminders_of(stage, good), *reminders_of(stage, bad))] == [False, True]


@pytest.mark.usefixtures("altinn")
def test_the_id_of_an_order_says_nothing_without_its_key(stage: Stage) -> None:
    one = share(stage)
    stage.clock.instant = END - WEEK
    plan_reminders(stage.deps)
    [message] = reminders_of(stage, one)
    assert message.order_id
    assert OLA not in message.order_id
    assert CHANNELS[Channel.ALTINN].sent_event is EventKind.RECIPIENT_NOTIFIED
