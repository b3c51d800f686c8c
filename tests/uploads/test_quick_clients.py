"""Clients whose socket has been lent to a thread: they stall, pipeline, and are there when the server is stopped."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest

from deldokument.server.socket_lending import LendingConnection
from deldokument.server.transfer_threads import LANES, PROBATION
from deldokument.services.shares.drafts import drafts
from deldokument.services.uploads import append
from deldokument.web.app import create_app
from deldokument.web.transfer import request_body
from tests.support.browser import site, stage_in_memory
from tests.support.deployment.deployment import OFFSET_TYPE, TUS, wait_until
from tests.support.servers.local_server import running
from tests.support.stage.stage import KARI, Stage, person
from tests.uploads.tus import Tus, answer_of, digest, status_of

MUCH = 8 * PROBATION


@pytest.fixture
def stage() -> Iterator[Stage]:
    with stage_in_memory() as new:
        yield new


def announce(stage: Stage, share_id: str, name: str, length: int) -> tuple[str, dict[str, str]]:
    """Where the bytes of a new document go, and the headers that they need."""
    ticket = drafts.add_document(stage.deps, person(KARI), share_id, name=name, length=length, modified_at=None)
    append.create_upload(stage.deps, ticket.token, length=length)
    headers = TUS | {"Authorization": f"Bearer {ticket.token}", "Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
    return f"/uploads/{ticket.upload_id}", headers


def head(path: str, headers: dict[str, str], length: int) -> bytes:
    lines = [f"{name}: {value}" for name, value in (headers | {"Host": "x", "Content-Length": str(length)}).items()]
    return "\r\n".join([f"PATCH {path} HTTP/1.1", *lines, "", ""]).encode()


def all_lanes_are_free() -> bool:
    with ExitStack() as stack:
        return all(stack.enter_context(request_body.lanes.enter()) for _ in range(LANES))


def test_stalled_clients_hold_no_lane_that_others_need(stage: Stage) -> None:
    share_id = stage.draft().id
    with running(create_app(stage.deps, site()), LendingConnection) as port, ExitStack() as hanging:
        for number in range(2 * LANES):
            path, headers = announce(stage, share_id, f"treg {number}", 10 * MUCH)
            connection = hanging.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            connection.sendall(head(path, headers, 10 * MUCH) + b"x" * MUCH)
        wait_until(all_lanes_are_free, 60, "a client that stalls occupies a lane")
        path, headers = announce(stage, share_id, "rask", MUCH)
        answer = httpx.patch(f"http://127.0.0.1:{port}{path}", headers=headers, content=b"y" * MUCH, timeout=60)
        assert answer.headers["upload-offset"] == str(MUCH)
        wait_until(all_lanes_are_free, 60, "a request that has ended occupies a lane")


def test_a_request_behind_a_large_body_is_answered_on_the_same_connection(mortal_tus: Tus) -> None:
    content = os.urandom(20_000_000)
    upload = mortal_tus.create(len(content))
    behind = b"GET /robots.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with upload.raw(0, len(content), content + behind) as connection:
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    first, _, second = said.partition(b"HTTP/1.1 200")
    assert status_of(first) == 204
    assert b"connection: close" in second.lower()
    assert mortal_tus.received() == content


def send_until_it_ends(connection: socket.socket, content: bytes) -> None:
    """A client that neither hurries nor stops."""
    with suppress(OSError):
        for start in range(0, len(content), 200_000):
            connection.sendall(content[start : start + 200_000])
            time.sleep(0.02)


def test_a_server_that_is_stopped_ends_while_a_client_sends_on_and_keeps_what_it_acknowledged(mortal_tus: Tus) -> None:
    mortal, content = mortal_tus.deployment, os.urandom(1_000_000) * 1_000
    upload = mortal_tus.create(len(content))
    with upload.raw(0, len(content)) as connection:
        sender = threading.Thread(target=send_until_it_ends, args=(connection, content))
        sender.start()
        wait_until(lambda: upload.offset() > 0, 60, "nothing was committed")
        kept = upload.offset()
        mortal.server.send_signal(signal.SIGTERM)
        mortal.server.wait(60)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        sender.join()
    mortal.restart()
    assert upload.offset() >= kept


def test_a_document_that_came_with_interruptions_is_whole(mortal_tus: Tus) -> None:
    """Quick, then silent for longer than a lane is kept, then quick again, several times."""
    content = os.urandom(12_000_000)
    upload = mortal_tus.create(len(content))
    with upload.raw(0, len(content)) as connection:
        for start in range(0, len(content), 3_000_000):
            connection.sendall(content[start : start + 3_000_000])
            time.sleep(0.5)
        assert status_of(answer_of(connection)) == 204
    assert digest(mortal_tus.received()) == digest(content)
