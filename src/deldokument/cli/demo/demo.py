"""`deldokument demo`: the whole service on this machine, with simulated registers and made-up people.

Guarantees:
- Everything listens on loopback only.
- The data survives a restart, and a second start creates nothing twice.
- No setting of a deployment is read from the environment.

Each register (deldokument.simulators) and the worker run in a process of their own.
"""

import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import httpx
from rich.console import Console

from deldokument.adapters.clock import ShiftedClock
from deldokument.adapters.documents.signing import create_seal_certificate
from deldokument.adapters.keys.files import create_root_key
from deldokument.bootstrap.runtime import Runtime, build_runtime, demo_clock_file, prepare
from deldokument.bootstrap.schema import is_current
from deldokument.bootstrap.serve import serve
from deldokument.cli.demo import sender as demo_sender
from deldokument.cli.demo.data import CUSTOMERS, seed
from deldokument.cli.sending.client_keys import make_key
from deldokument.config.groups import NOTIFICATIONS_SCOPE, PARTIES_SCOPE
from deldokument.config.settings import PREFIX, ConfigurationError, Settings, default_database_url, load_settings
from deldokument.server.listeners import Listeners
from deldokument.server.supervisor import end_at_a_signal
from deldokument.services.maintenance.retention import confirm_clock
from deldokument.simulators.common.cast import Cast, load_cast
from deldokument.web.management import READY
from deldokument.web.pages.demo import LETTERS, NOTICES, CastEntry, Demo, Place

LOOPBACK = "127.0.0.1"
ANY_PORT = 0
"""The system chooses a free port, so that several demos can run at once."""
CLIENT_ID = "deldokument-demo"
SUBSCRIPTION_KEY = "simulator-subscription-key"


def run_demo(port: int, data: Path, stores: Mapping[str, str] | None = None) -> None:
    """Serve the demo until interrupted.

    ``stores``: settings that keep the data in servers instead of files in the folder (the tests' second stack).

    Raises: ConfigurationError if the extra packages are not installed, or another version wrote the data.
    """
    if find_spec("aiosmtpd") is None:
        raise ConfigurationError("The demo needs extra packages: pip install 'deldokument[demo]'")
    # Migrations of a new database would push the greeting off the screen.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    _forget_other_settings()
    data = data.absolute()
    # Checked before writing anything: data of another version are refused, and stay unchanged.
    is_current((stores or {}).get("database_url", default_database_url(data)))
    data.mkdir(parents=True, exist_ok=True)
    # A signal must also end through the block below.
    end_at_a_signal()
    with ExitStack() as running:
        listeners = Listeners(*(running.enter_context(_listener(number)) for number in (port, ANY_PORT)))
        url = f"http://{LOOPBACK}:{_port(listeners.public)}"
        registers = _start_registers(running, data, url)
        given = _list_settings(registers, data, url, _port(listeners.management)) | dict(stores or {})
        settings = load_settings(**given)
        _make_keys(settings)
        prepare(settings)
        node = build_runtime(settings, holds_seal=True)
        running.callback(node.close)
        cast = load_cast()
        seed(node.deps, cast)
        confirm_clock(node.deps)
        running.callback(_stop, _start_worker(given))
        _greet(url, cast, settings)
        serve(settings, node, listeners, _demo(node, settings, cast, registers).endpoints())


