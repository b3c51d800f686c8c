"""Clients that break off, lie about the body, race, stall or creep: what came is kept, and others do not wait."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import httpx
import pytest

from deldokument.domain.errors import existing
from deldokument.services.accounts.members import remove_member
from deldokument.services.tenants.freezing import FreezeReason, freeze_share, unfreeze_share
from tests.support.server import BOTH_SOCKET_MODES, SOCKET_MODES, Deployment, SocketMode, wait_until
from tests.support.stack import stack
from tests.uploads.tus import Tus, Uploading, answer_of, connected, reset, status_of

STALL = 2.0


def settled(upload: Uploading, at_least: int) -> int:
    """The offset when the server has noticed that the client is gone."""
    wait_until(lambda: upload.offset() >= at_least, 20, f"nothing but {upload.offset()} was kept")
    return upload.offset()


def goes_on(upload: Uploading, content: bytes) -> bool:
    """One try as clients make it: what the server is still keeping of a broken request may yet move the offset."""
    offset = upload.offset()
    return upload.patch(offset, content[offset:]).status_code == 204


@BOTH_SOCKET_MODES
@pytest.mark.parametrize("abrupt", [False, True], ids=["closed", "reset"])
def test_a_body_that_breaks_off_is_kept_as_far_as_it_came(tus: Tus, abrupt: bool) -> None:
    content = os.urandom(10_000_000)
    upload = tus.create(len(content))
    with upload.raw(0, len(content), content[:9_000_000]) as connection:
        if abrupt:
            wait_until(lambda: upload.offset() >= 8_000_000, 20, "no whole part was committed")
            reset(connection)
    offset = settled(upload, 8_000_000 if abrupt else 9_000_000)
    assert offset <= 9_000_000
    wait_until(lambda: goes_on(upload, content), 20, "the upload did not go on")
    assert tus.received() == content


@BOTH_SOCKET_MODES
def test_a_broken_request_with_a_checksum_leaves_the_offset(tus: Tus) -> None:
    content = os.urandom(9_500_000)
    upload = tus.create(len(content))
    promised = "sha256 " + base64.b64encode(hashlib.sha256(content).digest()).decode()
    with upload.raw(0, len(content), content[:9_000_000], Upload_Checksum=promised):
        pass
    time.sleep(0.5)
    assert upload.offset() == 0
    assert upload.patch(0, content, Upload_Checksum=promised).status_code == 204
    assert tus.received() == content


@BOTH_SOCKET_MODES
def test_head_answers_while_a_patch_hangs_and_a_second_client_takes_over(tus: Tus) -> None:
    content = os.urandom(9_000_000)
    upload = tus.create(len(content))
    with upload.raw(0, len(content), content[:8_500_000]) as hanging:
        wait_until(lambda: upload.offset() > 0, 20, "the first part was not committed while the request hung")
        began = time.monotonic()
        offset = upload.offset()
        assert time.monotonic() - began < 5
        assert upload.patch(offset, content[offset:]).status_code == 204
        hanging.sendall(content[8_500_000:])
        assert status_of(answer_of(hanging)) == 409
    assert upload.offset() == len(content)
    assert tus.received() == content


@BOTH_SOCKET_MODES
def test_of_two_at_one_offset_one_wins_and_the_bytes_are_its(tus: Tus) -> None:
    length = 3_000_000
    bodies = [bytes([number]) * length for number in range(6)]
    upload = tus.create(length)
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda body: upload.patch(0, body).status_code, bodies))
    assert sorted(statuses) == [204] + [409] * 5
    assert tus.received() == bodies[statuses.index(204)]


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 5\r\n folded",
        "Content-Length : 5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
    ],
)
def test_a_body_of_doubtful_length_is_refused_and_the_connection_closed(tus: Tus, framing: str) -> None:
    upload = tus.create(10)
    head = upload.request_head(0, 5).decode().replace("Content-Length: 5", framing)
    with connected(tus.deployment) as connection:
        connection.sendall(head.encode() + b"5\r\n12345\r\n0\r\n\r\nGET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    assert said.count(b"HTTP/1.1") == 1
    assert status_of(said) == 400
    assert upload.offset() == 0


@pytest.mark.parametrize(
    "endless",
    [b"X-%d: " % 1 + b"y" * 1_000_000, b"".join(b"X-%d: y\r\n" % n for n in range(100_000)), b"X: y\r\n" * 50_000],
    ids=["one", "many", "same"],
)
def test_an_endless_head_is_refused_at_once(deployment: Deployment, endless: bytes) -> None:
    before = deployment.rss()
    with connected(deployment) as connection:
        began = time.monotonic()
        try:
            connection.sendall(b"POST /uploads HTTP/1.1\r\nHost: x\r\n" + endless * 10)
            said = answer_of(connection)
        except ConnectionError:
            said = b""
        assert time.monotonic() - began < 5
    assert said == b"" or status_of(said) == 400
    assert deployment.rss() - before < 30_000_000
    assert httpx.get(f"{deployment.url}/robots.txt").status_code == 200


def sends_fail(connection: socket.socket, more: bytes) -> bool:
    try:
        connection.sendall(more)
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize(
    "tail", [b"0\r\nX: " + b"y" * 3_000_000, b"1;" + b"e" * 3_000_000], ids=["trailer", "extension"]
)
def test_an_endless_trailer_or_chunk_extension_ends_the_connection(tus: Tus, tail: bytes) -> None:
    upload = tus.create(1_000_000)
    head = upload.request_head(0, 5).decode().replace("Content-Length: 5", "Transfer-Encoding: chunked")
    with connected(tus.deployment) as connection:
        connection.sendall(head.encode() + b"5\r\n12345\r\n")
        wait_until(lambda: sends_fail(connection, tail), 20, "the connection still takes more")
    assert upload.offset() in (0, 5)


@pytest.fixture(scope="module", params=SOCKET_MODES)
def impatient(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """A deployment that waits for its clients for two seconds, where the delivered one waits for a minute."""
    mode: SocketMode = request.param
    constants = {
        "deldokument.web.transfer.request_body.STALL_SECONDS": STALL,
        "deldokument.server.connections.HEAD_SECONDS": STALL,
        "deldokument.server.connections.BODY_SECONDS": 3 * STALL,
        "deldokument.server.connections._LOOK_SECONDS": 0.2,
    }
    with mode.deployment(tmp_path_factory.mktemp("impatient"), constants, worker=False) as running:
        yield running


@pytest.fixture
def impatient_tus(impatient: Deployment) -> Tus:
    draft_id = impatient.draft()
    impatient.add_recipients(draft_id, ["21879498012"])
    return Tus(impatient, draft_id)


def test_a_stalled_client_is_let_go_and_what_it_sent_is_kept(impatient_tus: Tus) -> None:
    content = os.urandom(1_000_000)
    upload = impatient_tus.create(len(content))
    with upload.raw(0, len(content), content[:700_001]) as connection:
        said = answer_of(connection)
    assert status_of(said) == 408
    assert b"connection: close" in said.lower()
    assert upload.offset() == 700_001
    assert upload.patch(700_001, content[700_001:]).status_code == 204
    assert impatient_tus.received() == content


def test_a_client_that_creeps_is_let_go_too(impatient_tus: Tus) -> None:
    upload = impatient_tus.create(1_000_000)
    with upload.raw(0, 1_000_000, b"x") as connection:
        connection.settimeout(0.2)
        said, began = b"", time.monotonic()
        while not said:
            assert time.monotonic() - began < 10 * STALL
            try:
                connection.sendall(b"x")
                said = connection.recv(65536)
            except TimeoutError:
                continue
    assert status_of(said) == 408


@pytest.mark.parametrize("creep", [b"", b"GET /robots.txt HTTP/1.1\r\nX: "], ids=["silent", "creeping"])
def test_a_connection_without_a_whole_request_is_closed(impatient: Deployment, creep: bytes) -> None:
    with connected(impatient) as connection:
        connection.settimeout(0.3)
        connection.sendall(creep)
        began = time.monotonic()
        while True:
            assert time.monotonic() - began < 10 * STALL
            try:
                if creep:
                    connection.sendall(b"y")
                if not connection.recv(10):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break


def test_a_stalled_client_that_promised_a_checksum_is_told_so_and_the_offset_stays(impatient_tus: Tus) -> None:
    upload = impatient_tus.create(1_000_000)
    promised = "sha256 " + base64.b64encode(hashlib.sha256(b"x" * 1_000_000).digest()).decode()
    with upload.raw(0, 1_000_000, b"x" * 1000, Upload_Checksum=promised) as connection:
        said = answer_of(connection)
    assert status_of(said) == 408
    assert upload.offset() == 0


def test_a_kept_connection_on_which_no_request_follows_an_empty_line_is_closed(impatient: Deployment) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", impatient.port, timeout=10 * STALL)) as connection:
        connection.request("GET", "/robots.txt")
        connection.getresponse().read()
        connection.sock.sendall(b"\r\n")
        assert connection.sock.recv(10) == b""


def test_whoever_creeps_with_the_body_of_a_page_is_let_go(impatient: Deployment) -> None:
    head = b"POST /del/utkast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n"
    with connected(impatient) as connection:
        connection.sendall(head)
        began = time.monotonic()
        while not sends_fail(connection, b" "):
            assert time.monotonic() - began < 15 * STALL
            time.sleep(0.2)


def refused_while_sending(connection: socket.socket, rest: bytes) -> int | None:
    """The status; None when the server has hung up while we sent, and its answer is lost with the connection."""
    try:
        connection.sendall(rest)
        return status_of(answer_of(connection))
    except ConnectionError:
        return None


def test_a_member_who_is_removed_uploads_nothing_more(impatient_tus: Tus) -> None:
    running = impatient_tus.deployment
    with running.node.deps.database.read() as tx:
        draft = existing(tx.shares.get(impatient_tus.draft))
    upload = impatient_tus.create(20_000_000)
    with upload.raw(0, 20_000_000, os.urandom(9_000_000)) as connection:
        wait_until(lambda: upload.offset() > 0, 20, "nothing was committed")
        where = {"tenant_id": draft.tenant_id, "account_id": draft.account_id}
        remove_member(running.node.deps, **where, member_id=draft.member_id)
        assert refused_while_sending(connection, os.urandom(11_000_000)) in {404, None}
    assert upload.head().status_code == upload.patch(0, b"x").status_code == 404


def test_what_is_stopped_takes_nothing_more_and_goes_on_afterwards(impatient_tus: Tus) -> None:
    deps, content = impatient_tus.deployment.node.deps, os.urandom(20_000_000)
    upload = impatient_tus.create(len(content))
    with upload.raw(0, len(content), content[:9_000_000]) as connection:
        wait_until(lambda: upload.offset() > 0, 20, "nothing was committed")
        kept = upload.offset()
        freeze_share(deps, impatient_tus.draft, None, FreezeReason.SECURITY)
        assert refused_while_sending(connection, content[9_000_000:]) in {403, None}
    assert upload.head().status_code == upload.patch(kept, b"x").status_code == 403
    unfreeze_share(deps, impatient_tus.draft, None)
    assert upload.offset() == kept
    assert upload.patch(kept, content[kept:]).status_code == 204
    assert impatient_tus.received() == content


def print_figure(line: str) -> None:
    """A number for whoever runs the test with -s."""
    sys.stdout.write(f"\n{line}\n")


def healthy_seconds(tus: Tus, name: str) -> float:
    """How long a client takes for 20 MB; the best of three."""
    content = os.urandom(1_000_000) * 20
    best = 1e9
    for attempt in range(3):
        upload = tus.create(len(content), f"{attempt} {name}")
        began = time.monotonic()
        assert upload.patch(0, content).status_code == 204
        best = min(best, time.monotonic() - began)
    return best


@BOTH_SOCKET_MODES
def test_fifty_stalled_clients_slow_nobody_and_hold_little(tus: Tus) -> None:
    alone = healthy_seconds(tus, "alene")
    before = tus.deployment.rss()
    stalled = [tus.create(1_000_000_000, f"treg {number}") for number in range(50)]
    with ExitStack() as hanging:
        for number, upload in enumerate(stalled):
            hanging.enter_context(upload.raw(0, 1_000_000_000, b"x" * (20_000 * number)))
        beside = healthy_seconds(tus, "blant trege")
        grown = tus.deployment.rss() - before
    print_figure(f"20 MB alone {alone:.2f} s, beside 50 stalled {beside:.2f} s; memory grew by {grown / 1e6:.0f} MB")
    assert beside < 3 * alone + 0.5
    assert grown < 100_000_000 + stack().spooled


@BOTH_SOCKET_MODES
def test_pieces_of_two_bytes_weigh_little_more_than_their_bytes(tus: Tus) -> None:
    before = tus.deployment.rss()
    uploads = [tus.create(1_000_000, f"smuler {number}") for number in range(8)]
    with ExitStack() as hanging:
        connections = [hanging.enter_context(upload.raw(0, 1_000_000)) for upload in uploads]
        for connection in connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        crumbs = [threading.Thread(target=crumble, args=(connection,)) for connection in connections]
        for thread in crumbs:
            thread.start()
        for thread in crumbs:
            thread.join()
        assert tus.deployment.rss() - before < 40_000_000


def crumble(connection: socket.socket) -> None:
    for _ in range(5_000):
        connection.send(b"xy")
