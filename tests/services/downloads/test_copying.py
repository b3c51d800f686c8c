"""A copy takes documents along: the same bytes under another key, for one who may, and whole or not at all."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from deldokument.crypto.manifest import InspectionRecord, open_manifest, seal_inspection
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Frozen, InvalidFields, InvalidInput, Unavailable
from deldokument.domain.shares.share import Document, Verdict
from deldokument.domain.shares.upload import CopyFailure, Part, Upload
from deldokument.services.downloads.content import open_document, read_content
from deldokument.services.downloads.copying import make_copies
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.views import DocumentView
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.scans.verdicts import read_record
from deldokument.services.tenants import freezing
from deldokument.services.tenants.freezing import FreezeReason
from deldokument.services.uploads import part_writer
from deldokument.store.engine.integrity import DamagedRow
from tests.support.bulk.orphan_sweep import sweep_all
from tests.support.faults.faulty_ports import Crash, FaultyDatabase
from tests.support.stage.accounts import events_of, set_rules
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import KARI, ODD, OLA, SIV, Stage, person
from tests.support.stored_data import names, put_in_its_place

PART = 2**20
LARGE = os.urandom(3 * PART + 1000)
"""Four parts."""


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a megabyte: four of them are soon copied."""
    monkeypatch.setattr(part_writer, "FULL_PART_PLAINTEXT", PART)


def nothing() -> None:
    """In place of something that happens elsewhere."""


def no_answer() -> None:
    """A database that does not answer."""
    raise Unavailable("database")


def copied(stage: Stage, share_id: str) -> str:
    """A draft that takes the documents along; returns its id."""
    return publishing.copy_share(stage.deps, person(KARI), share_id, with_documents=True).id


def shown(stage: Stage, draft_id: str) -> tuple[DocumentView, ...]:
    return shown_to(stage, KARI, draft_id)


def shown_to(stage: Stage, number: str, draft_id: str) -> tuple[DocumentView, ...]:
    return queries.view_share(stage.deps, person(number), draft_id).documents


def parts_of(stage: Stage, share_id: str) -> list[Part]:
    with stage.deps.database.read() as tx:
        return [
            part
            for upload in tx.uploads.of_documents(stage.document_ids(share_id))
            for part in tx.uploads.parts(upload.id)
        ]


def uploads(stage: Stage, draft_id: str) -> list[Upload]:
    with stage.deps.database.read() as tx:
        return tx.uploads.of_documents([one.id for one in tx.shares.documents([draft_id])])


def with_meanwhile(stage: Stage, *before: Callable[[], object]) -> int:
    """Copy, while these happen elsewhere before each write: the claim, then every part."""
    return make_copies(replace(stage.deps, database=FaultyDatabase(stage.deps.database, before=list(before))))


def publish(stage: Stage, draft_id: str) -> None:
    drafts.save_draft(stage.deps, person(KARI), draft_id, stage.words())
    stage.add_recipients(draft_id)
    publishing.publish_share(stage.deps, person(KARI), draft_id)


def received(stage: Stage, share_id: str) -> list[bytes]:
    """What the recipient gets."""
    inspect_documents(stage.deps)
    contents = [open_document(stage.deps, person(OLA), share_id, one) for one in stage.document_ids(share_id)]
    return [b"".join(map(bytes, read_content(stage.deps, one, 0, one.length))) for one in contents]


def refusal(stage: Stage, draft_id: str) -> str:
    with pytest.raises(InvalidFields) as caught:
        publish(stage, draft_id)
    [error] = caught.value.errors
    return error.code


def failures(stage: Stage, draft_id: str) -> list[CopyFailure | None]:
    return [one.copy_failure for one in shown(stage, draft_id)]


def withdraw(stage: Stage, share_id: str) -> None:
    publishing.withdraw_share(stage.deps, person(KARI), share_id)


