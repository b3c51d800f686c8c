"""The body of an upload request, received and passed on to the upload.

Guarantees:
- The socket is read while encrypted bytes are written. With many transfers at once, further bytes wait in the kernel.
- Memory is bounded, for slow and fast clients alike.
- A client that sends less than TRICKLE bytes in a minute is disconnected. Its bytes are kept, unless the request has a
  checksum.
- Only durable bytes are acknowledged.

A thread reads the bytes of a fast client from the socket into the cipher, if the connection lends its socket.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from deldokument.domain.errors import InvalidInput, ServiceError, StorageFull, require
from deldokument.ports.dependencies import Dependencies
from deldokument.server.connections import TRICKLE, pause_reading
from deldokument.server.socket_lending import SocketLease, lease_request_body
from deldokument.server.thread_pool import ContextThreadPool
from deldokument.server.transfer_threads import (
    ThroughputMeter,
    TransferThreads,
    burst,
    crowd,
    wait_for_result,
    wait_for_threads,
)
from deldokument.services.uploads.append import Append, Checksum, begin_append
from deldokument.services.uploads.part_writer import FEED
from deldokument.web.http.requests.bearer import bearer_token

STALL_SECONDS = 60.0
"""A client that sends less than TRICKLE bytes in this time is disconnected."""
_LINGER_SECONDS = 1.0
_GROUP = 4
"""Parts of a fast client in one transaction; a slow client's parts are committed each second."""
_GROUP_SECONDS = 1.0
_MAX_WAITING = 2 * _GROUP
_MAX_PIECES = 256
_IN_A_CROWD = 2**16
"""Bytes that each request may have pending when many transfers run at once."""
MAX_DIGITS = 19
"""Digits of the longest length or offset in a header."""
_feeders = ContextThreadPool(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="feed")
lanes = TransferThreads("upload")
_committers = ContextThreadPool(max_workers=8, thread_name_prefix="commit")
_Result = TypeVar("_Result")


async def receive(
    deps: Dependencies,
    request: Request,
    token: str,
    upload_id: str,
    *,
    offset: int,
    announced: int | None,
    checksum: Checksum | None = None,
) -> int:
    """Append the request's body at ``offset``; return the acknowledged offset.

    Raises: the errors of services.uploads.append, ClientDisconnect, and Stalled.
    """
    append = await run_in_threadpool(
        begin_append, deps, token, upload_id, offset=offset, announced=announced, checksum=checksum
    )
    try:
        return await _Intake(append, request, is_plain=bool(announced), atomic=checksum is not None).run()
    finally:
        await wait_for_result(_in(_feeders, append.abandon))


class Stalled(Exception):
    """The client sent less than TRICKLE bytes in a minute."""


