"""When many send and take at once, each holds little of what it moves, and what it moves is the same."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from deldokument.crypto.stream import SEGMENT
from deldokument.ports.blobs import BlobStore
from deldokument.server.connections import BoundedConnection, pause_reading, writable
from deldokument.server.transfer_threads import FEW, crowd
from deldokument.services.downloads.content import Content, open_document
from deldokument.services.downloads.part_reader import STEP
from deldokument.services.shares.drafts import drafts
from deldokument.services.uploads import append
from deldokument.web.transfer import downloads
from deldokument.web.transfer.downloads import ContentResponse
from deldokument.web.transfer.request_body import receive
from tests.support.servers.local_server import running
from tests.support.stage.stage import KARI, OLA, Stage, person

MAX_READ = 70_000
"""What one reading takes from a socket, at most."""


@pytest.fixture
def many() -> Iterator[None]:
    """So many transfers besides."""
    for _ in range(FEW + 1):
        crowd.join()
    yield
    for _ in range(FEW + 1):
        crowd.leave()


class Counting:
    """A blob store, and how many sealed bytes it has been asked for."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)

    def read(self, name: str, start: int, stop: int) -> bytes:
        self.asked += stop - start
        return self._blobs.read(name, start, stop)


async def deaf() -> Message:
    """What never hears of anything."""
    await asyncio.Event().wait()
    raise AssertionError


def taken(stage: Stage, content: Content) -> list[bytes]:
    """What a quick reader is sent, by the event loop."""
    pieces: list[bytes] = []

    async def send(message: Message) -> None:
        pieces.append(bytes(message.get("body", b"")))

    response = ContentResponse(stage.deps, content, 0, content.length, lambda: True, 200, {}, direct=True)
    asyncio.run(response({"type": "http"}, deaf, send))
    return pieces


@pytest.fixture
def content(stage: Stage) -> tuple[Content, bytes]:
    whole = os.urandom(downloads._PROBATION + 3 * STEP)
    share_id = stage.publish(OLA, content=whole)
    return open_document(stage.deps, person(OLA), share_id, *stage.document_ids(share_id)), whole


def reopened(stage: Stage, content: Content) -> Content:
    """The same for one more reader."""
    share_id = content.access.share.id
    return open_document(stage.deps, person(OLA), share_id, *stage.document_ids(share_id))


def test_a_quick_reader_alone_is_sent_large_steps(stage: Stage, content: tuple[Content, bytes]) -> None:
    pieces = taken(stage, content[0])
    assert b"".join(pieces) == content[1]
    assert max(map(len, pieces)) > SEGMENT


@pytest.mark.usefixtures("many")
def test_a_crowd_of_quick_readers_does_not_hold_a_large_step_each(stage: Stage, content: tuple[Content, bytes]) -> None:
    pieces = taken(stage, content[0])
    assert b"".join(pieces) == content[1]
    assert max(map(len, pieces)) <= SEGMENT


@pytest.mark.usefixtures("many")
def test_no_segment_is_opened_twice_for_a_reader_in_a_crowd(stage: Stage, content: tuple[Content, bytes]) -> None:
    blobs = Counting(stage.deps.blobs)
    counted = replace(stage, deps=replace(stage.deps, blobs=blobs))  # type: ignore[arg-type]
    assert b"".join(taken(counted, content[0])) == content[1]
    assert blobs.asked < len(content[1]) * 1.001


@pytest.mark.usefixtures("many")
def test_steps_for_a_crowd_are_computed_a_few_at_a_time(stage: Stage, content: tuple[Content, bytes]) -> None:
    held, most = 0, 0

    async def send(message: Message) -> None:
        nonlocal held, most
        if not message.get("body"):
            return
        held += 1
        most = max(most, held)
        await asyncio.sleep(0.01)
        held -= 1

    async def all_at_once() -> None:
        each = [reopened(stage, content[0]) for _ in range(60)]
        read = [ContentResponse(stage.deps, one, 0, STEP, lambda: True, 206, {}, direct=True) for one in each]
        await asyncio.gather(*(response({"type": "http"}, deaf, send) for response in read))

    asyncio.run(all_at_once())
    assert 1 < most <= downloads._SMALL_STEPS


