"""An application behind a real socket of this machine, for clients that know nothing else."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn._types import ASGIApplication

from deldokument.server.connections import BoundedConfig, BoundedConnection
from deldokument.web.app import create_app
from deldokument.web.http.site import Site
from tests.support.stage.stage import Stage

_START_SECONDS = 30.0


@contextmanager
def listening(stage: Stage, site: Site) -> Iterator[str]:
    """The address that the application over a stage answers at, until the block is left."""
    with running(create_app(stage.deps, site), BoundedConnection) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(app: ASGIApplication, connection: type[BoundedConnection], **more: Any) -> Iterator[int]:
    """The port that any application answers at, over connections of this kind, until the block is left."""
    with socket.create_server(("127.0.0.1", 0)) as listener, running_at(listener, app, connection, **more):
        yield listener.getsockname()[1]


@contextmanager
def running_at(
    listener: socket.socket, app: ASGIApplication, connection: type[BoundedConnection], **more: Any
) -> Iterator[None]:
    """The same at a listening socket, of any family."""
    config = BoundedConfig(
        app, http=connection, log_config=None, access_log=False, server_header=False, date_header=False,
        lifespan="off", loop="uvloop", **more,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until = time.monotonic() + _START_SECONDS
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def dialled(
    folder: Path | None, app: ASGIApplication, connection: type[BoundedConnection], **more: Any
) -> Iterator[Callable[[], socket.socket]]:
    """A function that connects to the application: over TCP, or to a Unix socket in the folder."""
    if folder is None:
        with running(app, connection, **more) as port:
            yield lambda: socket.create_connection(("127.0.0.1", port), timeout=60)
        return
    path = str(folder / "serve.sock")
    (folder / "serve.sock").unlink(missing_ok=True)

    def connect() -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(60)
        client.connect(path)
        return client

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with running_at(listener, app, connection, **more):
            yield connect
