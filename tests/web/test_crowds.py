"""When many send and take at once, each holds little of what it moves, and what it moves is the same."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send
from support.browser import stage_in_memory
from support.listening import running
from support.world import KARI, OLA, Stage, person

from deldokument.services import drafting, uploading
from deldokument.services.downloading import STEP, Content, open_document
from deldokument.web import downloads
from deldokument.web.connections import BoundedConnection, hold
from deldokument.web.downloads import ContentResponse
from deldokument.web.intake import receive
from deldokument.web.lanes import FEW, crowd

SMALL = 128 * 1024


@pytest.fixture
def stage() -> Iterator[Stage]:
    with stage_in_memory() as made:
        yield made


@pytest.fixture
def many() -> Iterator[None]:
    """So many transfers besides."""
    for _ in range(FEW + 1):
        crowd.join()
    yield
    for _ in range(FEW + 1):
        crowd.leave()


def taken(stage: Stage, content: Content) -> list[bytes]:
    """What a quick reader is sent, by the event loop."""
    pieces: list[bytes] = []

    async def hear() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        pieces.append(bytes(message.get("body", b"")))

    response = ContentResponse(stage.world, content, 0, content.length, lambda: True, 200, {})
    asyncio.run(response({"type": "http"}, hear, send))
    return pieces


@pytest.fixture
def content(stage: Stage) -> tuple[Content, bytes]:
    whole = os.urandom(downloads._PROBATION + 3 * STEP)
    share_id = stage.publish(OLA, content=whole)
    return open_document(stage.world, person(OLA), share_id, *stage.document_ids(share_id)), whole


def test_a_quick_reader_alone_is_sent_large_steps(stage: Stage, content: tuple[Content, bytes]) -> None:
    pieces = taken(stage, content[0])
    assert b"".join(pieces) == content[1]
    assert max(map(len, pieces)) > SMALL


@pytest.mark.usefixtures("many")
def test_a_crowd_of_quick_readers_does_not_hold_a_large_step_each(stage: Stage, content: tuple[Content, bytes]) -> None:
    pieces = taken(stage, content[0])
    assert b"".join(pieces) == content[1]
    assert max(map(len, pieces)) == SMALL


@pytest.mark.usefixtures("many")
def test_what_comes_from_one_of_a_crowd_comes_whole(stage: Stage) -> None:
    whole = os.urandom(1_000_000)
    share_id = stage.draft().id
    ticket = drafting.add_document(
        stage.world, person(KARI), share_id, name="a.bin", length=len(whole), modified_at=None
    )
    upload = uploading.create_upload(stage.world, ticket.token, length=len(whole))
    pieces = [whole[at : at + 50_000] for at in range(0, len(whole), 50_000)]

    async def hear() -> Message:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    request = Request({"type": "http", "headers": []}, hear)
    offset = asyncio.run(receive(stage.world, request, ticket.token, upload.id, offset=0, announced=len(whole)))
    assert offset == len(whole)


def test_a_body_that_is_not_asked_for_is_left_with_the_kernel() -> None:
    body, held = bytes(2**21), list[bool]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        came = len((await receive())["body"])
        hold(scope)
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
