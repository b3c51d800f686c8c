"""The network between a browser and the server: made slow, cut and mended; what is held back or sent over it."""

import contextlib
import re
import socket
import threading
import time
from dataclasses import dataclass
from typing import Self

from playwright.sync_api import Page, Request, Response, Route

_PIECE = 256 * 1024


class Network:
    """A SOCKS5 proxy on loopback that a browser goes through; it knows nothing of what passes.

    Threads: one accepts, two per connection carry bytes, all of them end when the block is left.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._broken = threading.Event()
        self._rate: float | None = None
        self._cut_at: int | None = None
        self.sent = self.received = 0
        """Bytes to and from the server since the network was last mended."""

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def proxy(self) -> dict[str, str]:
        """As a browser context wants it."""
        return {"server": f"socks5://{self.address}"}

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # close() alone would leave the thread waiting in accept() for ever.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def slow(self, bytes_per_second: float) -> None:
        """What is sent to the server gets no more than this, on each connection."""
        self._rate = bytes_per_second

    def cut(self) -> None:
        """Every connection breaks, and no new one comes about."""
        with self._lock:
            self._broken.set()
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def cut_after(self, received: int) -> None:
        """Cut as soon as the server has sent that many more bytes."""
        with self._lock:
            self._cut_at = self.received + received

    def wait_until_cut(self) -> None:
        """Until the server has sent as much as `cut_after` asked for."""
        assert self._broken.wait(60), "the network was never cut"

    def mend(self) -> None:
        """New connections come about again, as fast as it goes."""
        with self._lock:
            self._rate = self._cut_at = None
            self.sent = self.received = 0
            self._broken.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            target = None if self._broken.is_set() else _greeted(client)
            if target is None:
                return
            with socket.create_connection(target) as server:
                with self._lock:
                    self._open |= {client, server}
                    if self._broken.is_set():
                        return
                client.sendall(b"\x05\x00\x00\x01" + bytes(6))
                back = threading.Thread(target=self._carry, args=(server, client, False), daemon=True)
                back.start()
                self._carry(client, server, True)
                back.join()
                with self._lock:
                    self._open -= {client, server}

    def _carry(self, source: socket.socket, target: socket.socket, upwards: bool) -> None:
        """Carry bytes until either end has had enough, which then both have."""
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                target.sendall(piece)
                self._count(len(piece), upwards)
                # Read once: another thread may lift the limit.
                if upwards and (rate := self._rate):
                    time.sleep(len(piece) / rate)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count(self, count: int, upwards: bool) -> None:
        with self._lock:
            if upwards:
                self.sent += count
            else:
                self.received += count
            reached = self._cut_at is not None and self.received >= self._cut_at
        if reached:
            self.cut()


def _greeted(client: socket.socket) -> tuple[str, int] | None:
    """Where the client wants to go (RFC 1928: no authentication, CONNECT, an IPv4 address or a name)."""
    _, methods = _exactly(client, 2)
    _exactly(client, methods)
    client.sendall(b"\x05\x00")
    _, command, _, kind = _exactly(client, 4)
    if command != 1 or kind not in (1, 3):
        return None
    host = socket.inet_ntoa(_exactly(client, 4)) if kind == 1 else _exactly(client, _exactly(client, 1)[0]).decode()
    return host, int.from_bytes(_exactly(client, 2), "big")


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = source.recv(count - len(data))
        if not piece:
            raise OSError("the client went away")
        data += piece
    return data


class Held:
    """A page's requests of a method to a path that ends so: they wait until the test sends them on."""

    def __init__(self, page: Page, method: str, path: str) -> None:
        self._page = page
        self._method = method
        self._waiting: list[Route] = []
        self.count = 0
        page.route(re.compile(f"{path}$"), self._met)

    def _met(self, route: Route) -> None:
        if route.request.method != self._method:
            route.fallback()
            return
        self.count += 1
        self._waiting.append(route)

    def wait(self) -> None:
        """Until one is there."""
        deadline = time.monotonic() + 20
        while not self._waiting:
            assert time.monotonic() < deadline, f"no {self._method} came"
            self._page.wait_for_timeout(20)

    def send_on(self) -> None:
        """The one that has waited longest, or the next that comes."""
        self.wait()
        self._waiting.pop(0).continue_()


@dataclass(frozen=True, slots=True)
class Sent:
    """A request of the upload protocol: where it said that it goes on from, or what the server answered to HEAD."""

    method: str
    offset: int
    url: str


def assert_gone_on(uploads: list[Sent], length: int) -> None:
    """Each upload's last request went on from where the server said that it was, and that was not the beginning.

    One that the server had all of, though its answer was lost, ends with the question. One that was first sent when the
    connection was back has nothing to go on from.
    """
    last = [[other for other in uploads if other.url == url][-2:] for url in {sent.url for sent in uploads}]
    gone_on = [pair for pair in last if len(pair) == 2 and pair[-1].method == "PATCH"]
    assert gone_on, uploads
    for asked, resumed in gone_on:
        assert asked.method == "HEAD"
        assert asked.offset == resumed.offset < length
    assert any(resumed.offset for _, resumed in gone_on)


def uploads_of(page: Page) -> list[Sent]:
    """Fills itself with the page's uploads as they are sent: PATCH as it is asked, HEAD as it is answered."""
    seen: list[Sent] = []

    def asked(request: Request) -> None:
        if request.method == "PATCH" and "/uploads/" in request.url:
            seen.append(Sent("PATCH", int(request.headers["upload-offset"]), request.url))

    def answered(response: Response) -> None:
        if response.request.method == "HEAD" and "upload-offset" in response.headers:
            seen.append(Sent("HEAD", int(response.headers["upload-offset"]), response.url))

    page.on("request", asked)
    page.on("response", answered)
    return seen
