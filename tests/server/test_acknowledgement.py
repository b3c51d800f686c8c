"""What the server learns of a response that it has sent: acknowledged, and read or reset."""

import asyncio
import queue
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from starlette.types import Receive, Scope, Send

from deldokument.server import acknowledgement
from deldokument.server.acknowledgement import TcpBytes, bytes_in_kernel, watch_response
from deldokument.server.connections import BoundedConnection
from tests.support.deployment.deployment import wait_until
from tests.support.servers.local_server import dialled

pytestmark = pytest.mark.once
LENGTH = 1000
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
found: queue.Queue[tuple[int, bool]] = queue.Queue()
counted: queue.Queue[int] = queue.Queue()
Connect = Callable[[], socket.socket]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends LENGTH bytes, and notes how many were acknowledged and whether the client did not reset."""
    gone = asyncio.ensure_future(left(receive))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % LENGTH)]})
    sent = watch_response(scope)
    assert sent
    assert sent.acknowledged == 0
    await send({"type": "http.response.body", "body": bytes(LENGTH), "more_body": True})
    await sent.wait_for(LENGTH)
    counted.put(sent.acknowledged)
    is_clean = await sent.settles(gone)
    found.put((sent.acknowledged, is_clean))
    sent.close()
    gone.cancel()
    await send({"type": "http.response.body", "body": b""})


async def left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.fixture(scope="module", params=["TCP", "Unix"])
def connect(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    """A server that waits a minute for a reset: what the tests expect comes at once."""
    folder = None if request.param == "TCP" else tmp_path_factory.mktemp("socket")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acknowledgement, "SETTLE_SECONDS", 60.0)
        with dialled(folder, app, BoundedConnection, timeout_graceful_shutdown=1) as connect:
            yield connect


def ask(connect: Connect) -> socket.socket:
    """A connection with the response's head read, and its body received by the kernel."""
    connection = connect()
    send_request(connection)
    return connection


def send_request(connection: socket.socket) -> None:
    connection.sendall(REQUEST)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    # A Unix socket waits for no more than one write of the other side.
    wait_until(lambda: len(connection.recv(LENGTH, socket.MSG_PEEK)) == LENGTH, 30, "the body did not come")


def test_a_client_that_closes_with_unread_bytes_has_reset_though_all_were_received(connect: Connect) -> None:
    ask(connect).close()
    counted.get(timeout=30)
    assert found.get(timeout=30)[1] is False


def test_a_client_that_has_read_everything_and_closes_has_not_reset(connect: Connect) -> None:
    with ask(connect) as connection:
        assert len(connection.recv(LENGTH, socket.MSG_WAITALL)) == LENGTH
        counted.get(timeout=30)
    assert found.get(timeout=30) == (LENGTH, True)


def test_the_next_request_ends_the_wait_and_its_bytes_are_counted_apart(connect: Connect) -> None:
    with ask(connect) as connection:
        connection.recv(LENGTH, socket.MSG_WAITALL)
        counted.get(timeout=30)
        send_request(connection)
        assert found.get(timeout=30) == (LENGTH, True)
        connection.recv(LENGTH, socket.MSG_WAITALL)
        counted.get(timeout=30)
    assert found.get(timeout=30) == (LENGTH, True)


def test_a_head_that_is_acknowledged_while_it_is_counted_is_not_counted_twice() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as peer:
        connection, _ = listener.accept()
        connection.settimeout(30)
        # More than the peer's kernel takes while nobody reads.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_000_000)
        head = connection.send(bytes(8_000_000), socket.MSG_DONTWAIT)

        def unacknowledged() -> int:
            if count := bytes_in_kernel(connection):
                peer.recv(head, socket.MSG_WAITALL)
                wait_until(lambda: not bytes_in_kernel(connection), 30, "the head was not acknowledged")
            return count

        assert bytes_in_kernel(connection)
        with closing(TcpBytes(connection, unacknowledged, asyncio.Event())) as sent:
            connection.sendall(bytes(LENGTH))
            wait_until(lambda: not bytes_in_kernel(connection), 30, "the body was not acknowledged")
            assert sent.acknowledged == LENGTH


def test_without_a_connection_of_ours_nothing_is_counted() -> None:
    assert watch_response({"type": "http"}) is None
    assert watch_response({"type": "http", "extensions": {}}) is None
