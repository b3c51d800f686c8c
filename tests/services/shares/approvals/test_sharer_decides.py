"""Who shared decides who gets in: what an administrator who becomes a member, or has one added, cannot do.

Kari has shared. Lise is the administrator: she becomes a member of Kari's account after that. Odd was one before.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.errors import Conflict, NotFound, RightMissing, existing
from deldokument.domain.shares.share import Share, ShareState
from deldokument.services.accounts import members
from deldokument.services.downloads import access, offers
from deldokument.services.downloads.content import open_document
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.proposal_views import ProposalView
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.accounts import set_rules
from tests.support.stage.changes import change_of
from tests.support.stage.confirmed import confirm_all
from tests.support.stage.emails import deliver, settle
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import FJELL, KARI, LISE, ODD, OLA, PER, SIV, Stage, person
from tests.support.stored_data import do_as_owner


@pytest.fixture
def shared(stage: Stage) -> str:
    """Kari's share for Ola and Per, from an account of which Odd was a member then, and Lise is one since."""
    stage.members["odd-byggesak"] = stage.add(ODD, "Odd Bakken", stage.byggesak)
    stage.clock.advance(minutes=1)
    share_id = stage.publish(OLA, PER, title="Vedtak")
    stage.clock.advance(minutes=1)
    stage.members["lise"] = stage.add(LISE, "Lise Moen", stage.byggesak)
    return share_id


def change(stage: Stage, share_id: str, who: str = LISE, **values: object) -> bool:
    return changes.change_share(stage.deps, person(who), share_id, change_of(**values))


def add(stage: Stage, share_id: str, number: str = LISE, who: str = LISE) -> bool:
    return changes.add_recipients(stage.deps, person(who), share_id, [RecipientInput(number)])


def waiting(stage: Stage, share_id: str) -> ProposalView:
    return existing(queries.view_share(stage.deps, person(ODD), share_id).proposal)


def approve(stage: Stage, share_id: str, who: str) -> None:
    changes.approve_change(stage.deps, person(who), share_id, seen=waiting(stage, share_id).seen)


def stored(stage: Stage, share_id: str) -> Share:
    with stage.deps.database.read() as tx:
        return existing(tx.shares.get(share_id))


def test_an_administrator_who_becomes_a_member_cannot_add_herself_to_a_colleagues_share(
    stage: Stage, shared: str
) -> None:
    assert add(stage, shared)
    assert waiting(stage, shared).publisher == "Kari Lunde"
    for who, code in ((LISE, "own_proposal"), (ODD, "sharer_decides")):
        with pytest.raises(Conflict, match=code):
            approve(stage, shared, who)
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(LISE), shared)
    approve(stage, shared, KARI)
    assert offers.open_share(stage.deps, person(LISE), shared)


def test_a_colleague_neither_lowers_confidentiality_nor_adds_documents_alone(stage: Stage, shared: str) -> None:
    ordinary = stage.publish(FJELL)
    assert change(stage, ordinary, confidential=False)
    assert stored(stage, ordinary).confidential
    with pytest.raises(RightMissing):
        access.authorize(stage.deps, person(LISE), ordinary)
    document_id = stage.upload_beside(shared, "kart.pdf", sharer=LISE)
    assert change(stage, shared, documents=(document_id,))
    with pytest.raises(NotFound):
        open_document(stage.deps, person(OLA), shared, document_id)
    approve(stage, shared, KARI)
    assert open_document(stage.deps, person(OLA), shared, document_id)


def test_a_colleague_does_not_copy_the_documents(stage: Stage, shared: str) -> None:
    with pytest.raises(Conflict, match="documents_of_another"):
        publishing.copy_share(stage.deps, person(LISE), shared, with_documents=True)


