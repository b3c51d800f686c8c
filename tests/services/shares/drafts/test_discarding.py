"""A discarded draft: of no use at once, brought back for some seconds, and then gone for good."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, NotFound, ServiceError, existing
from deldokument.domain.shares.share import DISCARD_GRACE, DISCARD_UNDO, Share, ShareState
from deldokument.services.maintenance import share_keys
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import create_draft
from deldokument.services.shares.drafts.discarding import discard_with_grace, find_discarded, restore_draft
from deldokument.services.shares.drafts.upload_tickets import UploadTicket
from deldokument.services.shares.published import publishing
from deldokument.services.uploads import append as uploads_append
from deldokument.services.uploads import concatenation
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.accounts import set_rules
from tests.support.stage.stage import KARI, ODD, OLA, SIV, Stage, person, run_all

INSTANT = timedelta(microseconds=1)


def filled_in(stage: Stage) -> Share:
    """A draft of Kari's with everything that it takes to publish it."""
    draft = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words(title="Vedtak", message="Hei"))
    stage.add_recipients(draft.id, OLA)
    stage.upload(draft.id, "vedtak.pdf", b"innhold")
    return stored(stage, draft.id)


def stored(stage: Stage, share_id: str) -> Share:
    with stage.deps.database.read() as tx:
        return existing(tx.shares.get(share_id))


def begun_upload(stage: Stage, share_id: str) -> UploadTicket:
    """A document of which four bytes of eight have come."""
    ticket = drafts.add_document(stage.deps, person(KARI), share_id, name="kart.pdf", length=8, modified_at=None)
    append(stage, ticket, 0, b"halv")
    return ticket


def append(stage: Stage, ticket: UploadTicket, offset: int, content: bytes) -> None:
    running = uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=offset, announced=None)
    running.write([content])
    running.finish()


def events(stage: Stage, share_id: str) -> list[tuple[EventKind, str | None]]:
    draft = {EventKind.DRAFT_STARTED, EventKind.DRAFT_ABANDONED, EventKind.DRAFT_RESTORED}
    chosen = draft | {EventKind.SHARE_KEY_DESTROYED}
    return [
        (event.kind, (event.details or {}).get("cause"))  # type: ignore[misc]
        for _, event in stage.trail()
        if event.share_id == share_id and event.kind in chosen
    ]


ATTEMPTS: dict[str, Callable[[Stage, Share, UploadTicket], object]] = {
    "save": lambda stage, draft, _: drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words()),
    "add a recipient": lambda stage, draft, _: drafts.add_recipients(stage.deps, person(KARI), draft.id, SIV),
    "add a document": lambda stage, draft, _: drafts.add_document(
        stage.deps, person(KARI), draft.id, name="b", length=1, modified_at=None
    ),
    "remove a document": lambda stage, draft, _: drafts.remove_document(
        stage.deps, person(KARI), draft.id, stage.document_ids(draft.id)[0]
    ),
    "upload": lambda stage, _draft, ticket: append(stage, ticket, 4, b"resten"[:4]),
    "upload a piece": lambda stage, _draft, ticket: concatenation.create_partial(
        stage.deps, ticket.token, length=4, start=None
    ),
    "publish": lambda stage, draft, _: publishing.publish_share(stage.deps, person(KARI), draft.id),
    "discard": lambda stage, draft, _: discard_with_grace(stage.deps, person(KARI), draft.id),
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_discarded_draft_is_of_no_use_at_once(
    stage: Stage, attempt: Callable[[Stage, Share, UploadTicket], object]
) -> None:
    draft = filled_in(stage)
    ticket = begun_upload(stage, draft.id)
    discard_with_grace(stage.deps, person(KARI), draft.id)
    with pytest.raises(ServiceError) as caught:
        attempt(stage, draft, ticket)
    assert isinstance(caught.value, Conflict | NotFound | InvalidInput)
    found = queries.list_shares(stage.deps, person(KARI), states=[ShareState.DRAFT], soon=timedelta(days=3))
    assert (found.shares, found.needing) == ((), ())


def test_a_draft_restored_in_time_is_back_with_everything_and_goes_on(stage: Stage) -> None:
    draft = filled_in(stage)
    ticket = begun_upload(stage, draft.id)
    before = queries.view_share(stage.deps, person(KARI), draft.id)
    discard_with_grace(stage.deps, person(KARI), draft.id)
    stage.clock.advance(seconds=DISCARD_UNDO.total_seconds())
    run_all(stage.deps)
    for _ in range(2):  # a double click
        restore_draft(stage.deps, person(KARI), draft.id)
    run_all(stage.deps)
    assert queries.view_share(stage.deps, person(KARI), draft.id) == before
    append(stage, ticket, 4, b"resten"[:4])
    assert publishing.publish_share(stage.deps, person(KARI), draft.id).state is ShareState.AVAILABLE
    assert events(stage, draft.id) == [
        (EventKind.DRAFT_STARTED, None),
        (EventKind.DRAFT_ABANDONED, None),
        (EventKind.DRAFT_RESTORED, None),
    ]


def test_the_worker_destroys_a_discarded_draft_when_the_grace_is_over_and_not_before(stage: Stage) -> None:
    draft = filled_in(stage)
    discard_with_grace(stage.deps, person(KARI), draft.id)
    stage.clock.instant += DISCARD_GRACE - INSTANT
    assert share_keys.destroy_share_keys(stage.deps) == 0
    stage.clock.instant += INSTANT
    run_all(stage.deps)
    assert stored(stage, draft.id).key_destroyed_at == stage.clock.now()
    assert stage.deps.keyring.ids("share:") == []
    assert list(stage.deps.blobs.list()) == []


