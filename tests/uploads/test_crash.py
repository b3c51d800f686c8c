"""kill -9 in the middle of an upload, at many instants: what HEAD or an answer acknowledged is there afterwards."""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import httpx

from tests.support.bulk.orphan_sweep import LaterClock, sweep_all
from tests.support.deployment.deployment import Deployment
from tests.support.stored_data import put
from tests.uploads.test_concatenation import Pieces
from tests.uploads.tus import Tus, Uploading, digest

LENGTH = 60_000_000


def send_slowly(upload: Uploading, content: bytes, offset: int, chunk: int, acknowledged: list[int]) -> None:
    """PATCH after PATCH, each of ``chunk`` bytes, until the server is gone."""
    while offset < len(content):
        try:
            piece = content[offset : offset + chunk]
            answer = upload.patch(offset, paced(piece), Content_Length=str(len(piece)))
        except httpx.TransportError:
            return
        assert answer.status_code == 204, answer.text
        offset = int(answer.headers["upload-offset"])
        acknowledged.append(offset)


def paced(content: bytes) -> Iterator[bytes]:
    for at in range(0, len(content), 500_000):
        yield content[at : at + 500_000]
        time.sleep(0.01)


def test_nothing_acknowledged_is_lost_however_often_the_server_is_killed(mortal: Deployment) -> None:
    draft_id = mortal.draft()
    mortal.add_recipients(draft_id, ["21879498012"])
    tus, content = Tus(mortal, draft_id), os.urandom(LENGTH)
    upload, lent = tus.create(LENGTH), mortal.lent()
    acknowledged, kills = [0], 0
    for pause, chunk in ((0.05, 1_000_000), (0.2, 100_000), (0.4, LENGTH), (0.3, 3_000_000), (0.55, LENGTH)):
        offset = upload.offset()
        sender = threading.Thread(target=send_slowly, args=(upload, content, offset, chunk, acknowledged))
        sender.start()
        time.sleep(pause + random.random() * 0.1)
        try:
            acknowledged.append(upload.offset())
        finally:
            mortal.kill()
            sender.join()
        kills += 1
        mortal.restart()
        assert upload.offset() >= max(acknowledged)
    offset = upload.offset()
    assert kills == 5
    assert offset > 0
    assert (mortal.lent() > lent) == mortal.settings.lend_sockets
    if offset < LENGTH:
        assert upload.patch(offset, content[offset:]).status_code == 204
    assert digest(tus.received()) == digest(content)


def test_what_a_crash_left_half_written_is_never_served_and_is_swept_a_day_later(mortal: Deployment) -> None:
    draft_id = mortal.draft()
    mortal.add_recipients(draft_id, ["21879498012"])
    tus, content = Tus(mortal, draft_id), os.urandom(12_000_000)
    upload = tus.create(len(content))
    with upload.raw(0, len(content), content[:11_000_000]):
        time.sleep(0.5)
        mortal.kill()
    mortal.restart()
    offset = upload.offset()
    assert upload.patch(offset, content[offset:]).status_code == 204
    assert digest(tus.received()) == digest(content)
    deps, unnamed = mortal.node.deps, uuid4().hex
    # A whole object from a server that died before it wrote the row.
    put(deps.blobs, unnamed, b"part")
    sweep_all(replace(deps, clock=LaterClock(deps.clock, timedelta(hours=25))))
    stored = [blob.name for blob in deps.blobs.list()]
    with deps.database.read() as tx:
        assert unnamed not in stored
        assert set(stored) == tx.uploads.known_blobs(stored)


def test_pieces_and_their_joining_survive_however_often_the_server_is_killed(mortal: Deployment) -> None:
    draft_id = mortal.draft()
    mortal.add_recipients(draft_id, ["21879498012"])
    tus, content = Tus(mortal, draft_id), os.urandom(24_000_000)
    pieces = Pieces(tus, tus.announce(len(content)))
    starts = range(0, len(content), 8_000_000)
    uploads = [pieces.create(8_000_000) for _ in starts]
    acknowledged: list[list[int]] = [[0] for _ in uploads]
    lent = mortal.lent()
    for pause in (0.05, 0.25, 0.4):
        senders = [
            threading.Thread(
                target=send_slowly,
                args=(upload, content[start : start + 8_000_000], upload.offset(), 1_000_000, said),
            )
            for upload, start, said in zip(uploads, starts, acknowledged, strict=True)
        ]
        for sender in senders:
            sender.start()
        time.sleep(pause)
        mortal.kill()
        for sender in senders:
            sender.join()
        mortal.restart()
        for upload, said in zip(uploads, acknowledged, strict=True):
            assert upload.offset() >= max(said)
    assert (mortal.lent() > lent) == mortal.settings.lend_sockets
    for upload, start in zip(uploads, starts, strict=True):
        send_slowly(upload, content[start : start + 8_000_000], upload.offset(), 8_000_000, [])
    paths = [upload.path for upload in uploads]
    for pause in (0.0, 0.003, 0.01):
        joiner = threading.Thread(target=join_quietly, args=(pieces, paths))
        joiner.start()
        time.sleep(pause)
        mortal.kill()
        joiner.join()
        mortal.restart()
        assert pieces.whole.offset() in (0, len(content))
    assert pieces.join(*paths).status_code == 201
    assert digest(tus.received()) == digest(content)


def join_quietly(pieces: Pieces, paths: list[str]) -> None:
    with suppress(httpx.TransportError):
        pieces.join(*paths)
