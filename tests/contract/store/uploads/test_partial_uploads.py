"""Partial uploads are kept as the contract says: their parts move to the whole at once, and none is left behind."""

from dataclasses import replace

import pytest

from deldokument.domain.errors import Broken, NotFound
from deldokument.domain.shares.share import Share, new_id
from deldokument.domain.shares.upload import Part, Upload
from deldokument.store.database import Database
from tests.contract.records import DAY, NOW, append, begin_upload, draft, keep, part_of, settle


@pytest.fixture
def share(database: Database) -> Share:
    settle(database)
    share = draft()
    keep(database, share)
    return share


@pytest.fixture
def whole(database: Database, share: Share) -> Upload:
    return begin_upload(database, share, length=100)


def begin_partial(database: Database, whole: Upload, length: int, start: int | None = None) -> Upload:
    partial = replace(whole, id=new_id(), length=length, token_hash=None, partial_of=whole.id, start=start)
    with database.write() as tx:
        tx.uploads.add(partial)
    return partial


def two_thirds_and_one(database: Database, whole: Upload) -> tuple[list[Upload], list[Part]]:
    """Two partial uploads with all their bytes, and their parts."""
    first, second = begin_partial(database, whole, 70), begin_partial(database, whole, 30)
    parts = append(database, first, 50, 20) + append(database, second, 30)
    return [replace(first, offset=70), replace(second, offset=30)], parts


def join(database: Database, whole: Upload, *partials: Upload) -> None:
    """In that order."""
    placed, position = [], 0
    for partial in partials:
        placed.append(replace(partial, start=position))
        position += partial.length
    with database.write() as tx:
        tx.uploads.join(whole, placed, NOW)


def test_partial_uploads_are_listed_in_the_order_of_their_starts(database: Database, whole: Upload) -> None:
    second, first = begin_partial(database, whole, 30, 70), begin_partial(database, whole, 70, 0)
    with database.read() as tx:
        assert tx.uploads.partials(whole.id) == [first, second]
        assert tx.uploads.partials(first.id) == []
        assert tx.uploads.get(first.id) == first
        assert {one.id for one in tx.uploads.of_documents([whole.document_id])} == {whole.id, first.id, second.id}


def test_a_partial_upload_has_no_token_and_a_whole_one_has(database: Database, whole: Upload) -> None:
    for wrong in (
        replace(whole, id="1", token_hash=None),
        replace(whole, id="2", token_hash=b"own", partial_of=whole.id),
    ):
        with pytest.raises(Broken), database.write() as tx:
            tx.uploads.add(wrong)


def test_the_owner_and_deadline_of_a_renewed_token_hold_for_its_partial_uploads(
    database: Database, whole: Upload
) -> None:
    partial = begin_partial(database, whole, 50)
    with database.write() as tx:
        tx.uploads.renew_token(replace(whole, token_hash=b"new", deadline=NOW + 2 * DAY))
    with database.read() as tx:
        assert tx.uploads.get(partial.id) == replace(partial, deadline=NOW + 2 * DAY)
        assert tx.uploads.by_token(b"new") == replace(whole, token_hash=b"new", deadline=NOW + 2 * DAY)


def test_joining_moves_the_parts_without_copying_any(database: Database, whole: Upload) -> None:
    [first, second], [a, b, c] = two_thirds_and_one(database, whole)
    join(database, whole, second, first)
    with database.read() as tx:
        moved = [replace(c, offset=0), replace(a, offset=30), replace(b, offset=80)]
        assert tx.uploads.parts(whole.id) == [replace(part, upload_id=whole.id) for part in moved]
        assert tx.uploads.get(whole.id) == replace(whole, offset=100)
        assert tx.uploads.partials(whole.id) == [
            replace(second, start=0, finished_at=NOW),
            replace(first, start=30, finished_at=NOW),
        ]
        assert tx.uploads.garbage(10) == []


def test_what_is_not_joined_becomes_garbage(database: Database, whole: Upload) -> None:
    joined, _ = two_thirds_and_one(database, whole)
    stray = begin_partial(database, whole, 30)
    lost = append(database, stray, 30)
    join(database, whole, *joined)
    with database.read() as tx:
        assert tx.uploads.get(stray.id) is None
        assert tx.uploads.garbage(10) == [lost[0].id]


def test_joining_what_lacks_bytes_or_is_anothers_changes_nothing(
    database: Database, share: Share, whole: Upload
) -> None:
    [first, second], parts = two_thirds_and_one(database, whole)
    short = begin_partial(database, whole, 30)
    foreign = begin_partial(database, begin_upload(database, share, length=100), 30)
    append(database, foreign, 30)
    for wrong in (short, foreign, replace(second, id="nothing")):
        with pytest.raises(NotFound):
            join(database, whole, first, wrong)
    with database.read() as tx:
        assert tx.uploads.parts(first.id) + tx.uploads.parts(second.id) == parts
        assert tx.uploads.get(whole.id) == whole


def test_what_is_joined_cannot_be_joined_again_nor_added_to(database: Database, whole: Upload) -> None:
    [first, second], _ = two_thirds_and_one(database, whole)
    join(database, whole, first, second)
    with pytest.raises(NotFound):
        join(database, whole, first, second)
    with database.write() as tx:
        assert not tx.uploads.advance(first.id, 70, 70, [])
        assert not tx.uploads.merge(first.id, [], part_of(first, 0, 70), NOW)


def test_an_upload_with_bytes_of_its_own_takes_no_partial_ones(database: Database, whole: Upload) -> None:
    joined, parts = two_thirds_and_one(database, whole)
    append(database, whole, 1)
    with pytest.raises(NotFound):
        join(database, whole, *joined)
    with database.read() as tx:
        assert tx.uploads.parts(joined[0].id) + tx.uploads.parts(joined[1].id) == parts


def test_discarding_partial_uploads_leaves_the_whole_and_what_is_joined(database: Database, whole: Upload) -> None:
    lost = append(database, begin_partial(database, whole, 70), 60, 10)
    with database.write() as tx:
        tx.uploads.discard_partials(whole.id, NOW)
    with database.read() as tx:
        assert tx.uploads.partials(whole.id) == []
        assert set(tx.uploads.garbage(10)) == {part.id for part in lost}
        assert tx.uploads.get(whole.id) == whole
    joined, _ = two_thirds_and_one(database, whole)
    join(database, whole, *joined)
    with database.write() as tx:
        tx.uploads.discard_partials(whole.id, NOW)
        assert len(tx.uploads.partials(whole.id)) == 2


def test_one_partial_upload_can_be_removed_alone(database: Database, whole: Upload) -> None:
    [first, second], [a, b, _] = two_thirds_and_one(database, whole)
    with database.write() as tx:
        tx.uploads.remove(first.id, NOW)
    with database.read() as tx:
        assert tx.uploads.partials(whole.id) == [second]
        assert set(tx.uploads.garbage(10)) == {a.id, b.id}


@pytest.mark.parametrize("count", [2, 1200])
def test_a_removed_document_takes_its_partial_uploads_with_it(database: Database, whole: Upload, count: int) -> None:
    many = [
        replace(whole, id=f"{n:04}", length=10, token_hash=None, partial_of=whole.id, start=None) for n in range(count)
    ]
    with database.write() as tx:
        for one in many:
            tx.uploads.add(one)
        part = part_of(many[0], 0, 10)
        assert tx.uploads.advance(many[0].id, 0, 10, [part])
        tx.shares.remove_document(whole.document_id, NOW)
    with database.read() as tx:
        assert tx.uploads.partials(whole.id) == []
        assert tx.uploads.garbage(10) == [part.id]