def test_a_colleague_does_not_make_it_a_draft_again_to_share_it_with_others(stage: Stage) -> None:
    for number, name in ((ODD, "Odd Bakken"), (LISE, "Lise Moen")):
        stage.add(number, name, stage.byggesak)
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=2))
    shared = stage.publish(OLA)
    for who in (LISE, ODD):
        with pytest.raises(Conflict, match="sharer_decides"):
            publishing.undo_publication(stage.deps, person(who), shared)
    assert publishing.undo_publication(stage.deps, person(KARI), shared).state is ShareState.DRAFT


def test_a_colleague_corrects_extends_narrows_and_withdraws_at_once(stage: Stage, shared: str) -> None:
    until = stage.clock.now() + timedelta(days=20)
    assert not change(stage, shared, title="Nytt", message="Hei", reference="26/1", expires_at=until)
    assert not change(stage, shared, expires_at=until - timedelta(days=1))
    view = queries.view_share(stage.deps, person(LISE), shared)
    assert (view.texts.title, view.share.expires_at, view.proposal) == ("Nytt", until - timedelta(days=1), None)
    changes.remove_recipient(stage.deps, person(LISE), shared, view.recipients[0].id)
    publishing.withdraw_share(stage.deps, person(LISE), shared)


def test_only_what_lets_in_waits_of_a_mixed_change(stage: Stage, shared: str) -> None:
    assert change(stage, shared, title="Nytt", confidential=False)
    assert queries.view_share(stage.deps, person(KARI), shared).texts.title == "Nytt"
    assert existing(waiting(stage, shared).change) == Change(confidential=False)


def test_the_one_who_shared_lets_in_at_once_also_while_something_waits(stage: Stage, shared: str) -> None:
    add(stage, shared)
    assert not add(stage, shared, SIV, KARI)
    assert offers.open_share(stage.deps, person(SIV), shared)
    assert waiting(stage, shared)
    proposals.return_proposal(stage.deps, person(KARI), shared, "Nei.")
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(LISE), shared)


def test_under_four_eyes_the_one_who_shared_is_one_of_the_two(stage: Stage, shared: str) -> None:
    set_rules(stage, stage.byggesak, four_eyes=True)
    assert add(stage, shared)
    with pytest.raises(Conflict, match="sharer_decides"):
        approve(stage, shared, ODD)
    approve(stage, shared, KARI)
    assert add(stage, shared, SIV, KARI)
    approve(stage, shared, LISE)
    assert offers.open_share(stage.deps, person(SIV), shared)


def test_under_four_eyes_any_colleague_approves_a_correction(stage: Stage, shared: str) -> None:
    set_rules(stage, stage.byggesak, four_eyes=True)
    assert change(stage, shared, title="Nytt")
    approve(stage, shared, ODD)
    change(stage, shared, title="Vedtak")
    set_rules(stage, stage.byggesak, four_eyes=False)
    assert queries.view_share(stage.deps, person(KARI), shared).proposal is None


def test_a_system_that_did_not_share_lets_nobody_in(stage: Stage, shared: str) -> None:
    integrate(stage)
    assert changes.add_recipients(stage.deps, SYSTEM, shared, [RecipientInput(SIV)])
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(SIV), shared)
    approve(stage, shared, KARI)
    assert offers.open_share(stage.deps, person(SIV), shared)


def kari_leaves(stage: Stage, _share_id: str) -> None:
    stage.remove("kari")


def kari_is_absent(stage: Stage, _share_id: str) -> None:
    stage.mark_absent("kari")


def a_system_shared(stage: Stage, share_id: str) -> None:
    integration = integrate(stage)
    with recording(stage.deps.database) as tx:
        share = existing(tx.shares.lock(share_id))
        tx.shares.save(replace(share, member_id=None, integration_id=integration.id))


NOBODY_THERE = pytest.mark.parametrize("leave", [kari_leaves, kari_is_absent, a_system_shared])