def source_of(stage: Stage, share_id: str) -> Document:
    with stage.deps.database.read() as tx:
        return tx.shares.documents([share_id])[0]


def reseal(stage: Stage, share_id: str, **changed: object) -> None:
    """Another inspection record of the share's first document."""
    source, share_key = source_of(stage, share_id), existing_key(stage.deps.keyring, share_key_id(share_id))
    manifest = open_manifest(share_key, bytes.fromhex(source.id), source.sealed_manifest)
    record: InspectionRecord = replace(read_record(share_key, source), **changed)  # type: ignore[arg-type]
    with recording(stage.deps.database) as tx:
        tx.shares.save_document(replace(source, sealed_inspection=seal_inspection(share_key, manifest, record)))


def test_a_copy_with_documents_has_the_same_bytes_under_a_key_of_its_own(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=b"")
    long, source = stage.publish(OLA, content=LARGE), source_of(stage, share_id)
    for original, content, parts in ((share_id, b"", 0), (long, LARGE, 4)):
        draft_id = copied(stage, original)
        [waiting] = shown(stage, draft_id)
        assert (waiting.name, waiting.length, waiting.offset) == ("vedtak.pdf", len(content), 0)
        assert waiting.is_copying
        assert refusal(stage, draft_id) == "files_copying"
        assert make_copies(stage.deps) == 1
        [done] = shown(stage, draft_id)
        assert (done.complete, done.is_copying, done.inspected) == (True, False, False)
        publish(stage, draft_id)
        assert received(stage, draft_id) == [content]
        [upload] = uploads(stage, draft_id)
        with stage.deps.database.read() as tx:
            assert len(tx.uploads.parts(upload.id)) == parts
    assert make_copies(stage.deps) == 0
    withdraw(stage, share_id)
    assert source.id not in stage.document_ids(draft_id)


