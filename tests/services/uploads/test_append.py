"""Taking bytes: at the offset, up to the length, acknowledged when durable, and nothing left of what was not."""

import hashlib
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deldokument.crypto.stream import CAPACITY, FULL_PART_PLAINTEXT, ciphertext_length
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import (
    Broken,
    ChecksumMismatch,
    Conflict,
    InvalidFields,
    NotFound,
    StorageFull,
    TooLarge,
    Unavailable,
    existing,
)
from deldokument.domain.shares.upload import UPLOAD_LIFETIME
from deldokument.ports.dependencies import Dependencies
from deldokument.services.maintenance import retention
from deldokument.services.maintenance.orphans import ORPHAN_AGE
from deldokument.services.rate_limit import forget_allowances
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.upload_tickets import UploadTicket
from deldokument.services.shares.published import publishing
from deldokument.services.uploads import append as uploads_append
from deldokument.services.uploads.append import Append, Checksum
from deldokument.services.uploads.part_writer import FEED
from tests.support.bulk.orphan_sweep import sweep_all
from tests.support.faults.faulty_ports import Crash, FaultyDatabase, SmallBlobStore
from tests.support.stage.stage import KARI, OLA, Stage, person, run_all
from tests.support.stored_data import names


def announce(stage: Stage, length: int, share_id: str | None = None) -> UploadTicket:
    share_id = share_id or stage.draft().id
    return drafts.add_document(stage.deps, person(KARI), share_id, name="a.bin", length=length, modified_at=None)


def begin(deps: Dependencies, ticket: UploadTicket, offset: int = 0, checksum: Checksum | None = None) -> Append:
    return uploads_append.begin_append(
        deps, ticket.token, ticket.upload_id, offset=offset, announced=None, checksum=checksum
    )


def feed(append: Append, content: bytes) -> None:
    for start in range(0, len(content), FEED):
        append.write([content[start : start + FEED]])


def feed_and_finish(append: Append, content: bytes) -> int:
    feed(append, content)
    return append.finish()


def send(deps: Dependencies, ticket: UploadTicket, content: bytes, offset: int = 0) -> int:
    return feed_and_finish(begin(deps, ticket, offset), content)


def offset_of(stage: Stage, ticket: UploadTicket) -> int:
    return uploads_append.find_upload(stage.deps, ticket.token, ticket.upload_id).offset


def blobs(stage: Stage) -> set[str]:
    return names(stage.deps.blobs, stage.folder)


def parts(stage: Stage, ticket: UploadTicket) -> list[str]:
    with stage.deps.database.read() as tx:
        return [part.id for part in tx.uploads.parts(ticket.upload_id)]


def is_complete(stage: Stage, ticket: UploadTicket) -> bool:
    with stage.deps.database.read() as tx:
        document = tx.shares.document(ticket.document_id)
    return document is not None and document.is_complete


def test_bytes_move_the_offset_and_the_last_one_completes_the_document(stage: Stage) -> None:
    ticket = announce(stage, 10)
    assert send(stage.deps, ticket, b"12345") == 5
    assert not is_complete(stage, ticket)
    assert send(stage.deps, ticket, b"67890", 5) == 10
    assert is_complete(stage, ticket)


def test_a_complete_document_gets_no_second_manifest(stage: Stage) -> None:
    ticket = announce(stage, 3)
    with stage.deps.database.read() as tx:
        upload = existing(tx.uploads.get(ticket.upload_id))
    send(stage.deps, ticket, b"abc")
    with stage.deps.database.write() as tx:
        share = existing(tx.shares.lock(existing(tx.shares.document(ticket.document_id)).share_id))
        with pytest.raises(Conflict, match="upload_finished"):
            uploads_append.complete(stage.deps, tx, share, upload)


@pytest.mark.parametrize("offset", [0, 4, 6, 10, 2**62])
def test_bytes_at_a_wrong_offset_are_refused_and_change_nothing(stage: Stage, offset: int) -> None:
    ticket = announce(stage, 10)
    send(stage.deps, ticket, b"12345")
    before = blobs(stage)
    with pytest.raises(Conflict) as caught:
        begin(stage.deps, ticket, offset)
    assert (caught.value.code, caught.value.params) == ("upload_offset", {"expected": 5})
    assert (offset_of(stage, ticket), blobs(stage)) == (5, before)