@NOBODY_THERE
def test_a_member_who_joined_after_publication_approves_for_nobody(
    stage: Stage, shared: str, leave: Callable[[Stage, str], None]
) -> None:
    leave(stage, shared)
    stage.add(SIV, "Siv Dahl", stage.byggesak)
    assert add(stage, shared)
    assert not waiting(stage, shared).has_no_approver
    for who, code in ((SIV, "earlier_members_decide"), (LISE, "own_proposal")):
        with pytest.raises(Conflict, match=code):
            approve(stage, shared, who)
    approve(stage, shared, ODD)
    assert offers.open_share(stage.deps, person(LISE), shared)


@NOBODY_THERE
def test_who_was_a_member_before_still_does_not_decide_alone(
    stage: Stage, shared: str, leave: Callable[[Stage, str], None]
) -> None:
    leave(stage, shared)
    assert add(stage, shared, SIV, ODD)
    for who, code in ((ODD, "own_proposal"), (LISE, "earlier_members_decide")):
        with pytest.raises(Conflict, match=code):
            approve(stage, shared, who)
    assert waiting(stage, shared).has_no_approver == (leave is kari_leaves)


def test_who_is_marked_absent_still_lets_in_alone(stage: Stage, shared: str) -> None:
    stage.mark_absent("kari")
    assert not add(stage, shared, SIV, KARI)
    assert offers.open_share(stage.deps, person(SIV), shared)


def test_who_is_marked_present_again_decides_alone_also_about_what_waits(stage: Stage, shared: str) -> None:
    stage.mark_absent("kari")
    assert add(stage, shared)
    stage.mark_absent("kari", absent=False)
    with pytest.raises(Conflict, match="sharer_decides"):
        approve(stage, shared, ODD)
    approve(stage, shared, KARI)


def test_a_damaged_row_of_who_shared_gives_nobody_else_the_decision(stage: Stage, shared: str) -> None:
    assert add(stage, shared)
    do_as_owner(stage.database_url, f"UPDATE member SET absent_since = 1 WHERE id = '{stage.members['kari']}'")
    with pytest.raises(Conflict, match="sharer_decides"):
        approve(stage, shared, ODD)


def test_a_membership_that_is_given_anew_is_a_new_one(stage: Stage, shared: str) -> None:
    stage.remove("kari")
    stage.add(KARI, "Kari Lunde", stage.byggesak)
    assert add(stage, shared, SIV, KARI)
    add(stage, shared, SIV, LISE)
    with pytest.raises(Conflict, match="earlier_members_decide"):
        approve(stage, shared, KARI)


def test_who_waited_for_confirmation_at_publication_is_no_earlier_member(stage: Stage) -> None:
    given = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    members.add_member(stage.deps, **given, number=ODD, name="Odd Bakken")
    stage.clock.advance(minutes=1)
    share_id = stage.publish(OLA)
    stage.clock.advance(minutes=1)
    stage.add(LISE, "Lise Moen", stage.byggesak)
    confirm_all(stage.deps, stage.byggesak.id)
    stage.remove("kari")
    assert add(stage, share_id)
    assert waiting(stage, share_id).has_no_approver
    with pytest.raises(Conflict, match="earlier_members_decide"):
        approve(stage, share_id, ODD)


def test_mail_about_it_goes_to_those_who_may_approve(stage: Stage, shared: str) -> None:
    stage.add(SIV, "Siv Dahl", stage.byggesak)
    for name, number in {"kari": KARI, "odd": ODD, "lise": LISE, "siv": SIV}.items():
        settle(stage, number, f"{name}@eksempel.example")
    for asked in ("kari", "odd"):
        add(stage, shared)
        deliver(stage)
        assert [letter.to for letter in stage.mail.letters] == [f"{asked}@eksempel.example"]
        proposals.return_proposal(stage.deps, person(LISE), shared)
        stage.mail.letters.clear()
        if asked == "kari":
            stage.remove("kari")


def test_a_system_that_shared_lets_in_at_once(stage: Stage, shared: str) -> None:
    a_system_shared(stage, shared)
    assert not changes.add_recipients(stage.deps, SYSTEM, shared, [RecipientInput(SIV)])
    assert offers.open_share(stage.deps, person(SIV), shared)
