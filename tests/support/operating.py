"""The operator's page, docs/operating.md, as whoever follows it types it, and what is typed where it leaves that open.

``BLOCKS`` are the commands from the wheel to the first tenant, ``blocks`` gives those of another section; ``settings``
fills in the example's file with registers that are simulated; ``register`` does what the registers do with what the
page has printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

from support.simulators import Running

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text("utf-8")


def blocks(heading: str) -> list[str]:
    """The commands below a heading, in their order."""
    section = re.split(r"^## ", PAGE.split(f"\n## {heading}\n")[1], maxsplit=1, flags=re.M)[0]
    return [dedent(block) for block in re.findall(r"^ *```bash\n(.*?)^ *```", section, re.M | re.S)]


BLOCKS = blocks("From a wheel to a running cluster")
TORA, ANNE = "08855630215", "26866814820"
_CLIENTS = {"idporten": "our-client-there", "maskinporten": "our-client-at-maskinporten"}


def typed(block: str) -> str:
    """The block with the numbers that two of its commands ask for."""
    for command, number in (("del operator add", TORA), ("del tenant create", ANNE)):
        block = re.sub(rf"^({command}.*)$", rf"\1 <<< {number}", block, flags=re.M)
    return block


def settings(example: str, registers: Running, own: Mapping[str, str]) -> str:
    """The example's file with what it leaves open, the addresses of the registers, and ``own`` besides."""
    given = {
        "ALLOW_SYNTHETIC": "true",
        "IDPORTEN_ISSUER": registers.idporten,
        "IDPORTEN_CLIENT_ID": _CLIENTS["idporten"],
        "MASKINPORTEN_ISSUER": registers.maskinporten_issuer,
        "MASKINPORTEN_CLIENT_ID": _CLIENTS["maskinporten"],
        "ALTINN_BASE_URL": registers.altinn,
        "ALTINN_SUBSCRIPTION_KEY": registers.subscription_key,
        "ENHETSREGISTERET_BASE_URL": registers.enhetsregisteret,
        "OPERATOR_NAME": '"Driftsselskapet AS"',
        "OPERATOR_NUMBER": "310240001",
        "AGREEMENT_RETURN_ADDRESS": "avtaler@drift.example",
        **own,
    }
    named = {f"DELDOKUMENT_{name}": value for name, value in given.items()}
    lines = [line for line in example.splitlines() if line.partition("=")[0] not in named]
    return "\n".join([*lines, *(f"{name}={value}" for name, value in named.items()), ""])


def register(registers: Running, keys: str, run: Callable[[str], str]) -> None:
    """As the page says, both clients with what is printed; here in the simulated registers' list of clients."""
    known = json.loads(registers.clients.read_text())[0]
    for name, client_id in _CLIENTS.items():
        printed = run(f"del keys public {keys}/{name}.json")
        (registers.clients.parent / f"{name}.json").write_text(printed)
        registers.register_client(known | {"client_id": client_id, "jwks": f"{name}.json"})
