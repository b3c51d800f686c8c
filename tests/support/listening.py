"""The application over a stage behind a real socket of this machine, for clients that know nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from support.world import Stage

from deldokument.web.app import create_app
from deldokument.web.connections import BoundedConnection
from deldokument.web.rendering import Site

_START_S = 30.0


@contextmanager
def listening(stage: Stage, site: Site) -> Iterator[str]:
    """The address that the application answers at, until the block is left."""
    app = create_app(stage.world, site)
    config = uvicorn.Config(app, port=0, http=BoundedConnection, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + _START_S
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
