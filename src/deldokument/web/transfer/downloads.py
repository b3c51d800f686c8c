"""Downloads of a document, or of all as one zip: GET, HEAD, Range, If-Range.

Guarantees:
- Every request is authorised, and again while a long response runs, also if its reader is slow or stalls.
- When a share is withdrawn or ends, or malware is found in a document, a running response is reset within five
  seconds. Buffered bytes are discarded.
- Only a single range is served, in linear time (RFC 9110, section 14). The ETag is strong.
- The SHA-256 of a document is in `Repr-Digest`, so that a client can verify its copy.
- Content is never shown inline or cached, and cannot use the session (attachment, no-store, sandbox).
- Memory is bounded per reader, and smaller for slow ones.
- A reader that takes less than TRICKLE bytes in a minute is disconnected.
- Only bytes that the reader's machine has received count as sent; if the reader resets, the last byte does not count.

A thread sends the bytes of a fast reader from the cipher to the socket, if the connection lends its socket.
"""

import asyncio
import re
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import TypeVar
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from deldokument.crypto.stream import SEGMENT
from deldokument.domain.characters import belongs_in_text
from deldokument.ports.dependencies import Dependencies
from deldokument.server.connections import TRICKLE, abort, unsent_bytes, writable
from deldokument.server.socket_lending import SocketLease, borrow_answer
from deldokument.server.thread_pool import ContextThreadPool
from deldokument.server.transfer_threads import (
    STRETCH,
    TransferThreads,
    burst,
    crowd,
    is_quick,
    wait_for_result,
    wait_for_threads,
)
from deldokument.services.auth.programs import program_continues
from deldokument.services.auth.sessions import continues
from deldokument.services.downloads.content import Content, may_send_on, open_archive, open_document, read_content
from deldokument.services.downloads.part_reader import STEP, DoubleBuffer
from deldokument.web.http.request import Endpoint, ErrorFormat, RequestContext, RequiredRole
from deldokument.web.http.requests.bearer import bearer_token
from deldokument.web.http.requests.preconditions import failed_precondition
from deldokument.web.transfer.response_receipt import ResponseReceipt, is_direct

_Result = TypeVar("_Result")
RECHECK_SECONDS = 4.0
STALL_SECONDS = 60.0
"""A reader that takes less than TRICKLE bytes in this time is disconnected."""
_PROBATION = 8 * STEP
"""Bytes that a reader must take to get a transfer thread: more than the kernel takes for one that stalls at once."""
_FAST_BYTES_PER_SECOND = 10_000_000
_READERS = 8
_readers = ContextThreadPool(max_workers=_READERS, thread_name_prefix="read")
"""Bounds the steps decrypted at once: during decryption a step takes several times its size in memory."""
_SMALL_STEPS = 3 * _READERS
"""Small steps that are read, or wait for the event loop to send them, at once."""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
lanes = TransferThreads("download")
_HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def document_bytes(call: RequestContext) -> Response:
    """Answer GET and HEAD of one document, for a person or for a program that the person has approved."""
    content = open_document(call.deps, call.person.person, call.path("id"), call.path("document_id"))
    return content_response(call.deps, call.request, content, _activity(call))


def archive_bytes(call: RequestContext) -> Response:
    """Answer GET and HEAD of the zip of all documents."""
    content = open_archive(call.deps, call.person.person, call.path("id"))
    return content_response(call.deps, call.request, content, _activity(call))


def content_response(deps: Dependencies, request: Request, content: Content, alive: Callable[[], bool]) -> Response:
    """Return the response to GET or HEAD of a content; ``alive`` returns whether the caller is still logged in."""
    etag = f'"{content.etag}"'
    if status := failed_precondition(request, etag):
        return Response(status_code=status, headers=_HEADERS | {"ETag": etag})
    headers = _HEADERS | {
        "ETag": etag,
        "Content-Disposition": disposition(content.name.rpartition("/")[2]),
        "Content-Type": content.media_type,
        "Content-Length": str(content.length),
    }
    if content.sha256:
        # RFC 9530: it is the digest of the whole document, even for a range.
        headers["Repr-Digest"] = f"sha-256=:{b64encode(content.sha256).decode()}:"
    # RFC 9110, 14.2: Range means nothing in a HEAD request.
    wanted = request.headers.get("range") if request.method == "GET" else None
    span = wanted_range(wanted, request.headers.get("if-range"), etag, content.length)
    if span == (0, 0):
        return Response(
            status_code=416, headers=_HEADERS | {"Content-Range": f"bytes */{content.length}", "ETag": etag}
        )
    start, stop = span or (0, content.length)
    if span:
        headers |= {"Content-Range": f"bytes {start}-{stop - 1}/{content.length}", "Content-Length": str(stop - start)}
    if request.method == "HEAD":
        return Response(headers=headers)
    direct = is_direct(deps, request)
    return ContentResponse(deps, content, start, stop, alive, 206 if span else 200, headers, direct=direct)