@pytest.mark.usefixtures("many")
def test_readers_who_take_nothing_keep_no_other_from_being_sent_all(
    stage: Stage, content: tuple[Content, bytes]
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found = await run_in_threadpool(reopened, stage, content[0])
        headers = {"Content-Length": str(found.length)}
        await ContentResponse(stage.deps, found, 0, found.length, lambda: True, 200, headers, direct=True)(
            scope, receive, send
        )

    with running(app, BoundedConnection) as port, ExitStack() as hanging:
        for _ in range(2 * downloads._SMALL_STEPS):
            client = hanging.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert httpx.get(f"http://127.0.0.1:{port}", timeout=60).content == content[1]


@pytest.mark.usefixtures("many")
def test_an_upload_received_in_many_pieces_is_complete(stage: Stage) -> None:
    whole = os.urandom(1_000_000)
    share_id = stage.draft().id
    ticket = drafts.add_document(stage.deps, person(KARI), share_id, name="a.bin", length=len(whole), modified_at=None)
    upload = append.create_upload(stage.deps, ticket.token, length=len(whole))
    pieces = [whole[at : at + 50_000] for at in range(0, len(whole), 50_000)]

    async def hear() -> Message:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    request = Request({"type": "http", "headers": []}, hear)
    offset = asyncio.run(receive(stage.deps, request, ticket.token, upload.id, offset=0, announced=len(whole)))
    assert offset == len(whole)


def test_a_body_that_is_not_asked_for_is_left_with_the_kernel() -> None:
    body, held = bytes(2**21), list[bool]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        came = len((await receive())["body"])
        pause_reading(scope)
        await asyncio.sleep(0.2)
        try:
            async with asyncio.timeout(0):
                came += len((await receive())["body"])
            held.append(False)
        except TimeoutError:
            held.append(True)
        while came < len(body):
            came += len((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    with running(app, BoundedConnection) as port:
        assert httpx.post(f"http://127.0.0.1:{port}", content=body, timeout=60).status_code == 200
    assert held == [True]


def test_a_body_that_waits_in_the_kernel_comes_in_pieces_that_many_may_hold() -> None:
    body, sizes = bytes(2**22), list[int]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while sum(sizes) < len(body):
            sizes.append(len((await receive())["body"]))
            pause_reading(scope)
            await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    with running(app, BoundedConnection) as port:
        assert httpx.post(f"http://127.0.0.1:{port}", content=body, timeout=60).status_code == 200
    assert max(sizes) <= 2 * MAX_READ


class Giver:
    """An application that asks for room before each piece of what it sends, while ``left`` pieces are to be sent."""

    def __init__(self, pieces: int) -> None:
        self.left = pieces
        self.waits = threading.Event()
        """It asks for room and has none."""
        self.ended = threading.Event()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        length = b"%d" % (self.left * SEGMENT)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        while self.left:
            await self._wait(scope)
            self.left -= 1
            await send({"type": "http.response.body", "body": bytes(SEGMENT), "more_body": self.left > 0})
        self.ended.set()

    async def _wait(self, scope: Scope) -> None:
        asking = asyncio.ensure_future(writable(scope))
        if not (await asyncio.wait([asking], timeout=0.5))[0]:
            self.waits.set()
        await asking


@pytest.fixture
def waiting() -> Iterator[tuple[Giver, socket.socket]]:
    """More than the kernel takes, for a client that takes none of it."""
    giver = Giver(200)
    with running(giver, BoundedConnection) as port, socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert giver.waits.wait(30)
        yield giver, client


def test_a_sender_waits_for_space_with_nothing_in_hand(waiting: tuple[Giver, socket.socket]) -> None:
    giver, client = waiting
    left = giver.left
    assert left > 0
    assert not giver.ended.wait(0.5)
    assert giver.left == left
    came = 0
    while came < 200 * SEGMENT:
        came += len(client.recv(2**20))
    assert giver.ended.wait(30)


def test_a_client_that_disconnects_keeps_no_thread_waiting_for_space(waiting: tuple[Giver, socket.socket]) -> None:
    giver, client = waiting
    client.shutdown(socket.SHUT_RDWR)
    assert giver.ended.wait(30)
