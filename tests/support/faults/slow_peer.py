"""Answers of a sick register: without end, without measure, or held until the test lets go.

Each takes over a request at a hostile server (see hostile_provider and hostile_issuer).
"""

import gzip
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler

Answer = Callable[[BaseHTTPRequestHandler], bool]

_STEP_SECONDS = 0.02
_BYTES = 1500
"""Of a dripping answer: it is whole after half a minute."""
_HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n"
FLOOD = 64 << 20


def drip_body(handler: BaseHTTPRequestHandler) -> bool:
    """A head, and then the body a byte at a time."""
    handler.wfile.write(_HEAD + b"Content-Length: %d\r\n\r\n" % _BYTES)
    return _drip(handler, b"{}".rjust(_BYTES))


def drip_head(handler: BaseHTTPRequestHandler) -> bool:
    """A head that comes a byte at a time."""
    handler.wfile.write(_HEAD)
    return _drip(handler, b"X-Slow: %s\r\nContent-Length: 2\r\n\r\n{}" % (b"x" * _BYTES))


def _drip(handler: BaseHTTPRequestHandler, content: bytes) -> bool:
    with suppress(OSError):
        for byte in content:
            handler.wfile.write(bytes([byte]))
            threading.Event().wait(_STEP_SECONDS)
    return True


def flood(handler: BaseHTTPRequestHandler) -> bool:
    """JSON of 64 MiB."""
    with suppress(OSError):
        handler.wfile.write(_HEAD + b"\r\n[")
        for _ in range(FLOOD >> 16):
            handler.wfile.write(b" " * (1 << 16))
        handler.wfile.write(b"]")
    return True


def bomb(handler: BaseHTTPRequestHandler) -> bool:
    """JSON of 64 MiB in 64 KiB."""
    packed = _packed()
    handler.wfile.write(_HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed))
    with suppress(OSError):
        handler.wfile.write(packed)
    return True


@cache
def _packed() -> bytes:
    return gzip.compress(b"[" + b" " * FLOOD + b"]")


class Held:
    """Requests that are answered, a byte at a time, for as long as the test wants."""

    def __init__(self) -> None:
        self._under_way = 0
        self._change = threading.Condition()
        self._let_go = False

    def __call__(self, handler: BaseHTTPRequestHandler) -> bool:
        """Take over a request."""
        handler.wfile.write(_HEAD)
        with self._change:
            self._under_way += 1
            self._change.notify_all()
            while not self._change.wait_for(lambda: self._let_go, _STEP_SECONDS):
                with suppress(OSError):
                    handler.wfile.write(b"X-Still: here\r\n")
        return True

    def wait_for(self, count: int) -> None:
        """Return when so many requests have come."""
        with self._change:
            assert self._change.wait_for(lambda: self._under_way >= count, 60)

    def let_go(self) -> None:
        """End them all, in the middle."""
        with self._change:
            self._let_go = True
            self._change.notify_all()
