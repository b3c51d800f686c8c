"""Clients that stall or creep are disconnected, and the bytes they sent are kept."""

import http.client
import os
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.deployment.deployment import SOCKET_MODES, Deployment, SocketMode
from tests.uploads.tus import Tus, answer_of, checksum, connected, sends_fail, status_of

STALL = 2.0


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


def test_a_stalled_client_is_disconnected_and_its_bytes_are_stored(impatient_tus: Tus) -> None:
    content = os.urandom(1_000_000)
    upload = impatient_tus.create(len(content))
    with upload.raw(0, len(content), content[:700_001]) as connection:
        said = answer_of(connection)
    assert status_of(said) == 408
    assert b"connection: close" in said.lower()
    assert upload.offset() == 700_001
    assert upload.patch(700_001, content[700_001:]).status_code == 204
    assert impatient_tus.received() == content


def test_a_very_slow_client_is_disconnected_too(impatient_tus: Tus) -> None:
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


def test_a_stalled_client_that_announced_a_checksum_gets_an_error_and_the_offset_stays(impatient_tus: Tus) -> None:
    upload = impatient_tus.create(1_000_000)
    promised = checksum(b"x" * 1_000_000)
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


def test_a_client_that_sends_a_pages_body_very_slowly_is_disconnected(impatient: Deployment) -> None:
    # A route for anyone: other routes answer a stranger before reading the body, and close the connection.
    form = "application/x-www-form-urlencoded"
    head = f"POST /logg-ut/bakkanal HTTP/1.1\r\nHost: x\r\nContent-Type: {form}\r\nContent-Length: 16000\r\n\r\n"
    with connected(impatient) as connection:
        connection.sendall(head.encode())
        began = time.monotonic()
        while not sends_fail(connection, b" "):
            assert time.monotonic() - began < 15 * STALL
            time.sleep(0.2)
    assert time.monotonic() - began > 2 * STALL
