"""The operator's pages, docs/operate, as an operator types them, and what is typed where they leave that open.

``PAGE`` is all of them, joined. ``blocks`` gives the commands below a heading, ``BLOCKS`` those of the page that
installs, from the wheel to the first tenant. ``lines`` gives what a page puts into the settings, and ``put`` does that.
``settings`` fills in the example's file with registers that are simulated. ``register`` does what the registers do with
what the page has printed.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

from tests.support.deployment.simulators import Running

ROOT = Path(__file__).resolve().parents[3]
OPERATE = ROOT / "docs" / "operate"
# Each page's title becomes a heading of the second level, so that a section ends with its page.
PAGE = "\n".join(path.read_text("utf-8").replace("# ", "## ", 1) for path in sorted(OPERATE.glob("*.md")))


def section(heading: str, page: str = PAGE) -> str:
    """What stands below a heading, up to the next one of its level."""
    [found] = re.finditer(rf"^(##+) {re.escape(heading)}\n", page, re.M)
    return re.split(rf"^#{{2,{len(found[1])}}} ", page[found.end() :], maxsplit=1, flags=re.M)[0]


def fenced(text: str, kind: str) -> list[str]:
    """The blocks of a kind in a piece of the page, in their order."""
    return [dedent(block) for block in re.findall(rf"^ *```{kind}\n(.*?)^ *```", text, re.M | re.S)]


def blocks(heading: str) -> list[str]:
    """The commands below a heading, in their order."""
    return fenced(section(heading), "bash")


def lines(heading: str) -> dict[str, str]:
    """What the page puts into the settings below a heading."""
    found = "".join(fenced(section(heading), "ini"))
    return dict(line.split("=", 1) for line in found.splitlines())


BLOCKS = fenced((OPERATE / "install.md").read_text("utf-8"), "bash")
TORA, ANNE = "08855630215", "26866814820"
_ASKED = {"del operator add": TORA, "del tenant create": ANNE}
_SECRET = "install -m 0600 /dev/stdin"
"""How a secret's command begins that the operator types."""
_CLIENTS = {"idporten": "our-client-there", "maskinporten": "our-client-at-maskinporten"}


def answers(registers: Running) -> dict[str, str]:
    """What the commands of the first section ask for."""
    return _ASKED | {_SECRET: registers.subscription_key}


def typed(block: str, answers: Mapping[str, str] = _ASKED) -> str:
    """The block with what some of its commands ask for, by how they begin; what a command is given already stays."""
    for command, answer in answers.items():
        given = f" <<< {shlex.quote(answer)}"
        block = re.sub(
            rf"^(?!.*<<<).*{re.escape(command)}.*$", lambda found, given=given: found[0] + given, block, flags=re.M
        )  # type: ignore[misc]
    return block


def put(text: str, given: Mapping[str, str]) -> str:
    """The file of settings with those given, in the place of what it had of them."""
    kept = [line for line in text.splitlines() if line.partition("=")[0] not in given]
    return "\n".join([*kept, *(f"{name}={value}" for name, value in given.items()), ""])


def settings(example: str, registers: Running, own: Mapping[str, str]) -> str:
    """The example's file with what it leaves open, the addresses of the registers, and ``own`` besides."""
    given = {
        "ALLOW_SYNTHETIC": "true",
        "IDPORTEN_ISSUER": registers.idporten,
        "IDPORTEN_CLIENT_ID": _CLIENTS["idporten"],
        "MASKINPORTEN_ISSUER": registers.maskinporten_issuer,
        "MASKINPORTEN_CLIENT_ID": _CLIENTS["maskinporten"],
        "ALTINN_BASE_URL": registers.altinn,
        "ENHETSREGISTERET_BASE_URL": registers.enhetsregisteret,
        "OPERATOR_NAME": '"Driftsselskapet AS"',
        "OPERATOR_NUMBER": "310240001",
        "AGREEMENT_RETURN_ADDRESS": "avtaler@drift.example",
        **own,
    }
    return put(example, {f"DELDOKUMENT_{name}": value for name, value in given.items()})


def register(registers: Running, keys: str, run: Callable[[str], str]) -> None:
    """As the page says, both clients with what is printed; here in the simulated registers' list of clients."""
    known = json.loads(registers.clients.read_text())[0]
    for name, client_id in _CLIENTS.items():
        printed = run(f"del keys public {keys}/{name}.json")
        (registers.clients.parent / f"{name}.json").write_text(printed)
        registers.register_client(known | {"client_id": client_id, "jwks": f"{name}.json"})
