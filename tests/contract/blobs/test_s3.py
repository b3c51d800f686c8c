"""What the S3 store promises beyond the contract, with trouble on the way to it: never acknowledged and lost."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import obstore
import pytest

from deldokument.adapters.blobs.s3 import IN_MEMORY, Patience, S3BlobStore, S3Place
from deldokument.domain.errors import Broken, Conflict, ServiceError, StorageFull, Unavailable
from tests.support.deployment.process_limits import files_no_longer_than
from tests.support.faults.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.support.servers.seaweedfs import SeaweedFS, change_bucket, client_of

NAME = "ab" + "0" * 30
KEY = f"ab/{NAME}"
PART = os.urandom(8 << 20)
QUICK = Patience(retries=2, first_pause=timedelta(milliseconds=10))
IMPATIENT = Patience(request=timedelta(seconds=1), retries=1, first_pause=timedelta(milliseconds=10))


@pytest.fixture
def proxy(seaweedfs: SeaweedFS) -> Iterator[FaultProxy]:
    with fault_proxy(seaweedfs.endpoint) as new:
        yield new


@pytest.fixture
def direct(s3_place: S3Place) -> S3BlobStore:
    """The store past all trouble."""
    return S3BlobStore(s3_place)


@pytest.fixture
def store(s3_place: S3Place, proxy: FaultProxy) -> S3BlobStore:
    return S3BlobStore(replace(s3_place, endpoint=proxy.url), QUICK)


def put(store: S3BlobStore, content: bytes, name: str = NAME) -> None:
    writer = store.create(name)
    writer.write(content)
    writer.commit()


def is_stored(store: S3BlobStore, content: bytes = PART) -> bool:
    return store.read(NAME, 0, len(content)) == content


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PUT", times=2, status=500, code="InternalError"),
        Fault("PUT", times=2, status=503, code="SlowDown"),
        Fault("PUT", cut_request_after=1 << 20),
        Fault("PUT", cut_answer_after=-1),
        Fault("PUT", keep_only=1 << 20),
        Fault("GET", times=2, status=503, code="SlowDown"),
        Fault("GET", cut_answer_after=-1),
        Fault("GET", cut_answer_after=7),
    ],
    ids=[
        "500",
        "503",
        "cut on its way",
        "answer lost",
        "kept in part",
        "503 when verified",
        "lost when verified",
        "cut when verified",
    ],
)
def test_an_object_acknowledged_after_a_fault_is_whole(
    store: S3BlobStore, proxy: FaultProxy, direct: S3BlobStore, fault: Fault
) -> None:
    proxy.expect(fault)
    put(store, PART)
    assert is_stored(direct)
    assert not any("upload" in target for _, target in proxy.seen), "nothing can be left dangling"


@pytest.mark.parametrize(
    "fault",
    [Fault("GET", times=2, status=500), Fault("GET", cut_answer_after=-1), Fault("GET", cut_answer_after=100_000)],
    ids=["500", "no answer", "cut in the middle"],
)
def test_a_read_is_asked_again(store: S3BlobStore, proxy: FaultProxy, direct: S3BlobStore, fault: Fault) -> None:
    put(direct, PART)
    proxy.expect(fault)
    assert store.read(NAME, 5, 2_000_005) == PART[5:2_000_005]


def test_a_deletion_is_asked_again(store: S3BlobStore, proxy: FaultProxy, direct: S3BlobStore) -> None:
    put(direct, PART)
    proxy.expect(Fault("POST", status=503, code="SlowDown"))
    proxy.expect(Fault("POST", cut_answer_after=-1))
    store.delete([NAME])
    assert list(direct.list()) == []


def test_a_list_cut_in_the_middle_is_never_taken_for_the_whole(
    store: S3BlobStore, proxy: FaultProxy, direct: S3BlobStore
) -> None:
    for number in range(20):
        put(direct, b"x", f"{number:032x}")
    for fault in (Fault("GET", cut_answer_after=900), Fault("GET", times=2, status=500)):
        proxy.expect(fault)
        assert len(list(store.list())) == 20
    proxy.expect(Fault("GET", times=9, cut_answer_after=900))
    with pytest.raises(Unavailable):
        list(store.list())


def attempts(store: S3BlobStore) -> dict[str, ServiceError]:
    """How each use of a store that cannot be used is refused."""
    found = {}
    for name, attempt in {
        "put": lambda: put(store, PART),
        "read": lambda: store.read(NAME, 0, 1),
        "delete": lambda: store.delete([NAME]),
        "list": lambda: list(store.list()),
        "id": store.deployment_id,
        "claim": lambda: store.claim("ours"),
    }.items():
        with pytest.raises(ServiceError) as caught:
            attempt()
        found[name] = caught.value
    return found


def test_a_store_that_goes_on_failing_is_unavailable_and_keeps_nothing(
    store: S3BlobStore, proxy: FaultProxy, direct: S3BlobStore
) -> None:
    proxy.expect(Fault(times=99, status=500, code="InternalError"))
    for error in attempts(store).values():
        assert (isinstance(error, Unavailable), error.code) == (True, "blobs")
        assert "500 InternalError" in error.detail
    assert list(direct.list()) == []


def test_wrong_credentials_are_unavailable_and_not_in_the_error(s3_place: S3Place) -> None:
    for wrong in (replace(s3_place, secret_access_key="not-this-one"), replace(s3_place, access_key_id="nobody")):
        for error in attempts(S3BlobStore(wrong, QUICK)).values():
            assert isinstance(error, Unavailable)
            assert "403" in error.detail
            assert not any(word in str(error) for word in ("not-this-one", "nobody", "signature"))


def test_a_bucket_that_is_gone_is_unavailable_and_its_objects_are_not_called_missing(seaweedfs: SeaweedFS) -> None:
    place = seaweedfs.place(bucket="soon-to-be-gone")
    change_bucket(place, "PUT")
    put(S3BlobStore(place), b"kept")
    change_bucket(place, "DELETE")
    for error in attempts(S3BlobStore(place, QUICK)).values():
        assert isinstance(error, Unavailable)
        assert "404 NoSuchBucket" in error.detail


def test_a_server_that_is_not_there_is_unavailable(s3_place: S3Place) -> None:
    nowhere = replace(s3_place, endpoint="http://127.0.0.1:9")
    for error in attempts(S3BlobStore(nowhere, replace(QUICK, retries=0))).values():
        assert isinstance(error, Unavailable)


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_store_that_does_not_answer_is_unavailable(s3_place: S3Place, proxy: FaultProxy, method: str) -> None:
    released = threading.Event()
    proxy.expect(Fault(method, times=9, hold=released))
    try:
        with pytest.raises(Unavailable):
            put(S3BlobStore(replace(s3_place, endpoint=proxy.url), IMPATIENT), b"waiting")
    finally:
        released.set()


def test_an_object_that_was_stored_cut_short_is_not_acknowledged_and_goes(
    store: S3BlobStore, proxy: FaultProxy, direct: S3BlobStore
) -> None:
    for kept in (0, 1, len(PART) - 1):
        proxy.expect(Fault("PUT", times=9, keep_only=kept))
        with pytest.raises(Unavailable, match="did not keep all"):
            put(store, PART)
        assert list(direct.list()) == []
        proxy.heal()


def test_an_object_that_was_stored_otherwise_is_not_acknowledged(store: S3BlobStore, direct: S3BlobStore) -> None:
    put(direct, PART)
    with pytest.raises(Conflict):
        put(store, PART[:-1] + bytes([PART[-1] ^ 1]))
    assert is_stored(direct)


def test_an_object_of_unknown_length_is_not_acknowledged(store: S3BlobStore, proxy: FaultProxy) -> None:
    proxy.expect(Fault("GET", times=9, status=503))
    with pytest.raises(Unavailable):
        put(store, PART)


@pytest.mark.parametrize("fault", [Fault("PUT", status=507), Fault("PUT", status=403, code="QuotaExceeded")])
def test_a_store_without_space_is_reported_as_full(store: S3BlobStore, proxy: FaultProxy, fault: Fault) -> None:
    proxy.expect(replace(fault, times=9))
    with pytest.raises(StorageFull):
        put(store, PART)


def test_a_store_that_would_write_a_name_twice_is_not_claimed(store: S3BlobStore, proxy: FaultProxy) -> None:
    proxy.expect(Fault("PUT", times=2, status=200))
    with pytest.raises(Unavailable, match="If-None-Match"):
        store.claim("ours")


def test_of_two_deployments_that_share_a_bucket_by_mistake_one_is_refused(direct: S3BlobStore) -> None:
    refused = []

    def claim(deployment_id: str) -> None:
        try:
            direct.claim(deployment_id)
        except Conflict:
            refused.append(deployment_id)

    threads = [threading.Thread(target=claim, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert direct.deployment_id() not in [None, *refused]


def test_objects_beyond_those_in_memory_are_spooled_in_files_that_have_no_name(
    direct: S3BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_files()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    writers = [direct.create(f"{number:032x}") for number in range(IN_MEMORY + 2)]
    assert open_files() == before + 2
    for number, writer in enumerate(writers):
        writer.write(bytes([number]) * 1000)
        writer.write(bytes([number]) * 7)
    assert list(tmp_path.iterdir()) == []
    for writer in writers:
        writer.commit()
    assert open_files() == before
    for number in range(IN_MEMORY + 2):
        assert direct.read(f"{number:032x}", 0, 1007) == bytes([number]) * 1007
    direct.create("f" * 32).abort()
    assert open_files() == before, "what is done has given its room in memory back"


def open_files() -> int:
    """Of this process, but sockets, which are kept for the next request."""
    targets = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            targets.append(str(descriptor.readlink()))
    return sum(target.startswith("/") for target in targets)


def test_a_full_disk_for_spools_is_reported_and_leaves_nothing(direct: S3BlobStore) -> None:
    filling = [direct.create(f"{number:032x}") for number in range(IN_MEMORY)]
    writer = direct.create(NAME)
    writer.write(bytes(1000))
    with files_no_longer_than(4096), pytest.raises(StorageFull):
        writer.write(bytes(1 << 20))
    with pytest.raises(ValueError, match="gone"):
        writer.commit()
    for other in filling:
        other.abort()
    assert list(direct.list()) == []


def test_thousands_of_objects_are_listed_by_pages_and_deleted_in_bulk(
    store: S3BlobStore, proxy: FaultProxy, s3_place: S3Place
) -> None:
    names = [f"{number % 256:02x}{number:030x}" for number in range(1100)]
    client = client_of(s3_place)
    for name in names:
        obstore.put(client, f"{name[:2]}/{name}", b"x", use_multipart=False)
    obstore.put(client, "ab/README", b"not ours", use_multipart=False)
    obstore.put(client, f"00/{NAME}", b"nor this", use_multipart=False)
    assert sorted(blob.name for blob in store.list()) == sorted(names)
    assert proxy.count("GET") == 2
    store.delete(names)
    assert (list(store.list()), proxy.count("POST")) == ([], 2)
    assert len(list(obstore.list(client).collect())) == 2


def test_two_prefixes_of_a_bucket_are_two_stores(s3_place: S3Place) -> None:
    one, two = (S3BlobStore(replace(s3_place, prefix=f"{s3_place.prefix}/{name}")) for name in ("one", "two"))
    one.claim("ours")
    put(one, b"x")
    assert (two.deployment_id(), list(two.list())) == (None, [])
    with pytest.raises(Broken):
        two.read(NAME, 0, 1)


def test_a_place_does_not_show_what_opens_it(s3_place: S3Place) -> None:
    assert s3_place.secret_access_key not in repr(s3_place)