@pytest.mark.parametrize("swept", [True, False])
def test_after_the_grace_nothing_brings_a_draft_back(stage: Stage, *, swept: bool) -> None:
    draft = filled_in(stage)
    discard_with_grace(stage.deps, person(KARI), draft.id)
    stage.clock.instant += DISCARD_GRACE
    if swept:
        run_all(stage.deps)
    with pytest.raises(Conflict, match="discard_final"):
        restore_draft(stage.deps, person(KARI), draft.id)
    assert stored(stage, draft.id).state is ShareState.ABANDONED


def test_a_draft_with_its_key_destroyed_by_an_older_worker_stays_discarded(stage: Stage) -> None:
    draft = filled_in(stage)
    discard_with_grace(stage.deps, person(KARI), draft.id)
    with stage.deps.database.write() as tx:
        tx.retention.note_destroyed_keys([draft.id], stage.clock.now())
    with pytest.raises(Conflict, match="discard_final"):
        restore_draft(stage.deps, person(KARI), draft.id)


def test_only_who_discarded_it_brings_a_draft_back(stage: Stage) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    draft = filled_in(stage)
    discard_with_grace(stage.deps, person(KARI), draft.id)
    with pytest.raises(Conflict, match="discard_final"):
        restore_draft(stage.deps, person(ODD), draft.id)
    with pytest.raises(NotFound):
        restore_draft(stage.deps, person(SIV), draft.id)
    stage.remove("kari")
    with pytest.raises(NotFound):
        restore_draft(stage.deps, person(KARI), draft.id)


def test_a_colleague_who_discards_it_brings_it_back_and_it_stays_its_drafters(stage: Stage) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    draft = filled_in(stage)
    discard_with_grace(stage.deps, person(ODD), draft.id)
    restore_draft(stage.deps, person(ODD), draft.id)
    assert stored(stage, draft.id) == draft


def test_a_proposal_is_back_as_it_was(stage: Stage) -> None:
    set_rules(stage, stage.byggesak, four_eyes=True)
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    draft = filled_in(stage)
    proposed = publishing.publish_share(stage.deps, person(KARI), draft.id)
    discard_with_grace(stage.deps, person(KARI), draft.id)
    with pytest.raises(Conflict, match="not_a_draft"):
        publishing.approve_share(stage.deps, person(ODD), draft.id, seen=proposed.changed_at.isoformat())
    restore_draft(stage.deps, person(KARI), draft.id)
    approved = publishing.approve_share(stage.deps, person(ODD), draft.id, seen=proposed.changed_at.isoformat())
    assert approved.state is ShareState.AVAILABLE


def test_what_a_system_discards_is_gone_at_once(stage: Stage) -> None:
    integrate(stage)
    draft = create_draft(stage.deps, SYSTEM, stage.words())
    drafts.discard_draft(stage.deps, SYSTEM, draft.id)
    assert share_keys.destroy_share_keys(stage.deps) == 1
    with pytest.raises(Conflict, match="discard_final"):
        restore_draft(stage.deps, person(KARI), draft.id)


def test_a_discarded_draft_fills_its_account_until_its_key_is_destroyed(stage: Stage) -> None:
    set_rules(stage, stage.byggesak, quota=10)
    draft, other = filled_in(stage), stage.draft()
    discard_with_grace(stage.deps, person(KARI), draft.id)
    more = {"name": "b", "length": 7, "modified_at": None}
    with pytest.raises(InvalidInput, match="quota_exceeded"):
        drafts.add_document(stage.deps, person(KARI), other.id, **more)  # type: ignore[arg-type]
    stage.clock.instant += DISCARD_GRACE
    run_all(stage.deps)
    drafts.add_document(stage.deps, person(KARI), other.id, **more)  # type: ignore[arg-type]


def test_a_discarded_draft_is_shown_as_it_is(stage: Stage) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    draft, deps = filled_in(stage), stage.deps
    assert find_discarded(deps, person(KARI), draft.id) is None
    assert find_discarded(deps, person(KARI), "unknown") is None
    discard_with_grace(deps, person(KARI), draft.id)
    assert find_discarded(deps, person(SIV), draft.id) is None
    stage.clock.advance(seconds=5)
    for who, left in ((KARI, DISCARD_GRACE - timedelta(seconds=5)), (ODD, None)):
        found = existing(find_discarded(deps, person(who), draft.id))
        assert (found.view.texts.title, found.left) == ("Vedtak", left)
    stage.clock.advance(seconds=10)
    assert existing(find_discarded(deps, person(KARI), draft.id)).left is None


def test_who_fills_in_a_draft_is_named_and_shares_it(stage: Stage) -> None:
    integrate(stage)
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    draft = filled_in(stage)
    of_system = create_draft(stage.deps, SYSTEM, stage.words())
    views = {one: queries.view_share(stage.deps, person(KARI), one) for one in (draft.id, of_system.id)}
    assert (views[draft.id].sharer_id, views[draft.id].sharer) == (stage.members["kari"], "Kari Lunde")
    assert (views[of_system.id].sharer_id, views[of_system.id].sharer) == (of_system.integration_id, "FJELL AS")
    publishing.publish_share(stage.deps, person(KARI), draft.id)
    assert queries.view_share(stage.deps, person(ODD), draft.id).sharer == "Kari Lunde"
