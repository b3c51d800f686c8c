"""A recipient asks for more time or a new share; one member answers, for all who ask."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument import worker
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Gone, InvalidInput, NotFound, existing
from deldokument.domain.messages.email_addresses import NoticeChoices
from deldokument.domain.shares.access_requests import REASON_LENGTH, RequestState
from deldokument.services.downloads.access import authorize
from deldokument.services.downloads.access_requests import request_access
from deldokument.services.downloads.offers import note_opening, open_share
from deldokument.services.maintenance import retention
from deldokument.services.notifications import email_addresses
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.views import RecipientView
from deldokument.services.shares.drafts import discarding, drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.recipients.access_requests import RequestStatus, refuse_requests
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.faults.faulty_ports import FaultyDatabase
from tests.support.stage.accounts import events_of, set_rules
from tests.support.stage.changes import approve_change, change_expiry
from tests.support.stage.emails import deliver, settle
from tests.support.stage.stage import KARI, NOON, ODD, OLA, PER, SIV, Stage, person

END = NOON + timedelta(days=10)
LATER = NOON + timedelta(days=20)
AT_WORK = "kari.lunde@eksempel.example"


@pytest.fixture
def share_id(stage: Stage) -> str:
    """Shared with Ola and Siv, five days before its end."""
    shared = stage.publish(OLA, SIV)
    stage.clock.advance(days=5)
    return shared


def ask(stage: Stage, share_id: str, *who: str) -> None:
    for one in who:
        request_access(stage.deps, person(one), share_id)


def status(stage: Stage, share_id: str, who: str = OLA) -> RequestStatus:
    return open_share(stage.deps, person(who), share_id).request


def status_after_the_end(stage: Stage, share_id: str, who: str = OLA) -> tuple[str, str]:
    with pytest.raises(Gone) as refused:
        authorize(stage.deps, person(who), share_id)
    return str(refused.value.params["request"]), str(refused.value.params["refusal"])


def asking(stage: Stage, share_id: str) -> list[str]:
    return [one.display for one in queries.view_share(stage.deps, person(KARI), share_id).asking]


def kinds(stage: Stage, share_id: str) -> list[EventKind]:
    wanted = {EventKind.ACCESS_REQUESTED, EventKind.ACCESS_REFUSED}
    return [event.kind for event in events_of(stage, share_id) if event.kind in wanted]


def publish(stage: Stage, draft_id: str) -> None:
    """Fill in the draft of a new share and publish it."""
    drafts.save_draft(stage.deps, person(KARI), draft_id, stage.words())
    if not stage.document_ids(draft_id):
        stage.upload(draft_id, "vedtak.pdf", b"innhold")
    stage.confirm(draft_id)
    publishing.publish_share(stage.deps, person(KARI), draft_id)


def draft_recipients(stage: Stage, draft_id: str) -> tuple[RecipientView, ...]:
    return queries.view_share(stage.deps, person(KARI), draft_id).recipients


def open_and_note(stage: Stage, share_id: str) -> None:
    """Open the share as its recipient, so that undoing withdraws it."""
    note_opening(stage.deps, authorize(stage.deps, person(OLA), share_id))


def needing(stage: Stage) -> list[str]:
    found = queries.list_shares(stage.deps, person(KARI), soon=timedelta(hours=1))
    return [view.share.id for view in found.needing]


def test_many_requests_of_one_recipient_are_one_row_one_event_and_one_email(stage: Stage, share_id: str) -> None:
    settle(stage, KARI, AT_WORK)
    ask(stage, share_id, *[OLA] * 20)
    assert asking(stage, share_id) == [person(OLA).masked]
    assert needing(stage) == [share_id]
    assert kinds(stage, share_id) == [EventKind.ACCESS_REQUESTED]
    deliver(stage)
    [letter] = stage.mail.letters
    assert (letter.to, letter.subject) == (AT_WORK, "En mottaker ber om mer tid")
    assert f"/delinger/{share_id}\n" in letter.text


def test_requests_of_several_recipients_are_one_email_a_day(stage: Stage, share_id: str) -> None:
    settle(stage, KARI, AT_WORK)
    ask(stage, share_id, OLA, SIV)
    deliver(stage)
    assert len(stage.mail.letters) == 1
    assert asking(stage, share_id) == [person(OLA).masked, person(SIV).masked]


def test_colleagues_of_a_former_sharer_are_notified_unless_they_have_turned_it_off(stage: Stage, share_id: str) -> None:
    settle(stage, KARI, AT_WORK)
    settle(stage, ODD, "odd@eksempel.example")
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    stage.remove("kari")
    ask(stage, share_id, OLA)
    deliver(stage)
    assert [letter.to for letter in stage.mail.letters] == ["odd@eksempel.example"]
    email_addresses.choose_notices(stage.deps, person(ODD), replace(NoticeChoices(), ending=False))
    stage.clock.advance(days=1)
    ask(stage, share_id, SIV)
    deliver(stage)
    assert len(stage.mail.letters) == 1


def test_an_answered_request_has_no_email(stage: Stage, share_id: str) -> None:
    settle(stage, KARI, AT_WORK)
    ask(stage, share_id, OLA)
    refuse_requests(stage.deps, person(KARI), share_id, "")
    deliver(stage)
    assert stage.mail.letters == []


def test_a_request_about_what_a_system_shared_reaches_the_members(stage: Stage) -> None:
    settle(stage, KARI, AT_WORK)
    integrate(stage)
    share = drafts.start_draft(stage.deps, SYSTEM, account_id=stage.byggesak.id)
    drafts.save_draft(stage.deps, SYSTEM, share.id, stage.words())
    stage.add_recipients(share.id, OLA, sharer=SYSTEM)
    stage.upload(share.id, "vedtak.pdf", b"innhold", SYSTEM)
    publishing.publish_share(stage.deps, SYSTEM, share.id)
    stage.clock.advance(days=5)
    ask(stage, share.id, OLA)
    deliver(stage)
    assert [letter.to for letter in stage.mail.letters] == [AT_WORK]


def test_more_time_can_be_asked_for_in_the_last_week_only(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    assert status(stage, share_id).state is RequestState.NONE
    with pytest.raises(Conflict, match="request_too_early"):
        ask(stage, share_id, OLA)
    stage.clock.advance(days=3)
    assert status(stage, share_id).state is RequestState.POSSIBLE
    ask(stage, share_id, OLA)
    assert status(stage, share_id) == RequestStatus(RequestState.ASKED, stage.clock.now())


def test_only_recipients_can_ask(stage: Stage, share_id: str) -> None:
    for stranger in (PER, ODD):
        with pytest.raises(NotFound):
            ask(stage, share_id, stranger)
    assert kinds(stage, share_id) == []


def test_a_removed_recipient_asks_for_nothing(stage: Stage, share_id: str) -> None:
    ask(stage, share_id, OLA)
    with stage.deps.database.read() as tx:
        recipient = tx.shares.recipients([share_id])[0]
    changes.remove_recipient(stage.deps, person(KARI), share_id, recipient.id)
    assert needing(stage) == []
    with pytest.raises(NotFound):
        ask(stage, share_id, OLA)


def test_a_later_end_answers_everybody(stage: Stage, share_id: str) -> None:
    ask(stage, share_id, OLA, SIV)
    change_expiry(stage.deps, person(KARI), share_id, LATER)
    assert asking(stage, share_id) == needing(stage) == []
    assert status(stage, share_id) == RequestStatus()


def test_an_earlier_end_answers_nobody(stage: Stage, share_id: str) -> None:
    ask(stage, share_id, OLA)
    change_expiry(stage.deps, person(KARI), share_id, END - timedelta(days=1))
    assert status(stage, share_id).state is RequestState.ASKED


def test_with_four_eyes_only_the_approval_answers(stage: Stage, share_id: str) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    set_rules(stage, stage.byggesak, four_eyes=True)
    ask(stage, share_id, OLA)
    change_expiry(stage.deps, person(KARI), share_id, LATER)
    assert status(stage, share_id).state is RequestState.ASKED
    approve_change(stage.deps, person(ODD), share_id)
    assert status(stage, share_id).state is RequestState.NONE


def test_a_refusal_is_read_by_those_who_asked_and_ends_the_matter(stage: Stage, share_id: str) -> None:
    ask(stage, share_id, OLA)
    refuse_requests(stage.deps, person(KARI), share_id, "Fristen er lovbestemt.")
    refuse_requests(stage.deps, person(KARI), share_id, "En gang til.")
    refused = status(stage, share_id)
    assert (refused.state, refused.reason) == (RequestState.REFUSED, "Fristen er lovbestemt.")
    assert status(stage, share_id, SIV).state is RequestState.POSSIBLE
    ask(stage, share_id, OLA)
    assert kinds(stage, share_id) == [EventKind.ACCESS_REQUESTED, EventKind.ACCESS_REFUSED]
    assert needing(stage) == []


def test_a_reason_is_not_stored_in_the_clear(stage: Stage, share_id: str) -> None:
    ask(stage, share_id, OLA)
    refuse_requests(stage.deps, person(KARI), share_id, "Fristen er lovbestemt.")
    with stage.deps.database.read() as tx:
        stored = existing(tx.shares.recipients([share_id])[0].sealed_refusal)
    assert b"Fristen" not in stored


def test_a_reason_too_long_changes_nothing(stage: Stage, share_id: str) -> None:
    ask(stage, share_id, OLA)
    with pytest.raises(InvalidInput, match="text_too_long"):
        refuse_requests(stage.deps, person(KARI), share_id, "x" * (REASON_LENGTH + 1))
    assert status(stage, share_id).state is RequestState.ASKED


def test_only_members_refuse(stage: Stage, share_id: str) -> None:
    ask(stage, share_id, OLA)
    with pytest.raises(NotFound):
        refuse_requests(stage.deps, person(OLA), share_id, "")


def test_after_the_end_a_new_share_is_asked_for_and_created_for_those_who_ask(stage: Stage, share_id: str) -> None:
    ask(stage, share_id, OLA)
    refuse_requests(stage.deps, person(KARI), share_id, "Fristen er lovbestemt.")
    stage.clock.advance(days=6)
    assert status_after_the_end(stage, share_id) == ("possible", "")
    ask(stage, share_id, OLA, OLA)
    assert status_after_the_end(stage, share_id) == ("asked", "")
    assert needing(stage) == [share_id]
    draft = publishing.copy_share(stage.deps, person(KARI), share_id, only_asking=True)
    view = queries.view_share(stage.deps, person(KARI), draft.id)
    assert [one.display for one in view.recipients] == [person(OLA).masked]
    assert view.asking == ()
    assert (status_after_the_end(stage, share_id), waits(stage, share_id)) == (("begun", ""), False)
    publish(stage, draft.id)
    assert status_after_the_end(stage, share_id) == ("answered", "")
    assert share_id not in needing(stage)


def test_who_asks_while_the_new_share_is_begun_is_in_it_too(stage: Stage, share_id: str) -> None:
    stage.clock.advance(days=6)
    ask(stage, share_id, OLA)
    slow = FaultyDatabase(stage.deps.database, before=[lambda: ask(stage, share_id, SIV)])
    draft = publishing.copy_share(replace(stage.deps, database=slow), person(KARI), share_id, only_asking=True)
    assert len(queries.view_share(stage.deps, person(KARI), draft.id).recipients) == 2
    publish(stage, draft.id)
    assert [status_after_the_end(stage, share_id, who)[0] for who in (OLA, SIV)] == ["answered", "answered"]


def waits(stage: Stage, share_id: str) -> bool:
    """Whether the sharer sees that an answer is awaited."""
    return bool(queries.view_share(stage.deps, person(KARI), share_id).unanswered)


def test_a_request_comes_back_when_the_draft_of_the_new_share_is_discarded(stage: Stage, share_id: str) -> None:
    stage.clock.advance(days=6)
    ask(stage, share_id, OLA)
    draft = publishing.copy_share(stage.deps, person(KARI), share_id, only_asking=True)
    assert (status_after_the_end(stage, share_id)[0], waits(stage, share_id)) == ("begun", False)
    discarding.discard_draft(stage.deps, person(KARI), draft.id)
    assert (status_after_the_end(stage, share_id)[0], waits(stage, share_id)) == ("asked", True)


def test_a_request_comes_back_when_the_draft_of_the_new_share_dies_of_age(stage: Stage, share_id: str) -> None:
    stage.clock.advance(days=6)
    ask(stage, share_id, OLA)
    publishing.copy_share(stage.deps, person(KARI), share_id, only_asking=True)
    stage.clock.advance(days=8)
    retention.confirm_clock(stage.deps)
    worker.end_what_is_over(stage.deps, worker.ENDING)
    assert (status_after_the_end(stage, share_id)[0], waits(stage, share_id)) == ("asked", True)


def test_a_request_comes_back_when_the_new_share_is_undone(stage: Stage, share_id: str) -> None:
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=5))
    stage.clock.advance(days=6)
    ask(stage, share_id, OLA)
    draft = publishing.copy_share(stage.deps, person(KARI), share_id, only_asking=True)
    publish(stage, draft.id)
    publishing.undo_publication(stage.deps, person(KARI), draft.id)
    assert status_after_the_end(stage, share_id)[0] == "begun"
    discarding.discard_draft(stage.deps, person(KARI), draft.id)
    assert (status_after_the_end(stage, share_id)[0], waits(stage, share_id)) == ("asked", True)


def test_who_is_not_in_the_new_share_still_waits(stage: Stage, share_id: str) -> None:
    stage.clock.advance(days=6)
    ask(stage, share_id, OLA, SIV)
    draft = publishing.copy_share(stage.deps, person(KARI), share_id, only_asking=True)
    [siv] = [one.id for one in draft_recipients(stage, draft.id) if one.display == person(SIV).masked]
    drafts.remove_recipient(stage.deps, person(KARI), draft.id, siv)
    publish(stage, draft.id)
    assert [status_after_the_end(stage, share_id, who)[0] for who in (OLA, SIV)] == ["answered", "asked"]


def test_who_asks_after_the_draft_was_begun_waits_for_another_answer(stage: Stage, share_id: str) -> None:
    stage.clock.advance(days=6)
    ask(stage, share_id, OLA)
    draft = publishing.copy_share(stage.deps, person(KARI), share_id, only_asking=True)
    stage.clock.advance(minutes=1)
    ask(stage, share_id, SIV)
    view = queries.view_share(stage.deps, person(KARI), share_id)
    assert [one.display for one in view.unanswered] == [person(SIV).masked]
    assert [status_after_the_end(stage, share_id, who)[0] for who in (OLA, SIV)] == ["begun", "asked"]
    publish(stage, draft.id)
    assert [status_after_the_end(stage, share_id, who)[0] for who in (OLA, SIV)] == ["answered", "asked"]
    assert waits(stage, share_id)


def test_a_discarded_draft_that_is_restored_answers_again(stage: Stage, share_id: str) -> None:
    stage.clock.advance(days=6)
    ask(stage, share_id, OLA)
    draft = publishing.copy_share(stage.deps, person(KARI), share_id, only_asking=True)
    discarding.discard_with_grace(stage.deps, person(KARI), draft.id)
    discarding.restore_draft(stage.deps, person(KARI), draft.id)
    assert status_after_the_end(stage, share_id)[0] == "begun"
    publish(stage, draft.id)
    assert status_after_the_end(stage, share_id)[0] == "answered"


def test_with_four_eyes_the_approval_answers_with_the_new_share(stage: Stage, share_id: str) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    set_rules(stage, stage.byggesak, four_eyes=True)
    stage.clock.advance(days=6)
    ask(stage, share_id, OLA)
    draft = publishing.copy_share(stage.deps, person(KARI), share_id, only_asking=True)
    publish(stage, draft.id)
    assert status_after_the_end(stage, share_id)[0] == "begun"
    with stage.deps.database.read() as tx:
        seen = existing(tx.shares.get(draft.id)).changed_at
    publishing.approve_share(stage.deps, person(ODD), draft.id, seen=seen.isoformat())
    assert status_after_the_end(stage, share_id)[0] == "answered"


def test_an_undoing_takes_back_no_refusal_and_a_second_publication_answers(stage: Stage, share_id: str) -> None:
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=5))
    stage.clock.advance(days=6)
    ask(stage, share_id, OLA, SIV)
    draft = publishing.copy_share(stage.deps, person(KARI), share_id, only_asking=True)
    [siv] = [one.id for one in draft_recipients(stage, draft.id) if one.display == person(SIV).masked]
    drafts.remove_recipient(stage.deps, person(KARI), draft.id, siv)
    publish(stage, draft.id)
    refuse_requests(stage.deps, person(KARI), share_id, "Ikke til Siv.")
    publishing.undo_publication(stage.deps, person(KARI), draft.id)
    assert status_after_the_end(stage, share_id)[0] == "begun"
    assert status_after_the_end(stage, share_id, SIV) == ("refused", "Ikke til Siv.")
    publish(stage, draft.id)
    assert status_after_the_end(stage, share_id)[0] == "answered"


def test_of_two_new_shares_the_first_that_is_published_answers(stage: Stage, share_id: str) -> None:
    stage.clock.advance(days=6)
    ask(stage, share_id, OLA)
    first, second = (publishing.copy_share(stage.deps, person(KARI), share_id, only_asking=True).id for _ in range(2))
    publish(stage, first)
    answered = status_after_the_end(stage, share_id)
    publish(stage, second)
    assert answered == status_after_the_end(stage, share_id) == ("answered", "")


@pytest.mark.parametrize("undone", [False, True])
def test_a_withdrawal_or_an_undoing_invites_nobody_to_ask(stage: Stage, undone: bool) -> None:
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=5))
    share_id = stage.publish(OLA)
    open_and_note(stage, share_id)
    if undone:
        publishing.undo_publication(stage.deps, person(KARI), share_id)
    else:
        publishing.withdraw_share(stage.deps, person(KARI), share_id)
    assert status_after_the_end(stage, share_id)[0] == "none"
    with pytest.raises(Conflict, match="request_closed"):
        ask(stage, share_id, OLA)
    assert kinds(stage, share_id) == []


@pytest.mark.parametrize("undone", [False, True])
def test_a_withdrawal_or_an_undoing_drops_what_a_wrong_recipient_has_asked_for(stage: Stage, undone: bool) -> None:
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=5))
    share_id = stage.publish(OLA, expires_at=stage.clock.now() + timedelta(days=3))
    open_and_note(stage, share_id)
    ask(stage, share_id, OLA)
    if undone:
        publishing.undo_publication(stage.deps, person(KARI), share_id)
    else:
        publishing.withdraw_share(stage.deps, person(KARI), share_id)
    assert status_after_the_end(stage, share_id)[0] == "none"
    assert asking(stage, share_id) == needing(stage) == []


def test_a_withdrawal_that_lets_recipients_ask_keeps_their_requests(stage: Stage, share_id: str) -> None:
    ask(stage, share_id, OLA)
    publishing.withdraw_share(stage.deps, person(KARI), share_id, invites=True)
    assert status_after_the_end(stage, share_id)[0] == "asked"
    assert asking(stage, share_id) == [person(OLA).masked]


def test_after_a_withdrawal_recipients_ask_if_the_sharer_lets_them(stage: Stage, share_id: str) -> None:
    publishing.withdraw_share(stage.deps, person(KARI), share_id, invites=True)
    assert status_after_the_end(stage, share_id)[0] == "possible"
    ask(stage, share_id, OLA)
    assert asking(stage, share_id) == [person(OLA).masked]


def test_a_refusal_after_the_end_has_its_reason(stage: Stage, share_id: str) -> None:
    stage.clock.advance(days=6)
    ask(stage, share_id, OLA)
    refuse_requests(stage.deps, person(KARI), share_id, "Saken er avsluttet.")
    assert status_after_the_end(stage, share_id) == ("refused", "Saken er avsluttet.")


def test_a_copy_for_other_reasons_answers_nobody(stage: Stage, share_id: str) -> None:
    ask(stage, share_id, OLA)
    draft = publishing.copy_share(stage.deps, person(KARI), share_id)
    assert len(queries.view_share(stage.deps, person(KARI), draft.id).recipients) == 2
    assert asking(stage, share_id) == [person(OLA).masked]
