"""Start of a simulator: one process, one port, loopback only.

Guarantees:
- When the line ``<name> <url>`` appears on standard output, connections are accepted.
- Requests with a foreign Host header are refused.

Knows nothing of the simulated services.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"


def command_line(name: str, description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all simulators share."""
    parser = argparse.ArgumentParser(
        prog=f"python -m deldokument.simulators.{name}", description=description, allow_abbrev=False
    )
    parser.add_argument("--host", type=_loopback, default=LOOPBACK, help="only 127.0.0.1 is accepted (default)")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free port (default)")
    parser.add_argument("--cast", type=Path, help="cast file to use instead of the packaged cast.json")
    return parser


def serve(name: str, options: argparse.Namespace, build: Callable[[str], ASGIApp]) -> None:
    """Run the app that ``build`` returns for the simulator's own base URL, until a signal arrives."""
    with socket.create_server((options.host, options.port), reuse_port=False) as listener:
        url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        app = TrustedHostMiddleware(build(url), allowed_hosts=[LOOPBACK, "localhost"])
        config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        sys.stdout.write(f"{name} {url}\n")
        sys.stdout.flush()
        uvicorn.Server(config).run(sockets=[listener])


def _loopback(host: str) -> str:
    if host != LOOPBACK:
        raise argparse.ArgumentTypeError("a simulator listens on 127.0.0.1 only")
    return host
