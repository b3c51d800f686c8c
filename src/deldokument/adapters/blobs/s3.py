"""Blob store in a bucket of an S3-compatible service, for a deployment on several machines.

Guarantees:
- When `commit` returns, the object is whole in the store. No name is ever written twice.
- If the store is slow, fails or is unreachable, requests are retried a few times. Then they raise
  Unavailable, within bounded time.
- Memory grows neither with the store nor with the number of uploads.

Does not know what the bytes are or whose they are. Buckets are created by the operator, never here.

An object is spooled as ciphertext until it is whole: a few in memory, all others in unnamed files. It is sent
with one PUT that creates the object or fails. A document's part is little longer than 8 MiB, so there are no
multipart uploads, and none can be left unfinished.

After the PUT, the object's length and last bytes are read back. The last bytes are the tag of its last
segment, so a truncated object is never taken for whole. The same check recognises our own object, written by
an attempt whose response was lost.

Layout: that of the directory store, below the prefix: `deployment-id`, and `<first two digits>/<name>`.
Requests are always signed. Payloads are not, since TLS protects them (a store on this machine may do without
TLS).
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
from deldokument.ports.blobs import Buffer, StoredBlob, is_blob_name

if TYPE_CHECKING:
    from obstore import ObjectMeta

IN_MEMORY: Final = 16
"""Number of objects being written that are spooled in memory, about 8 MiB each; further ones use files."""
_PAGE: Final = 1000
_MAX_DETAIL_LENGTH: Final = 200
_TAIL: Final = 16
_DEPLOYMENT_ID: Final = "deployment-id"
_KEY: Final = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{30})")
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_STATUS: Final = re.compile(r"status code: (\d{3})")
_STORE_FULL: Final = frozenset({"507", "QuotaExceeded", "InsufficientCapacity", "XMinioStorageFull"})
_NOT_FOUND: Final = "404"
_NO_SUCH_RANGE: Final = "416"
_NO_SUCH_OBJECT: Final = "NoSuchKey"
_PASSING: Final = frozenset({"", "408", "429", "500", "502", "503", "504"})
"""Transient errors. An empty status means no response, or only a part of one."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket, and the access key for it. Nothing else may store objects below ``prefix``."""

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str = "us-east-1"
    prefix: str = ""
    path_style: bool = True


@dataclass(frozen=True, slots=True)
class Patience:
    """Time limits and retries. No operation takes longer than ``retry_for`` and one more attempt.

    An attempt takes at most ``request``. A write takes up to three times that, because it reads the object back and may
    delete it.
    """

    connect: timedelta = timedelta(seconds=5)
    request: timedelta = timedelta(seconds=30)
    retries: int = 5
    first_pause: timedelta = timedelta(milliseconds=100)
    """Before the first retry; doubled before each further one."""
    retry_for: timedelta = timedelta(seconds=20)