class _Intake:
    """Pipeline of one request's body.

    The event loop reads the socket, one thread encrypts earlier bytes, and another makes finished parts durable.
    """

    def __init__(self, append: Append, request: Request, *, is_plain: bool, atomic: bool) -> None:
        self._append = append
        self._receive = request.receive
        self._scope = request.scope
        # Only a body with a Content-Length is on the socket unencoded.
        self._is_plain = is_plain
        self._atomic = atomic
        self._pieces: list[bytes] = []
        self._pending = 0
        self._feeding: asyncio.Future[None] | asyncio.Future[bool] | None = None
        self._committing: asyncio.Future[None] | None = None
        self._commit_due = time.monotonic()
        self._stalled = False

    async def run(self) -> int:
        """Receive the whole body; return the acknowledged offset.

        If the connection breaks, the bytes that arrived are committed, unless the request has a checksum.
        """
        crowd.join()
        try:
            complete = await self._take_all()
            await self._flush()
            await self._settle()
            if self._atomic and not complete:
                raise self._broken_off()
            offset = await wait_for_result(_in(_feeders, self._append.finish))
        except StorageFull:
            await self._settle(quiet=True)
            # Stored parts are kept, as after a broken connection.
            with suppress(ServiceError):
                await wait_for_result(_in(_committers, self._append.commit))
            raise
        except BaseException:
            await self._settle(quiet=True)
            raise
        finally:
            crowd.leave()
        if not complete:
            raise self._broken_off()
        return offset

    def _broken_off(self) -> Exception:
        return Stalled() if self._stalled else ClientDisconnect()

    async def _take_all(self) -> bool:
        """Read the body; return False if the connection broke or stalled before its end."""
        since, came, pace = time.monotonic(), 0, ThroughputMeter()
        while True:
            if time.monotonic() - since >= STALL_SECONDS:
                if came < TRICKLE:
                    self._stalled = True
                    return False
                since, came = time.monotonic(), 0
            try:
                # Cancelling the server's receive loses no bytes: the next call returns those that arrived in between.
                async with asyncio.timeout(_LINGER_SECONDS):
                    message = await self._receive()
            except TimeoutError:
                # Bytes sent before a pause are encrypted, so that less than a segment stays in memory. Whole parts are
                # committed, so that another connection can resume from there.
                await self._flush()
                continue
            if message["type"] == "http.disconnect":
                return False
            size = len(message.get("body", b""))
            # Popped, so that no reference to it remains while the next message is awaited.
            await self._keep(message.pop("body", b""))
            came += size
            if not message.get("more_body", False):
                return True
            if pace.is_quick(size):
                moved, complete = await self._take_quickly()
                if complete:
                    return True
                came, pace = came + moved, ThroughputMeter()

    async def _keep(self, piece: bytes) -> None:
        # Many small pieces take more memory than their bytes.
        if self._pending + len(piece) > FEED or len(self._pieces) >= _MAX_PIECES:
            await self._flush()
        self._pieces.append(piece)
        self._pending += len(piece)
        if self._pending >= _IN_A_CROWD and not crowd.is_small:
            pause_reading(self._scope)
            await self._flush()
            await self._finish_encryption()

    async def _take_quickly(self) -> tuple[int, bool]:
        """Receive the body in a thread for as long as it comes fast.

        Returns the number of bytes, and whether the body is complete.
        """
        with lanes.enter() as entered:
            lease = lease_request_body(self._scope) if entered and self._is_plain else None
            if lease is None:
                return 0, False
            ahead = len(lease.came) + lease.left
            try:
                await self._keep(lease.came)
                await self._flush()
                quick = True
                while quick and lease.left:
                    await self._finish_encryption()
                    self._feeding = taking = lanes.run(partial(_take_stretch, self._append, lease))
                    await self._finish_encryption()
                    quick = taking.result()
            finally:
                try:
                    await self._wait_for_encryption()
                finally:
                    lease.release()
            return ahead - lease.left, lease.left == 0

    async def _wait_for_encryption(self) -> None:
        """Wait until no thread encrypts. The result of the encryption is not read here."""
        if self._feeding:
            await wait_for_threads([self._feeding])

    async def _flush(self) -> None:
        """Start encrypting the pending pieces when the previous batch is done."""
        await self._finish_encryption()
        if self._pieces:
            self._feeding = _in(_feeders, partial(self._append.write, self._pieces))
            self._pieces, self._pending = [], 0

    async def _finish_encryption(self) -> None:
        if self._feeding:
            # Cancelling the request does not stop the thread.
            await asyncio.shield(self._feeding)
            self._feeding = None
        if self._append.waiting >= _MAX_WAITING or (self._committing and self._committing.done()):
            await self._finish_commit()
        if self._commit_is_due() and not self._committing:
            self._commit_due = time.monotonic() + _GROUP_SECONDS
            self._committing = _in(_committers, self._append.commit)

    def _commit_is_due(self) -> bool:
        return self._append.waiting >= _GROUP or (self._append.waiting > 0 and time.monotonic() >= self._commit_due)

    async def _finish_commit(self) -> None:
        if self._committing:
            await asyncio.shield(self._committing)
            self._committing = None

    async def _settle(self, *, quiet: bool = False) -> None:
        """Wait for the threads, so that none continues after the request; raise their first error unless ``quiet``."""
        pending = [future for future in (self._feeding, self._committing) if future]
        self._feeding = self._committing = None
        await wait_for_threads(pending)
        for future in pending:
            if (error := future.exception()) and not quiet:
                raise error


def _take_stretch(append: Append, lease: SocketLease) -> bool:
    """Read one stretch; return whether the client was fast."""
    return burst(lambda until: append.read_from(lambda buffer: lease.receive_into(buffer, until)), lease)


def _in(pool: ContextThreadPool, function: Callable[[], _Result]) -> asyncio.Future[_Result]:
    return asyncio.get_running_loop().run_in_executor(pool, function)


def upload_token(request: Request) -> str:
    """Return the token that authorises the request.

    Raises: NotFound if there is none.
    """
    return require(bearer_token(request), "upload token")


def content_length(request: Request) -> int | None:
    """Return the length of the body; None if it is sent without one (``Transfer-Encoding``).

    Raises: InvalidInput if the header is malformed.
    """
    if "content-length" in request.headers:
        return header_count(request, "content-length")
    return None if "transfer-encoding" in request.headers else 0


def header_count(request: Request, name: str) -> int:
    """Return a non-negative decimal number from a header.

    Raises: InvalidInput if it is missing or malformed.
    """
    return decimal_count(request.headers.get(name, ""), name)


def decimal_count(text: str, name: str) -> int:
    """Return a non-negative number in decimal digits, from the header ``name``.

    Raises: InvalidInput if it is malformed.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise InvalidInput(name, "body_malformed")
    return int(text)
