"""HTTP client with a time limit and a size limit for each whole call.

httpx limits single reads only, so a server that sends a byte at a time can block a call for ever. Here each
connect, TLS handshake, read and write gets the time that is left of the call.

Guarantees:
- A call ends within `TOTAL_PER_READ` times the time limit of its reads, headers and body included.
- No response of more than ``max_bytes`` is kept. A compressed response is refused, because its size is not
  known beforehand.
- Both raise an httpx.TransportError, as if the connection had failed.

Not limited: name resolution, and connecting to further addresses of a name after the first has timed out.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import httpcore
import httpx

TOTAL_PER_READ: Final = 2
Observe = Callable[[str, float], None]
_call = threading.local()
"""``ends_at`` (monotonic): the deadline of this thread's call. A call begins and ends on one thread."""


class AnswerTooLarge(httpx.RemoteProtocolError):
    """The response has more bytes than the caller accepts."""


class AnswerCompressed(httpx.RemoteProtocolError):
    """The response is compressed although that was not requested."""


def _ignore(_outcome: str, _seconds: float) -> None:
    """Do nothing: the default observer."""


class BoundedClient(httpx.Client):
    """An httpx.Client with bounded calls.

    Like httpx, it uses the proxies of the environment. ``observe`` gets the status class of each call (such as "2xx")
    or "error", and its duration in seconds.
    """

    def __init__(self, *, max_bytes: int, observe: Observe = _ignore, **given: Any) -> None:
        self._max_bytes = max_bytes
        self._observe = observe
        super().__init__(**given)
        self.headers["Accept-Encoding"] = "identity"

    # httpx creates its transports in these two methods; the second is for the environment's proxies.
    def _init_transport(self, *args: Any, **given: Any) -> httpx.BaseTransport:
        return _BoundedTransport(super()._init_transport(*args, **given), self._max_bytes, self._observe)

    def _init_proxy_transport(self, *args: Any, **given: Any) -> httpx.BaseTransport:
        return _BoundedTransport(super()._init_proxy_transport(*args, **given), self._max_bytes, self._observe)


class _BoundedTransport(httpx.BaseTransport):
    """A transport that reads whole responses over ``inner``, an httpx.HTTPTransport."""

    def __init__(self, inner: Any, max_bytes: int, observe: Observe) -> None:
        self._inner = inner
        self._max_bytes = max_bytes
        self._observe = observe
        # httpcore takes a network backend, but httpx has no parameter for it.
        inner._pool._network_backend = _TimedBackend(inner._pool._network_backend)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        began, outcome = time.monotonic(), "error"
        try:
            response = self._respond(request)
            outcome = f"{response.status_code // 100}xx"
        finally:
            self._observe(outcome, time.monotonic() - began)
        return response

    def _respond(self, request: httpx.Request) -> httpx.Response:
        _call.ends_at = time.monotonic() + TOTAL_PER_READ * request.extensions["timeout"]["read"]
        answer = self._inner.handle_request(request)
        try:
            body = self._body_of(answer)
        finally:
            answer.close()
        return httpx.Response(
            answer.status_code,
            headers=answer.headers,
            stream=httpx.ByteStream(body),
            extensions={"http_version": answer.extensions["http_version"]},
        )

    def close(self) -> None:
        self._inner.close()

    def _body_of(self, answer: httpx.Response) -> bytes:
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise AnswerCompressed("compressed")
        body = bytearray()
        for piece in answer.iter_raw():
            body += piece
            if len(body) > self._max_bytes:
                raise AnswerTooLarge(f"more than {self._max_bytes} bytes")
        return bytes(body)


class _TimedBackend(httpcore.NetworkBackend):
    """A network backend whose connections observe the deadline of the current call."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _limit_to_call(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._inner.connect_tcp(host, port, left, local_address, socket_options))


class _TimedStream(httpcore.NetworkStream):
    """A connection that serves many calls, one after the other, each with its own deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _limit_to_call(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _limit_to_call(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _limit_to_call(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _limit_to_call(timeout: float | None, over: type[httpcore.TimeoutException]) -> float:
    """Return the time limit of one step in seconds: ``timeout``, or the rest of the call's time if that is less.

    Raises: ``over`` if the call's time is used up.
    """
    left: float = _call.ends_at - time.monotonic()
    if left <= 0:
        raise over("the whole call took too long")
    return left if timeout is None else min(left, timeout)
