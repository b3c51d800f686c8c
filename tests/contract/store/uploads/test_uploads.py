"""Uploads, parts and garbage are kept as the contract says: no byte is lost, none is there twice."""

from dataclasses import replace

import pytest

from deldokument.domain.errors import Broken, Conflict, NotFound
from deldokument.domain.shares.share import Share, ShareState
from deldokument.domain.shares.upload import Upload
from deldokument.store.database import Database
from tests.contract.records import (
    ACCOUNT,
    DAY,
    KARI,
    NOW,
    append,
    begin_upload,
    document_of,
    draft,
    keep,
    part_of,
    settle,
    upload_of,
)


@pytest.fixture
def share(database: Database) -> Share:
    settle(database)
    share = draft()
    keep(database, share)
    return share


@pytest.fixture
def upload(database: Database, share: Share) -> Upload:
    return begin_upload(database, share)


def test_an_upload_is_found_by_id_by_token_and_by_document(database: Database, upload: Upload) -> None:
    with database.read() as tx:
        assert tx.uploads.get(upload.id) == upload
        assert tx.uploads.by_token(upload.token_hash) == upload
        assert tx.uploads.of_documents([upload.document_id, "nothing"]) == [upload]
        assert tx.uploads.get("nothing") is None
        assert tx.uploads.by_token(b"nothing") is None
        assert tx.uploads.of_documents([]) == []


def test_an_upload_needs_its_document(database: Database, share: Share) -> None:
    with pytest.raises(Conflict), database.write() as tx:
        tx.uploads.add(upload_of(document_of(share)))


def test_a_renewed_token_replaces_the_old_one(database: Database, upload: Upload) -> None:
    with database.write() as tx:
        tx.uploads.renew_token(replace(upload, token_hash=b"new", deadline=NOW + 2 * DAY))
    with database.read() as tx:
        assert tx.uploads.by_token(upload.token_hash) is None
        assert tx.uploads.by_token(b"new") == replace(upload, token_hash=b"new", deadline=NOW + 2 * DAY)


def test_metadata_are_replaced_and_those_of_no_upload_are_nobodys(database: Database, upload: Upload) -> None:
    with database.write() as tx:
        tx.uploads.save_metadata(upload.id, b"first")
        tx.uploads.save_metadata(upload.id, b"sealed")
        tx.uploads.save_metadata("nothing", b"sealed")
        assert tx.uploads.get(upload.id) == replace(upload, sealed_metadata=b"sealed")


def test_an_unfinished_upload_is_shortened_to_what_it_has(database: Database, upload: Upload) -> None:
    with database.write() as tx:
        tx.uploads.advance(upload.id, 0, 5, [])
        tx.uploads.shorten(upload.id)
        assert tx.uploads.get(upload.id) == replace(upload, offset=5, length=5)
        tx.uploads.finish(upload.id, NOW)
    with pytest.raises(NotFound), database.write() as tx:
        tx.uploads.shorten(upload.id)


def test_changing_an_unknown_upload_is_not_found(database: Database, share: Share) -> None:
    with pytest.raises(NotFound), database.write() as tx:
        tx.uploads.renew_token(upload_of(document_of(share)))
    with pytest.raises(NotFound), database.write() as tx:
        tx.uploads.finish("nothing", NOW)


def test_bytes_are_taken_at_the_offset_alone(database: Database, upload: Upload) -> None:
    first = append(database, upload, 40)
    with database.write() as tx:
        assert not tx.uploads.advance(upload.id, 0, 50, [part_of(upload, 0, 50)])
        assert not tx.uploads.advance(upload.id, 41, 50, [part_of(upload, 41, 9)])
        assert not tx.uploads.advance("nothing", 0, 50, [])
    with database.read() as tx:
        assert tx.uploads.parts(upload.id) == first
        assert tx.uploads.get(upload.id) == replace(upload, offset=40)


def test_several_parts_are_committed_in_one_step_and_listed_by_offset(database: Database, upload: Upload) -> None:
    parts = [part_of(upload, 60, 40), part_of(upload, 0, 60)]
    with database.write() as tx:
        assert tx.uploads.advance(upload.id, 0, 100, parts)
    with database.read() as tx:
        assert tx.uploads.parts(upload.id) == parts[::-1]


def test_no_byte_goes_beyond_the_declared_length(database: Database, upload: Upload) -> None:
    with pytest.raises(Broken), database.write() as tx:
        tx.uploads.advance(upload.id, 0, 101, [])