class S3BlobStore:
    """The port `BlobStore` on an existing bucket. Names other than 32 lower-case hex digits raise ValueError."""

    def __init__(self, place: S3Place, patience: Patience = Patience()) -> None:
        self._bucket = _Bucket(_client(place, patience), patience)
        self._memory = threading.BoundedSemaphore(IN_MEMORY)

    def deployment_id(self) -> str | None:
        """Return the id with which the store was claimed, or None."""
        try:
            return self._bucket.content(_DEPLOYMENT_ID).decode("ascii").strip()
        except _Missing:
            return None

    def claim(self, deployment_id: str) -> None:
        """Create the object with the deployment id; of two claimants the store lets one succeed.

        A store that lets both succeed is refused: it would mix another deployment's objects with ours.

        Raises: Unavailable for such a store; Conflict if it belongs to another deployment.
        """
        if self.deployment_id() is None and self._create_id(deployment_id) and self._create_id(deployment_id):
            raise Unavailable("blobs", detail="the store does not heed If-None-Match: it would let names be used twice")
        if self.deployment_id() != deployment_id:
            raise Conflict("blob_store_claimed", detail="the bucket and prefix belong to another deployment")

    def _create_id(self, deployment_id: str) -> bool:
        try:
            self._bucket.put(_DEPLOYMENT_ID, deployment_id.encode("ascii") + b"\n")
        except Conflict:
            return False
        return True

    def create(self, name: str, _expected: int = 0, /) -> S3BlobWriter:
        """Start an object. `commit` reports whether the name is free; no space is reserved."""
        return S3BlobWriter(self._bucket, _key(name), self._memory)

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Return bytes [start, stop) of an object.

        Raises: ValueError if the range is reversed or negative; Broken if the blob is missing or shorter.
        """
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
        """Yield every object, page by page. Foreign objects below the prefix are skipped."""
        for found in self._bucket.objects(None if shelf is None else f"{shelf:02x}"):
            if match := _KEY.fullmatch(found["path"]):
                yield StoredBlob(match.group(2), found["size"], found["last_modified"])


class S3BlobWriter:
    """The port `BlobWriter`; for one thread at a time."""

    def __init__(self, bucket: _Bucket, key: str, memory: threading.BoundedSemaphore) -> None:
        self._bucket = bucket
        self._key = key
        self._memory = memory
        self._spool: IO[bytes] | None = BytesIO() if memory.acquire(blocking=False) else _spool_file()

    def write(self, data: Buffer) -> None:
        """Append all of ``data``.

        Raises: ValueError if the object is committed or aborted.
        """
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
        """Put the object and check that it is whole. The sweep removes what a failed PUT may have stored."""
        spool = self._open_spool()
        try:
            self._bucket.put_whole(self._key, _content(spool))
        finally:
            self.abort()

    def abort(self) -> None:
        """Discard the spool. Nothing has been sent to the store yet."""
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
    """Error: the bucket exists, but not the object."""


class _Passing(Unavailable):
    """A transient error: a retry may succeed."""


class _Bucket:
    """Requests to the store, retried while that may help. All of them may run twice."""

    def __init__(self, store: S3Store, patience: Patience) -> None:
        self._store = store
        self._patience = patience

    def content(self, key: str) -> bytes:
        """Return the content of a small object."""
        return self._ask(lambda: bytes(obstore.get(self._store, key).bytes()))

    def size(self, key: str) -> int:
        """Return the length of an object."""
        return self._ask(lambda: obstore.head(self._store, key)["size"])

    def range(self, key: str, start: int, stop: int) -> bytes:
        """Return bytes [start, stop) as far as they exist. The range must not be empty."""
        return self._ask(lambda: obstore.get_range(self._store, key, start=start, end=stop).to_bytes())

    def put(self, key: str, content: bytes) -> None:
        """Create an object.

        Raises: Conflict if it exists.
        """
        self._ask(lambda: self._put(key, content))

    def put_whole(self, key: str, content: bytes) -> None:
        """Create an object and check that it is whole. Accepts one that an earlier attempt wrote.

        Raises: Conflict if another object exists.
        """
        self._ask(lambda: self._put_whole(key, content))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; missing ones are no error."""
        self._ask(lambda: obstore.delete(self._store, keys))

    def objects(self, folder: str | None) -> Iterator[ObjectMeta]:
        """Yield all objects, or those of a folder, one request per page. A page that fails is retried by itself."""
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
        """Return whether the store has an object with this length and these last bytes."""
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
        # obstore's own retries do not cover bodies that are cut off.
        retry_config={"max_retries": 0},
    )


def _key(name: str) -> str:
    if not is_blob_name(name):
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
    """Return the error for a failed request.

    Only status and code of the response are included: the rest may quote requests.
    """
    status = next(iter(_STATUS.findall(text)), "")
    code = next(iter(_CODE.findall(text)), "")
    if code == _NO_SUCH_OBJECT or (status == _NOT_FOUND and not code):
        return _Missing("missing")
    if status == _NO_SUCH_RANGE:
        return Broken("a blob ends before what is asked of it")
    if not _STORE_FULL.isdisjoint({status, code}):
        return StorageFull(f"the store has no room: {status} {code}")
    answer = f"{status} {code}".strip() or text.partition("\n")[0][:_MAX_DETAIL_LENGTH]
    kind = _Passing if status in _PASSING else Unavailable
    return kind("blobs", detail=f"the store does not do it: {answer}")
