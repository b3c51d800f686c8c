"""Four eyes for a later end: one person proposes it, another approves it; an earlier end needs one person."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Frozen, InvalidInput, NotFound, existing
from deldokument.domain.shares.share import Share
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.approvals.change_records import Change, ProposedChange, seal_change
from deldokument.services.shares.approvals.proposals import pending_proposal
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.proposal_views import ProposalView
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.accounts import events_of, set_account, set_rules
from tests.support.stage.changes import change_expiry
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import KARI, NOON, ODD, OLA, PER, SIV, VIGDIS, Stage, person

END, LATER, LATEST = (NOON + timedelta(days=days) for days in (10, 20, 30))
ASKED, APPROVED, RETURNED, CHANGED = (
    EventKind.CHANGE_PROPOSED,
    EventKind.CHANGE_APPROVED,
    EventKind.CHANGE_RETURNED,
    EventKind.EXPIRY_CHANGED,
)
KINDS = {ASKED, APPROVED, RETURNED, CHANGED}


@pytest.fixture(autouse=True)
def share_id(stage: Stage) -> str:
    """Shared by Kari from Byggesak, which wants four eyes; Odd is a member too."""
    shared = stage.publish(OLA)
    stage.members["odd-byggesak"] = stage.add(ODD, "Odd Bakken", stage.byggesak)
    set_rules(stage, stage.byggesak, four_eyes=True)
    stage.clock.advance(minutes=1)
    return shared


def kept(stage: Stage, share_id: str) -> Share:
    with stage.deps.database.read() as tx:
        return existing(tx.shares.get(share_id))


def ask(stage: Stage, share_id: str, who: str = KARI, until: datetime = LATER) -> None:
    change_expiry(stage.deps, person(who), share_id, until)


def approve(stage: Stage, share_id: str, who: str = ODD, seen: str = "") -> None:
    if not seen:
        with stage.deps.database.read() as tx:
            proposed = pending_proposal(stage.deps, tx, existing(tx.shares.get(share_id)))
        seen = proposed.seen if proposed else ""
    changes.approve_change(stage.deps, person(who), share_id, seen=seen)


def waiting(stage: Stage, share_id: str, who: str = ODD) -> ProposalView | None:
    """The change with a later end that waits."""
    view = queries.view_share(stage.deps, person(who), share_id)
    return view.proposal if view.change and view.change.expires_at else None


def new_events(stage: Stage, share_id: str) -> list[tuple[EventKind, object]]:
    """The events about the end, without the revision that they give the share's card."""
    found = [event for event in events_of(stage, share_id) if event.kind in KINDS]
    return [(one.kind, {k: v for k, v in (one.details or {}).items() if k != "revision"} or None) for one in found]


