"""Start of a simulator: one process, one port, loopback only.

Guarantees:
- When the line ``<name> <url>`` appears on standard output, connections are accepted.
- Requests with a foreign Host header are refused.
"""

import argparse
import socket
import sys
from collections.abc import Callable

import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"


def command_line(name: str, description: str) -> argparse.ArgumentParser:
    """Return a parser with the option that all simulators share."""
    parser = argparse.ArgumentParser(
        prog=f"python -m deldokument.simulators.{name}", description=description, allow_abbrev=False
    )
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free port (default)")
    return parser


def serve(name: str, options: argparse.Namespace, build: Callable[[str, argparse.Namespace], ASGIApp]) -> None:
    """Run the app that ``build`` returns for the simulator's own base URL and options, until a signal arrives."""
    with socket.create_server((LOOPBACK, options.port), reuse_port=False) as listener:
        url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        app = TrustedHostMiddleware(build(url, options), allowed_hosts=[LOOPBACK, "localhost"])
        config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        sys.stdout.write(f"{name} {url}\n")
        sys.stdout.flush()
        uvicorn.Server(config).run(sockets=[listener])
