"""Simulators on loopback as threads of one process. It is called with the options of each, by name, as JSON."""

import json
import os
import sys
import traceback
from importlib import import_module
from threading import Thread


def main() -> None:
    """Serve until the process is killed."""
    for name, options in json.loads(sys.argv[1]).items():
        Thread(target=_serve, args=(name, options), name=name).start()


def _serve(name: str, options: list[str]) -> None:
    try:
        import_module(f"deldokument.simulators.{name}").main(options)
    except BaseException:
        # If one cannot start, all end, so that a caller that waits for it sees the failure.
        traceback.print_exc()
    finally:
        os._exit(1)