def test_a_finished_upload_takes_nothing_more(stage: Stage) -> None:
    ticket = announce(stage, 3)
    send(stage.deps, ticket, b"abc")
    before = blobs(stage)
    with pytest.raises(Conflict, match="upload_finished"):
        begin(stage.deps, ticket, 3)
    assert blobs(stage) == before


def test_more_bytes_than_announced_are_refused_before_and_while_they_come(stage: Stage) -> None:
    ticket = announce(stage, 3)
    with pytest.raises(TooLarge, match="upload_beyond_length"):
        uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=4)
    append = begin(stage.deps, ticket)
    append.write([b"ab"])
    with pytest.raises(TooLarge, match="upload_beyond_length"):
        append.write([b"cd"])
    append.abandon()
    assert (offset_of(stage, ticket), blobs(stage)) == (0, set())


def test_an_empty_document_is_complete_at_once_and_asking_again_says_the_same(stage: Stage) -> None:
    ticket = announce(stage, 0)
    for _ in range(2):
        assert uploads_append.create_upload(stage.deps, ticket.token, length=0).id == ticket.upload_id
        assert is_complete(stage, ticket)
    with stage.deps.database.read() as tx:
        kinds = [event.kind for _, event in tx.audit.events() if event.kind == "document_completed"]
    assert len(kinds) == 1


def test_another_length_than_announced_is_refused(stage: Stage) -> None:
    ticket = announce(stage, 3)
    with pytest.raises(Conflict) as caught:
        uploads_append.create_upload(stage.deps, ticket.token, length=4)
    assert (caught.value.code, caught.value.params) == ("upload_length_differs", {"expected": 3})


def test_a_token_is_good_for_its_own_upload_and_nothing_else(stage: Stage) -> None:
    ticket, other = announce(stage, 3), announce(stage, 3)
    for token, upload_id in (("invented", ticket.upload_id), (ticket.token, other.upload_id), (ticket.token, "x")):
        with pytest.raises(NotFound):
            uploads_append.find_upload(stage.deps, token, upload_id)
        with pytest.raises(NotFound):
            uploads_append.terminate_upload(stage.deps, token, upload_id)
    assert blobs(stage) == set()


def test_a_token_runs_out_after_24_hours(stage: Stage) -> None:
    ticket = announce(stage, 3)
    stage.clock.advance(hours=24, microseconds=-1)
    assert offset_of(stage, ticket) == 0
    stage.clock.instant += timedelta(microseconds=1)
    with pytest.raises(NotFound):
        offset_of(stage, ticket)


def test_an_upload_goes_on_where_it_was_on_the_last_day_of_its_draft(stage: Stage) -> None:
    share = stage.draft()
    ticket = announce(stage, 6, share.id)
    send(stage.deps, ticket, b"abc")
    stage.clock.advance(days=6, hours=23)
    forget_allowances(stage.deps)
    run_all(stage.deps)
    sweep_all(stage.deps)
    again = announce(stage, 6, share.id)
    assert (again.upload_id, again.offset) == (ticket.upload_id, 3)
    assert send(stage.deps, again, b"def", 3) == 6
    stage.clock.advance(days=6, hours=23)
    assert retention.abandon_stale_drafts(stage.deps) == 0


def test_a_request_that_outlives_its_token_acknowledges_no_object_that_the_sweep_has_deleted(stage: Stage) -> None:
    stage.clock.instant = datetime.now(UTC)
    content = os.urandom(FULL_PART_PLAINTEXT + FEED)
    checksum = Checksum("sha256", hashlib.sha256(content).digest())
    ticket = announce(stage, len(content) + 1)
    append = begin(stage.deps, ticket, checksum=checksum)
    feed(append, content)
    # Durable, but with no row until the whole request has come and its checksum fits.
    append.commit()
    stage.clock.advance(hours=25)
    assert sweep_all(stage.deps) == 1
    with pytest.raises(NotFound):
        append.finish()
    assert parts(stage, ticket) == []


def test_an_object_is_never_swept_before_the_token_of_its_upload_has_run_out() -> None:
    assert UPLOAD_LIFETIME <= ORPHAN_AGE