def _forget_other_settings() -> None:
    """Remove a deployment's settings from the environment, so that the demo does not use its bucket or keyring."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        del os.environ[name]


def _make_keys(settings: Settings) -> None:
    """Create the root key and the seal, unless they exist."""
    if not settings.root_key_path.exists():
        create_root_key(settings.root_key_path)
    if not settings.seal_key_path.exists():
        create_seal_certificate(
            settings.seal_key_path,
            settings.seal_certificate_path,
            operator_name=settings.operator_name,
            operator_number=settings.operator_number or "",
            at=ShiftedClock(demo_clock_file(settings)).now(),
        )


def _listener(port: int) -> socket.socket:
    listener = socket.create_server((LOOPBACK, port))
    listener.set_inheritable(True)
    return listener


def _port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


@dataclass(frozen=True, slots=True)
class _Registers:
    idporten: str
    maskinporten: str
    altinn: str
    notifications: str
    enhetsregisteret: str
    mail: str
    client_key: Path


def _list_settings(registers: _Registers, data: Path, url: str, management_port: int) -> dict[str, object]:
    return {
        "demo": True,
        "allow_synthetic": True,
        "public_url": url,
        "host": LOOPBACK,
        "port": int(url.rsplit(":", 1)[1]),
        "management_host": LOOPBACK,
        "management_port": management_port,
        "data_dir": data,
        # In the demo, a few persons do what many do elsewhere.
        "refusals_per_hour": 10_000,
        "logins_per_hour": 10_000,
        "drafts_per_hour": 10_000,
        "lookups_per_hour": 1_000_000,
        "idporten_issuer": registers.idporten,
        "idporten_client_id": CLIENT_ID,
        "idporten_client_key_path": registers.client_key,
        "maskinporten_issuer": f"{registers.maskinporten}/",
        "maskinporten_client_id": CLIENT_ID,
        "maskinporten_client_key_path": registers.client_key,
        "altinn_base_url": registers.altinn,
        "altinn_subscription_key": SUBSCRIPTION_KEY,
        "altinn_notifications_base_url": registers.notifications,
        "enhetsregisteret_base_url": registers.enhetsregisteret,
        "smtp_host": LOOPBACK,
        "smtp_port": _mail_port(registers.mail),
        "smtp_security": "none",
        "smtp_sender": "ikke-svar@demo.example",
        "operator_name": "Del dokument (demo)",
        "operator_number": "319990003",
        "operator_contact": "22 00 00 00",
        "agreement_return_address": "avtaler@demo.example",
        "agreement_contract_party": "Demodrift IKS",
    }


def _start_registers(running: ExitStack, data: Path, url: str) -> _Registers:
    folder = data / "registers"
    folder.mkdir(exist_ok=True)
    key_path, clients = folder / "client-key.json", folder / "clients.json"
    if not key_path.exists():
        (folder / "client-jwks.json").write_text(json.dumps(make_key(key_path, 2048)), encoding="utf-8")
    client = {
        "client_id": CLIENT_ID,
        "jwks": "client-jwks.json",
        "redirect_uris": [f"{url}/logg-inn/svar"],
        "post_logout_redirect_uris": [f"{url}/logget-ut"],
        "frontchannel_logout_uri": f"{url}/logg-ut/frontkanal",
        "backchannel_logout_uri": f"{url}/logg-ut/bakkanal",
        "organization": "310240001",
        "scopes": [PARTIES_SCOPE, NOTIFICATIONS_SCOPE],
        "customers": CUSTOMERS,
    }
    clients.write_text(json.dumps([client, demo_sender.registration(folder)]), encoding="utf-8")

    def start(name: str, *options: str) -> str:
        return _start_register(running, name, *options)

    idporten = start("idporten", "--clients", str(clients), "--state", str(folder))
    maskinporten = start("maskinporten", "--clients", str(clients), "--state", str(folder))
    demo_sender.write_configuration(folder, url, f"{maskinporten}/")
    issuer = "--maskinporten-issuer", f"{maskinporten}/"
    altinn, notifications = start("altinn", *issuer), start("notifications", *issuer)
    return _Registers(idporten, maskinporten, altinn, notifications, start("enhetsregisteret"), start("smtp"), key_path)


def _mail_port(url: str) -> int:
    """Return the SMTP port of the simulated mail server, which shows its e-mails at ``url``."""
    return int(httpx.get(f"{url}/server").raise_for_status().json()["port"])


def _start_register(running: ExitStack, name: str, *options: str) -> str:
    """Start a simulator; return the URL that it prints at its start."""
    command = [sys.executable, "-m", f"deldokument.simulators.{name}", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own modules
    running.callback(_stop, process)
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"the simulated {name} did not start")
    return line.split()[1]


def _start_worker(given: Mapping[str, object]) -> subprocess.Popen[bytes]:
    """Start the worker with the demo's settings in its environment, as in a deployment."""
    environment = os.environ | {PREFIX + name.upper(): str(value) for name, value in given.items()}
    command = [sys.executable, "-m", "deldokument.cli.main", "worker"]
    return subprocess.Popen(command, env=environment)  # noqa: S603 - our own module


def _stop(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _demo(node: Runtime, settings: Settings, cast: Cast, registers: _Registers) -> Demo:
    clock = ShiftedClock(demo_clock_file(settings))

    def advance(step: timedelta) -> None:
        clock.set_offset(clock.offset() + step)
        confirm_clock(node.deps)

    people = tuple(CastEntry(p.name, p.identifier, p.title) for p in cast.people)
    organizations = tuple(CastEntry(o.name, o.number, o.status) for o in cast.organizations)
    offset: Callable[[], timedelta] = clock.offset
    places = Place(NOTICES, registers.notifications), Place(LETTERS, registers.mail)
    return Demo(people, organizations, offset, advance, places)


def _greet(url: str, cast: Cast, settings: Settings) -> None:
    """Print the addresses and logins that a newcomer needs, on one screen."""
    ola = next(person for person in cast.people if person.key == "ola")
    now = ShiftedClock(demo_clock_file(settings)).now()
    lines = [
        f"Del dokument runs at {url} (this machine only).",
        "",
        "Test users (made up); the simulated ID-porten lets you log in as any of them:",
        *(f"  {person.name:<14} {person.identifier}  {person.title}" for person in cast.people),
        "",
        f"1. Log in as Kari and share a file with Ola ({ola.identifier}).",
        "2. Log in as Ola and open the link.",
        f"3. Move the clock at {url}/demo past the end, and open the link again.",
        "",
        "Or share a sample file through the API: run this in another terminal.",
        "",
        demo_sender.share_command(settings.data_dir / "registers", ola.identifier, now),
        "",
        f"Organisations, e-mails and notices: {url}/demo",
        f"Health check: http://{LOOPBACK}:{settings.management_port}{READY}",
        f"Data: {settings.data_dir}",
        "Stop with Ctrl-C.",
    ]
    Console().print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
