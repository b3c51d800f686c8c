"""The blob store that is a bucket of an S3-compatible service, for a deployment of several machines.

Promises that an object stands whole in the store when `commit` returns, and that no name is ever written twice; that a
store that is slow, fails or is cut off is asked again a few times and then told as unavailable, within bounded time;
and that memory grows neither with the store nor with the number of uploads. Deliberately does not know what the bytes
are or to whom they belong. Buckets are made by the operator, never here.

An object is spooled as ciphertext until it is whole (a few in memory, all others in files without a name) and goes with
one PUT that creates or fails. A document's part is no longer than 8 MiB and a little, so there are no multipart
uploads, and none can be left dangling. After the PUT the object's length and last bytes are asked for: the latter are
the tag of its last segment, so an object cut short on its way is never taken for whole. The same question tells our own
object, written by an attempt whose answer was lost, from another's.

Layout: that of the directory store, below the prefix: `deployment-id`, and `<first two digits>/<name>`. Payloads are
not signed, since TLS protects them on their way (a store on this machine may do without); requests always are.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from deldokument.adapters.durable_files import write_all
from deldokument.domain.errors import Broken, Conflict, ServiceError, StorageFull, Unavailable
from deldokument.ports.blobs import Buffer, StoredBlob

if TYPE_CHECKING:
    from obstore import ObjectMeta

IN_MEMORY: Final = 16
"""So many objects under way are spooled in memory, some 8 MiB each; those beyond, in files."""
_PAGE: Final = 1000
_MAX_DETAIL_LENGTH: Final = 200
_TAIL: Final = 16
_DEPLOYMENT_ID: Final = "deployment-id"
_NAME: Final = re.compile(r"[0-9a-f]{32}")
_KEY: Final = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{30})")
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_STATUS: Final = re.compile(r"status code: (\d{3})")
_STORE_FULL: Final = frozenset({"507", "QuotaExceeded", "InsufficientCapacity", "XMinioStorageFull"})
_NOT_FOUND: Final = "404"
_NO_SUCH_RANGE: Final = "416"
_NO_SUCH_OBJECT: Final = "NoSuchKey"
_PASSING: Final = frozenset({"", "408", "429", "500", "502", "503", "504"})
"""What may be otherwise the next time; without a status there was no answer, or only a part of one."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where a bucket is and what opens it. Below ``prefix`` nothing else may keep anything."""

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str = "us-east-1"
    prefix: str = ""
    path_style: bool = True


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a store is waited for. No use of it takes longer than ``retry_for`` and one more try.

    A try is one ``request``; of an object that is written at most three, since it is looked at and may be taken away.
    """

    connect: timedelta = timedelta(seconds=5)
    request: timedelta = timedelta(seconds=30)
    retries: int = 5
    first_pause: timedelta = timedelta(milliseconds=100)
    """Before the first retry; doubled before each further one."""
    retry_for: timedelta = timedelta(seconds=20)


class S3BlobStore:
    """Satisfies `BlobStore` over a bucket that is there. Names other than 32 lower-case hex digits raise ValueError."""

    def __init__(self, place: S3Place, patience: Patience = Patience()) -> None:
        self._bucket = _Bucket(_client(place, patience), patience)
        self._memory = threading.BoundedSemaphore(IN_MEMORY)

    def deployment_id(self) -> str | None:
        """The id that the store was claimed with, or None."""
        try:
            return self._bucket.content(_DEPLOYMENT_ID).decode("ascii").strip()
        except _Missing:
            return None

    def claim(self, deployment_id: str) -> None:
        """Create the id's object; of two claimants the store lets one.

        A store that lets both would take a second cluster's objects for its own: it is refused.
        """
        if self.deployment_id() is None and self._created(deployment_id) and self._created(deployment_id):
            raise Unavailable("blobs", detail="the store does not heed If-None-Match: it would let names be used twice")
        if self.deployment_id() != deployment_id:
            raise Conflict("blob_store_claimed", detail="the bucket and prefix belong to another deployment")

    def _created(self, deployment_id: str) -> bool:
        try:
            self._bucket.put(_DEPLOYMENT_ID, deployment_id.encode("ascii") + b"\n")
        except Conflict:
            return False
        return True

    def create(self, name: str, _expected: int = 0, /) -> S3BlobWriter:
        """Begin an object. Whether the name is free the store says at `commit`; room it sets aside for nobody."""
        return S3BlobWriter(self._bucket, _key(name), self._memory)

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Bytes [start, stop). ValueError when the range is turned round or negative."""
        if not 0 <= start <= stop:
            raise ValueError("a range begins at or after zero and ends no sooner than it begins")
        key = _key(name)
        try:
            data = self._bucket.range(key, start, stop) if start < stop else b""
            end = start + len(data) if data else self._bucket.size(key)
        except _Missing:
            raise Broken(f"blob {name} is missing") from None
        if end < stop:
            raise Broken(f"blob {name} ends at {end}, before {stop}")
        return data

    def delete(self, names: Collection[str]) -> None:
        """Remove objects, 1000 with each request."""
        keys = [_key(name) for name in names]
        if keys:
            self._bucket.delete(keys)

    def list(self, shelf: int | None = None) -> Iterator[StoredBlob]:
        """Every object, page by page. What others keep below the prefix is passed by."""
        for found in self._bucket.objects(None if shelf is None else f"{shelf:02x}"):
            if match := _KEY.fullmatch(found["path"]):
                yield StoredBlob(match.group(2), found["size"], found["last_modified"])


