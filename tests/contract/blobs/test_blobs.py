"""The blob stores' contract, and what the directory promises beyond it."""

import os
import stat
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deldokument.adapters.blobs.directory import ABANDONED_AFTER, DirectoryBlobStore
from deldokument.adapters.blobs.s3 import S3BlobStore
from deldokument.domain.errors import Broken, Conflict, StorageFull, Unavailable
from deldokument.ports.blobs import BlobStore
from tests.fakes.blobs import MemoryBlobStore
from tests.support.deployment.process_limits import files_no_longer_than

NAME = "ab" + "0" * 30
OTHER = "cd" + "1" * 30


@pytest.fixture(params=["directory", "memory", "s3", pytest.param("ceph", marks=pytest.mark.large)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param in ("s3", "ceph"):
        return S3BlobStore(request.getfixturevalue(f"{request.param}_place"))
    return DirectoryBlobStore(tmp_path / "blobs") if request.param == "directory" else MemoryBlobStore()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def directory(root: Path) -> DirectoryBlobStore:
    return DirectoryBlobStore(root)


def put(store: BlobStore, name: str, content: bytes) -> None:
    writer = store.create(name)
    writer.write(content)
    writer.commit()


def names(store: BlobStore) -> set[str]:
    return {blob.name for blob in store.list()}


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_an_object_written_in_pieces_is_read_whole(store: BlobStore) -> None:
    content = os.urandom(3 << 20)
    writer = store.create(NAME)
    for piece in (content[:7], bytearray(content[7 : 2 << 20]), memoryview(content)[2 << 20 :]):
        writer.write(piece)
    writer.commit()
    assert store.read(NAME, 0, len(content)) == content


@pytest.mark.parametrize("expected", [1, 1000, 5 << 20])
def test_an_object_has_the_written_length_and_not_the_expected_one(store: BlobStore, expected: int) -> None:
    writer = store.create(NAME, expected)
    writer.write(bytes(1000))
    writer.commit()
    [blob] = store.list()
    assert (blob.size, store.read(NAME, 0, 1000)) == (1000, bytes(1000))


def test_any_range_is_read_exactly(store: BlobStore) -> None:
    put(store, NAME, b"0123456789")
    assert [store.read(NAME, *span) for span in ((0, 1), (3, 7), (9, 10), (4, 4))] == [b"0", b"3456", b"9", b""]


def test_an_empty_object_is_an_object(store: BlobStore) -> None:
    put(store, NAME, b"")
    assert (names(store), store.read(NAME, 0, 0)) == ({NAME}, b"")


@pytest.mark.parametrize("stop", [0, 1])
def test_a_missing_object_is_broken(store: BlobStore, stop: int) -> None:
    with pytest.raises(Broken):
        store.read(NAME, 0, stop)


@pytest.mark.parametrize(("start", "stop"), [(0, 4), (2, 5), (3, 4), (90, 91)])
def test_an_object_shorter_than_asked_for_is_broken(store: BlobStore, start: int, stop: int) -> None:
    put(store, NAME, b"abc")
    with pytest.raises(Broken):
        store.read(NAME, start, stop)


@pytest.mark.parametrize(("start", "stop"), [(2, 1), (-1, 1)])
def test_a_range_turned_round_is_refused(store: BlobStore, start: int, stop: int) -> None:
    put(store, NAME, b"abc")
    with pytest.raises(ValueError, match="range"):
        store.read(NAME, start, stop)


def test_nothing_is_seen_before_commit(store: BlobStore) -> None:
    writer = store.create(NAME)
    writer.write(b"secret")
    assert names(store) == set()
    with pytest.raises(Broken):
        store.read(NAME, 0, 1)
    writer.abort()


def test_an_aborted_object_leaves_nothing_and_its_name_free(store: BlobStore) -> None:
    writer = store.create(NAME)
    writer.write(b"first")
    writer.abort()
    writer.abort()
    assert names(store) == set()
    put(store, NAME, b"second")
    assert store.read(NAME, 0, 6) == b"second"


def test_abort_after_commit_does_nothing(store: BlobStore) -> None:
    writer = store.create(NAME)
    writer.write(b"kept")
    writer.commit()
    writer.abort()
    assert store.read(NAME, 0, 4) == b"kept"


def test_a_writer_that_is_done_takes_no_more(store: BlobStore) -> None:
    writer = store.create(NAME)
    writer.commit()
    with pytest.raises(ValueError, match="committed"):
        writer.write(b"late")
    with pytest.raises(ValueError, match="committed"):
        writer.commit()


def test_a_name_is_used_once(store: BlobStore) -> None:
    put(store, NAME, b"first")
    with pytest.raises(Conflict):
        put(store, NAME, b"other")
    assert store.read(NAME, 0, 5) == b"first"


@pytest.mark.parametrize("name", ["", "ab", "AB" + "0" * 30, "ab" + "0" * 31, "../" + "0" * 29, NAME + "\n", "é" * 32])
def test_only_names_of_32_hex_digits_are_names(store: BlobStore, name: str) -> None:
    for refused in (lambda: store.create(name), lambda: store.read(name, 0, 1), lambda: store.delete([name])):
        with pytest.raises(ValueError, match="name"):
            refused()


def test_deleted_objects_are_gone_and_others_stay(store: BlobStore) -> None:
    put(store, NAME, b"a")
    put(store, OTHER, b"b")
    store.delete([NAME, "ef" * 16])
    store.delete([NAME])
    assert names(store) == {OTHER}


def test_the_list_has_size_and_time(store: BlobStore) -> None:
    put(store, NAME, b"12345")
    (blob,) = store.list()
    assert (blob.name, blob.size) == (NAME, 5)
    assert abs(datetime.now(UTC) - blob.modified_at) < timedelta(minutes=1)


def test_objects_may_be_deleted_while_they_are_listed(store: BlobStore) -> None:
    for number in range(40):
        put(store, f"{number % 4:02x}{number:030x}", b"x")
    for blob in store.list():
        store.delete([blob.name])
    assert names(store) == set()


def test_the_shelves_of_a_store_make_its_whole(store: BlobStore) -> None:
    created = {f"{number:02x}{'0' * 30}" for number in (0, 1, 127, 255)} | {f"7f{'1' * 30}"}
    for name in created:
        put(store, name, b"x")
    shelves = {shelf: {blob.name for blob in store.list(shelf)} for shelf in (0, 1, 2, 127, 255)}
    assert {shelf: len(found) for shelf, found in shelves.items()} == {0: 1, 1: 1, 2: 0, 127: 2, 255: 1}
    assert set().union(*shelves.values()) == names(store) == created


def test_an_unclaimed_store_belongs_to_nobody(store: BlobStore) -> None:
    assert store.deployment_id() is None


def test_a_claimed_store_cannot_be_claimed_by_another(store: BlobStore) -> None:
    store.claim("ours")
    store.claim("ours")
    with pytest.raises(Conflict):
        store.claim("theirs")
    assert (store.deployment_id(), names(store)) == ("ours", set())


def test_a_store_opened_again_has_its_objects_and_owner(directory: DirectoryBlobStore, root: Path) -> None:
    directory.claim("ours")
    put(directory, NAME, b"kept")
    again = DirectoryBlobStore(root, durable=False)
    assert (again.deployment_id(), again.read(NAME, 0, 4)) == ("ours", b"kept")


def test_files_are_for_their_owner_alone(directory: DirectoryBlobStore, root: Path) -> None:
    directory.claim("ours")
    put(directory, NAME, b"x")
    modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (root, *root.rglob("*"))}
    assert modes == {0}


def test_a_full_disk_is_reported_and_leaves_nothing(directory: DirectoryBlobStore, root: Path) -> None:
    writer = directory.create(NAME)
    writer.write(bytes(1000))
    with files_no_longer_than(4096), pytest.raises(StorageFull):
        writer.write(bytes(1 << 20))
    assert files(root) == []
    writer.abort()
    put(directory, NAME, b"there is room again")


def test_the_expected_length_is_reserved_or_the_disk_is_full_at_once(directory: DirectoryBlobStore, root: Path) -> None:
    with files_no_longer_than(4096), pytest.raises(StorageFull):
        directory.create(NAME, 1 << 20)
    assert files(root) == []
    writer = directory.create(NAME, 1 << 20)
    [under_way] = files(root)
    assert under_way.stat().st_blocks * 512 >= 1 << 20
    writer.abort()


def test_a_broken_store_is_unavailable_not_full(directory: DirectoryBlobStore, root: Path) -> None:
    (root / NAME[:2]).rmdir()
    for attempt in (lambda: directory.create(NAME), lambda: list(directory.list())):
        with pytest.raises(Unavailable):
            attempt()


def test_an_object_that_cannot_get_its_name_is_gone(directory: DirectoryBlobStore, root: Path) -> None:
    writer = directory.create(NAME)
    writer.write(b"x")
    (root / NAME[:2] / NAME).mkdir()
    with pytest.raises(Unavailable):
        writer.commit()
    assert files(root) == []


def test_two_writers_never_share_a_name(directory: DirectoryBlobStore) -> None:
    first = directory.create(NAME)
    with pytest.raises(Conflict):
        directory.create(NAME)
    first.write(b"first")
    first.commit()
    assert directory.read(NAME, 0, 5) == b"first"


def test_what_a_killed_writer_left_is_listed_once_abandoned_and_then_deleted(
    directory: DirectoryBlobStore, root: Path
) -> None:
    (root / NAME[:2] / f"{NAME}.part").write_bytes(b"torn")
    assert names(directory) == set()
    long_ago = time.time() - ABANDONED_AFTER.total_seconds() - 1
    os.utime(root / NAME[:2] / f"{NAME}.part", (long_ago, long_ago))
    assert names(directory) == {NAME}
    directory.delete([NAME])
    assert files(root) == []


def test_files_of_others_are_neither_listed_nor_touched(directory: DirectoryBlobStore, root: Path) -> None:
    stray = root / "ab" / "README"
    stray.write_text("not ours")
    assert names(directory) == set()
    assert stray.exists()


def open_below(folder: Path) -> list[str]:
    """Return what this process has open in the folder. Other files of the test run come and go."""
    opened = []
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            opened.append(str(one.readlink()))
    return [path for path in opened if path.startswith(str(folder))]


def test_no_descriptor_is_left_open(directory: DirectoryBlobStore, root: Path) -> None:
    put(directory, NAME, b"x")
    directory.create(OTHER).abort()
    directory.read(NAME, 0, 1)
    with pytest.raises(Conflict):
        directory.create(NAME)
    directory.delete([NAME])
    list(directory.list())
    assert open_below(root) == []
