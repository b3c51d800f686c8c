"""Inspection: once for each complete document, honest, and nothing stops it for the others."""

import hashlib
import zlib
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.manifest import open_inspection, open_manifest
from deldokument.domain.errors import Unavailable, existing
from deldokument.domain.shares.share import Verdict
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.inspection import documents
from deldokument.services.shares.drafts import drafts
from deldokument.worker import loops
from tests.fakes.keyring import MemoryKeyring
from tests.support.faults.faulty_ports import FaultyDatabase
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, OLA, Stage, person


class Silent(MemoryKeyring):
    """A keyring that does not answer."""

    def get(self, _entry_ids: Collection[str]) -> dict[str, bytes]:
        raise Unavailable("keyring")


def no_answer() -> None:
    """A database that does not answer."""
    raise Unavailable("database")


def spoil(stage: Stage, document_id: str) -> None:
    """Give the document a manifest that opens for nobody."""
    with stage.deps.database.write() as tx:
        document = existing(tx.shares.document(document_id))
        tx.shares.save_document(document.complete(bytes(100), stage.clock.now()))


def test_every_document_is_read_once(stage: Stage) -> None:
    share = stage.draft()
    stage.upload(share.id, "a.txt", b"a")
    stage.upload(share.id, "b.txt", b"")
    drafts.add_document(stage.deps, person(KARI), share.id, name="c", length=1, modified_at=None)
    assert inspect_documents(stage.deps) == 2
    assert inspect_documents(stage.deps) == 0


def test_a_round_does_no_more_than_it_was_asked_for(stage: Stage) -> None:
    share = stage.draft()
    for name in "abc":
        stage.upload(share.id, name, b"x")
    assert [inspect_documents(stage.deps, limit=2) for _ in range(3)] == [2, 1, 0]


def test_the_record_describes_the_bytes(stage: Stage) -> None:
    content = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(3_000_000)
    share_id = stage.publish(OLA, content=content)
    [document_id] = stage.document_ids(share_id)
    with stage.deps.database.read() as tx:
        document = existing(tx.shares.document(document_id))
    share_key = existing_key(stage.deps.keyring, share_key_id(share_id))
    manifest = open_manifest(share_key, bytes.fromhex(document_id), document.sealed_manifest)
    found = open_inspection(share_key, manifest, document.sealed_inspection)
    assert found.sha256 == hashlib.sha256(content).digest()
    assert found.crc32 == zlib.crc32(content)
    assert found.media_type == "image/png"
    assert found.verdict == Verdict.NOT_SCANNED


def test_what_a_discarded_draft_holds_is_not_inspected_even_when_it_was_under_way(stage: Stage) -> None:
    share = stage.draft()
    document_id = stage.upload(share.id, "a.txt", b"a")
    discarded = FaultyDatabase(
        stage.deps.database, before=[lambda: drafts.discard_draft(stage.deps, person(KARI), share.id)]
    )
    assert inspect_documents(replace(stage.deps, database=discarded)) == 0
    with stage.deps.database.read() as tx:
        document = tx.shares.document(document_id)
    assert document is not None
    assert document.inspected_at is None


def test_a_document_with_a_changed_manifest_stays_shut_and_holds_back_no_other(stage: Stage) -> None:
    share = stage.draft()
    broken, _ = (stage.upload(share.id, name, b"innhold") for name in ("a.txt", "b.txt"))
    spoil(stage, broken)
    with pytest.raises(IntegrityError):
        inspect_documents(stage.deps)
    with stage.deps.database.read() as tx:
        assert [d.inspected_at is not None for d in tx.shares.documents([share.id])] == [False, True]


