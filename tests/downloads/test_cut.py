"""A running download whose ground is gone stops within five seconds, and the client sees that it is not the end."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from support.server import BOTH_WAYS, FJELL, OLA, OLA_NUMBER, PER, Deployment, wait_until

from deldokument.services.freezing import FreezeReason, freeze_share, unfreeze_share
from deldokument.services.ports import World

LENGTH = 150_000_000
BOUND = 5.0


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


def read_on(connection: socket.socket, pause: float, size: int = 65536) -> tuple[float, int, bool]:
    """Read until it ends: when the last byte came, how many came, whether the end was a reset."""
    got, last = 0, time.monotonic()
    while True:
        try:
            piece = connection.recv(size)
        except ConnectionResetError:
            return last, got, True
        if not piece:
            return last, got, False
        got, last = got + len(piece), time.monotonic()
        time.sleep(pause)


def stops(running: Deployment, who: str, path: str, event: Callable[[], object], *, pause: float, size: int) -> None:
    """After ``event`` no byte comes later than the bound (and what the client's own window holds), nor all of them."""
    with reading(running, who, path) as connection:
        for _ in range(10):
            connection.recv(size)
            time.sleep(pause)
        event()
        happened = time.monotonic()
        last, got, _ = read_on(connection, pause, size)
    assert last - happened < BOUND + 0.5
    assert got < LENGTH - 10 * size


# A steady reader of some 15 MB/s, and one so slow that a single buffer would last it for half a minute.
PACES = [pytest.param(0.004, 65536, id="steady"), pytest.param(0.2, 8192, id="slow")]


@BOTH_WAYS
@pytest.mark.parametrize(("pause", "size"), PACES)
def test_withdrawn(deployment: Deployment, content: bytes, pause: float, size: int) -> None:
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": content})
    [path] = deployment.document_paths(share_id)
    stops(deployment, OLA, path, lambda: deployment.withdraw(share_id), pause=pause, size=size)
    assert deployment.session(OLA).get(path).status_code == 410


@pytest.mark.parametrize(("pause", "size"), PACES)
def test_stopped_by_the_operator(deployment: Deployment, content: bytes, pause: float, size: int) -> None:
    world = deployment.node.world
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": content})
    [path] = deployment.document_paths(share_id)
    event = partial(freeze_share, world, share_id, None, FreezeReason.SECURITY)
    stops(deployment, OLA, path, event, pause=pause, size=size)
    assert deployment.session(OLA).get(path).status_code == 403
    unfreeze_share(world, share_id, None)
    assert deployment.session(OLA).get(path, headers={"Range": "bytes=0-9"}).content == content[:10]


@BOTH_WAYS
def test_withdrawn_while_the_reader_takes_nothing(deployment: Deployment, content: bytes) -> None:
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": content})
    [path] = deployment.document_paths(share_id)
    with reading(deployment, OLA, path) as connection:
        time.sleep(1)
        deployment.withdraw(share_id)
        time.sleep(BOUND + 0.5)
        _, got, _ = read_on(connection, 0)
    # What is left is what the client's own kernel had already: nothing of it came out of the server after the bound.
    assert got < 400_000


@BOTH_WAYS
def test_withdrawn_cuts_the_zip_too(deployment: Deployment, content: bytes) -> None:
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": content, "liten.txt": b"x"})
    stops(deployment, OLA, f"/d/{share_id}/alt.zip", lambda: deployment.withdraw(share_id), pause=0.004, size=65536)


@BOTH_WAYS
def test_logged_out(deployment: Deployment, content: bytes) -> None:
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": content})
    [path] = deployment.document_paths(share_id)
    ola = deployment.session(OLA)
    token = ola.headers["X-CSRF-Token"]
    stops(deployment, OLA, path, lambda: ola.post("/logg-ut", data={"csrf_token": token}), pause=0.004, size=65536)
    assert ola.get(path).status_code == 401


@BOTH_WAYS
def test_the_client_sees_that_it_is_not_the_end(deployment: Deployment, content: bytes) -> None:
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": content})
    [path] = deployment.document_paths(share_id)
    received: list[int] = []
    with deployment.session(OLA).stream("GET", path) as answer, pytest.raises(httpx.TransportError):
        read_and_withdraw(deployment, share_id, answer, received)
    assert 0 < sum(received) < LENGTH
    assert not receipt_of(deployment.node.world, share_id)


def read_and_withdraw(running: Deployment, share_id: str, answer: httpx.Response, received: list[int]) -> None:
    for piece in answer.iter_raw(65536):
        if not received:
            running.withdraw(share_id)
        received.append(len(piece))
        time.sleep(0.004)


def receipt_of(world: World, share_id: str) -> bool | None:
    """Whether the share's one document has been downloaded whole; None when it has no receipt."""
    with world.database.read() as tx:
        found = [receipt.completed_at for receipt in tx.shares.receipts([share_id]) if receipt.document_id]
    return bool(found[0]) if found else None


@BOTH_WAYS
def test_a_reader_who_leaves_has_no_receipt_for_the_rest(deployment: Deployment, content: bytes) -> None:
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": content})
    [path] = deployment.document_paths(share_id)
    with reading(deployment, OLA, path) as connection:
        assert sum(len(connection.recv(65536)) for _ in range(100)) > 1_000_000
    wait_until(lambda: receipt_of(deployment.node.world, share_id) is not None, 20, "no receipt for what was had")
    assert receipt_of(deployment.node.world, share_id) is False


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server whose minute is six seconds."""
    waits = {"deldokument.web.downloads.STALL_SECONDS": 6.0, "deldokument.web.downloads.RECHECK_SECONDS": 1.0}
    with Deployment(tmp_path_factory.mktemp("impatient"), constants=waits) as running:
        yield running


def test_a_reader_that_takes_nothing_is_let_go(impatient: Deployment, content: bytes) -> None:
    share_id = impatient.share([OLA_NUMBER], {"stor.bin": content})
    [path] = impatient.document_paths(share_id)
    with reading(impatient, OLA, path) as connection:
        wait_until(lambda: receipt_of(impatient.node.world, share_id) is not None, 20, "it was not let go")
        assert read_on(connection, 0)[1] < LENGTH


def test_a_reader_that_is_slow_but_steady_is_not_let_go(impatient: Deployment, content: bytes) -> None:
    share_id = impatient.share([OLA_NUMBER], {"stor.bin": content})
    [path] = impatient.document_paths(share_id)
    with reading(impatient, OLA, path) as connection:
        got = 0
        for _ in range(200):
            got += len(connection.recv(8192))
            time.sleep(0.1)
        assert receipt_of(impatient.node.world, share_id) is None
        while got < LENGTH and (piece := connection.recv(2**20)):
            got += len(piece)
    assert got >= LENGTH


def test_the_end_comes_and_rights_go_while_it_runs(tmp_path: Path, content: bytes) -> None:
    with Deployment(tmp_path) as running:
        share_id = running.share([OLA_NUMBER, FJELL], {"stor.bin": content})
        [path] = running.document_paths(share_id)
        day = timedelta(days=1)
        stops(running, OLA, path, lambda: running.move_clock(40 * day), pause=0.004, size=65536)
        assert running.session(OLA).get(path).status_code == 410
        assert running.session(PER).get(path).status_code == 410
        assert running.session("Siv Holm").get(path).status_code == 404
