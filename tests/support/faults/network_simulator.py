"""A simulated register at an address of a network, by TLS: for services that do not share this machine's loopback.

It is called with the register's name, the address, a file with certificate and key, and the options of the simulator.
"""

import socket
import sys
from argparse import Namespace
from importlib import import_module
from pathlib import Path

import uvicorn

from tests.support.deployment.simulators import SUBSCRIPTION_KEY


def main() -> None:
    """Tell the URL as simulators do, and serve."""
    name, address, certificate, *options = sys.argv[1:]
    given = {option[2:].replace("-", "_"): value for option, value in zip(options[::2], options[1::2], strict=True)}
    given |= {option: Path(given[option]) for option in ("clients", "state") if option in given}
    fixed = {"subscription_key": SUBSCRIPTION_KEY, "only_altinn_tokens": False}
    with socket.create_server((address, 0)) as listener:
        url = f"https://{address}:{listener.getsockname()[1]}"
        app = import_module(f"deldokument.simulators.{name}").build(url, Namespace(**fixed, **given))
        sys.stdout.write(f"{name} {url}\n")
        sys.stdout.flush()
        config = uvicorn.Config(app, ssl_certfile=certificate, log_level="critical", lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])