def _activity(call: RequestContext) -> Callable[[], bool]:
    """Return a function that checks whether the session is still valid.

    The check counts as activity, so that a long download keeps the session alive.
    """
    if call.by_program:
        token, share_id = bearer_token(call.request) or "", call.path("id")
        return lambda: program_continues(call.deps, token, share_id)
    secret = call.request.cookies.get(call.site.session_cookie)
    return lambda: continues(call.deps, secret)


def wanted_range(header: str | None, if_range: str | None, etag: str, length: int) -> tuple[int, int] | None:
    """Return the half-open range to send; None for everything, (0, 0) if it cannot be satisfied.

    RFC 9110: an unknown unit, a malformed or a multiple range is ignored (14.2). Any range is ignored if If-Range does
    not contain the current strong validator (13.1.5).
    """
    match = _RANGE.fullmatch(header.strip(" \t")) if header else None
    if match is None or match.groups() == ("", "") or (if_range is not None and if_range.strip(" \t") != etag):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(length - int(last), 0), length
    else:
        start, stop = int(first), min(int(last) + 1, length) if last else length
        if last and int(last) < start:
            return None
    return (start, stop) if start < stop else (0, 0)


def disposition(name: str) -> str:
    """Return a Content-Disposition with the name in UTF-8 (RFC 8187).

    It has an ASCII fallback (RFC 6266, 4.1 and 4.3).
    """
    # Some clients treat a backslash as a separator.
    visible = "".join(c if belongs_in_text(c) and c != "\\" else "_" for c in name)
    fallback = re.sub(r'[^\x20-\x7e]|["\\%]', "_", visible)
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(visible, safe='')}"


def attachment(name: str) -> dict[str, str]:
    """Return the headers of a file that this service creates: saved by the browser, never opened with the session."""
    return {"Content-Disposition": disposition(name), "Content-Security-Policy": "sandbox; default-src 'none'"}


