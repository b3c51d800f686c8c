"""One file over a long line, in one stream and in four that are put together by tus concatenation.

HTTP/1.1: our Python client's own uploading, each stream a connection of its own, whose window the line caps.
HTTP/2: curl, all streams on one connection through nginx, whose window for each stream is the cap; the line delays.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from bench.line import Line, far_away
from bench.servers import Fronted, Ours
from deldokument.client import LocalFile
from deldokument.client.files import collect
from deldokument.client.models import Ticket as ClientTicket
from deldokument.client.state import Ledger
from deldokument.client.transport import RetryPolicy
from deldokument.client.uploads import Uploads
from tests.support.deployment.deployment import OFFSET_TYPE, Ticket

LINE = Line(round_trip=0.080, window=2**20)
STREAMS = 4
LENGTH = 128 * 2**20
LENGTH_HTTP2 = 32 * 2**20


def by_connections(ours: Ours, folder: Path, streams: int) -> float:
    """Bytes a second of our client over HTTP/1.1."""
    with tempfile.TemporaryDirectory(dir=folder) as name, far_away(ours.port, LINE) as port:
        file = _file(Path(name), LENGTH)
        draft = ours.deployment.draft()
        ticket = ours.deployment.announce(draft, "fjern.bin", LENGTH)
        url = f"http://127.0.0.1:{port}"
        path = ours.deployment.create_upload(ticket)
        known = ClientTicket(ticket.document_id, 0, url + path, f"{url}/uploads", ticket.token)
        with httpx.Client(timeout=120) as http, Ledger(Path(name) / "state", b"bench", {}) as ledger:
            uploads = Uploads(http, RetryPolicy(), ledger, lambda *_: None)
            began = time.monotonic()
            uploads.upload(file, known, lambda: known, streams)
            seconds = time.monotonic() - began
        ours.forsake(draft)
        return LENGTH / seconds


def by_http2(front: Fronted, folder: Path, streams: int) -> float:
    """Bytes a second of curl over HTTP/2, the joining not included."""
    line = Line(round_trip=LINE.round_trip, window=2**30)
    with tempfile.TemporaryDirectory(dir=folder) as name, far_away(front.port, line) as port:
        draft = front.deployment.draft()
        ticket = front.deployment.announce(draft, "fjern.bin", LENGTH_HTTP2)
        each = LENGTH_HTTP2 // streams
        body = _file(Path(name), each).path
        paths = [_begin(front, ticket, each, streams) for _ in range(streams)]
        config = "".join(_transfer(f"https://127.0.0.1:{port}{path}", ticket, body, front.ca) for path in paths)
        began = time.monotonic()
        done = subprocess.run(
            ["curl", "-sS", "--fail", "--parallel", "--parallel-max", str(streams), "--config", "-"],
            input=config, capture_output=True, text=True, check=True, timeout=300,
        )  # fmt: skip
        seconds = time.monotonic() - began
        assert done.stdout == "2 204\n" * streams, done.stdout
        if streams > 1:
            joined = ticket.headers | {"Upload-Concat": f"final;{' '.join(paths)}"}
            httpx.post(f"{front.deployment.url}/uploads", headers=joined).raise_for_status()
        front.forsake(draft)
        return LENGTH_HTTP2 / seconds


def _begin(front: Fronted, ticket: Ticket, length: int, streams: int) -> str:
    if streams == 1:
        return front.deployment.create_upload(ticket)
    headers = ticket.headers | {"Upload-Length": str(length), "Upload-Concat": "partial"}
    created = httpx.post(f"{front.deployment.url}/uploads", headers=headers).raise_for_status()
    return str(created.headers["location"])


def _transfer(url: str, ticket: Ticket, body: Path, ca: Path | None) -> str:
    """A transfer as curl's configuration has it."""
    headers = ticket.headers | {"Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
    lines = [f'header = "{name}: {value}"' for name, value in headers.items()]
    output = r'write-out = "%{http_version} %{response_code}\n"'
    return "\n".join(
        ["next", "http2", f'url = "{url}"', 'request = "PATCH"', f'upload-file = "{body}"', f'cacert = "{ca}"', output,
         *lines, ""]
    )  # fmt: skip


def _file(folder: Path, length: int) -> LocalFile:
    path = folder / "fjern.bin"
    path.write_bytes(os.urandom(length))
    return collect([path])[0]