class S3BlobWriter:
    """Satisfies `BlobWriter`; for one thread at a time."""

    def __init__(self, bucket: _Bucket, key: str, memory: threading.BoundedSemaphore) -> None:
        self._bucket = bucket
        self._key = key
        self._memory = memory
        self._spool: IO[bytes] | None = BytesIO() if memory.acquire(blocking=False) else _spool_file()

    def write(self, data: Buffer) -> None:
        """Append all of ``data``. ValueError when the object is committed or gone."""
        spool = self._open_spool()
        try:
            if isinstance(spool, BytesIO):
                spool.write(data)
            else:
                write_all(spool.fileno(), data)
        except OSError as error:
            self.abort()
            raise StorageFull(f"no room to spool a blob: {error.strerror}") from error

    def commit(self) -> None:
        """Put the object and see that it stands whole. What a PUT that failed left all the same, the sweep removes."""
        spool = self._open_spool()
        try:
            self._bucket.put_whole(self._key, _content(spool))
        finally:
            self.abort()

    def abort(self) -> None:
        """Let go of the spool; in the store nothing has been begun."""
        spool, self._spool = self._spool, None
        if spool is None:
            return
        spool.close()
        if isinstance(spool, BytesIO):
            self._memory.release()

    def _open_spool(self) -> IO[bytes]:
        if self._spool is None:
            raise ValueError("the object is committed or gone")
        return self._spool


class _Missing(ServiceError):
    """There is no such object, though there is a bucket."""


class _Passing(Unavailable):
    """Asked again, the store may do it."""


