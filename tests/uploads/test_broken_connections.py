"""Clients that break off, race or stall, or may not go on: what came is kept, and others do not wait."""

import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from deldokument.domain.errors import existing
from deldokument.services.accounts.members import remove_member
from deldokument.services.tenants.freezing import FreezeReason, set_share_freeze
from tests.support.deployment.deployment import BOTH_SOCKET_MODES, wait_until
from tests.support.deployment.stack import stack
from tests.uploads.tus import Tus, Uploading, answer_of, checksum, reset, status_of


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
    promised = checksum(content)
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
def test_of_two_writers_at_one_offset_one_succeeds_with_its_bytes(tus: Tus) -> None:
    length = 3_000_000
    bodies = [bytes([number]) * length for number in range(6)]
    upload = tus.create(length)
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda body: upload.patch(0, body).status_code, bodies))
    assert sorted(statuses) == [204] + [409] * 5
    assert tus.received() == bodies[statuses.index(204)]


def refused_while_sending(connection: socket.socket, rest: bytes) -> int | None:
    """The status; None when the server has hung up while we sent, and its answer is lost with the connection."""
    try:
        connection.sendall(rest)
        return status_of(answer_of(connection))
    except ConnectionError:
        return None


# Uses a separate deployment, because Kari loses a membership.
def test_a_member_who_is_removed_uploads_nothing_more(mortal_tus: Tus) -> None:
    running = mortal_tus.deployment
    with running.node.deps.database.read() as tx:
        draft = existing(tx.shares.get(mortal_tus.draft))
    upload = mortal_tus.create(20_000_000)
    with upload.raw(0, 20_000_000, os.urandom(9_000_000)) as connection:
        wait_until(lambda: upload.offset() > 0, 20, "nothing was committed")
        where = {"tenant_id": draft.tenant_id, "account_id": draft.account_id}
        remove_member(running.node.deps, **where, member_id=draft.member_id)
        assert refused_while_sending(connection, os.urandom(11_000_000)) in {404, None}
    assert upload.head().status_code == upload.patch(0, b"x").status_code == 404


@BOTH_SOCKET_MODES
def test_a_stopped_request_accepts_nothing_more_and_the_upload_can_resume(tus: Tus) -> None:
    deps, content = tus.deployment.node.deps, os.urandom(20_000_000)
    upload = tus.create(len(content))
    with upload.raw(0, len(content), content[:9_000_000]) as connection:
        wait_until(lambda: upload.offset() > 0, 20, "nothing was committed")
        kept = upload.offset()
        set_share_freeze(deps, tus.draft, None, FreezeReason.SECURITY)
        assert refused_while_sending(connection, content[9_000_000:]) in {403, None}
    assert upload.head().status_code == upload.patch(kept, b"x").status_code == 403
    set_share_freeze(deps, tus.draft, None, None)
    assert upload.offset() == kept
    assert upload.patch(kept, content[kept:]).status_code == 204
    assert tus.received() == content


def print_figure(line: str) -> None:
    """A number to read when the test runs with -s."""
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