def test_a_finished_upload_takes_nothing_more(database: Database, upload: Upload) -> None:
    first, second = append(database, upload, 50, 50)
    with database.write() as tx:
        tx.uploads.finish(upload.id, NOW)
        assert not tx.uploads.advance(upload.id, 100, 100, [])
        assert not tx.uploads.merge(upload.id, [first, second], part_of(upload, 0, 100), NOW)
    with database.read() as tx:
        assert tx.uploads.get(upload.id) == replace(upload, offset=100, finished_at=NOW)
        assert tx.uploads.parts(upload.id) == [first, second]


def test_an_upload_with_bytes_missing_cannot_be_finished(database: Database, upload: Upload) -> None:
    with pytest.raises(Broken), database.write() as tx:
        tx.uploads.finish(upload.id, NOW)


def test_a_merged_part_replaces_the_old_ones(database: Database, upload: Upload) -> None:
    first, second, third = append(database, upload, 10, 20, 30)
    merged = part_of(upload, 10, 50)
    with database.write() as tx:
        assert tx.uploads.merge(upload.id, [second, third], merged, NOW)
    with database.read() as tx:
        assert tx.uploads.parts(upload.id) == [first, merged]
        assert set(tx.uploads.garbage(10)) == {second.id, third.id}


def test_a_merge_with_a_missing_part_changes_nothing(database: Database, upload: Upload) -> None:
    first, second = append(database, upload, 10, 20)
    gone = part_of(upload, 30, 5)
    with database.write() as tx:
        assert not tx.uploads.merge(upload.id, [second, gone], part_of(upload, 10, 25), NOW)
        assert not tx.uploads.merge("nothing", [first, second], part_of(upload, 0, 30), NOW)
    with database.read() as tx:
        assert tx.uploads.parts(upload.id) == [first, second]
        assert tx.uploads.garbage(10) == []


def test_what_a_removed_documents_upload_had_becomes_garbage(database: Database, upload: Upload) -> None:
    parts = append(database, upload, 10, 20)
    with database.write() as tx:
        tx.shares.remove_document(upload.document_id, NOW)
    with database.read() as tx:
        assert tx.uploads.get(upload.id) is None
        assert tx.uploads.parts(upload.id) == []
        assert set(tx.uploads.garbage(10)) == {part.id for part in parts}


def test_garbage_is_known_until_it_is_forgotten(database: Database, share: Share, upload: Upload) -> None:
    gone = append(database, upload, *[1] * 60)
    other = begin_upload(database, share)
    kept = append(database, other, 10)
    with database.write() as tx:
        tx.shares.remove_document(upload.document_id, NOW)
        names = {part.id for part in gone + kept}
        assert tx.uploads.known_blobs(names | {f"unknown {n}" for n in range(1500)}) == names
        taken = tx.uploads.garbage(50)
        assert len(taken) == 50
        tx.uploads.forget_garbage(taken)
        tx.uploads.forget_garbage(["unknown"])
        assert tx.uploads.known_blobs(names) == names - set(taken)
        left = tx.uploads.garbage(50)
        assert len(left) == 10
        assert tx.uploads.garbage(8, start=left[4]) == [*left[4:], *left[:2]]
        assert tx.uploads.garbage(3, start=left[4]) == left[4:7]


def test_unfinished_uploads_of_a_sharer_are_counted_up_to_a_bound(database: Database, share: Share) -> None:
    def count(most: int = 10, sharer: str = KARI.id, account: str = ACCOUNT.id) -> int:
        with database.read() as tx:
            return tx.uploads.count_unfinished(account, sharer, most)

    assert count() == 0
    first, second = (begin_upload(database, share, length=10) for _ in range(2))
    finished = begin_upload(database, share, length=0)
    with database.write() as tx:
        tx.uploads.finish(finished.id, NOW)
        tx.uploads.add(replace(first, id="piece", token_hash=None, partial_of=first.id, start=0, length=4))
    assert (count(), count(1), count(sharer="other"), count(account="other")) == (2, 1, 0, 0)
    with database.write() as tx:
        tx.uploads.remove(second.id, NOW)
    assert count() == 1
    with database.write() as tx:
        tx.shares.save(replace(share, state=ShareState.ABANDONED, closed_at=NOW))
    assert count() == 0