def test_documents_that_can_never_be_inspected_hold_up_no_other(stage: Stage) -> None:
    share = stage.draft()
    for number in range(3):
        spoil(stage, stage.upload(share.id, f"{number}.txt", b"innhold"))
    stage.upload(share.id, "whole.txt", b"innhold")
    # A database gives them in any order.
    done = failures = 0
    for _ in range(4):
        try:
            done += inspect_documents(stage.deps, limit=1)
        except IntegrityError:
            failures += 1
    assert (done, failures) == (1, 3)
    assert inspect_documents(stage.deps) == 0
    stage.clock.advance(minutes=10)
    with pytest.raises(IntegrityError):
        inspect_documents(stage.deps)


def test_what_could_not_be_read_because_something_is_silent_is_inspected_as_soon_as_it_answers(stage: Stage) -> None:
    share = stage.draft()
    stage.upload(share.id, "a.txt", b"a")
    with pytest.raises(Unavailable):
        inspect_documents(replace(stage.deps, keyring=Silent()))
    assert inspect_documents(stage.deps) == 1


def test_a_claim_that_a_silent_database_did_not_release_is_released_when_it_answers(stage: Stage) -> None:
    [inspect] = [loop.round for loop in loops() if loop.name == "inspect"]
    share = stage.draft()
    stage.upload(share.id, "a.txt", b"a")
    # The claim is committed; then neither the record nor the release is.
    silent = FaultyDatabase(stage.deps.database, before=[lambda: None, no_answer, no_answer])
    with pytest.raises(Unavailable):
        inspect(replace(stage.deps, database=silent))
    assert inspect(stage.deps) == 1


def test_a_claim_that_could_not_be_released_for_a_minute_has_lapsed_and_may_be_anothers(stage: Stage) -> None:
    [inspect] = [loop.round for loop in loops() if loop.name == "inspect"]
    share = stage.draft()
    document_id = stage.upload(share.id, "a.txt", b"a")
    silent = FaultyDatabase(stage.deps.database, before=[lambda: None, no_answer, no_answer])
    with pytest.raises(Unavailable):
        inspect(replace(stage.deps, database=silent))
    stage.clock.advance(minutes=1)
    now = stage.clock.now()
    with stage.deps.database.write() as tx:
        assert tx.retention.claim_inspection(document_id, now, now + documents.CLAIM)
    assert inspect(stage.deps) == 0


def test_what_a_worker_is_reading_no_other_reads_and_after_its_death_another_does(stage: Stage) -> None:
    share = stage.draft()
    document_id = stage.upload(share.id, "a.txt", b"a")
    now = stage.clock.now()
    with stage.deps.database.write() as tx:
        assert tx.retention.claim_inspection(document_id, now, now + documents.CLAIM)
    assert inspect_documents(stage.deps) == 0
    stage.clock.advance(minutes=1)
    assert inspect_documents(stage.deps) == 1


def test_of_two_who_find_the_same_document_one_reads_it(stage: Stage) -> None:
    share = stage.draft()
    stage.upload(share.id, "a.txt", b"a")
    done: list[int] = []
    late = FaultyDatabase(stage.deps.database, before=[lambda: done.append(inspect_documents(stage.deps))])
    assert inspect_documents(replace(stage.deps, database=late)) == 0
    assert done == [1]


def test_a_long_document_stays_claimed_while_it_is_read(stage: Stage) -> None:
    share = stage.draft()
    document_id = stage.upload(share.id, "a.bin", bytes(3_000_000))

    class Slow:
        """Half a minute for each step of a megabyte; looks whether the document could be had meanwhile."""

        def __init__(self) -> None:
            self.free = 0

        def now(self) -> datetime:
            stage.clock.advance(seconds=25)
            with stage.deps.database.read() as tx:
                self.free += document_id in [one.id for one in tx.retention.uninspected_documents(stage.clock.now(), 9)]
            return stage.clock.now()

        def skew(self) -> timedelta:
            return timedelta(0)

    slow = Slow()
    assert inspect_documents(replace(stage.deps, clock=slow)) == 1
    # Only before it was claimed: when the list was asked for, and at the claim itself.
    assert slow.free == 2
