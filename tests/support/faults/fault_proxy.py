"""HTTP proxy that injects faults: it refuses, delays or truncates requests and responses, or drops the response.

A fault is for requests of a method (any when it names none); the oldest that fits a request is used up by it. Requests
without one are passed on as they are, so that their signatures hold.
"""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_HOP_HEADERS = {"connection", "transfer-encoding", "content-length"}
_LIMIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request, or to ``times`` of them."""

    method: str = ""
    times: int = 1
    status: int = 0
    """Answered with this, without having been passed on."""
    code: str = ""
    """The code in the body of that answer, as S3 says it."""
    cut_request_after: int | None = None
    """So many bytes of its body are read, then the connection is cut."""
    keep_only: int | None = None
    """So many bytes of its body are passed on, as if they were all."""
    cut_answer_after: int | None = None
    """So many bytes of the answer's body are given back, then the connection is cut. Nothing of the answer: -1."""
    hold: threading.Event | None = None
    """Passed on when this is set."""


@dataclass
class FaultProxy:
    """``seen`` holds method and target of every request, in order of arrival."""

    url: str
    seen: list[tuple[str, str]] = field(default_factory=list)
    _faults: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, fault: Fault) -> None:
        """From now on."""
        with self._lock:
            self._faults += [fault] * fault.times

    def heal(self) -> None:
        """No more trouble."""
        with self._lock:
            self._faults.clear()

    def count(self, method: str) -> int:
        """How many requests of the method there were."""
        return sum(seen == method for seen, _ in self.seen)

    def meet(self, method: str, target: str) -> Fault:
        """What happens to this request."""
        with self._lock:
            self.seen.append((method, target))
            for number, fault in enumerate(self._faults):
                if fault.method in ("", method):
                    return self._faults.pop(number)
        return Fault()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    proxy: FaultProxy
    target: str

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no error of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        fault = self.server.proxy.meet(self.command, self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if fault.cut_request_after is not None:
            self.rfile.read(min(length, fault.cut_request_after))
            self._cut()
            return
        body = self.rfile.read(length)
        if fault.hold is not None:
            fault.hold.wait(_LIMIT_SECONDS)
        if fault.status:
            text = f"<Error><Code>{fault.code}</Code></Error>".encode() if fault.code else b""
            self._answer(fault.status, {"ETag": '"of the proxy"'}, text)
            return
        self._pass_on(body if fault.keep_only is None else body[: fault.keep_only], fault)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815

    def _pass_on(self, body: bytes, fault: Fault) -> None:
        onward = http.client.HTTPConnection(self.server.target, timeout=_LIMIT_SECONDS)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_HEADERS}
            if body or self.command in ("PUT", "POST"):
                headers["Content-Length"] = str(len(body))
            onward.request(self.command, self.path, body, headers)
            answer = onward.getresponse()
            content = answer.read()
            self._answer(answer.status, dict(answer.getheaders()), content, fault.cut_answer_after)
        finally:
            onward.close()

    def _answer(self, status: int, headers: dict[str, str], content: bytes, cut_after: int | None = None) -> None:
        if cut_after == -1:
            self._cut()
            return
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _HOP_HEADERS:
                self.send_header(name, value)
        length = headers.get("Content-Length", str(len(content))) if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:cut_after])
        if cut_after is not None:
            self._cut()

    def _cut(self) -> None:
        self.wfile.flush()
        with suppress(OSError):
            self.connection.shutdown(2)
        self.close_connection = True


@contextmanager
def fault_proxy(target: str) -> Iterator[FaultProxy]:
    """Run a proxy to ``target``, an http URL, until the block is left."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.target = urlsplit(target).netloc
    server.proxy = FaultProxy(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