def test_terminating_takes_the_document_out_of_the_draft(stage: Stage) -> None:
    share = stage.draft()
    ticket = announce(stage, 6, share.id)
    send(stage.deps, ticket, b"abc")
    uploads_append.terminate_upload(stage.deps, ticket.token, ticket.upload_id)
    assert stage.document_ids(share.id) == []
    with pytest.raises(NotFound):
        offset_of(stage, ticket)
    assert retention.delete_garbage(stage.deps) == 1
    assert blobs(stage) == set()


@pytest.mark.parametrize("algorithm", uploads_append.CHECKSUMS)
def test_a_request_with_a_matching_checksum_is_taken_whole(stage: Stage, algorithm: str) -> None:
    ticket, content = announce(stage, 300_000), os.urandom(300_000)
    append = begin(stage.deps, ticket, 0, Checksum(algorithm, hashlib.new(algorithm, content).digest()))
    feed(append, content)
    append.commit()
    assert offset_of(stage, ticket) == 0
    assert append.finish() == 300_000


def test_a_request_with_a_wrong_checksum_changes_nothing_however_much_came(stage: Stage) -> None:
    ticket = announce(stage, FULL_PART_PLAINTEXT + 10)
    append = begin(stage.deps, ticket, 0, Checksum("sha256", bytes(32)))
    feed(append, bytes(FULL_PART_PLAINTEXT + 10))
    append.commit()
    with pytest.raises(ChecksumMismatch):
        append.finish()
    append.abandon()
    assert (offset_of(stage, ticket), blobs(stage)) == (0, set())


def test_of_two_requests_at_one_offset_one_wins_and_the_other_leaves_nothing(stage: Stage) -> None:
    ticket = announce(stage, 6)
    first, second = begin(stage.deps, ticket), begin(stage.deps, ticket)
    first.write([b"abc"])
    second.write([b"defghi"])
    assert second.finish() == 6
    with pytest.raises(Conflict) as caught:
        first.finish()
    assert caught.value.code == "upload_offset"
    first.abandon()
    assert blobs(stage) == set(parts(stage, ticket))