def test_the_events_of_both_shares_say_that_a_document_was_copied(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    draft_id = copied(stage, share_id)
    make_copies(stage.deps)
    recorded = [(who, event.details) for who, event in stage.trail() if event.kind is EventKind.DOCUMENT_COPIED]
    assert recorded == [(KARI, {"document": source_of(stage, share_id).id, "copy": draft_id})]
    [completed] = [event for event in events_of(stage, draft_id) if event.kind is EventKind.DOCUMENT_COMPLETED]
    assert completed.details == {"document": source_of(stage, draft_id).id, "length": 7, "how": "copied"}


def test_without_the_wish_a_copy_has_no_documents(stage: Stage) -> None:
    draft = publishing.copy_share(stage.deps, person(KARI), stage.publish(OLA))
    assert shown(stage, draft.id) == ()


def kill() -> None:
    """The process is killed here."""
    raise Crash


@pytest.mark.parametrize("parts", [0, 2])
def test_a_worker_killed_midway_leaves_no_orphan_and_another_goes_on_where_it_was(stage: Stage, parts: int) -> None:
    draft_id = copied(stage, stage.publish(OLA, content=LARGE))
    with pytest.raises(Crash):
        with_meanwhile(stage, *[nothing] * (parts + 1), kill)
    [half] = uploads(stage, draft_id)
    assert half.offset == shown(stage, draft_id)[0].offset == parts * PART
    # Its claim lapses.
    assert make_copies(stage.deps) == 0
    stage.clock.advance(minutes=1)
    assert make_copies(stage.deps) == 1
    publish(stage, draft_id)
    assert received(stage, draft_id) == [LARGE]
    stage.clock.instant = max(blob.modified_at for blob in stage.deps.blobs.list()) + timedelta(days=2)
    sweep_all(stage.deps)
    stored = names(stage.deps.blobs, stage.folder)
    with stage.deps.database.read() as tx:
        assert tx.uploads.known_blobs(stored) == stored
    assert len(stored) == 8


def test_an_administrator_who_becomes_a_member_copies_no_documents_of_a_colleague(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    stage.add(SIV, "Siv Strand", stage.byggesak)
    with pytest.raises(Conflict, match="documents_of_another"):
        publishing.copy_share(stage.deps, person(SIV), share_id, with_documents=True)
    assert make_copies(stage.deps) == 0
    assert shown_to(stage, SIV, publishing.copy_share(stage.deps, person(SIV), share_id).id) == ()


def ends(stage: Stage, _share_id: str) -> None:
    """Its period is over."""
    stage.clock.advance(days=11)


def loses_the_document(stage: Stage, share_id: str) -> None:
    """A colleague removes the document from the share."""
    changes.remove_document(stage.deps, person(KARI), share_id, source_of(stage, share_id).id)


def loses_the_sharer(stage: Stage, _share_id: str) -> None:
    """The person who copies leaves the account."""
    stage.remove("kari")


@pytest.mark.parametrize("loss", [withdraw, ends, loses_the_document, loses_the_sharer])
@pytest.mark.parametrize("parts", [-1, 2])
def test_a_document_that_may_not_be_read_any_more_fails_visibly_and_leaves_nothing_half(
    stage: Stage, loss: Callable[[Stage, str], None], parts: int
) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    share_id = stage.publish(OLA, content=LARGE, also=["annet.pdf"])
    draft_id = copied(stage, share_id)
    drafts.remove_document(stage.deps, person(KARI), draft_id, stage.document_ids(draft_id)[1])
    assert with_meanwhile(stage, *[nothing] * (parts + 1), lambda: loss(stage, share_id)) == 1
    [failed] = queries.view_share(stage.deps, person(ODD), draft_id).documents
    state = failed.copy_failure, failed.is_copying, failed.complete, failed.offset
    assert state == (CopyFailure.GONE, False, False, 0)
    [upload] = uploads(stage, draft_id)
    with stage.deps.database.read() as tx:
        assert tx.uploads.parts(upload.id) == []
    assert make_copies(stage.deps) == 0
    if loss is loses_the_sharer:
        return
    drafts.save_draft(stage.deps, person(KARI), draft_id, stage.words())
    with pytest.raises(InvalidFields) as caught:
        publishing.publish_share(stage.deps, person(KARI), draft_id)
    assert "files_unfinished" in {error.code for error in caught.value.errors}
    drafts.remove_document(stage.deps, person(KARI), draft_id, failed.id)
    assert shown_to(stage, ODD, draft_id) == ()


def test_of_two_workers_one_copies_a_document(stage: Stage) -> None:
    draft_id = copied(stage, stage.publish(OLA))
    done: list[int] = []
    assert with_meanwhile(stage, lambda: done.append(make_copies(stage.deps))) == 0
    assert done == [1]
    assert shown(stage, draft_id)[0].complete


def test_two_workers_at_the_same_document_complete_it_once(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=LARGE)
    draft_id, done = copied(stage, share_id), list[int]()

    def claim_lapses() -> None:
        stage.clock.advance(minutes=2)
        done.append(make_copies(stage.deps))

    assert with_meanwhile(stage, nothing, nothing, claim_lapses) == 0
    assert done == [1]
    publish(stage, draft_id)
    assert received(stage, draft_id) == [LARGE]
    for copy_or_source, kind in ((draft_id, "document_completed"), (share_id, "document_copied")):
        assert [event.kind for event in events_of(stage, copy_or_source)].count(EventKind(kind)) == 1


def test_an_empty_document_copied_by_two_at_once_is_completed_once(stage: Stage) -> None:
    draft_id, done = copied(stage, stage.publish(OLA, content=b"")), list[int]()

    def claim_lapses() -> None:
        stage.clock.advance(minutes=2)
        done.append(make_copies(stage.deps))

    assert with_meanwhile(stage, nothing, claim_lapses) == 0
    assert done == [1]
    assert [event.kind for event in events_of(stage, draft_id)].count(EventKind.DOCUMENT_COMPLETED) == 1


def test_a_long_copy_stays_claimed(stage: Stage) -> None:
    draft_id = copied(stage, stage.publish(OLA, content=bytes(3_000_000)))

    class Slow:
        """Some seconds for each step; looks whether the copy could be had meanwhile."""

        def __init__(self) -> None:
            self.free = 0

        def now(self) -> datetime:
            stage.clock.advance(seconds=5)
            with stage.deps.database.read() as tx:
                self.free += len(tx.copies.waiting(stage.clock.now(), 9))
            return stage.clock.now()

        def skew(self) -> timedelta:
            return timedelta(0)

    slow = Slow()
    assert make_copies(replace(stage.deps, clock=slow)) == 1
    # Only before it was claimed: when the list was asked for, and at the claim itself.
    assert slow.free == 2
    assert shown(stage, draft_id)[0].complete


def test_a_copy_is_within_quota_and_limits_or_nothing_of_it_is_stored(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=bytes(1000), also=["annet.pdf"])
    set_rules(stage, stage.byggesak, quota=3999)
    with pytest.raises(InvalidInput, match="quota_exceeded"):
        copied(stage, share_id)
    set_rules(stage, stage.byggesak, quota=4000)
    stage.deps = replace(stage.deps, config=replace(stage.deps.config, max_uploads=1))
    with pytest.raises(InvalidInput, match="too_many_uploads"):
        copied(stage, share_id)
    assert len(queries.list_shares(stage.deps, person(KARI)).shares) == 1
    stage.deps = replace(stage.deps, config=replace(stage.deps.config, max_uploads=2))
    assert len(shown(stage, copied(stage, share_id))) == 2


def test_documents_of_a_share_that_recipients_cannot_open_are_not_taken_along(stage: Stage) -> None:
    withdrawn, frozen, ended, draft = stage.publish(OLA), stage.publish(OLA), stage.publish(OLA), stage.draft().id
    withdraw(stage, withdrawn)
    freezing.set_share_freeze(stage.deps, frozen, None, FreezeReason.SECURITY)
    with pytest.raises(Frozen):
        copied(stage, frozen)
    for share_id in (withdrawn, draft):
        with pytest.raises(Conflict, match="documents_over"):
            copied(stage, share_id)
    stage.clock.advance(days=11)
    with pytest.raises(Conflict, match="documents_over"):
        copied(stage, ended)


def test_a_source_that_is_stopped_for_a_time_or_not_inspected_yet_is_waited_for(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    draft_id = copied(stage, share_id)
    record = source_of(stage, share_id).sealed_inspection
    freezing.set_share_freeze(stage.deps, share_id, None, FreezeReason.SECURITY)
    assert make_copies(stage.deps) == 0
    freezing.set_share_freeze(stage.deps, share_id, None, None)
    with recording(stage.deps.database) as tx:
        tx.shares.save_document(replace(source_of(stage, share_id), sealed_inspection=b""))
    stage.clock.advance(minutes=1)
    assert make_copies(stage.deps) == 0
    with recording(stage.deps.database) as tx:
        tx.shares.save_document(replace(source_of(stage, share_id), sealed_inspection=record))
    stage.clock.advance(minutes=1)
    assert make_copies(stage.deps) == 1
    assert shown(stage, draft_id)[0].complete


def test_a_copy_of_a_source_stopped_for_days_is_completed_while_its_draft_lives(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    draft_id = copied(stage, share_id)
    freezing.set_share_freeze(stage.deps, share_id, None, FreezeReason.SECURITY)
    stage.clock.advance(days=6)
    assert make_copies(stage.deps) == 0
    freezing.set_share_freeze(stage.deps, share_id, None, None)
    stage.clock.advance(minutes=1)
    assert make_copies(stage.deps) == 1
    assert shown(stage, draft_id)[0].complete


@pytest.mark.parametrize(
    ("changed", "failure"),
    [
        ({"verdict": Verdict.INFECTED}, CopyFailure.INFECTED),
        ({"verdict": Verdict.ERROR}, CopyFailure.DAMAGED),
        ({"sha256": bytes(32)}, CopyFailure.DAMAGED),
    ],
)
def test_malware_and_other_bytes_than_the_sharer_uploaded_are_not_copied(
    stage: Stage, changed: dict[str, object], failure: CopyFailure
) -> None:
    share_id = stage.publish(OLA)
    draft_id = copied(stage, share_id)
    reseal(stage, share_id, **changed)
    assert make_copies(stage.deps) == 1
    assert failures(stage, draft_id) == [failure]
    assert names(stage.deps.blobs, stage.folder) == {one.id for one in parts_of(stage, share_id)}


def test_a_source_with_changed_bytes_is_not_copied(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    draft_id = copied(stage, share_id)
    [part] = parts_of(stage, share_id)
    put_in_its_place(stage.deps.blobs, part.id, bytes(100))
    assert make_copies(stage.deps) == 1
    assert failures(stage, draft_id) == [CopyFailure.DAMAGED]


def test_a_writer_of_the_database_cannot_name_another_source(stage: Stage) -> None:
    draft_id, other = copied(stage, stage.publish(OLA)), copied(stage, stage.publish(OLA))
    [mine], [theirs] = uploads(stage, draft_id), uploads(stage, other)
    with stage.deps.database.write() as tx:
        tx.uploads.remove(mine.id, stage.clock.now())
        tx.uploads.add(replace(mine, sealed_source=theirs.sealed_source))
    assert make_copies(stage.deps) == 2
    assert failures(stage, draft_id) == [CopyFailure.DAMAGED]
    assert failures(stage, other) == [None]
    assert stage.deps.damage.take() == [DamagedRow("upload", mine.id)]


def test_nothing_is_copied_by_a_node_with_a_wrong_clock(stage: Stage) -> None:
    copied(stage, stage.publish(OLA))
    stage.clock.off = timedelta(hours=1)
    with pytest.raises(Unavailable, match="clock_untrusted"):
        make_copies(stage.deps)


def test_a_database_that_does_not_answer_delays_one_copy_and_no_other(stage: Stage) -> None:
    draft_id = copied(stage, stage.publish(OLA, also=["annet.pdf"]))
    with pytest.raises(Unavailable):
        with_meanwhile(stage, nothing, no_answer)
    assert sorted(one.complete for one in shown(stage, draft_id)) == [False, True]
    stage.clock.advance(seconds=10)
    assert make_copies(stage.deps) == 1


def test_a_file_of_the_same_name_is_uploaded_beside_the_copy(stage: Stage) -> None:
    draft_id = copied(stage, stage.publish(OLA))
    stage.upload(draft_id, "vedtak.pdf", b"annet ")
    stage.upload(draft_id, "vedtak.pdf", b"annetto")
    make_copies(stage.deps)
    publish(stage, draft_id)
    assert sorted(received(stage, draft_id)) == [b"annet ", b"annetto", b"innhold"]


def test_of_a_draft_that_is_discarded_or_a_document_that_is_removed_meanwhile_nothing_is_left(stage: Stage) -> None:
    for remove in (
        lambda share_id: drafts.discard_draft(stage.deps, person(KARI), share_id),
        lambda share_id: drafts.remove_document(stage.deps, person(KARI), share_id, stage.document_ids(share_id)[0]),
    ):
        share_id = stage.publish(OLA)
        draft_id = copied(stage, share_id)
        with_meanwhile(stage, nothing, lambda one=draft_id, do=remove: do(one))  # type: ignore[misc]
        with stage.deps.database.read() as tx:
            stored = names(stage.deps.blobs, stage.folder)
            assert tx.uploads.known_blobs(stored) == stored
        assert not any(one.complete for one in shown(stage, draft_id))
        assert make_copies(stage.deps) == 0