class _Bucket:
    """Requests to the store, each asked again while that may help. All of them may be done twice."""

    def __init__(self, store: S3Store, patience: Patience) -> None:
        self._store = store
        self._patience = patience

    def content(self, key: str) -> bytes:
        """All of a small object."""
        return self._ask(lambda: bytes(obstore.get(self._store, key).bytes()))

    def size(self, key: str) -> int:
        """How long the object is."""
        return self._ask(lambda: obstore.head(self._store, key)["size"])

    def range(self, key: str, start: int, stop: int) -> bytes:
        """Bytes [start, stop), which are not none, as far as there are any."""
        return self._ask(lambda: obstore.get_range(self._store, key, start=start, end=stop).to_bytes())

    def put(self, key: str, content: bytes) -> None:
        """Raises Conflict when there is such an object."""
        self._ask(lambda: self._put(key, content))

    def put_whole(self, key: str, content: bytes) -> None:
        """The same, unless the object is what an earlier attempt wrote; it stands whole when this returns."""
        self._ask(lambda: self._put_whole(key, content))

    def delete(self, keys: Sequence[str]) -> None:
        """Those that do not exist are no error."""
        self._ask(lambda: obstore.delete(self._store, keys))

    def objects(self, folder: str | None) -> Iterator[ObjectMeta]:
        """All, or those of a folder, a request for each page: what is cut goes on from where it was."""
        after: str | None = None
        while page := self._ask(partial(self._page, folder, after)):
            yield from page
            after = page[-1]["path"]
            if len(page) < _PAGE:
                return

    def _page(self, folder: str | None, after: str | None) -> Sequence[ObjectMeta]:
        return next(iter(obstore.list(self._store, folder, offset=after, chunk_size=_PAGE)), ())

    def _put(self, key: str, content: bytes) -> None:
        try:
            obstore.put(self._store, key, content, mode="create", use_multipart=False)
        except AlreadyExistsError:
            raise Conflict("blob_exists", detail=f"blob {key} exists") from None

    def _put_whole(self, key: str, content: bytes) -> None:
        try:
            self._put(key, content)
        except Conflict:
            if not self._is_stored(key, content):
                raise
            return
        if not self._is_stored(key, content):
            obstore.delete(self._store, [key])
            raise _Passing("blobs", detail="the store did not keep all of an object")

    def _is_stored(self, key: str, content: bytes) -> bool:
        """Whether the store has an object of this length that ends so."""
        length, tail = len(content), content[-_TAIL:]
        try:
            with _as_service_errors():
                if not length:
                    return obstore.head(self._store, key)["size"] == 0
                found = obstore.get(self._store, key, options={"range": (length - len(tail), length)})
                return found.meta["size"] == length and bytes(found.bytes()) == tail
        except (_Missing, Broken):
            return False

    def _ask(self, request: Callable[[], _T]) -> _T:
        until = time.monotonic() + self._patience.retry_for.total_seconds()
        pause = self._patience.first_pause.total_seconds()
        for _ in range(self._patience.retries):
            try:
                with _as_service_errors():
                    return request()
            except _Passing:
                drawn = pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
                if time.monotonic() + drawn > until:
                    raise
                time.sleep(drawn)
                pause *= 2
        with _as_service_errors():
            return request()


def _client(place: S3Place, patience: Patience) -> S3Store:
    return S3Store(
        place.bucket,
        prefix=place.prefix or None,
        endpoint=place.endpoint,
        region=place.region,
        access_key_id=place.access_key_id,
        secret_access_key=place.secret_access_key,
        virtual_hosted_style_request=not place.path_style,
        unsigned_payload=True,
        conditional_put="etag",
        client_options={
            "allow_http": place.endpoint.startswith("http:"),
            "connect_timeout": patience.connect,
            "timeout": patience.request,
        },
        # Its own retries leave out bodies that are cut on their way.
        retry_config={"max_retries": 0},
    )


def _key(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("a blob's name is 32 lower-case hex digits")
    return f"{name[:2]}/{name}"


def _spool_file() -> IO[bytes]:
    try:
        return TemporaryFile(buffering=0)
    except OSError as error:
        raise StorageFull(f"no room to spool a blob: {error.strerror}") from error


def _content(spool: IO[bytes]) -> bytes:
    if isinstance(spool, BytesIO):
        return spool.getvalue()
    spool.seek(0)
    return spool.read()


@contextmanager
def _as_service_errors() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise _service_error(str(error)) from error


def _service_error(text: str) -> ServiceError:
    """What a failed request means. Of the store's answer only status and code are told: the rest may quote requests."""
    status = next(iter(_STATUS.findall(text)), "")
    code = next(iter(_CODE.findall(text)), "")
    if code == _NO_SUCH_OBJECT or (status == _NOT_FOUND and not code):
        return _Missing("missing")
    if status == _NO_SUCH_RANGE:
        return Broken("a blob ends before what is asked of it")
    if not _STORE_FULL.isdisjoint({status, code}):
        return StorageFull(f"the store has no room: {status} {code}")
    told = f"{status} {code}".strip() or text.partition("\n")[0][:_MAX_DETAIL_LENGTH]
    kind = _Passing if status in _PASSING else Unavailable
    return kind("blobs", detail=f"the store does not do it: {told}")