def test_a_later_end_is_only_asked_for(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    assert kept(stage, share_id).expires_at == END
    shown = waiting(stage, share_id)
    assert shown is not None
    assert (shown.proposer.id, shown.name, shown.at) == (stage.members["kari"], "Kari Lunde", stage.clock.now())
    assert (shown.change, shown.has_no_approver) == (Change(expires_at=LATER), False)
    assert new_events(stage, share_id) == [(ASKED, {"until": LATER.isoformat()})]


def test_another_member_moves_the_end_once(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    approve(stage, share_id)
    share = kept(stage, share_id)
    assert (share.expires_at, share.sealed_change) == (LATER, None)
    assert waiting(stage, share_id) is None
    until = {"until": LATER.isoformat()}
    assert new_events(stage, share_id) == [(ASKED, until), (APPROVED, until), (CHANGED, until)]
    with pytest.raises(Conflict, match="not_proposed"):
        approve(stage, share_id)
    assert len(new_events(stage, share_id)) == 3
    actors = {event.kind: number for number, event in stage.trail() if event.share_id == share_id}
    assert (actors[ASKED], actors[APPROVED], actors[CHANGED]) == (KARI, ODD, ODD)


def test_nobody_approves_a_later_end_of_ones_own_by_any_membership(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    with pytest.raises(Conflict, match="own_proposal"):
        approve(stage, share_id, KARI)
    proposed = ProposedChange(Change(expires_at=LATER), stage.members["kari-avtaler"], stage.clock.now(), {})
    sealed = seal_change(existing_key(stage.deps.keyring, share_key_id(share_id)), share_id, proposed)
    with recording(stage.deps.database) as tx:
        tx.shares.save(replace(existing(tx.shares.get(share_id)), sealed_change=sealed))
    with pytest.raises(Conflict, match="own_proposal"):
        approve(stage, share_id, KARI)
    assert kept(stage, share_id).expires_at == END


def test_only_the_end_that_was_seen_is_approved(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    seen = existing(waiting(stage, share_id)).seen
    stage.clock.advance(minutes=1)
    ask(stage, share_id, until=LATEST)
    with pytest.raises(Conflict, match="proposal_changed"):
        approve(stage, share_id, seen=seen)
    approve(stage, share_id)
    assert kept(stage, share_id).expires_at == LATEST


def test_the_end_that_the_share_has_changes_nothing_and_keeps_the_request(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    ask(stage, share_id, ODD, END)
    assert existing(waiting(stage, share_id)).change == Change(expires_at=LATER)
    assert [kind for kind, _ in new_events(stage, share_id)] == [ASKED]


def test_an_earlier_end_needs_one_person_and_drops_the_request(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    earlier = NOON + timedelta(days=5)
    ask(stage, share_id, ODD, earlier)
    assert kept(stage, share_id).expires_at == earlier
    assert new_events(stage, share_id)[1:] == [
        (RETURNED, {"cause": "moved", "until": LATER.isoformat()}),
        (CHANGED, {"until": earlier.isoformat()}),
    ]
    with pytest.raises(Conflict, match="not_proposed"):
        approve(stage, share_id)
    ask(stage, share_id, ODD, earlier - timedelta(days=1))
    assert len(new_events(stage, share_id)) == 4


@pytest.mark.parametrize(("who", "cause"), [(KARI, "retracted"), (ODD, "returned")])
def test_a_request_is_taken_back_or_refused(stage: Stage, share_id: str, who: str, cause: str) -> None:
    proposals.return_proposal(stage.deps, person(who), share_id)
    ask(stage, share_id)
    proposals.return_proposal(stage.deps, person(who), share_id)
    assert new_events(stage, share_id)[1:] == [(RETURNED, {"cause": cause, "until": LATER.isoformat()})]
    assert waiting(stage, share_id) is None
    with pytest.raises(Conflict, match="not_proposed"):
        approve(stage, share_id)


def test_the_author_reads_why_a_later_end_was_refused_until_the_next_request(stage: Stage, share_id: str) -> None:
    for who, stored in ((ODD, True), (KARI, False)):
        ask(stage, share_id)
        proposals.return_proposal(stage.deps, person(who), share_id, "Fristen er lovbestemt")
        note = queries.view_share(stage.deps, person(KARI), share_id).return_note
        assert (note and note.reason) == ("Fristen er lovbestemt" if stored else None)
    ask(stage, share_id)
    proposals.return_proposal(stage.deps, person(ODD), share_id, "Nei")
    ask(stage, share_id)
    assert kept(stage, share_id).sealed_return_note is None


def test_a_request_lapses_with_its_proposer(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    stage.remove("kari")
    assert waiting(stage, share_id) is None
    with pytest.raises(Conflict, match="not_proposed"):
        approve(stage, share_id)


def test_a_request_lapses_when_the_account_wants_four_eyes_no_more(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    set_rules(stage, stage.byggesak, four_eyes=False)
    assert waiting(stage, share_id) is None
    ask(stage, share_id, ODD)
    assert kept(stage, share_id).expires_at == LATER


def test_a_share_that_is_over_is_not_extended(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    stage.clock.advance(days=10)
    with pytest.raises(Conflict, match="share_over"):
        approve(stage, share_id)
    assert waiting(stage, share_id) is None
    with pytest.raises(Conflict, match="share_over"):
        proposals.return_proposal(stage.deps, person(KARI), share_id)
    assert len(new_events(stage, share_id)) == 1


def test_a_stopped_share_is_not_extended_but_shortened(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    set_account(stage, stage.byggesak, frozen_at=stage.clock.now())
    with pytest.raises(Frozen):
        approve(stage, share_id)
    with pytest.raises(Frozen):
        ask(stage, share_id, until=LATEST)
    ask(stage, share_id, until=NOON + timedelta(days=5))
    assert kept(stage, share_id).expires_at == NOON + timedelta(days=5)


def test_the_accounts_longest_period_holds_when_it_is_approved(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    set_rules(stage, stage.byggesak, longest=timedelta(days=7))
    with pytest.raises(InvalidInput, match="period_too_long"):
        approve(stage, share_id)


@pytest.mark.parametrize("stranger", [OLA, SIV, VIGDIS])
def test_strangers_neither_ask_nor_decide(stage: Stage, share_id: str, stranger: str) -> None:
    ask(stage, share_id)
    attempts: list[Callable[[], object]] = [
        lambda: ask(stage, share_id, stranger),
        lambda: approve(stage, share_id, stranger),
        lambda: proposals.return_proposal(stage.deps, person(stranger), share_id),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()


def test_a_system_asks_and_any_member_approves(stage: Stage, share_id: str) -> None:
    integrate(stage)
    change_expiry(stage.deps, SYSTEM, share_id, LATER)
    shown = existing(waiting(stage, share_id))
    assert (shown.name, shown.has_no_approver) == ("FJELL AS", False)
    approve(stage, share_id, KARI)
    assert kept(stage, share_id).expires_at == LATER


def test_a_member_alone_on_the_account_learns_that_nobody_can_approve(stage: Stage, share_id: str) -> None:
    stage.remove("odd-byggesak")
    ask(stage, share_id)
    assert existing(waiting(stage, share_id, KARI)).has_no_approver


def test_a_later_end_that_waits_is_among_what_needs_its_members_once(stage: Stage, share_id: str) -> None:
    stage.clock.advance(days=8)
    ask(stage, share_id)
    for who in (KARI, ODD):
        listed = queries.list_shares(stage.deps, person(who), soon=timedelta(days=3))
        assert [view.share.id for view in listed.needing] == [share_id]
    approve(stage, share_id)
    assert not queries.list_shares(stage.deps, person(ODD), soon=timedelta(days=3)).needing


def test_a_withdrawn_share_waits_for_nothing(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    assert waiting(stage, share_id) is None


def test_a_refused_change_that_is_put_back_is_distinguished_from_the_newest(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    proposals.return_proposal(stage.deps, person(ODD), share_id)
    ask(stage, share_id)
    approve(stage, share_id)
    revisions = {
        event.kind: (event.details or {}).get("revision") for event in events_of(stage, share_id) if event.kind in KINDS
    }
    assert (revisions[RETURNED], revisions[ASKED], revisions[CHANGED]) == (7, 8, 9)


def test_all_that_one_person_proposes_is_approved_together(stage: Stage, share_id: str) -> None:
    changes.change_share(stage.deps, person(KARI), share_id, Change(texts={"title": "Vedtak"}))
    changes.add_recipients(stage.deps, person(KARI), share_id, [RecipientInput(SIV, confirmed=True)])
    changes.add_recipients(stage.deps, person(KARI), share_id, [RecipientInput(PER, confirmed=True)])
    ask(stage, share_id)
    shown = existing(waiting(stage, share_id))
    assert (shown.change, len(shown.added)) == (
        replace(existing(shown.change), texts={"title": "Vedtak"}, expires_at=LATER),
        2,
    )
    approve(stage, share_id)
    view = queries.view_share(stage.deps, person(KARI), share_id)
    assert (view.texts.title, view.share.expires_at, len(view.recipients), view.change) == ("Vedtak", LATER, 3, None)


def test_what_another_person_proposes_replaces_it_and_the_first_may_approve_that(stage: Stage, share_id: str) -> None:
    ask(stage, share_id)
    stage.clock.advance(minutes=1)
    changes.change_share(stage.deps, person(ODD), share_id, Change(texts={"title": "Vedtak"}))
    assert new_events(stage, share_id)[1:] == [
        (RETURNED, {"cause": "replaced", "until": LATER.isoformat()}),
        (ASKED, None),
    ]
    proposal = existing(queries.view_share(stage.deps, person(KARI), share_id).proposal)
    assert (proposal.name, proposal.change) == ("Odd Bakken", Change(texts={"title": "Vedtak"}))
    changes.approve_change(stage.deps, person(KARI), share_id, seen=proposal.seen)
    assert kept(stage, share_id).expires_at == END


def test_an_earlier_end_leaves_a_change_without_an_end(stage: Stage, share_id: str) -> None:
    changes.change_share(stage.deps, person(KARI), share_id, Change(texts={"title": "Vedtak"}))
    ask(stage, share_id, ODD, NOON + timedelta(days=5))
    assert queries.view_share(stage.deps, person(KARI), share_id).change is not None


def test_another_end_drops_only_the_end_from_what_waits(stage: Stage, share_id: str) -> None:
    changes.change_share(stage.deps, person(KARI), share_id, Change(texts={"title": "Vedtak"}, expires_at=LATER))
    seen = existing(waiting(stage, share_id)).seen
    stage.clock.advance(minutes=1)
    ask(stage, share_id, ODD, NOON + timedelta(days=5))
    assert new_events(stage, share_id)[1] == (RETURNED, {"cause": "moved", "until": LATER.isoformat()})
    rest = existing(queries.view_share(stage.deps, person(ODD), share_id).proposal)
    assert (rest.name, rest.change) == ("Kari Lunde", Change(texts={"title": "Vedtak"}))
    with pytest.raises(Conflict, match="own_proposal"):
        approve(stage, share_id, KARI)
    with pytest.raises(Conflict, match="proposal_changed"):
        approve(stage, share_id, seen=seen)
    approve(stage, share_id)
    view = queries.view_share(stage.deps, person(KARI), share_id)
    assert (view.texts.title, view.share.expires_at) == ("Vedtak", NOON + timedelta(days=5))
