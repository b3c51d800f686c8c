"""Four eyes: nothing is published before a second person has approved just that, wherever it is asked for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Frozen, Gone, InvalidFields, InvalidInput, NotFound, existing
from deldokument.domain.shares.access_requests import REASON_LENGTH
from deldokument.domain.shares.share import Share, ShareState
from deldokument.services.downloads import offers
from deldokument.services.maintenance import retention
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.approvals.return_notes import ReturnNote
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.proposal_views import ProposalView
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.tenants import freezing
from deldokument.services.tenants.freezing import FreezeReason
from deldokument.services.uploads import append as uploads_append
from tests.support.stage.accounts import events_of, set_account, set_rules
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import KARI, ODD, OLA, SIV, VIGDIS, Stage, person


@pytest.fixture(autouse=True)
def four_eyes(stage: Stage) -> None:
    """Byggesak wants four eyes, and Kari has Odd to ask there."""
    stage.members["odd-byggesak"] = stage.add(ODD, "Odd Bakken", stage.byggesak)
    set_rules(stage, stage.byggesak, four_eyes=True)


def propose(stage: Stage, **words: object) -> Share:
    """What Kari has filled in and asked Odd to approve."""
    draft = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words(**words))
    stage.add_recipients(draft.id, OLA)
    stage.upload(draft.id, "vedtak.pdf", b"innhold")
    stage.clock.advance(minutes=1)
    return publishing.publish_share(stage.deps, person(KARI), draft.id)


def approve(stage: Stage, share: Share, who: str = ODD, seen: str = "") -> Share:
    return publishing.approve_share(stage.deps, person(who), share.id, seen=seen or share.changed_at.isoformat())


def kept(stage: Stage, share_id: str) -> Share:
    with stage.deps.database.read() as tx:
        share = tx.shares.get(share_id)
    assert share is not None
    return share


def proposal(stage: Stage, share_id: str, who: str = ODD) -> ProposalView | None:
    return queries.show_share(stage.deps, person(who), share_id)[0].proposal


def kinds(stage: Stage, share_id: str) -> list[EventKind]:
    return [event.kind for event in events_of(stage, share_id)][-2:]


def test_the_first_one_only_proposes_and_asking_again_says_the_same(stage: Stage) -> None:
    share = propose(stage)
    assert (share.state, share.proposed_by) == (ShareState.DRAFT, stage.members["kari"])
    stage.clock.advance(minutes=1)
    assert publishing.publish_share(stage.deps, person(KARI), share.id) == share
    assert [e.kind for e in events_of(stage, share.id)].count(EventKind.SHARE_PROPOSED) == 1
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(OLA), share.id)


def test_the_second_one_publishes_and_asking_again_says_the_same(stage: Stage) -> None:
    share = propose(stage)
    stage.clock.advance(hours=1)
    shown = proposal(stage, share.id)
    assert shown
    published = approve(stage, share, seen=shown.seen)
    assert (published.state, published.published_at) == (ShareState.AVAILABLE, stage.clock.now())
    assert kinds(stage, share.id) == [EventKind.SHARE_APPROVED, EventKind.SHARE_PUBLISHED]
    stage.clock.advance(minutes=1)
    for who in (ODD, KARI):
        assert approve(stage, share, who) == published
    assert offers.open_share(stage.deps, person(OLA), share.id).id == share.id


def test_who_proposed_and_who_approved_is_written_down(stage: Stage) -> None:
    share = propose(stage)
    approve(stage, share)
    actors = {event.kind: number for number, event in stage.trail() if event.share_id == share.id}
    assert actors[EventKind.SHARE_PROPOSED] == KARI
    assert actors[EventKind.SHARE_APPROVED] == actors[EventKind.SHARE_PUBLISHED] == ODD


def test_nobody_approves_a_proposal_of_ones_own(stage: Stage) -> None:
    with pytest.raises(Conflict, match="own_proposal"):
        approve(stage, propose(stage), KARI)


def test_nobody_approves_a_proposal_of_ones_own_by_another_membership(stage: Stage) -> None:
    """The same person under two member ids: it is the person who counts."""
    share = propose(stage)
    with recording(stage.deps.database) as tx:
        tx.shares.save(replace(share, proposed_by=stage.members["kari-avtaler"]))
    with pytest.raises(Conflict, match="own_proposal"):
        approve(stage, share, KARI)


@pytest.mark.parametrize("stranger", [OLA, SIV, VIGDIS])
def test_nobody_but_members_of_the_account_approves_or_sends_back(stage: Stage, stranger: str) -> None:
    share = propose(stage)
    with pytest.raises(NotFound):
        approve(stage, share, stranger)
    with pytest.raises(NotFound):
        proposals.return_proposal(stage.deps, person(stranger), share.id)


def test_a_member_of_another_account_of_the_tenant_does_not_approve(stage: Stage) -> None:
    share = propose(stage)
    stage.remove("odd-byggesak")
    with pytest.raises(NotFound):
        approve(stage, share)


def test_nothing_incomplete_is_proposed(stage: Stage) -> None:
    draft = stage.draft()
    with pytest.raises(InvalidFields):
        publishing.publish_share(stage.deps, person(KARI), draft.id)
    assert kept(stage, draft.id).proposed_by is None


Change = Callable[[Stage, str], object]


def change_words(stage: Stage, share_id: str) -> None:
    drafts.save_draft(stage.deps, person(KARI), share_id, stage.words(title="Nytt"))


def move(stage: Stage, share_id: str) -> None:
    drafts.save_draft(stage.deps, person(KARI), share_id, stage.words(account_id=stage.avtaler.id))


def add_recipient(stage: Stage, share_id: str) -> None:
    drafts.add_recipients(stage.deps, person(KARI), share_id, SIV)


def recipient_of(stage: Stage, share_id: str) -> str:
    with stage.deps.database.read() as tx:
        return tx.shares.recipients([share_id])[0].id


def label_recipient(stage: Stage, share_id: str) -> None:
    drafts.change_recipient(stage.deps, person(KARI), share_id, recipient_of(stage, share_id), label="søker")


def remove_recipient(stage: Stage, share_id: str) -> None:
    drafts.remove_recipient(stage.deps, person(KARI), share_id, recipient_of(stage, share_id))


def announce_document(stage: Stage, share_id: str) -> None:
    drafts.add_document(stage.deps, person(KARI), share_id, name="b.txt", length=1, modified_at=None)


def remove_document(stage: Stage, share_id: str) -> None:
    drafts.remove_document(stage.deps, person(KARI), share_id, stage.document_ids(share_id)[0])


CHANGES: list[Change] = [
    change_words, move, add_recipient, label_recipient, remove_recipient, announce_document, remove_document,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_takes_the_proposal_back(stage: Stage, change: Change) -> None:
    share = propose(stage)
    stage.clock.advance(minutes=1)
    change(stage, share.id)
    assert kept(stage, share.id).proposed_by is None
    [taken_back] = [e for e in events_of(stage, share.id) if e.kind is EventKind.PROPOSAL_RETURNED]
    # The last event of the transaction has the revision: a removal of a document comes after this one.
    revision = {} if change is remove_document else {"revision": 5}
    assert taken_back.details == {"cause": "changed"} | revision
    assert taken_back.subject_id is not None
    if change is not move:
        with pytest.raises(Conflict, match="not_proposed"):
            approve(stage, share)


def test_a_document_ended_by_its_upload_token_takes_the_proposal_back(stage: Stage) -> None:
    draft = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words())
    stage.add_recipients(draft.id, OLA)
    stage.upload(draft.id, "vedtak.pdf", b"innhold")
    ticket = drafts.add_document(stage.deps, person(KARI), draft.id, name="b", length=1, modified_at=None)
    append = uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=1)
    append.write([b"b"])
    append.finish()
    share = publishing.publish_share(stage.deps, person(KARI), draft.id)
    stage.clock.advance(minutes=1)
    uploads_append.terminate_upload(stage.deps, ticket.token, ticket.upload_id)
    with pytest.raises(Conflict, match="not_proposed"):
        approve(stage, share)
    who = {event.kind: number for number, event in stage.trail() if event.share_id == draft.id}
    assert (who[EventKind.PROPOSAL_RETURNED], who[EventKind.DOCUMENT_REMOVED]) == (KARI, KARI)


def test_a_draft_that_was_not_seen_is_not_approved(stage: Stage) -> None:
    """Changed and proposed again while the approver reads the first one."""
    seen = propose(stage)
    stage.clock.advance(minutes=1)
    add_recipient(stage, seen.id)
    stage.add_recipients(seen.id, SIV)
    again = publishing.publish_share(stage.deps, person(KARI), seen.id)
    with pytest.raises(Conflict, match="proposal_changed"):
        approve(stage, seen)
    assert approve(stage, again).state is ShareState.AVAILABLE


def test_a_returned_proposal_is_a_draft_again_and_returning_it_twice_does_it_once(stage: Stage) -> None:
    share = propose(stage)
    stage.clock.advance(minutes=1)
    for _ in range(2):
        proposals.return_proposal(stage.deps, person(ODD), share.id)
    assert kept(stage, share.id).proposed_by is None
    [event] = [e for e in events_of(stage, share.id) if e.kind is EventKind.PROPOSAL_RETURNED]
    assert event.details == {"cause": "returned", "revision": 5}
    with pytest.raises(Conflict, match="not_proposed"):
        approve(stage, share)
    stage.confirm(share.id)
    again = publishing.publish_share(stage.deps, person(KARI), share.id)
    with pytest.raises(Conflict, match="own_proposal"):
        approve(stage, again, KARI)
    assert approve(stage, again).state is ShareState.AVAILABLE
    proposals.return_proposal(stage.deps, person(ODD), share.id)
    assert kept(stage, share.id).state is ShareState.AVAILABLE


def test_the_author_reads_why_it_was_sent_back_until_it_is_proposed_again(stage: Stage) -> None:
    share = propose(stage)
    proposals.return_proposal(stage.deps, person(ODD), share.id, " Feil saksnummer.\nSe 26/8. ")
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words(reference="26/8"))
    sent_back = queries.view_share(stage.deps, person(KARI), share.id)
    assert not sent_back.is_proposed
    assert sent_back.return_note == ReturnNote("Odd Bakken", stage.clock.now(), "Feil saksnummer.\nSe 26/8.")
    stage.confirm(share.id)
    publishing.publish_share(stage.deps, person(KARI), share.id)
    again = queries.view_share(stage.deps, person(KARI), share.id)
    assert again.is_proposed
    assert again.return_note is None
    with pytest.raises(InvalidInput, match="text_too_long"):
        proposals.return_proposal(stage.deps, person(ODD), share.id, "x" * (REASON_LENGTH + 1))
    assert kept(stage, share.id).proposed_by is not None


def test_a_reason_is_not_stored_in_the_clear_and_no_note_of_what_is_taken_back(stage: Stage) -> None:
    share = propose(stage)
    proposals.return_proposal(stage.deps, person(ODD), share.id, "Feil saksnummer")
    assert b"saksnummer" not in existing(kept(stage, share.id).sealed_return_note)
    stage.confirm(share.id)
    publishing.publish_share(stage.deps, person(KARI), share.id)
    proposals.return_proposal(stage.deps, person(KARI), share.id, "Mitt eget")
    assert kept(stage, share.id).sealed_return_note is None


def test_the_author_reads_who_sent_it_back_without_a_reason(stage: Stage) -> None:
    share = propose(stage)
    proposals.return_proposal(stage.deps, person(ODD), share.id, " ")
    note = queries.view_share(stage.deps, person(KARI), share.id).return_note
    assert note == ReturnNote("Odd Bakken", stage.clock.now(), "")


def test_who_proposed_takes_it_back(stage: Stage) -> None:
    share = propose(stage)
    proposals.return_proposal(stage.deps, person(KARI), share.id)
    assert events_of(stage, share.id)[-1].details == {"cause": "retracted", "revision": 5}


def test_everything_is_looked_at_again_when_it_is_approved(stage: Stage) -> None:
    share = propose(stage, expires_at=stage.clock.now() + timedelta(hours=3))
    stage.change_tenant(ask_archived=True)
    set_rules(stage, stage.byggesak, quota=6)
    stage.clock.advance(hours=2, minutes=30)
    with pytest.raises(InvalidFields) as caught:
        approve(stage, share)
    assert [(e.field, e.code) for e in caught.value.errors] == [
        ("documents", "quota_exceeded"),
        ("expires_at", "period_too_short"),
    ]
    assert kept(stage, share.id) == share


def test_nothing_is_approved_where_it_is_stopped_or_closed(stage: Stage) -> None:
    share = propose(stage)
    freezing.set_account_freeze(stage.deps, stage.byggesak.id, None, FreezeReason.SECURITY)
    with pytest.raises(Frozen):
        approve(stage, share)
    freezing.set_account_freeze(stage.deps, stage.byggesak.id, None, None)
    set_account(stage, stage.byggesak, closed_at=stage.clock.now())
    with pytest.raises(InvalidInput, match="account_closed"):
        approve(stage, share)
    proposals.return_proposal(stage.deps, person(ODD), share.id)


def test_where_four_eyes_are_no_longer_wanted_the_proposer_publishes(stage: Stage) -> None:
    share = propose(stage)
    set_rules(stage, stage.byggesak, four_eyes=False)
    assert proposal(stage, share.id) is None
    with pytest.raises(Conflict, match="not_proposed"):
        approve(stage, share)
    published = publishing.publish_share(stage.deps, person(KARI), share.id)
    assert (published.state, published.proposed_by) == (ShareState.AVAILABLE, None)


def test_a_proposal_is_kept_when_four_eyes_are_wanted_again(stage: Stage) -> None:
    share = propose(stage)
    set_rules(stage, stage.byggesak, four_eyes=False)
    set_rules(stage, stage.byggesak, four_eyes=True)
    assert approve(stage, share).state is ShareState.AVAILABLE


def test_a_draft_begun_before_four_eyes_were_wanted_is_proposed(stage: Stage) -> None:
    set_rules(stage, stage.byggesak, four_eyes=False)
    published = propose(stage)
    set_rules(stage, stage.byggesak, four_eyes=True)
    assert published.state is ShareState.AVAILABLE
    assert propose(stage).state is ShareState.DRAFT


def test_a_proposal_falls_with_the_proposers_membership(stage: Stage) -> None:
    share = propose(stage)
    stage.remove("kari")
    assert proposal(stage, share.id) is None
    with pytest.raises(Conflict, match="not_proposed"):
        approve(stage, share)
    with pytest.raises(Conflict, match="draft_of_another"):
        publishing.publish_share(stage.deps, person(ODD), share.id)


def test_all_members_see_who_asks_and_until_when(stage: Stage) -> None:
    share = propose(stage)
    shown = proposal(stage, share.id)
    assert shown is not None
    assert (shown.proposer.id, shown.name, shown.at) == (stage.members["kari"], "Kari Lunde", share.changed_at)
    assert share.stale_at == share.changed_at + timedelta(days=7)
    assert not shown.has_no_approver
    stage.remove("odd-byggesak")
    alone = proposal(stage, share.id, KARI)
    assert alone is not None
    assert alone.has_no_approver
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    approve(stage, share)
    assert proposal(stage, share.id) is None


def test_a_proposal_waits_for_seven_days(stage: Stage) -> None:
    share = propose(stage)
    stage.clock.advance(days=6, hours=23)
    assert retention.abandon_stale_drafts(stage.deps) == 0
    stage.clock.advance(hours=1, seconds=1)
    assert retention.abandon_stale_drafts(stage.deps) == 1
    assert kept(stage, share.id).state is ShareState.ABANDONED


def test_what_is_sent_back_waits_for_seven_days_again(stage: Stage) -> None:
    share = propose(stage)
    stage.clock.advance(days=6)
    proposals.return_proposal(stage.deps, person(ODD), share.id)
    stage.clock.advance(days=7)
    assert retention.abandon_stale_drafts(stage.deps) == 0
    stage.clock.advance(seconds=1)
    assert retention.abandon_stale_drafts(stage.deps) == 1


def test_the_end_counts_from_the_approval(stage: Stage) -> None:
    share = propose(stage, expires_at=stage.clock.now() + timedelta(days=8))
    stage.clock.advance(days=6)
    approve(stage, share)
    assert offers.open_share(stage.deps, person(OLA), share.id).expires_at == share.expires_at
    stage.clock.advance(days=2)
    with pytest.raises(Gone):
        offers.open_share(stage.deps, person(OLA), share.id)
