"""An engine or another server that accepts a connection and then does nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hanging_engine(*replies: bytes) -> Iterator[tuple[tuple[str, int], threading.Event]]:
    """A server that replies to requests, and at the next one hangs: it reads nothing. Also yields when it does."""
    hangs = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for reply in replies:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(reply)
            connection, _ = listener.accept()
            hangs.set()
            with connection:
                over.wait()

        over = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[:2], hangs
        over.set()
        thread.join()
