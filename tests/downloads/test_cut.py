"""A running download stops within five seconds of losing its permission, and the client sees that it is incomplete.

The servers here check the permission every half second instead of every four. The margin is the same.
"""

import math
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import httpx
import pytest

from deldokument.ports.dependencies import Dependencies
from deldokument.services.tenants.freezing import FreezeReason, set_share_freeze
from deldokument.web.transfer.downloads import RECHECK_SECONDS
from tests.support.deployment.deployment import (
    FJELL,
    OLA,
    OLA_NUMBER,
    PER,
    SOCKET_MODES,
    Deployment,
    SocketMode,
    wait_until,
)

LENGTH = 30_000_000
WINDOW = 400_000
"""More than the kernel of a client with a small window holds."""
PROMISED_SECONDS = 5.0
STALL_SECONDS = 2.0
MARGIN_SECONDS = 1.0
BOUND = 0.5 + MARGIN_SECONDS
LOOKS_OFTEN = {"deldokument.web.transfer.downloads.RECHECK_SECONDS": BOUND - MARGIN_SECONDS}


def test_the_delivered_server_looks_again_early_enough_for_its_promise() -> None:
    assert RECHECK_SECONDS + MARGIN_SECONDS <= PROMISED_SECONDS


@pytest.fixture(scope="module", params=SOCKET_MODES)
def often(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """A server that looks twice a second whether a download may go on."""
    mode: SocketMode = request.param
    with mode.deployment(tmp_path_factory.mktemp("often"), LOOKS_OFTEN, worker=False) as running:
        yield running


@pytest.fixture(scope="module")
def content() -> bytes:
    return os.urandom(1_000_000) * (LENGTH // 1_000_000)


@contextmanager
def reading(running: Deployment, who: str, path: str) -> Iterator[socket.socket]:
    """A download by hand with a small window, so that little is on its way."""
    cookies = "; ".join(f"{name}={value}" for name, value in running.session(who).cookies.items())
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", running.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nCookie: {cookies}\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
        yield connection


def read_on(connection: socket.socket, pause: float, size: int = 65536, until: float = math.inf) -> tuple[int, bool]:
    """Read to the end, or until that instant: how many bytes came, and whether it was the end."""
    got = 0
    while time.monotonic() < until:
        try:
            piece = connection.recv(size)
        except ConnectionResetError:
            return got, True
        if not piece:
            return got, True
        got += len(piece)
        time.sleep(pause)
    return got, False


def stops(running: Deployment, who: str, path: str, event: Callable[[], object], *, pause: float, size: int) -> None:
    """After ``event`` nothing comes later than the bound but what the client's own kernel holds, and not everything."""
    with reading(running, who, path) as connection:
        for _ in range(5):
            connection.recv(size)
            time.sleep(pause)
        event()
        got, ended = read_on(connection, pause, size, time.monotonic() + BOUND + 0.5)
        held = 0 if ended else read_on(connection, 0)[0]
    assert held < WINDOW
    assert got + held < LENGTH - 10 * size


# A steady reader of some 8 MB/s, and one so slow that a single buffer would last it for half a minute.
STEADY = 0.008
PACES = [pytest.param(STEADY, 65536, id="steady"), pytest.param(0.2, 8192, id="slow")]


@pytest.mark.parametrize(("pause", "size"), PACES)
def test_withdrawn(often: Deployment, content: bytes, pause: float, size: int) -> None:
    share_id = often.share([OLA_NUMBER], {"stor.bin": content})
    [path] = often.document_paths(share_id)
    stops(often, OLA, path, lambda: often.withdraw(share_id), pause=pause, size=size)
    assert often.session(OLA).get(path).status_code == 410


@pytest.mark.parametrize(("pause", "size"), PACES)
def test_stopped_by_the_operator(often: Deployment, content: bytes, pause: float, size: int) -> None:
    deps = often.node.deps
    share_id = often.share([OLA_NUMBER], {"stor.bin": content})
    [path] = often.document_paths(share_id)
    event = partial(set_share_freeze, deps, share_id, None, FreezeReason.SECURITY)
    stops(often, OLA, path, event, pause=pause, size=size)
    assert often.session(OLA).get(path).status_code == 403
    set_share_freeze(deps, share_id, None, None)
    assert often.session(OLA).get(path, headers={"Range": "bytes=0-9"}).content == content[:10]


def test_a_removed_recipient_is_cut_and_another_one_reads_to_the_end(often: Deployment, content: bytes) -> None:
    share_id = often.share([OLA_NUMBER, FJELL], {"stor.bin": content})
    [path] = often.document_paths(share_id)
    with reading(often, PER, path) as other:
        stops(often, OLA, path, lambda: often.remove_recipient(share_id, 0), pause=STEADY, size=65536)
        got = 0
        while got < LENGTH:
            piece = other.recv(1_000_000)
            assert piece
            got += len(piece)
    stranger = often.session(OLA).get("/d/AAAAAAAAAAAAAAAAAAAAAA/dokument/" + "0" * 32)
    assert often.session(OLA).get(path).status_code == stranger.status_code == 404


def test_a_removed_document_is_cut_and_another_one_is_read_to_the_end(often: Deployment, content: bytes) -> None:
    share_id = often.share([OLA_NUMBER], {"stor.bin": content, "fjernes.bin": content})
    kept, removed = often.document_paths(share_id)
    with reading(often, OLA, kept) as other:
        stops(often, OLA, removed, lambda: often.remove_document(share_id, removed), pause=STEADY, size=65536)
        got = 0
        while got < LENGTH:
            piece = other.recv(1_000_000)
            assert piece
            got += len(piece)
    assert often.session(OLA).get(removed).status_code == 404


def test_withdrawn_while_the_reader_takes_nothing(often: Deployment, content: bytes) -> None:
    share_id = often.share([OLA_NUMBER], {"stor.bin": content})
    [path] = often.document_paths(share_id)
    with reading(often, OLA, path) as connection:
        time.sleep(0.5)
        often.withdraw(share_id)
        time.sleep(BOUND + 0.5)
        held, _ = read_on(connection, 0)
    # The rest was already in the client's own kernel: the server sent nothing after the bound.
    assert held < WINDOW


def test_withdrawn_cuts_the_zip_too(often: Deployment, content: bytes) -> None:
    share_id = often.share([OLA_NUMBER], {"stor.bin": content, "liten.txt": b"x"})
    stops(often, OLA, f"/d/{share_id}/alt.zip", lambda: often.withdraw(share_id), pause=STEADY, size=65536)


def test_logged_out(often: Deployment, content: bytes) -> None:
    share_id = often.share([OLA_NUMBER], {"stor.bin": content})
    [path] = often.document_paths(share_id)
    ola = often.session(OLA)
    token = ola.headers["X-CSRF-Token"]
    stops(often, OLA, path, lambda: ola.post("/logg-ut", data={"csrf_token": token}), pause=STEADY, size=65536)
    assert ola.get(path).status_code == 401


def test_the_client_sees_that_it_is_not_the_end(often: Deployment, content: bytes) -> None:
    share_id = often.share([OLA_NUMBER], {"stor.bin": content})
    [path] = often.document_paths(share_id)
    received: list[int] = []
    with often.session(OLA).stream("GET", path) as answer, pytest.raises(httpx.TransportError):
        read_and_withdraw(often, share_id, answer, received)
    assert 0 < sum(received) < LENGTH
    assert not receipt_of(often.node.deps, share_id)


def read_and_withdraw(running: Deployment, share_id: str, answer: httpx.Response, received: list[int]) -> None:
    for piece in answer.iter_raw(65536):
        if not received:
            running.withdraw(share_id)
        received.append(len(piece))
        time.sleep(STEADY)


def receipt_of(deps: Dependencies, share_id: str) -> bool | None:
    """Whether the share's one document has been downloaded whole; None when it has no receipt."""
    with deps.database.read() as tx:
        found = [receipt.completed_at for receipt in tx.receipts.of_shares([share_id]) if receipt.document_id]
    return bool(found[0]) if found else None


def test_a_reader_who_leaves_has_no_receipt_for_the_rest(often: Deployment, content: bytes) -> None:
    share_id = often.share([OLA_NUMBER], {"stor.bin": content})
    [path] = often.document_paths(share_id)
    with reading(often, OLA, path) as connection:
        assert sum(len(connection.recv(65536)) for _ in range(100)) > 1_000_000
    wait_until(lambda: receipt_of(often.node.deps, share_id) is not None, 20, "no receipt for what was had")
    assert receipt_of(often.node.deps, share_id) is False


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server whose minute is two seconds."""
    waits = LOOKS_OFTEN | {"deldokument.web.transfer.downloads.STALL_SECONDS": STALL_SECONDS}
    with Deployment(tmp_path_factory.mktemp("impatient"), constants=waits, worker=False) as running:
        yield running


def test_a_reader_that_takes_nothing_is_disconnected(impatient: Deployment, content: bytes) -> None:
    share_id = impatient.share([OLA_NUMBER], {"stor.bin": content})
    [path] = impatient.document_paths(share_id)
    with reading(impatient, OLA, path) as connection:
        wait_until(lambda: receipt_of(impatient.node.deps, share_id) is not None, 20, "it was not let go")
        assert read_on(connection, 0)[0] < LENGTH


def test_a_reader_that_is_slow_but_steady_is_not_let_go(impatient: Deployment, content: bytes) -> None:
    share_id = impatient.share([OLA_NUMBER], {"stor.bin": content})
    [path] = impatient.document_paths(share_id)
    with reading(impatient, OLA, path) as connection:
        got, began = 0, time.monotonic()
        while time.monotonic() - began < 3 * STALL_SECONDS:
            got += len(connection.recv(65536))
            time.sleep(0.1)
        assert receipt_of(impatient.node.deps, share_id) is None
        while got < LENGTH and (piece := connection.recv(2**20)):
            got += len(piece)
    assert got >= LENGTH


def test_the_end_comes_and_rights_go_while_it_runs(impatient: Deployment, content: bytes) -> None:
    share_id = impatient.share([OLA_NUMBER, FJELL], {"stor.bin": content})
    [path] = impatient.document_paths(share_id)
    day = timedelta(days=1)
    stops(impatient, OLA, path, lambda: impatient.move_clock(40 * day), pause=STEADY, size=65536)
    assert impatient.session(OLA).get(path).status_code == 410
    assert impatient.session(PER).get(path).status_code == 410
    assert impatient.session("Siv Holm").get(path).status_code == 404
