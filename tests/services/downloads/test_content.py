"""Bytes on their way out: any range, never before they may, never others than came in, and receipts."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.stream import CAPACITY, FULL_PART_PLAINTEXT
from deldokument.domain.errors import Broken, Gone, NotFound, NotReady, Unavailable
from deldokument.domain.shares.share import Receipt, ReceiptState
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import delivery, part_reader
from deldokument.services.downloads.content import Content
from deldokument.services.downloads.zip_archive import length_of
from deldokument.services.encryption import share_key_id
from deldokument.services.maintenance import retention, share_keys
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from tests.support.faults.faulty_ports import FaultyDatabase, FaultyKeyring
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import FJELL, KARI, OLA, PER, SIV, Stage, person
from tests.support.stored_data import bytes_of, do_as_owner, document_receipts, put_in_its_place

WHOLE = os.urandom(FULL_PART_PLAINTEXT + CAPACITY + 1000)


def read(
    stage: Stage, content: Content, start: int = 0, stop: int | None = None, step: int = part_reader.STEP
) -> bytes:
    stop = content.length if stop is None else stop
    buffers = downloads_content.read_content(stage.deps, content, start, stop, step=step)
    return b"".join(bytes(buffer) for buffer in buffers)


def opened(stage: Stage, share_id: str, reader: str = OLA, place: int = 0) -> Content:
    return downloads_content.open_document(stage.deps, person(reader), share_id, stage.document_ids(share_id)[place])


def receipts(stage: Stage, share_id: str) -> list[Receipt]:
    return document_receipts(stage.deps, share_id)


def downloads(stage: Stage) -> list[dict[str, str | int]]:
    with stage.deps.database.read() as tx:
        return [dict(e.details or {}) for _, e in tx.audit.events() if e.kind == "document_downloaded"]


def published(stage: Stage, files: dict[str, bytes], *recipients: str) -> str:
    """A share with these documents, inspected."""
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, *(recipients or (OLA,)))
    for name, content in files.items():
        stage.upload(share.id, name, content)
    publishing.publish_share(stage.deps, person(KARI), share.id)
    inspect_documents(stage.deps)
    return share.id


def part_ids(stage: Stage, document_id: str) -> list[str]:
    with stage.deps.database.read() as tx:
        [upload] = tx.uploads.of_documents([document_id])
        return [part.id for part in tx.uploads.parts(upload.id)]


def test_every_range_over_every_border_gives_exactly_its_bytes(stage: Stage) -> None:
    content = opened(stage, stage.publish(OLA, content=WHOLE))
    first = CAPACITY - 40
    borders = [0, 1, first - 1, first, first + CAPACITY, FULL_PART_PLAINTEXT - 1, FULL_PART_PLAINTEXT, len(WHOLE)]
    for start, stop in product(borders, borders):
        if start < stop:
            assert read(stage, content, start, stop) == WHOLE[start:stop]
    assert read(stage, content, 5, 5) == b""


def test_no_buffer_is_larger_than_a_step(stage: Stage) -> None:
    content = opened(stage, stage.publish(OLA, content=WHOLE[:300_000]))
    sizes = [len(b) for b in downloads_content.read_content(stage.deps, content, 10, 300_000, step=65_536)]
    assert max(sizes) == 65_536
    assert sum(sizes) == 299_990


def test_a_buffer_that_is_being_sent_is_not_written_over_by_what_is_opened_meanwhile(stage: Stage) -> None:
    # Each document ends in a piece that is gathered, so one step opens small and large pieces.
    share_id = published(stage, {f"{number}.bin": os.urandom(1_100_000) for number in range(4)})
    content = downloads_content.open_archive(stage.deps, person(OLA), share_id)
    whole = read(stage, content)
    buffers = downloads_content.read_content(stage.deps, content, 0, content.length, buffers=part_reader.DoubleBuffer())
    sent, before = bytearray(), memoryview(b"")
    for buffer in buffers:
        sent += before
        before = memoryview(buffer)
    assert bytes(sent + before) == whole


def test_the_validator_is_the_contents_own_for_everybody_and_every_range(stage: Stage) -> None:
    share_id = published(stage, {"a.txt": b"same", "b.txt": b"same"}, OLA, FJELL)
    mine, theirs = opened(stage, share_id), opened(stage, share_id, PER)
    assert mine.etag == theirs.etag == opened(stage, share_id).etag
    assert mine.etag != opened(stage, share_id, place=1).etag
    archives = [downloads_content.open_archive(stage.deps, person(reader), share_id) for reader in (OLA, PER)]
    assert archives[0].etag == archives[1].etag
    assert archives[0].etag not in {mine.etag, opened(stage, share_id, place=1).etag}


def test_a_document_of_another_share_is_not_found_under_this_one(stage: Stage) -> None:
    one, other = stage.publish(OLA), stage.publish(OLA)
    for document_id in (stage.document_ids(other)[0], "0" * 32):
        with pytest.raises(NotFound):
            downloads_content.open_document(stage.deps, person(OLA), one, document_id)
    with pytest.raises(NotFound):
        downloads_content.open_document(stage.deps, person(SIV), one, stage.document_ids(one)[0])


def test_a_document_can_be_downloaded_only_after_its_inspection(stage: Stage) -> None:
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    stage.upload(share.id, "a.txt", b"innhold")
    publishing.publish_share(stage.deps, person(KARI), share.id)
    with pytest.raises(NotReady, match="inspection_running"):
        opened(stage, share.id)
    with pytest.raises(NotReady, match="inspection_running"):
        downloads_content.open_archive(stage.deps, person(OLA), share.id)
    inspect_documents(stage.deps)
    assert read(stage, opened(stage, share.id)) == b"innhold"


def test_a_document_that_failed_its_inspection_is_not_released(stage: Stage) -> None:
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    document_id = stage.upload(share.id, "a.txt", b"innhold")
    [part], blobs = part_ids(stage, document_id), stage.deps.blobs
    sealed = bytes_of(blobs, part)
    put_in_its_place(blobs, part, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    publishing.publish_share(stage.deps, person(KARI), share.id)
    assert inspect_documents(stage.deps) == 1
    put_in_its_place(blobs, part, sealed)
    with pytest.raises(NotReady, match="inspection_refused"):
        opened(stage, share.id)


def flipped(sealed: bytes) -> bytes:
    return sealed[:1000] + bytes([sealed[1000] ^ 1]) + sealed[1001:]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (flipped, IntegrityError),
        (lambda sealed: sealed[:-1], Broken),
        (lambda sealed: b"\x00" * len(sealed), IntegrityError),
        (lambda sealed: sealed[1:] + b"\x00", IntegrityError),
    ],
    ids=["flip", "cut", "zeros", "shift"],
)
def test_stored_bytes_that_were_changed_are_never_released(
    stage: Stage, change: Callable[[bytes], bytes], error: type[Exception]
) -> None:
    share_id = stage.publish(OLA, content=WHOLE[:5000])
    [part], blobs = part_ids(stage, stage.document_ids(share_id)[0]), stage.deps.blobs
    put_in_its_place(blobs, part, change(bytes_of(blobs, part)))
    content = opened(stage, share_id)
    buffers = downloads_content.read_content(stage.deps, content, 0, content.length)
    with pytest.raises(error):
        next(iter(buffers))


def test_objects_that_were_swapped_are_never_released(stage: Stage) -> None:
    share_id = published(stage, {"a": b"A" * 5000, "b": b"B" * 5000})
    one, other = (part_ids(stage, document_id)[0] for document_id in stage.document_ids(share_id))
    blobs = stage.deps.blobs
    first, second = bytes_of(blobs, one), bytes_of(blobs, other)
    put_in_its_place(blobs, one, second)
    put_in_its_place(blobs, other, first)
    for place in (0, 1):
        content = opened(stage, share_id, place=place)
        with pytest.raises(IntegrityError):
            read(stage, content)


def test_a_manifest_of_another_document_opens_nothing(stage: Stage) -> None:
    share_id = published(stage, {"a": b"A" * 5000, "b": b"B" * 5000})
    a, b = stage.document_ids(share_id)
    theirs = f"(SELECT sealed_manifest FROM document WHERE id = '{b}')"
    do_as_owner(stage.database_url, f"UPDATE document SET sealed_manifest = {theirs} WHERE id = '{a}'")
    assert stage.document_ids(share_id) == [b]
    with pytest.raises(NotFound):
        downloads_content.open_document(stage.deps, person(OLA), share_id, a)


def test_a_receipt_counts_the_bytes_that_were_had_and_is_whole_when_they_all_were(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=b"0123456789")
    content = opened(stage, share_id)
    for start, stop, covered, whole in (
        (0, 4, ((0, 4),), False),
        (6, 10, ((0, 4), (6, 10)), False),
        (6, 8, ((0, 4), (6, 10)), False),
        (3, 7, ((0, 10),), True),
        (0, 1, ((0, 10),), True),
    ):
        stage.clock.advance(minutes=1)
        delivery.record_delivery(stage.deps, content, start, stop)
        [receipt] = receipts(stage, share_id)
        assert (receipt.covered, receipt.completed_at is not None) == (covered, whole)
        assert receipt.last_at == stage.clock.now()
    assert [(event["bytes"], event["whole"]) for event in downloads(stage)] == [(4, 0), (4, 1)]


def test_a_reset_completes_no_document_that_may_lie_unread(stage: Stage) -> None:
    share_id = published(stage, {"a.txt": b"a" * 50, "b.txt": b"b" * 50, "empty.txt": b""})
    content = downloads_content.open_archive(stage.deps, person(OLA), share_id)
    delivery.record_delivery(stage.deps, content, 0, content.length - 1, is_clean=False)
    assert [(r.covered, r.state) for r in receipts(stage, share_id)] == [(((0, 49),), ReceiptState.STARTED)] * 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deldokument.services.downloads.delivery.MAX_UNREAD", 1)
        delivery.record_delivery(stage.deps, content, 0, content.length - 1, is_clean=False)
    assert {receipt.state for receipt in receipts(stage, share_id)} == {ReceiptState.SENT}


def test_a_document_is_sent_whole_to_the_persons_own_machine_only_without_a_proxy(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=b"0123456789")
    content = opened(stage, share_id)
    for start, stop, is_direct, is_whole in (
        (0, 5, True, False),
        (5, 10, False, False),
        (0, 9, True, False),
        (0, 10, True, True),
        (0, 10, False, True),
    ):
        delivery.record_delivery(stage.deps, content, start, stop, is_direct=is_direct)
        [receipt] = receipts(stage, share_id)
        assert receipt.is_whole is is_whole


def test_direct_ranges_make_a_whole_document(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=b"0123456789")
    for start in (0, 5):
        delivery.record_delivery(stage.deps, opened(stage, share_id), start, start + 5, is_direct=True)
    [receipt] = receipts(stage, share_id)
    assert receipt.is_whole


def test_a_receipt_tried_again_after_a_lost_commit_is_written_once(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=b"0123456789")
    content, at = opened(stage, share_id), stage.clock.now()
    lost = FaultyDatabase(stage.deps.database, lost=True)
    with pytest.raises(Unavailable):
        delivery.record_delivery(replace(stage.deps, database=lost), content, 0, 10, at)
    stage.clock.advance(seconds=5)
    delivery.record_delivery(stage.deps, content, 0, 4)
    stage.clock.advance(seconds=5)
    delivery.record_delivery(stage.deps, content, 0, 10, at)
    assert [(event["bytes"], event["whole"]) for event in downloads(stage)] == [(10, 1)]
    [receipt] = receipts(stage, share_id)
    assert (receipt.completed_at, receipt.last_at) == (at, at + timedelta(seconds=5))


def test_a_download_in_many_ranges_is_one_event_in_ten_minutes_and_one_when_it_is_whole(stage: Stage) -> None:
    share_id = stage.publish(OLA, PER, content=b"0123456789")
    for reader in (OLA, PER):
        content = opened(stage, share_id, reader)
        for start in range(9):
            delivery.record_delivery(stage.deps, content, start, start + 1)
            stage.clock.advance(seconds=60)
        stage.clock.advance(seconds=60)
        delivery.record_delivery(stage.deps, content, 0, 1)
        delivery.record_delivery(stage.deps, content, 9, 10)
        stage.clock.advance(minutes=10)
        delivery.record_delivery(stage.deps, content, 0, 10)
    recorded = [(event["bytes"], event["whole"]) for event in downloads(stage)]
    assert recorded == [(1, 0), (1, 0), (1, 1), (10, 0)] * 2


def test_each_document_of_an_archive_has_an_event_of_its_own(stage: Stage) -> None:
    share_id = published(stage, {"a.txt": b"a" * 50, "b.txt": b"b" * 50})
    content = downloads_content.open_archive(stage.deps, person(OLA), share_id)
    assert content.archive
    starts, position = [], 0
    for piece, _, _ in content.archive.within(0, content.length):
        if not isinstance(piece, bytes):
            starts.append(position)
        position += length_of(piece)
    for start in [starts[0], starts[0] + 5, starts[1], starts[1] + 5]:
        delivery.record_delivery(stage.deps, content, start, start + 5)
    ids = stage.document_ids(share_id)
    assert [event["document"] for event in downloads(stage)] == ids


def test_a_receipt_of_thousands_of_ranges_stays_small_and_claims_only_what_was_sent(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=b"x" * 100)
    content = opened(stage, share_id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deldokument.services.downloads.delivery.MAX_RANGES", 10)
        for start in range(0, 90, 3):
            delivery.record_delivery(stage.deps, content, start, start + 1 + start % 2)
    [receipt] = receipts(stage, share_id)
    assert receipt.completed_at is None
    assert receipt.covered == tuple((start, start + 2) for start in range(3, 60, 6))
    delivery.record_delivery(stage.deps, content, 0, 100)
    [receipt] = receipts(stage, share_id)
    assert (receipt.covered, receipt.completed_at) == (((0, 100),), stage.clock.now())


def test_asking_without_receiving_leaves_no_receipt(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=b"0123456789")
    content = opened(stage, share_id)
    delivery.record_delivery(stage.deps, content, 0, 0)
    delivery.record_delivery(stage.deps, content, 4, 4)
    assert receipts(stage, share_id) == []
    assert downloads(stage) == []


def test_an_empty_document_is_had_by_who_asks_for_it(stage: Stage) -> None:
    share_id = published(stage, {"empty.txt": b""})
    content = opened(stage, share_id)
    assert (content.length, read(stage, content)) == (0, b"")
    delivery.record_delivery(stage.deps, content, 0, 0)
    [receipt] = receipts(stage, share_id)
    assert receipt.completed_at == stage.clock.now()


def test_an_archive_gives_a_receipt_for_each_document_of_which_bytes_were_had(stage: Stage) -> None:
    share_id = published(stage, {"a.txt": b"a" * 50, "b.txt": b"b" * 50, "empty.txt": b""})
    content = downloads_content.open_archive(stage.deps, person(OLA), share_id)
    assert content.archive
    [(piece, _, _)] = content.archive.within(0, 1)
    head = length_of(piece)
    delivery.record_delivery(stage.deps, content, 0, head)
    assert receipts(stage, share_id) == []
    delivery.record_delivery(stage.deps, content, 0, head + 10)
    [partly] = receipts(stage, share_id)
    assert (partly.covered, partly.completed_at) == (((0, 10),), None)
    delivery.record_delivery(stage.deps, content, 0, content.length)
    assert len(receipts(stage, share_id)) == 3
    assert all(receipt.completed_at for receipt in receipts(stage, share_id))
    assert downloads(stage)[-1] == {"documents": 3, "bytes": 100, "whole": 3, "document": "", "ground": "named"}


def test_who_opens_for_two_recipients_has_a_receipt_for_each_and_the_document_once(stage: Stage) -> None:
    share_id = stage.publish(PER, FJELL, content=b"0123")
    delivery.record_delivery(stage.deps, opened(stage, share_id, PER), 0, 4)
    assert len({receipt.recipient_id for receipt in receipts(stage, share_id)}) == 2
    assert len({receipt.subject_id for receipt in receipts(stage, share_id)}) == 1
    [event] = downloads(stage)
    assert (event["ground"], event["documents"], event["whole"]) == ("named,a0236", 1, 1)


def test_a_share_erased_while_it_was_read_gets_no_receipt(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    content = opened(stage, share_id)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    share_keys.destroy_share_keys(stage.deps)
    stage.clock.advance(days=366)
    assert retention.erase_spent_shares(stage.deps) == 1
    delivery.record_delivery(stage.deps, content, 0, content.length)
    assert downloads(stage) == []


def test_a_share_that_ends_between_decision_and_key_is_gone(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    document_id = stage.document_ids(share_id)[0]

    def end() -> None:
        publishing.withdraw_share(stage.deps, person(KARI), share_id)
        share_keys.destroy_share_keys(stage.deps)

    deps = replace(stage.deps, keyring=FaultyKeyring(stage.deps.keyring, {share_key_id(share_id): end}))
    with pytest.raises(Gone, match="share_withdrawn"):
        downloads_content.open_document(deps, person(OLA), share_id, document_id)


def test_a_key_that_is_lost_is_damage_and_no_answer_about_the_share(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    stage.deps.keyring.destroy([share_key_id(share_id)])
    with pytest.raises(Broken) as caught:
        opened(stage, share_id)
    assert (caught.value.code, caught.value.params) == ("broken", {})


def test_a_share_that_is_withdrawn_while_it_is_read_gives_no_more_once_its_blobs_are_gone(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=WHOLE)
    content = opened(stage, share_id)
    buffers = iter(downloads_content.read_content(stage.deps, content, 0, content.length))
    first = bytes(next(buffers))
    assert first
    assert WHOLE.startswith(first)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    for step in (share_keys.destroy_share_keys, retention.release_blobs, retention.delete_garbage):
        step(stage.deps)
    with pytest.raises(Broken):
        next(buffers)


def test_a_delivery_is_recorded_after_the_manifests_have_been_released(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=WHOLE[:100])
    content = opened(stage, share_id)
    content.sources.close()
    delivery.record_delivery(stage.deps, content, 0, content.length)
    assert [receipt.covered for receipt in receipts(stage, share_id)] == [((0, 100),)]
