"""The uploads that a worker fills with a copy: found, leased to one, and not after they are finished."""

from dataclasses import replace

import pytest

from deldokument.domain.shares.share import Share, ShareState
from deldokument.domain.shares.upload import CopyFailure, Upload
from deldokument.store.database import Database
from tests.contract.records import DAY, HOUR, NOW, document_of, draft, keep, settle, upload_of


@pytest.fixture
def share(database: Database) -> Share:
    settle(database)
    share = draft()
    keep(database, share)
    return share


def begin(database: Database, share: Share, **changes: object) -> Upload:
    document = document_of(share)
    upload = upload_of(document, **changes)
    with database.write() as tx:
        tx.shares.add_document(document)
        tx.uploads.add(upload)
    return upload


def test_unfinished_copies_of_living_drafts_wait_by_their_deadlines(database: Database, share: Share) -> None:
    begin(database, share)
    begin(database, share, copy_failure=CopyFailure.GONE)
    later = begin(database, share, sealed_source=b"sealed", deadline=NOW + 2 * DAY)
    first = begin(database, share, sealed_source=b"sealed")
    finished = begin(database, share, sealed_source=b"sealed", length=0)
    with database.write() as tx:
        tx.uploads.finish(finished.id, NOW)
    with database.read() as tx:
        assert tx.copies.waiting(NOW, 9) == [first, later]
        assert tx.copies.waiting(NOW, 1) == [first]
    with database.write() as tx:
        tx.shares.lock(share.id)
        tx.shares.save(replace(share, state=ShareState.ABANDONED, closed_at=NOW))
    with database.read() as tx:
        assert tx.copies.waiting(NOW, 9) == []


def test_a_copy_is_leased_to_one_worker_until_the_lease_lapses(database: Database, share: Share) -> None:
    upload = begin(database, share, sealed_source=b"sealed")
    with database.write() as tx:
        assert tx.copies.claim(upload.id, NOW, NOW + HOUR)
        assert not tx.copies.claim(upload.id, NOW, NOW + HOUR)
        assert tx.copies.waiting(NOW, 9) == []
        tx.copies.keep(upload.id, NOW + 2 * HOUR)
        tx.copies.keep("nothing", NOW)
        assert not tx.copies.claim(upload.id, NOW + HOUR, NOW + 2 * HOUR)
        assert tx.copies.claim(upload.id, NOW + 2 * HOUR, NOW + 3 * HOUR)


def test_nothing_is_leased_that_is_not_to_be_copied(database: Database, share: Share) -> None:
    plain, failed = begin(database, share), begin(database, share, copy_failure=CopyFailure.DAMAGED)
    with database.write() as tx:
        for upload in (plain, failed):
            assert not tx.copies.claim(upload.id, NOW, NOW + HOUR)
        assert tx.uploads.get(failed.id) == failed
