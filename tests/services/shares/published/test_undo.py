"""A publication is undone: a draft again if nobody has opened it, otherwise withdrawn."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Gone, NotFound
from deldokument.domain.shares.share import ShareState
from deldokument.services.downloads import access, offers
from deldokument.services.downloads import content as downloads_content
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import api_drafts, drafts
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.uploads.append import create_upload
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.accounts import events_of, set_rules
from tests.support.stage.changes import change_expiry
from tests.support.stage.stage import KARI, ODD, OLA, SIV, VIGDIS, Stage, person, run_all

WINDOW = timedelta(minutes=2)


@pytest.fixture
def shared(stage: Stage) -> str:
    """A share that Kari has just published for Ola and Siv."""
    set_rules(stage, stage.byggesak, undo_window=WINDOW)
    return stage.publish(OLA, SIV, title="Vedtak")


def undo(stage: Stage, share_id: str) -> ShareState:
    return publishing.undo_publication(stage.deps, person(KARI), share_id).state


def held(stage: Stage) -> int:
    with stage.deps.database.read() as tx:
        return tx.accounts.stored_bytes(stage.byggesak.id)


def test_an_unopened_share_is_a_draft_again_with_the_same_id_and_is_published_anew(stage: Stage, shared: str) -> None:
    before = held(stage)
    change_expiry(stage.deps, person(KARI), shared, stage.clock.now() + timedelta(days=5))
    assert undo(stage, shared) is undo(stage, shared) is ShareState.DRAFT
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(OLA), shared)
    assert offers.list_offers(stage.deps, person(OLA)).offers == ()
    view = queries.view_share(stage.deps, person(KARI), shared)
    assert (view.texts.title, len(view.recipients), view.documents[0].complete) == ("Vedtak", 2, True)
    assert (view.share.published_at, view.share.undo_until, held(stage)) == (None, None, before)
    drafts.remove_recipient(stage.deps, person(KARI), shared, view.recipients[1].id)
    stage.confirm(shared)
    publishing.publish_share(stage.deps, person(KARI), shared)
    assert offers.open_share(stage.deps, person(OLA), shared).texts.title == "Vedtak"
    published, undone = EventKind.SHARE_PUBLISHED, EventKind.SHARE_UNPUBLISHED
    kinds = [event.kind for event in events_of(stage, shared) if event.kind in {published, undone}]
    assert kinds == [published, undone, published]
    assert stage.deps.damage.is_empty


@pytest.mark.parametrize("reach", [offers.open_share, downloads_content.open_archive], ids=["page", "zip"])
def test_an_opened_share_is_withdrawn_also_if_only_its_documents_were_fetched(
    stage: Stage, shared: str, reach: Callable[..., object]
) -> None:
    reach(stage.deps, person(OLA), shared)
    assert undo(stage, shared) is ShareState.WITHDRAWN
    view = queries.view_share(stage.deps, person(KARI), shared)
    [ola, siv] = view.recipients
    assert (len(ola.openings), len(siv.openings)) == (1, 0)
    assert view.opened_by == (ola,)
    run_all(stage.deps)
    assert queries.view_share(stage.deps, person(KARI), shared).share.key_destroyed_at == stage.clock.now()


def test_a_recipient_who_was_let_in_just_before_the_undoing_gets_nothing(stage: Stage, shared: str) -> None:
    let_in = access.authorize(stage.deps, person(OLA), shared)
    undo(stage, shared)
    with pytest.raises(NotFound):
        offers.note_opening(stage.deps, let_in)
    with stage.deps.database.read() as tx:
        assert tx.receipts.of_shares([shared]) == []


def test_a_recipient_who_was_let_in_just_before_the_withdrawal_hears_of_it(stage: Stage, shared: str) -> None:
    let_in = access.authorize(stage.deps, person(OLA), shared)
    publishing.withdraw_share(stage.deps, person(KARI), shared)
    with pytest.raises(Gone, match="share_withdrawn") as meanwhile:
        offers.note_opening(stage.deps, let_in)
    with pytest.raises(Gone) as later:
        access.authorize(stage.deps, person(OLA), shared)
    assert meanwhile.value.params == later.value.params


def test_what_was_undone_needs_another_person_again(stage: Stage, shared: str) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    undo(stage, shared)
    set_rules(stage, stage.byggesak, four_eyes=True)
    stage.confirm(shared)
    proposed = publishing.publish_share(stage.deps, person(KARI), shared)
    assert proposed.state is ShareState.DRAFT
    publishing.approve_share(stage.deps, person(ODD), shared, seen=proposed.changed_at.isoformat())
    assert undo(stage, shared) is ShareState.DRAFT
    stage.confirm(shared)
    proposed = publishing.publish_share(stage.deps, person(KARI), shared)
    assert (proposed.state, proposed.proposed_by) == (ShareState.DRAFT, stage.members["kari"])


def test_it_is_too_late_after_the_window_and_nobody_else_undoes(stage: Stage, shared: str) -> None:
    for stranger in (VIGDIS, OLA):
        with pytest.raises(NotFound):
            publishing.undo_publication(stage.deps, person(stranger), shared)
    stage.clock.advance(seconds=120)
    with pytest.raises(Conflict, match="undo_over"):
        undo(stage, shared)
    assert offers.open_share(stage.deps, person(OLA), shared)


def test_what_a_system_shares_has_no_window(stage: Stage, shared: str) -> None:
    integrate(stage)
    draft = api_drafts.create_draft(stage.deps, SYSTEM, stage.words(), [RecipientInput(OLA)])
    ticket = drafts.add_document(stage.deps, SYSTEM, draft.id, name="a", length=0, modified_at=None)
    create_upload(stage.deps, ticket.token, length=0)
    assert publishing.publish_share(stage.deps, SYSTEM, draft.id).undo_until is None
    with pytest.raises(Conflict, match="undo_over"):
        undo(stage, draft.id)
    assert shared
