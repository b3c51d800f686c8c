"""Documents are added to a published share: pending beside it, then part of it in one transaction."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import (
    Conflict,
    Frozen,
    InvalidFields,
    InvalidInput,
    NotFound,
    RightMissing,
    TooLarge,
    existing,
)
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY, Handling
from deldokument.domain.shares.share import Progress, ShareState, Verdict
from deldokument.domain.shares.upload import MAX_LENGTH
from deldokument.domain.tenants.tenancy import IntegrationRights
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import offers
from deldokument.services.downloads.delivery import record_delivery
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.views import ShareView
from deldokument.services.shares.drafts import additions
from deldokument.services.shares.drafts.upload_tickets import UploadTicket
from deldokument.services.shares.published import changes, publishing, stored_documents
from deldokument.services.shares.scans import held_documents
from deldokument.services.tenants.freezing import FreezeReason, set_share_freeze
from deldokument.services.uploads import append, concatenation
from deldokument.store.engine.integrity import DamagedRow
from tests.fakes.scanner import MemoryScanner
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.faults.faulty_ports import FaultyDatabase
from tests.support.stage.accounts import events_of, set_account, set_rules
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import KARI, NOON, ODD, OLA, SIV, VIGDIS, Stage, person, run_all
from tests.support.stored_data import do_as_owner, names

NEW = b"nytt innhold"
HELD = DEFAULT_POLICY | {Verdict.ENCRYPTED: Handling.HELD}
ADDED, TAKEN_BACK, RETURNED = EventKind.DOCUMENT_ADDED, EventKind.DOCUMENT_TAKEN_BACK, EventKind.CHANGE_RETURNED


def announce(stage: Stage, share_id: str, name: str = "vedlegg.pdf", who: str = KARI, length: int = 12) -> UploadTicket:
    return additions.add_document(stage.deps, person(who), share_id, name=name, length=length, modified_at=None)


def send(stage: Stage, ticket: UploadTicket, content: bytes = NEW, offset: int = 0) -> int:
    part = append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=offset, announced=len(content))
    part.write([content])
    return part.finish()


def pending(stage: Stage, share_id: str, name: str = "vedlegg.pdf") -> str:
    return stage.upload_beside(share_id, name, NEW)


def add(stage: Stage, share_id: str, *ids: str, who: str = KARI) -> bool:
    return changes.change_share(stage.deps, person(who), share_id, Change(documents=ids))


def shown(stage: Stage, share_id: str) -> ShareView:
    return queries.view_share(stage.deps, person(KARI), share_id)


def kinds(stage: Stage, share_id: str, *wanted: EventKind) -> list[EventKind]:
    return [event.kind for event in events_of(stage, share_id) if event.kind in wanted]


def receive(stage: Stage, share_id: str) -> None:
    for document_id in stage.document_ids(share_id):
        content = downloads_content.open_document(stage.deps, person(OLA), share_id, document_id)
        record_delivery(stage.deps, content, 0, content.length)


def codes(refused: pytest.ExceptionInfo[InvalidFields]) -> list[str]:
    return [error.code for error in refused.value.errors]


def test_a_pending_document_is_nowhere_for_a_recipient_and_counts_for_the_account(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    receive(stage, share_id)
    whole = downloads_content.open_archive(stage.deps, person(OLA), share_id)
    document_id = pending(stage, share_id)
    with pytest.raises(NotFound):
        downloads_content.open_document(stage.deps, person(OLA), share_id, document_id)
    assert [one.name for one in offers.open_share(stage.deps, person(OLA), share_id).documents] == ["vedtak.pdf"]
    again = downloads_content.open_archive(stage.deps, person(OLA), share_id)
    assert (again.etag, again.length) == (whole.etag, whole.length)
    view = shown(stage, share_id)
    [waiting] = view.pending_documents
    assert (waiting.id, waiting.name, waiting.complete, waiting.inspected) == (document_id, "vedlegg.pdf", True, True)
    assert [one.name for one in view.documents] == ["vedtak.pdf"]
    assert view.recipients[0].progress is Progress.SENT
    with stage.deps.database.read() as tx:
        assert tx.accounts.stored_bytes(stage.byggesak.id) == len(b"innhold") + len(NEW)
        assert tx.outbox.has_downloaded(view.recipients[0].id)
    assert stage.deps.damage.is_empty


def test_an_upload_that_broke_goes_on_beside_the_share(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    send(stage, announce(stage, share_id), NEW[:5])
    assert shown(stage, share_id).pending_documents[0].offset == 5
    ticket = announce(stage, share_id)
    assert ticket.offset == 5
    assert send(stage, ticket, NEW[5:], offset=5) == len(NEW)
    [waiting] = shown(stage, share_id).pending_documents
    assert waiting.complete


def test_a_document_comes_beside_the_share_in_pieces_and_empty(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    ticket = announce(stage, share_id)
    piece = concatenation.create_partial(stage.deps, ticket.token, length=len(NEW), start=0)
    part = append.begin_append(stage.deps, ticket.token, piece.id, offset=0, announced=len(NEW))
    part.write([NEW])
    part.finish()
    concatenation.join_partials(stage.deps, ticket.token, [piece.id])
    append.create_upload(stage.deps, announce(stage, share_id, "tom.txt", length=0).token, length=0)
    assert [one.complete for one in shown(stage, share_id).pending_documents] == [True, True]


def test_limits_and_quota_are_those_of_a_draft(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    set_rules(stage, stage.byggesak, quota=len(b"innhold") + len(NEW))
    with pytest.raises(InvalidInput, match="quota_exceeded"):
        announce(stage, share_id, length=len(NEW) + 1)
    announce(stage, share_id)
    with pytest.raises(InvalidInput, match="quota_exceeded"):
        announce(stage, share_id, "en_til.pdf", length=1)
    stage.deps = replace(stage.deps, config=replace(stage.deps.config, max_uploads=1))
    with pytest.raises(InvalidInput, match="too_many_uploads"):
        announce(stage, share_id, "en_til.pdf", length=0)
    for name, length in (("", 1), ("a", MAX_LENGTH + 1)):
        with pytest.raises((InvalidInput, TooLarge), match=r"file_name_missing|document_too_large"):
            announce(stage, share_id, name, length=length)


@pytest.mark.parametrize("state", ["draft", "withdrawn", "ended", "stopped", "closed"])
def test_nothing_is_added_beside_a_share_that_takes_nothing(stage: Stage, state: str) -> None:
    share_id = stage.draft().id if state == "draft" else stage.publish(OLA)
    error: type[Exception] = Conflict
    ticket = announce(stage, share_id) if state not in {"draft"} else None
    match state:
        case "withdrawn":
            publishing.withdraw_share(stage.deps, person(KARI), share_id)
        case "ended":
            stage.clock.advance(days=10)
        case "stopped":
            set_share_freeze(stage.deps, share_id, None, FreezeReason.SECURITY)
            error = Frozen
        case "closed":
            set_account(stage, stage.byggesak, closed_at=stage.clock.now())
            error = InvalidInput
    with pytest.raises(error):
        announce(stage, share_id, "en_til.pdf")
    if state in {"withdrawn", "ended", "stopped"}:
        with pytest.raises((Conflict, Frozen, NotFound)):
            send(stage, existing(ticket))


def test_strangers_and_readers_add_nothing_and_take_nothing_back(stage: Stage) -> None:
    integrate(stage, rights=IntegrationRights.READ)
    share_id = stage.publish(OLA)
    document_id = pending(stage, share_id)
    for stranger in (VIGDIS, OLA):
        with pytest.raises(NotFound):
            announce(stage, share_id, who=stranger)
        with pytest.raises(NotFound):
            additions.take_back(stage.deps, person(stranger), share_id, document_id)
    with pytest.raises(RightMissing):
        additions.take_back(stage.deps, SYSTEM, share_id, document_id)
    with pytest.raises(NotFound):
        additions.take_back(stage.deps, person(KARI), share_id, stage.document_ids(share_id)[0])
    with pytest.raises(NotFound):
        changes.remove_document(stage.deps, person(KARI), share_id, document_id)


def test_a_pending_document_is_taken_back_and_leaves_nothing(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    before = names(stage.deps.blobs, stage.folder)
    for take_back in (_by_page, _by_token):
        take_back(stage, share_id)
        run_all(stage.deps)
        assert shown(stage, share_id).pending_documents == ()
        assert names(stage.deps.blobs, stage.folder) == before
    with stage.deps.database.read() as tx:
        assert tx.accounts.stored_bytes(stage.byggesak.id) == len(b"innhold")
        assert tx.shares.removed_documents([share_id]) == []
    assert kinds(stage, share_id, ADDED, TAKEN_BACK, EventKind.DOCUMENT_REMOVED) == [TAKEN_BACK, TAKEN_BACK]


def _by_page(stage: Stage, share_id: str) -> None:
    additions.take_back(stage.deps, person(KARI), share_id, pending(stage, share_id))


def _by_token(stage: Stage, share_id: str) -> None:
    ticket = announce(stage, share_id)
    send(stage, ticket, NEW[:5])
    append.terminate_upload(stage.deps, ticket.token, ticket.upload_id)


@pytest.mark.parametrize("end", ["withdrawn", "ended"])
def test_a_pending_document_goes_with_its_share(stage: Stage, end: str) -> None:
    before = names(stage.deps.blobs, stage.folder)
    share_id = stage.publish(OLA)
    document_id = pending(stage, share_id)
    send(stage, announce(stage, share_id, "halv.pdf"), NEW[:5])
    if end == "withdrawn":
        publishing.withdraw_share(stage.deps, person(KARI), share_id)
    else:
        stage.clock.advance(days=10)
    assert shown(stage, share_id).pending_documents == ()
    with pytest.raises(Conflict, match="share_over"):
        add(stage, share_id, document_id)
    run_all(stage.deps)
    assert names(stage.deps.blobs, stage.folder) == before
    with stage.deps.database.read() as tx:
        assert tx.accounts.stored_bytes(stage.byggesak.id) == 0
        assert tx.additions.pending([share_id]) == []
        assert tx.additions.document(document_id) is None


def test_what_nobody_adds_within_a_week_is_deleted_with_its_proposal(stage: Stage) -> None:
    share_id = stage.publish(OLA, expires_at=stage.clock.now() + timedelta(days=30))
    set_rules(stage, stage.byggesak, four_eyes=True)
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    add(stage, share_id, pending(stage, share_id))
    stage.clock.advance(days=7)
    assert additions.drop_stale_additions(stage.deps) == 0
    stage.clock.advance(seconds=1)
    later = pending(stage, share_id, "senere.pdf")
    add(stage, share_id, *[one.id for one in shown(stage, share_id).pending_documents])
    assert additions.drop_stale_additions(stage.deps) == 1
    view = shown(stage, share_id)
    assert ([one.id for one in view.pending_documents], view.change) == ([later], None)
    assert kinds(stage, share_id, TAKEN_BACK, RETURNED) == [TAKEN_BACK, RETURNED]


@pytest.mark.parametrize("first", ["added", "taken back", "damaged"])
def test_an_addition_decided_meanwhile_is_not_dropped(stage: Stage, first: str) -> None:
    share_id = stage.publish(OLA, expires_at=stage.clock.now() + timedelta(days=30))
    document_id = pending(stage, share_id)
    stage.clock.advance(days=8)
    meanwhile: dict[str, Callable[[], object]] = {
        "added": lambda: add(stage, share_id, document_id),
        "taken back": lambda: additions.take_back(stage.deps, person(KARI), share_id, document_id),
        "damaged": lambda: do_as_owner(stage.database_url, "UPDATE share SET confidential = NOT confidential"),
    }
    slow = FaultyDatabase(stage.deps.database, before=[meanwhile[first]])
    assert additions.drop_stale_additions(replace(stage.deps, database=slow)) == 0


def test_an_undone_share_has_the_pending_documents_in_its_draft(stage: Stage) -> None:
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=2))
    share_id = stage.publish(OLA)
    document_id = pending(stage, share_id)
    half = announce(stage, share_id, "halv.pdf")
    publishing.undo_publication(stage.deps, person(KARI), share_id)
    send(stage, half)
    view = shown(stage, share_id)
    assert view.share.state is ShareState.DRAFT
    assert [one.name for one in view.documents] == ["vedtak.pdf", "vedlegg.pdf", "halv.pdf"]
    assert document_id in stage.document_ids(share_id)
    assert stage.deps.damage.is_empty


def test_added_documents_are_offered_at_once_and_a_recipient_who_had_all_has_some_left(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    receive(stage, share_id)
    old = downloads_content.open_archive(stage.deps, person(OLA), share_id)
    first, second = pending(stage, share_id), pending(stage, share_id, "kart.pdf")
    running = downloads_content.open_document(stage.deps, person(OLA), share_id, stage.document_ids(share_id)[0])
    assert not add(stage, share_id, first, second)
    assert not add(stage, share_id, first, second), "a second time changes nothing"
    assert stage.document_ids(share_id)[1:] == [first, second]
    for document_id in (first, second):
        content = downloads_content.open_document(stage.deps, person(OLA), share_id, document_id)
        assert b"".join(map(bytes, downloads_content.read_content(stage.deps, content, 0, content.length))) == NEW
    new = downloads_content.open_archive(stage.deps, person(OLA), share_id)
    assert (new.etag != old.etag, len(new.sources.ids())) == (True, 3)
    assert [downloads_content.may_send_on(stage.deps, one) for one in (running, old)] == [True, True]
    view = shown(stage, share_id)
    assert (view.pending_documents, view.recipients[0].progress, view.recipients[0].sent) == ((), Progress.STARTED, 1)
    with stage.deps.database.read() as tx:
        assert not tx.outbox.has_downloaded(view.recipients[0].id)
        assert tx.accounts.stored_bytes(stage.byggesak.id) == len(b"innhold") + 2 * len(NEW)
    assert kinds(stage, share_id, ADDED) == [ADDED, ADDED]
    assert stage.deps.damage.is_empty


def test_an_incomplete_or_uninspected_document_is_not_added(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    half = announce(stage, share_id)
    with pytest.raises(InvalidFields) as refused:
        add(stage, share_id, half.document_id)
    assert codes(refused) == ["files_unfinished"]
    send(stage, half)
    with pytest.raises(InvalidFields) as refused:
        add(stage, share_id, half.document_id)
    assert codes(refused) == ["files_unscanned"]
    inspect_documents(stage.deps)
    set_rules(stage, stage.byggesak, quota=1)
    with pytest.raises(InvalidFields) as refused:
        add(stage, share_id, half.document_id)
    assert codes(refused) == ["quota_exceeded"]
    set_account(stage, stage.byggesak, closed_at=stage.clock.now())
    with pytest.raises(InvalidInput, match="account_closed"):
        add(stage, share_id, half.document_id)
    assert stage.document_ids(share_id) != [half.document_id]


def test_a_document_of_another_share_and_an_unknown_one_are_not_added(stage: Stage) -> None:
    share_id, other = stage.publish(OLA), stage.publish(SIV)
    own, foreign = pending(stage, share_id), pending(stage, other)
    for wrong in (foreign, "0" * 32):
        with pytest.raises(NotFound):
            add(stage, share_id, own, wrong)
    assert len(shown(stage, share_id).pending_documents) == 1


def test_malware_and_an_older_inspection_stop_an_addition(stage: Stage) -> None:
    scanner = MemoryScanner(NOON)
    stage.deps = replace(stage.deps, scanner=scanner)
    share_id = stage.publish(OLA)
    scanner.verdict = Verdict.INFECTED
    infected = pending(stage, share_id)
    with pytest.raises(InvalidFields) as refused:
        add(stage, share_id, infected)
    assert codes(refused) == ["files_infected"]


def test_a_scan_that_runs_meanwhile_does_not_take_the_document_out_again(stage: Stage) -> None:
    scanner = MemoryScanner(NOON)
    stage.deps = replace(stage.deps, scanner=scanner)
    share_id = stage.publish(OLA)
    document_id = pending(stage, share_id)
    stage.clock.advance(hours=25)
    scanner.signatures_at = stage.clock.now()
    meanwhile = [lambda: None, lambda: bool(add(stage, share_id, document_id))]
    slow = FaultyDatabase(stage.deps.database, before=meanwhile)
    assert inspect_documents(replace(stage.deps, database=slow)) == 2
    assert document_id in stage.document_ids(share_id)
    assert stage.deps.damage.is_empty


def test_a_share_stays_exposed_to_its_system_until_somebody_else_adds(stage: Stage) -> None:
    integration = integrate(stage)
    share_id = stage.publish(OLA)
    with recording(stage.deps.database) as tx:
        tx.shares.save(replace(existing(tx.shares.lock(share_id)), exposed_to=integration.id))
    additions.add_document(stage.deps, SYSTEM, share_id, name="a.pdf", length=1, modified_at=None)
    assert shown(stage, share_id).share.exposed_to == integration.id
    announce(stage, share_id)
    assert shown(stage, share_id).share.exposed_to is None


def test_nothing_is_read_back_found_or_ended_by_the_id_of_a_pending_document(stage: Stage) -> None:
    integrate(stage)
    share_id = stage.publish(OLA)
    document_id = pending(stage, share_id)
    with pytest.raises(NotFound):
        downloads_content.open_own_document(stage.deps, SYSTEM, document_id)
    with pytest.raises(NotFound):
        stored_documents.show_document(stage.deps, SYSTEM, document_id)
    with pytest.raises(NotFound):
        stored_documents.delete_document(stage.deps, SYSTEM, stage.byggesak.id, document_id)
    assert shown(stage, share_id).share.state is ShareState.AVAILABLE


@pytest.mark.parametrize("first", ["withdrawn", "taken back"])
def test_of_two_at_once_one_wins(stage: Stage, first: str) -> None:
    """The other commits between the request and its transaction."""
    share_id = stage.publish(OLA)
    document_id = pending(stage, share_id)
    other: Callable[[], None] = {
        "withdrawn": lambda: publishing.withdraw_share(stage.deps, person(KARI), share_id),
        "taken back": lambda: additions.take_back(stage.deps, person(KARI), share_id, document_id),
    }[first]
    slow = replace(stage.deps, database=FaultyDatabase(stage.deps.database, before=[other]))
    with pytest.raises((Conflict, NotFound)):
        changes.change_share(slow, person(KARI), share_id, Change(documents=(document_id,)))
    assert kinds(stage, share_id, ADDED) == []


@pytest.fixture
def watched(stage: Stage) -> str:
    """A share for Ola from Byggesak, which requires four eyes; Odd is a member too."""
    share_id = stage.publish(OLA)
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    set_rules(stage, stage.byggesak, four_eyes=True)
    return share_id


def approve(stage: Stage, share_id: str, who: str = ODD) -> None:
    proposal = existing(shown(stage, share_id).proposal)
    changes.approve_change(stage.deps, person(who), share_id, seen=proposal.seen)


def test_another_member_approves_exactly_the_proposed_documents(stage: Stage, watched: str) -> None:
    proposed = pending(stage, watched)
    assert add(stage, watched, proposed)
    later = pending(stage, watched, "senere.pdf")
    assert existing(shown(stage, watched).change).documents == (proposed,)
    assert len(stage.document_ids(watched)) == 1
    with pytest.raises(Conflict, match="own_proposal"):
        approve(stage, watched, KARI)
    approve(stage, watched)
    view = shown(stage, watched)
    assert [one.id for one in view.documents][1:] == [proposed]
    assert [one.id for one in view.pending_documents] == [later]
    assert kinds(stage, watched, ADDED) == [ADDED]


def test_another_manifest_than_the_proposed_one_is_not_approved(stage: Stage, watched: str) -> None:
    proposed = pending(stage, watched)
    add(stage, watched, proposed)
    with stage.deps.database.write() as tx:
        document = existing(tx.additions.document(proposed))
        tx.shares.save_document(document.complete(b"another", stage.clock.now()))
    with pytest.raises(Conflict, match="proposal_changed"):
        approve(stage, watched)
    assert stage.deps.damage.take() == [DamagedRow("document", proposed)]


def test_a_proposal_ends_when_one_of_its_documents_is_taken_back(stage: Stage, watched: str) -> None:
    first, second = pending(stage, watched), pending(stage, watched, "kart.pdf")
    add(stage, watched, first)
    additions.take_back(stage.deps, person(KARI), watched, second)
    assert shown(stage, watched).change is not None
    additions.take_back(stage.deps, person(KARI), watched, first)
    assert shown(stage, watched).change is None
    assert kinds(stage, watched, RETURNED) == [RETURNED]


def test_a_held_document_is_released_before_it_is_added(stage: Stage, watched: str) -> None:
    scanner = MemoryScanner(NOON, verdict=Verdict.ENCRYPTED)
    stage.deps = replace(stage.deps, scanner=scanner, config=replace(stage.deps.config, scan_policy=HELD))
    document_id = pending(stage, watched)
    held_documents.release_document(stage.deps, person(ODD), watched, document_id)
    add(stage, watched, document_id)
    approve(stage, watched)
    [_, added] = shown(stage, watched).documents
    assert existing(added.finding).release is not None
