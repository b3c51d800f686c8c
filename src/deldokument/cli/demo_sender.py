"""The demo's fagsystem: a client at the simulated Maskinporten, and the command line that shares with it.

Promises a key of its own, made once and kept with the demo's data, and a configuration that is written anew at every
start, because the simulators are somewhere else each time.
"""

from __future__ import annotations

import json
import shlex
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from deldokument.cli.client_keys import make_key
from deldokument.client.settings import DEFAULT_SCOPE

ORGANIZATION: Final = "310240001"
ACCOUNT: Final = "Byggesak"
_CLIENT_ID: Final = "fagsystem-demo"
_PERIOD: Final = timedelta(days=14)


def registration(folder: Path) -> dict[str, Any]:
    """The client as the simulated Maskinporten knows it, with its key in ``folder``."""
    path = _key_path(folder)
    if not path.exists():
        (folder / "fagsystem-jwks.json").write_text(json.dumps(make_key(path, 2048)), "utf-8")
    return {
        "client_id": _CLIENT_ID,
        "jwks": "fagsystem-jwks.json",
        "organization": ORGANIZATION,
        "scopes": [DEFAULT_SCOPE],
    }


def write_configuration(folder: Path, url: str, issuer: str) -> None:
    """What `deldokument share` and the others read. JSON's strings are TOML's too."""
    values = {
        "url": url,
        "issuer": issuer,
        "client_id": _CLIENT_ID,
        "key_path": str(_key_path(folder)),
        "scope": DEFAULT_SCOPE,
        "state_dir": str(folder / "sending"),
    }
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    configuration_path(folder).write_text("\n".join(lines) + "\n", "utf-8")


def configuration_path(folder: Path) -> Path:
    """The file that ``DELDOKUMENT_CLIENT_CONFIG`` is to name."""
    return folder / "client.toml"


def instructions(folder: Path, recipient: str, now: datetime) -> list[str]:
    """How to share a file with a person of the demo. Made-up persons' numbers may stand on a command line."""
    program = Path(sys.executable).with_name("deldokument")
    words = [str(program), "share", "FILE", "--account", ACCOUNT, "--to", recipient]
    words += ["--until", (now + _PERIOD).date().isoformat(), "--archived"]
    return [
        "4. Share as a fagsystem: by the API, with a token of the simulated Maskinporten. In another terminal:",
        f"DELDOKUMENT_CLIENT_CONFIG={shlex.quote(str(configuration_path(folder)))} {shlex.join(words)}",
        f"   (client {_CLIENT_ID} of organisation {ORGANIZATION}, with the key {_key_path(folder)})",
    ]


def _key_path(folder: Path) -> Path:
    return folder / "fagsystem-key.json"
