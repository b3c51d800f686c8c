"""The servers of others that are measured beside ours and nginx, as who has just installed them starts them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bench.servers import Files, Place, TusServer, free_port, node, request, running, wait_for_port

_TUSPY = """
import sys, uvicorn
from fastapi import FastAPI
from tuspyserver import create_tus_router
app = FastAPI()
app.include_router(create_tus_router(files_dir=sys.argv[1]))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""


@contextmanager
def tus_server(folder: Path) -> Iterator[TusServer]:
    """@tus/server with its FileStore, on the Node of the environment."""
    folder.mkdir(parents=True)
    with running([node(), str(Path(__file__).parent / "tus-server.mjs"), str(folder)]) as process:
        assert process.stdout is not None
        yield TusServer(int(process.stdout.readline()), process.pid, folder)


@contextmanager
def tuspyserver(folder: Path) -> Iterator[TusServer]:
    """tuspyserver in FastAPI on uvicorn; it has uploads only."""
    folder.mkdir(parents=True)
    port = free_port()
    with running([sys.executable, "-c", _TUSPY, str(folder), str(port)]) as process:
        wait_for_port(port)
        yield TusServer(port, process.pid, folder, gives_back=False)


class Named(Files):
    """PUT and GET of a name that has not been used before: some keep both files when it has."""

    _numbers = count()

    def place(self, length: int) -> Place:
        """A name that is free."""
        name = f"stor-{next(self._numbers)}.bin"
        file = self.files / name
        return Place(request("PUT", f"/{name}", {}, length), lambda: request("GET", f"/{name}", {}), file.unlink, file)


@contextmanager
def copyparty(folder: Path) -> Iterator[Named]:
    """copyparty with one volume where anybody may do anything, and without its checksum of what is put."""
    folder.mkdir(parents=True)
    port = free_port()
    options = ["-q", "-i", "127.0.0.1", "-p", str(port), "-v", f"{folder}::rwmd", "--put-ck", "no"]
    with running([str(Path(sys.executable).parent / "copyparty"), *options]) as process:
        wait_for_port(port)
        yield Named(port, process.pid, folder)


@contextmanager
def rclone(folder: Path) -> Iterator[Named]:
    """`rclone serve webdav`."""
    folder.mkdir(parents=True)
    port = free_port()
    program = str(Path(sys.executable).parent / "rclone")
    with running([program, "serve", "webdav", str(folder), "--addr", f"127.0.0.1:{port}"]) as process:
        wait_for_port(port)
        yield Named(port, process.pid, folder)
