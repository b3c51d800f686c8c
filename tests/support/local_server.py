"""An application behind a real socket of this machine, for clients that know nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn._types import ASGIApplication

from deldokument.server.connections import BoundedConfig, BoundedConnection
from deldokument.web.app import create_app
from deldokument.web.http.site import Site
from tests.support.world import Stage

_START_SECONDS = 30.0


@contextmanager
def listening(stage: Stage, site: Site) -> Iterator[str]:
    """The address that the application over a stage answers at, until the block is left."""
    with running(create_app(stage.deps, site), BoundedConnection) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(app: ASGIApplication, connection: type[BoundedConnection], **more: Any) -> Iterator[int]:
    """The port that any application answers at, over connections of this kind, until the block is left."""
    config = BoundedConfig(
        app, port=0, http=connection, log_config=None, access_log=False, server_header=False, date_header=False,
        lifespan="off", loop="uvloop", **more,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + _START_SECONDS
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