class ContentResponse(Response):
    """Response with bytes [start, stop) of a content, which threads read.

    Fast readers get large steps, read ahead of the socket; others get small steps, read when the socket has space.
    """

    def __init__(
        self,
        deps: Dependencies,
        content: Content,
        start: int,
        stop: int,
        alive: Callable[[], bool],
        status: int,
        headers: dict[str, str],
        *,
        direct: bool,
    ) -> None:
        super().__init__(status_code=status, headers=headers)
        self._world = deps
        self._content = content
        self._start = start
        self._position = start
        self._stop = stop
        self._alive = alive
        self._checked = time.monotonic()
        self._receipt = ResponseReceipt(deps, content, start, stop, direct=direct)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the bytes; reset the connection if the response may not continue.

        By the reset, the client detects that the response is incomplete.
        """
        gone = asyncio.ensure_future(_wait_for_disconnect(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            self._receipt.watch(scope)
            await self._send_all(scope, send, gone)
            is_delivered = self._position == self._stop and await self._arrives(scope, gone)
            self._receipt.close(is_clean=is_delivered)
            if is_delivered:
                await send({"type": "http.response.body", "body": b""})
            else:
                abort(scope)
        finally:
            gone.cancel()
            self._receipt.close(is_clean=False)
            await wait_for_result(asyncio.ensure_future(self._receipt.record()))

    async def _arrives(self, scope: Scope, gone: asyncio.Future[None]) -> bool:
        return await self._outlasts(scope, self._receipt.wait_for_acknowledgement()) and await self._receipt.settles(
            gone
        )

    async def _send_all(self, scope: Scope, send: Send, gone: asyncio.Future[None]) -> None:
        """Send until everything is sent, the client is gone, or the response may not continue."""
        crowd.join()
        try:
            large = quick = False
            while self._position < self._stop:
                if quick and not await self._send_quickly(scope, gone):
                    return
                began, window = time.monotonic(), self._position
                if not await (self._send_large(scope, send, gone) if large else self._send_small(scope, send, gone)):
                    return
                rate = (self._position - window) / max(time.monotonic() - began, 1e-6)
                large = rate > _FAST_BYTES_PER_SECOND and crowd.is_small
                quick = is_quick(rate) and self._position - self._start >= _PROBATION
        finally:
            crowd.leave()

    async def _send_quickly(self, scope: Scope, gone: asyncio.Future[None]) -> bool:
        """Send from a thread for as long as the reader is fast; return False if the response may not continue."""
        with lanes.enter() as entered:
            lease = await borrow_answer(scope, self._stop - self._position) if entered else None
            if lease is None:
                return True
            self._receipt.note()
            sending: asyncio.Future[bool] | None = None
            try:
                quick = True
                while quick and lease.left:
                    if gone.done() or not await self._may_go_on():
                        return False
                    sending = lanes.run(partial(_send_stretch, self._world, self._content, lease, self._stop))
                    # Cancelling the request does not stop the thread.
                    quick = await asyncio.shield(sending)
            finally:
                try:
                    await wait_for_threads([sending] if sending else [])
                finally:
                    lease.release()
                    self._position = self._stop - lease.left
        return not gone.done()

    async def _send_large(self, scope: Scope, send: Send, gone: asyncio.Future[None]) -> bool:
        """Send some steps, each read while the previous one is sent; return False if the response may not continue."""
        stop = min(self._position + 8 * STEP, self._stop)
        buffers = read_content(self._world, self._content, self._position, stop)
        coming = _in_readers(partial(next, buffers, None))
        try:
            while (buffer := await asyncio.shield(coming)) is not None:
                coming = _in_readers(partial(next, buffers, None))
                if not await self._send_step(scope, send, gone, buffer):
                    return False
        finally:
            await wait_for_threads([coming])
        return not gone.done()

    async def _send_small(self, scope: Scope, send: Send, gone: asyncio.Future[None]) -> bool:
        """Send some steps, each read once the kernel has the previous one and accepts more.

        Returns False if the response may not continue.
        """
        until = self._position + STEP
        while self._position < min(until, self._stop):
            if not await self._outlasts(scope, writable(scope)):
                return False
            # Because it waits for writability first, a holder of the semaphore never waits for a slow client.
            async with _turns(asyncio.get_running_loop()):
                coming = _in_readers(partial(_read_first, self._world, self._content, self._position, self._stop))
                try:
                    if not await self._send_step(scope, send, gone, await asyncio.shield(coming)):
                        return False
                finally:
                    await wait_for_threads([coming])
            # Only the connection still references the bytes that the kernel has not taken yet.
            del coming
        return not gone.done()

    async def _send_step(
        self, scope: Scope, send: Send, gone: asyncio.Future[None], buffer: bytes | memoryview
    ) -> bool:
        if gone.done() or not await self._may_go_on():
            return False
        self._receipt.note()
        message = {"type": "http.response.body", "body": buffer, "more_body": True}
        if not await self._outlasts(scope, send(message)):
            return False
        self._position += len(buffer)
        return not gone.done()

    async def _outlasts(self, scope: Scope, waiting: Awaitable[None]) -> bool:
        """Wait until the connection takes the bytes.

        Returns False if the reader takes less than TRICKLE bytes in a minute, or loses access meanwhile.
        """
        taking = asyncio.ensure_future(waiting)
        since, left = time.monotonic(), unsent_bytes(scope)
        try:
            while not (await asyncio.wait([taking], timeout=RECHECK_SECONDS))[0]:
                if left - unsent_bytes(scope) >= TRICKLE:
                    since, left = time.monotonic(), unsent_bytes(scope)
                if time.monotonic() - since >= STALL_SECONDS or not await self._may_go_on():
                    return False
            await taking
        finally:
            taking.cancel()
        return True

    async def _may_go_on(self) -> bool:
        # Half a second early, so that a wait of RECHECK_SECONDS always ends with a check.
        if time.monotonic() - self._checked < RECHECK_SECONDS - 0.5:
            return True
        self._checked = time.monotonic()
        return await run_in_threadpool(lambda: self._alive() and may_send_on(self._world, self._content))


@cache
def _turns(_: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
    """Return the semaphore of an event loop. A serving process has one loop."""
    return asyncio.Semaphore(_SMALL_STEPS)


def _read_first(deps: Dependencies, content: Content, start: int, stop: int) -> bytes | memoryview:
    """Return the first of bytes [start, stop), to the end of a segment.

    Decrypting a segment twice would take twice as long.
    """
    return next(read_content(deps, content, start, stop, step=SEGMENT))


def _in_readers(read: Callable[[], _Result]) -> asyncio.Future[_Result]:
    return asyncio.get_running_loop().run_in_executor(_readers, read)


def _send_stretch(deps: Dependencies, content: Content, lease: SocketLease, stop: int) -> bool:
    """Send one stretch; return whether the reader was fast."""
    start = stop - lease.left
    buffers = read_content(deps, content, start, min(start + STRETCH, stop), buffers=DoubleBuffer())
    with lanes.ahead(buffers) as coming:
        return burst(lambda until: lease.send(memoryview(next(coming)), until), lease)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


ENDPOINTS = (
    Endpoint(
        "/d/{id}/dokument/{document_id}",
        document_bytes,
        RequiredRole.PERSON,
        ("GET", "HEAD"),
        ErrorFormat.BYTES,
        for_programs=True,
        even_refusals=True,
    ),
    Endpoint(
        "/d/{id}/alt.zip", archive_bytes, RequiredRole.PERSON, ("GET", "HEAD"), ErrorFormat.BYTES, even_refusals=True
    ),
)
