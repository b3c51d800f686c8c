"""nginx before nodes that are replaced one after the other, with the pause that the pages say."""

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.servers.nginx import ROOT, Front, proxy
from tests.support.servers.ports import free_ports

pytestmark = pytest.mark.once

_PAGES = [(ROOT / "docs" / name).read_text("utf-8") for name in ("containers.md", "operate/upgrading.md")]
[_PAUSE] = {int(*re.findall(r"^ +sleep (\d+)$", page, re.M)) for page in _PAGES}


@contextmanager
def node(port: int) -> Iterator[None]:
    """A server that answers 200 to everything, until the block is left: then connections are refused."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def answers(front: Front) -> list[bytes]:
    """The statuses of some requests: enough for nginx to leave out a node that refuses them."""
    return [front.curl("/", "-o", os.devnull, "-w", "%{http_code}").stdout for _ in range(6)]


def test_no_request_is_refused_while_one_node_after_the_other_is_replaced(tmp_path: Path) -> None:
    ports = free_ports(2)
    with ExitStack() as stack:
        nodes = [stack.enter_context(ExitStack()) for _ in ports]
        for running, port in zip(nodes, ports, strict=True):
            running.enter_context(node(port))
        front = stack.enter_context(proxy(tmp_path, [f"127.0.0.1:{port}" for port in ports]))
        for running, port in zip(nodes, ports, strict=True):
            running.close()
            assert set(answers(front)) == {b"200"}
            running.enter_context(node(port))
            # nginx does not say when it asks a node again.
            time.sleep(_PAUSE)
        assert set(answers(front)) == {b"200"}
