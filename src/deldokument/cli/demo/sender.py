"""The demo's fagsystem: its client at the simulated Maskinporten, and a command by which it shares a sample file.

Guarantees:
- Its key is created once and kept with the demo's data.
- Its configuration is written at every start, because the simulators' ports change.
"""

import json
import shlex
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from deldokument.cli.sending.client_keys import make_key
from deldokument.client.settings import DEFAULT_SCOPE

ORGANIZATION: Final = "310240001"
ACCOUNT: Final = "Byggesak"
_CLIENT_ID: Final = "fagsystem-demo"
_PERIOD: Final = timedelta(days=14)
_SAMPLE: Final = "Vedtak i sak 26/1042\n\nSøknaden er innvilget.\n"


def registration(folder: Path) -> dict[str, Any]:
    """Return the client's registration at the simulated Maskinporten; its key is in ``folder``."""
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
    """Write the configuration of the commands for senders. JSON's strings are valid in TOML."""
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
    """Return the path for ``DELDOKUMENT_CLIENT_CONFIG``."""
    return folder / "client.toml"


def share_command(folder: Path, recipient: str, now: datetime) -> str:
    """Write a sample file to ``folder``; return a command that shares it with a person of the demo.

    The person's number is an argument, which is acceptable only because it is made up.
    """
    sample = folder / "vedtak.txt"
    sample.write_text(_SAMPLE, "utf-8")
    program = Path(sys.executable).with_name("deldokument")
    words = [str(program), "share", str(sample), "--account", ACCOUNT, "--to", recipient]
    words += ["--until", (now + _PERIOD).date().isoformat(), "--archived"]
    return f"DELDOKUMENT_CLIENT_CONFIG={shlex.quote(str(configuration_path(folder)))} {shlex.join(words)}"


def _key_path(folder: Path) -> Path:
    return folder / "fagsystem-key.json"