def test_sixteen_writers_at_one_offset_give_one_winner(stage: Stage) -> None:
    ticket = announce(stage, 16)
    appends = [begin(stage.deps, ticket) for _ in range(16)]
    outcomes: list[int | str] = []

    def run(append: Append) -> None:
        try:
            append.write([b"x" * 16])
            outcomes.append(append.finish())
        except Conflict as error:
            outcomes.append(error.code)
            append.abandon()

    threads = [threading.Thread(target=run, args=(append,)) for append in appends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [16, *["upload_offset"] * 15]
    assert blobs(stage) == set(parts(stage, ticket))


def test_full_parts_are_acknowledged_while_the_request_still_runs(stage: Stage) -> None:
    ticket = announce(stage, 2 * FULL_PART_PLAINTEXT)
    append = begin(stage.deps, ticket)
    feed(append, bytes(FULL_PART_PLAINTEXT + 1))
    assert append.waiting == 1
    append.commit()
    assert (append.waiting, append.committed) == (0, FULL_PART_PLAINTEXT)
    append.commit()
    append.abandon()
    append.abandon()
    assert offset_of(stage, ticket) == FULL_PART_PLAINTEXT
    assert blobs(stage) == set(parts(stage, ticket))


def test_a_client_that_sends_little_has_no_space_reserved_for_bytes_that_may_never_come(stage: Stage) -> None:
    store = SmallBlobStore(stage.deps.blobs, 3 * FULL_PART_PLAINTEXT)
    append = begin(replace(stage.deps, blobs=store), announce(stage, 2 * FULL_PART_PLAINTEXT))
    feed(append, bytes(2 * CAPACITY))
    assert store.expected == [0]
    append.abandon()
    append = begin(replace(stage.deps, blobs=store), announce(stage, 2 * FULL_PART_PLAINTEXT - 1))
    feed(append, bytes(FULL_PART_PLAINTEXT + FEED))
    # Nor is it for a part that will not be a whole one.
    assert store.expected == [0, ciphertext_length(FULL_PART_PLAINTEXT), 0]
    append.abandon()


def test_nothing_is_left_of_a_request_that_is_abandoned(stage: Stage) -> None:
    ticket = announce(stage, 2 * FULL_PART_PLAINTEXT)
    append = begin(stage.deps, ticket)
    feed(append, bytes(FULL_PART_PLAINTEXT + 300_000))
    append.abandon()
    assert (offset_of(stage, ticket), blobs(stage)) == (0, set())


def test_a_member_that_is_removed_gets_no_further_byte_in(stage: Stage) -> None:
    ticket = announce(stage, 2 * FULL_PART_PLAINTEXT)
    append = begin(stage.deps, ticket)
    feed(append, bytes(FULL_PART_PLAINTEXT + 1))
    append.commit()
    stage.remove("kari")
    with pytest.raises(NotFound):
        append.finish()
    append.abandon()
    assert blobs(stage) == set(parts(stage, ticket))
    with pytest.raises(NotFound):
        begin(stage.deps, ticket, FULL_PART_PLAINTEXT)


def test_a_draft_that_is_over_takes_no_byte(stage: Stage) -> None:
    share = stage.draft()
    ticket = announce(stage, 6, share.id)
    append = begin(stage.deps, ticket)
    append.write([b"abcdef"])
    drafts.discard_draft(stage.deps, person(KARI), share.id)
    with pytest.raises(Conflict, match="not_a_draft"):
        append.finish()
    with pytest.raises(Conflict, match="not_a_draft"):
        begin(stage.deps, ticket)
    append.abandon()
    assert blobs(stage) == set()


def test_a_share_is_not_published_while_one_of_its_files_is_being_uploaded(stage: Stage) -> None:
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    stage.upload(share.id, "done.txt", b"done")
    ticket = announce(stage, 6, share.id)
    append = begin(stage.deps, ticket)
    append.write([b"abc"])
    with pytest.raises(InvalidFields) as caught:
        publishing.publish_share(stage.deps, person(KARI), share.id)
    assert [(e.field, e.code) for e in caught.value.errors] == [("documents", "files_unfinished")]
    append.write([b"def"])
    assert append.finish() == 6
    publishing.publish_share(stage.deps, person(KARI), share.id)


def test_an_upload_of_a_document_that_is_removed_meanwhile_ends(stage: Stage) -> None:
    share = stage.draft()
    ticket = announce(stage, 6, share.id)
    append = begin(stage.deps, ticket)
    append.write([b"abcdef"])
    drafts.remove_document(stage.deps, person(KARI), share.id, ticket.document_id)
    with pytest.raises((Conflict, NotFound)):
        append.finish()
    assert blobs(stage) == set()


@pytest.mark.parametrize("at_commit", [True, False])
def test_a_full_disk_loses_nothing_that_was_acknowledged_and_leaves_nothing_else(stage: Stage, at_commit: bool) -> None:
    store = SmallBlobStore(stage.deps.blobs, FULL_PART_PLAINTEXT + 2 * FEED, at_commit)
    deps = replace(stage.deps, blobs=store)
    ticket = announce(stage, 4 * FULL_PART_PLAINTEXT)
    append = begin(deps, ticket)
    feed(append, bytes(FULL_PART_PLAINTEXT + 1))
    append.commit()
    with pytest.raises(StorageFull):
        feed_and_finish(append, bytes(2 * FULL_PART_PLAINTEXT))
    append.abandon()
    assert store.open == 0
    assert offset_of(stage, ticket) == FULL_PART_PLAINTEXT
    assert blobs(stage) == set(parts(stage, ticket))
    store.free = 2**40
    assert send(deps, ticket, bytes(FULL_PART_PLAINTEXT), FULL_PART_PLAINTEXT) == 2 * FULL_PART_PLAINTEXT


def test_of_parts_with_no_space_for_one_those_before_it_are_kept_and_none_after_it(
    stage: Stage,
) -> None:
    store = SmallBlobStore(stage.deps.blobs, 2**40, full_at=frozenset({2}))
    ticket = announce(stage, 4 * FULL_PART_PLAINTEXT)
    append = begin(replace(stage.deps, blobs=store), ticket)
    feed(append, bytes(2 * FULL_PART_PLAINTEXT + 1))
    with pytest.raises(StorageFull):
        append.commit()
    feed(append, bytes(FULL_PART_PLAINTEXT))
    append.commit()
    append.abandon()
    assert (append.committed, store.open) == (FULL_PART_PLAINTEXT, 0)
    assert offset_of(stage, ticket) == FULL_PART_PLAINTEXT
    assert blobs(stage) == set(parts(stage, ticket))


def test_an_upload_that_is_ended_twice_at_once_is_recorded_once(stage: Stage) -> None:
    ticket = announce(stage, 10)

    def end(deps: Dependencies) -> None:
        uploads_append.terminate_upload(deps, ticket.token, ticket.upload_id)

    database = FaultyDatabase(stage.deps.database, before=[lambda: end(stage.deps)])
    with pytest.raises(NotFound):
        end(replace(stage.deps, database=database))
    with stage.deps.database.read() as tx:
        kinds = [event.kind for _, event in tx.audit.events()]
    assert kinds.count(EventKind.DOCUMENT_REMOVED) == 1


def test_of_two_writers_the_slower_gets_the_offset_of_the_quicker(stage: Stage) -> None:
    ticket = announce(stage, 10)
    slower = begin(stage.deps, ticket)
    assert send(stage.deps, ticket, b"12345") == 5
    with pytest.raises(Conflict) as caught:
        feed_and_finish(slower, b"123")
    assert (caught.value.code, caught.value.params) == ("upload_offset", {"expected": 5})


def test_a_commit_with_a_lost_answer_keeps_its_bytes(stage: Stage) -> None:
    database = FaultyDatabase(stage.deps.database)
    ticket = announce(stage, 10)
    append = begin(replace(stage.deps, database=database), ticket)
    append.write([b"12345"])
    database.lost = True
    with pytest.raises(Unavailable):
        append.finish()
    append.abandon()
    assert offset_of(stage, ticket) == 5
    assert blobs(stage) == set(parts(stage, ticket)) != set()
    send(stage.deps, ticket, b"67890", 5)
    assert is_complete(stage, ticket)


def test_a_crash_between_object_and_row_leaves_an_orphan_for_the_sweep_and_the_offset_where_it_was(
    stage: Stage,
) -> None:
    database = FaultyDatabase(stage.deps.database, fail=Crash())
    ticket = announce(stage, 10)
    append = begin(replace(stage.deps, database=database), ticket)
    append.write([b"12345"])
    with pytest.raises(Crash):
        append.finish()
    assert (offset_of(stage, ticket), len(blobs(stage))) == (0, 1)
    assert send(stage.deps, ticket, b"1234567890") == 10
    stage.clock.advance(days=400)
    assert sweep_all(stage.deps) == 1
    assert blobs(stage) == set(parts(stage, ticket))


def test_bytes_lost_in_transit_are_never_acknowledged_with_those_behind_them(stage: Stage) -> None:
    ticket = announce(stage, 2 * FULL_PART_PLAINTEXT + 5)
    append = begin(stage.deps, ticket)
    feed(append, bytes(2 * FULL_PART_PLAINTEXT))
    append._parts.sealed.popleft()
    with pytest.raises(Broken):
        append.commit()
    assert offset_of(stage, ticket) == 0


def test_an_empty_request_moves_nothing(stage: Stage) -> None:
    ticket = announce(stage, 10)
    append = begin(stage.deps, ticket)
    append.write([])
    assert append.finish() == 0
    assert blobs(stage) == set()


def test_an_empty_document_completed_by_two_at_once_is_completed_once(stage: Stage) -> None:
    ticket = announce(stage, 0)
    first = FaultyDatabase(
        stage.deps.database, before=[lambda: uploads_append.create_upload(stage.deps, ticket.token, length=0)]
    )
    uploads_append.create_upload(replace(stage.deps, database=first), ticket.token, length=0)
    assert is_complete(stage, ticket)


def test_an_empty_document_removed_meanwhile_is_not_completed(stage: Stage) -> None:
    share = stage.draft()
    ticket = announce(stage, 0, share.id)
    removed = FaultyDatabase(
        stage.deps.database,
        before=[lambda: drafts.remove_document(stage.deps, person(KARI), share.id, ticket.document_id)],
    )
    with pytest.raises(NotFound):
        uploads_append.create_upload(replace(stage.deps, database=removed), ticket.token, length=0)
