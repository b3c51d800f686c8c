"""A deployment as real processes, for any suite: simulators, server, worker, and people who log in.

    with Deployment(folder) as running:
        kari = running.session("Kari Lunde")
        share_id = running.share(["218794 98012"], {"vedtak.pdf": b"..."})

Everything is under ``folder``: ``data`` (database, blobs, keyring), ``tmp`` (the processes' TMPDIR), ``server.log``,
``worker.log``. Kari Lunde shares from «Byggesak» and «Avtaledokumenter»; the cast is `simulators.common.cast`.
``running.node`` is a world of the test's own over the same files, to look at the state and to change it by use cases.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from deldokument.adapters.clock import ShiftedClock
from deldokument.adapters.documents.signing import create_seal_certificate
from deldokument.bootstrap.keys import create_root_key
from deldokument.bootstrap.runtime import Runtime, build_runtime, demo_clock_file, prepare
from deldokument.config.settings import Settings, load_settings
from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import ServiceError
from deldokument.domain.tenants.tenancy import AccountRules, Contact
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.lifecycle import create_account
from deldokument.services.maintenance.retention import confirm_clock
from deldokument.services.tenants.registration import create_tenant
from deldokument.simulators.common.cast import load_cast
from deldokument.web.management import LIVE
from tests.support.deployment.forked import Forked, forked
from tests.support.deployment.memory import folder_in_memory
from tests.support.deployment.resting import resting
from tests.support.deployment.simulators import Running, log_in, start_simulators
from tests.support.deployment.stack import stack, stack_name
from tests.support.servers.ports import NO_TLS, free_ports
from tests.support.stage.confirmed import add_administrator, add_member
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.tenants import take_into_use

KARI, OLA, EWA = "Kari Lunde", "Ola Nordmann", "Ewa Kowalska"
SIV, PER, LISE = "Siv Holm", "Per Fjellstad", "Lise Dahl"
OLA_NUMBER, EWA_NUMBER, FJELL = "21879498012", "47906701517", "312824450"
TUS = {"Tus-Resumable": "1.0.0"}
OFFSET_TYPE = "application/offset+octet-stream"
LENT = {kind: f"{kind}s of fast clients use sockets lent to threads" for kind in ("upload", "download")}
"""What a server process logs when it lends the first socket."""
_PASS = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.execve(sys.argv[2], sys.argv[2:], os.environ | {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})
"""
"""Passes a listening socket on, as the service manager would."""
_START_SECONDS = _STOP_SECONDS = 90.0

Process = Forked | subprocess.Popen[bytes]
"""Of the deployment."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """An announced document: where its bytes go and what allows it."""

    draft_id: str
    document_id: str
    length: int
    token: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What every tus request needs."""
        return {**TUS, "Authorization": f"Bearer {self.token}"}


class Deployment:
    """Simulators, `deldokument serve` and `deldokument worker`, started on entry and stopped on exit.

    Unless ``seeded``, nobody and nothing is in its database.

    ``constants`` sets module constants in the server process alone, for what takes too long as it is delivered, e.g.
    ``{"deldokument.web.transfer.request_body.STALL_SECONDS": 2.0}``. ``wrapper`` goes before the server's command line.
    ``settings`` are given besides those that every deployment here has, ``altinn_options`` to the simulated Altinn, and
    ``of_commands`` to the process of one command alone.

    Its processes are forked (see support.deployment.forked), but for what has a wrapper; with ``delivered`` none is.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str | None = None,
        *,
        constants: Mapping[str, object] | None = None,
        wrapper: Sequence[str] = (),
        delivered: bool = False,
        worker: bool = True,
        seeded: bool = True,
        settings: Mapping[str, Any] | None = None,
        of_commands: Mapping[str, Mapping[str, str]] | None = None,
        altinn_options: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        [self.port] = free_ports(1, 1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.registers: Running
        self.node: Runtime
        self.settings: Settings
        self.server: Process
        self._database_url = database_url
        self._constants = dict(constants or {})
        self._wrapper = tuple(wrapper)
        self._delivered = delivered
        self._with_worker = worker
        self._seeded = seeded
        self._further = dict(settings or {})
        self._of_commands = dict(of_commands or {})
        self._altinn_options = tuple(altinn_options)
        self._stack: dict[str, str] = {}
        self._worker: Process | None = None
        self._sessions: dict[str, httpx.Client] = {}
        self._clients: list[httpx.Client] = []

    def __enter__(self) -> Self:
        for name in ("data", "tmp", "registers"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._stack = stack().settings(self.folder)
        self.registers = start_simulators(
            self.folder / "registers",
            redirect_uri=f"{self.url}/logg-inn/svar",
            post_logout_redirect_uri=f"{self.url}/logget-ut",
            altinn_options=self._altinn_options,
        )
        try:
            self._prepare()
            self.restart()
        except BaseException:
            for process in (getattr(self, "server", None), self._worker):
                if process is not None:
                    _stop(process, signal.SIGKILL)
            self.registers.stop()
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        for client in self._clients:
            client.close()
        # A server that was stopped within a transaction holds the lock that the worker's last rounds wait for.
        self.let_run(True)
        self.stop_worker()
        _stop(self.server, signal.SIGKILL)
        self.node.close()
        self.registers.stop()
        if "database_url" in self._stack:
            stack().give_back(self._stack["database_url"])

    @property
    def database_url(self) -> str:
        """Where its database is."""
        return self.settings.database_url

    @property
    def deps(self) -> Dependencies:
        """The test's own, over the same database, blobs and keyring."""
        return self.node.deps

    def _prepare(self) -> None:
        key_path = self.folder / "registers" / "client-key.json"
        key_path.write_text(json.dumps(self.registers.client_key))
        self.settings = load_settings(**self._given(key_path))
        if self.settings.root_key == "file":
            create_root_key(self.settings)
        prepare(self.settings)
        paths = self.settings.seal_key_path, self.settings.seal_certificate_path
        create_seal_certificate(*paths, operator_name="Del dokument", operator_number="", at=datetime.now(UTC))
        self.node = build_runtime(self.settings, holds_seal=True)
        if self._seeded:
            _seed(self.node)
        confirm_clock(self.node.deps)

    def _given(self, key_path: Path) -> dict[str, Any]:
        registers = self.registers
        given = {
            "demo": True,
            "allow_synthetic": True,
            "public_url": self.url,
            "port": self.port,
            "data_dir": self.data,
            # Notices and webhooks need not wait.
            "default_undo_minutes": 0,
            # In tests, a few persons do in minutes what many do in hours.
            "refusals_per_hour": 100_000,
            "logins_per_hour": 100_000,
            "drafts_per_hour": 100_000,
            "lookups_per_hour": 1_000_000,
            "database_url": self._database_url,
            "idporten_issuer": registers.idporten,
            "idporten_client_id": registers.client_id,
            "idporten_client_key_path": key_path,
            "maskinporten_issuer": registers.maskinporten_issuer,
            "maskinporten_client_id": registers.client_id,
            "maskinporten_client_key_path": key_path,
            "altinn_base_url": registers.altinn,
            "altinn_subscription_key": registers.subscription_key,
            "altinn_notifications_base_url": registers.notifications,
            "enhetsregisteret_base_url": registers.enhetsregisteret,
            "operator_number": "319990003",
            "agreement_return_address": "avtaler@del.example",
        }
        own = {name: value for name, value in (given | self._further).items() if value is not None}
        return self._stack | own

    def environment(self) -> dict[str, str]:
        """What the processes run with."""
        given = self._given(self.folder / "registers" / "client-key.json")
        own = {f"DELDOKUMENT_{name.upper()}": str(value) for name, value in given.items()}
        return os.environ | own | {"TMPDIR": str(self.folder / "tmp")}

    def _start(
        self,
        command: str,
        wrapper: Sequence[str],
        constants: Mapping[str, object],
        listener: socket.socket | None = None,
        **other: str,
    ) -> Process:
        log, words = self.folder / f"{'worker' if command == 'worker' else 'server'}.log", command.split()
        own = self._of_commands.get(words[0], {})
        environment = self.environment() | {f"DELDOKUMENT_{name.upper()}": own[name] for name in own} | other
        if not (wrapper or self._delivered):
            return forked(
                "deldokument.cli.main:app",
                words,
                log=log,
                environment=environment,
                constants=constants,
                listener=listener,
            )
        assert not constants, "what is run as it is delivered has its own constants"
        line = [*wrapper, sys.executable, "-m", "deldokument.cli.main", *words]
        passed = [listener.fileno()] if listener else []
        if passed:
            line = [sys.executable, "-c", _PASS, *map(str, passed), *line]
        with log.open("ab") as output:
            return subprocess.Popen(line, env=environment, stdout=output, stderr=output, pass_fds=passed)

    @contextmanager
    def node_beside(
        self,
        command: str = "serve",
        listener: socket.socket | None = None,
        wrapper: Sequence[str] = (),
        **environment: str,
    ) -> Iterator[tuple[str, Process]]:
        """Another server process over the same database, blobs and keyring: its own address, and the process.

        With ``listener`` it serves people there, as if the service manager had passed it.
        """
        [port] = free_ports(1, 1)
        process = self._start(
            command, wrapper, self._constants, listener=listener, DELDOKUMENT_PORT=str(port), **environment
        )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: self._serves(url, process), _START_SECONDS, "the other node did not start")
            yield url, process
        finally:
            _stop(process, signal.SIGTERM)

    def restart(self, constants: Mapping[str, object] | None = None) -> None:
        """Start the server anew (ending the one that runs, if any), and the worker if it does not run.

        ``constants`` are set besides those of the deployment, this once.
        """
        if hasattr(self, "server"):
            _stop(self.server, signal.SIGTERM)
        self.server = self._start("serve", self._wrapper, self._constants | dict(constants or {}))
        if self._with_worker and self._worker is None:
            self.start_worker()
        wait_until(self._answers, _START_SECONDS, "the server did not start")

    def kill(self) -> None:
        """SIGKILL: the server has no time for anything."""
        _stop(self.server, signal.SIGKILL)

    def start_worker(self) -> None:
        """The reconcilers."""
        self._worker = self._start("worker", (), {})

    def stop_worker(self) -> None:
        """Let the worker finish its rounds and end."""
        if self._worker is not None:
            _stop(self._worker, signal.SIGTERM)
            self._worker = None

    @property
    def worker_pid(self) -> int:
        """The worker's process."""
        assert self._worker is not None
        assert self._worker.pid is not None
        return self._worker.pid

    def let_run(self, run: bool) -> None:
        """Let all processes run, or stop them where they are."""
        for process in (*self.registers.processes, self.server, self._worker):
            if process is not None:
                process.send_signal(signal.SIGCONT if run else signal.SIGSTOP)

    def _answers(self) -> bool:
        return self._serves(self.url, self.server)

    def _serves(self, url: str, process: Process) -> bool:
        assert process.poll() is None, self.log_text()
        try:
            return httpx.get(f"{self.management(url)}{LIVE}", timeout=5, **NO_TLS).status_code == 200
        except httpx.TransportError:
            return False

    @staticmethod
    def management(url: str) -> str:
        """The management listener of the server process at ``url``: one port above, as it is by default."""
        host, _, port = url.rpartition(":")
        return f"{host}:{int(port) + 1}"

    def rss(self) -> int:
        """Bytes of memory that the server process holds now."""
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def lent(self) -> Counter[str]:
        """Of how many server processes sockets have been lent, by the kind of transfer."""
        log = (self.folder / "server.log").read_text()
        return Counter({kind: log.count(line) for kind, line in LENT.items()})

    def log_text(self) -> str:
        """All that server and worker have logged."""
        logs = (self.folder / name for name in ("server.log", "worker.log"))
        return "\n".join(log.read_text() for log in logs if log.exists())

    def move_clock(self, step: timedelta) -> None:
        """Move the time of all processes, and confirm it as an operator would. Sessions may run out by it."""
        clock = ShiftedClock(demo_clock_file(self.settings))
        clock.set_offset(clock.offset() + step)
        confirm_clock(self.node.deps)

    def client(self) -> httpx.Client:
        """Somebody who is not logged in. Closed with the deployment."""
        # The server closes an idle connection after five seconds; a request sent at that instant would be lost.
        limits = httpx.Limits(keepalive_expiry=2)
        self._clients.append(httpx.Client(base_url=self.url, timeout=60, limits=limits, **NO_TLS))
        return self._clients[-1]

    def access_token(self, client_id: str) -> str:
        """What Maskinporten gives a fagsystem's client that asks for a token for this service."""
        return self.registers.access_token(client_id, resource=self.settings.api_audience)

    def session(self, name: str, *, fresh: bool = False) -> httpx.Client:
        """A logged-in person of the cast, by name; ``fresh`` for a session that no other test uses.

        The CSRF token is among the client's headers. Redirects are not followed.
        """
        known = self._sessions.get(name)
        if known is not None and not fresh and known.get("/mine").status_code == 200:
            return known
        client = self.client()
        with httpx.Client(timeout=60, **NO_TLS) as browser:
            back = log_in(browser, client.get("/logg-inn?neste=/mine").headers["location"], person=name)
        assert client.get(back).headers["location"] == "/mine"
        client.headers["X-CSRF-Token"] = client.get("/del/csrf").json()["csrf_token"]
        if not fresh:
            self._sessions[name] = client
        return client

    def draft(self, **words: Any) -> str:
        """Kari's draft, filled in as ``words`` say (see web.pages.sharing.drafts.save); its id."""
        kari = self.session(KARI)
        settings = form_settings(kari.get("/del").text)
        account = settings["accounts"][0]["id"]
        draft_id = str(_json(kari.post("/del/utkast", json={"account_id": account}))["draft"]["id"])
        form = {
            "account_id": account,
            "title": "",
            "message": "",
            "reference": "",
            "confidential": True,
            "archived": True,
            "expires_at": settings["accounts"][0]["default_expires_at"],
        }
        _json(kari.put(f"/del/utkast/{draft_id}", json=form | words))
        return draft_id

    def add_recipients(self, draft_id: str, recipients: Sequence[str]) -> None:
        """Numbers as they are pasted; confirmed."""
        kari = self.session(KARI)
        path = f"/del/utkast/{draft_id}/mottakere"
        answer = _json(kari.post(path, json={"text": "\n".join(recipients)}))
        assert answer["refused"] == []
        for recipient in answer["draft"]["recipients"]:
            _json(kari.put(f"{path}/{recipient['id']}", json={"confirmed": True}))

    def announce(self, draft_id: str, name: str, length: int) -> Ticket:
        """A document in the draft, with its upload token; nothing has been uploaded."""
        form = {"name": name, "length": length, "modified_at": None}
        announced = _json(self.session(KARI).post(f"/del/utkast/{draft_id}/dokumenter", json=form))
        return Ticket(draft_id, announced["document"]["id"], length, announced["upload"]["token"])

    def create_upload(self, ticket: Ticket) -> str:
        """The path of the ticket's upload."""
        headers = ticket.headers | {"Upload-Length": str(ticket.length)}
        answer = httpx.post(f"{self.url}/uploads", headers=headers, timeout=60, **NO_TLS)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"])

    def upload(self, draft_id: str, name: str, content: bytes) -> str:
        """A whole document in one PATCH; its id."""
        ticket = self.announce(draft_id, name, len(content))
        path = self.create_upload(ticket)
        if content:
            headers = ticket.headers | {"Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
            answer = httpx.patch(f"{self.url}{path}", headers=headers, content=content, timeout=120, **NO_TLS)
            assert answer.status_code == 204, answer.text
        return ticket.document_id

    def publish_uninspected(self, draft_id: str) -> None:
        """«Del dokument»."""
        _json(self.session(KARI).post(f"/del/utkast/{draft_id}/publisering", json={}))

    def publish(self, draft_id: str, *, by_worker: bool = False) -> None:
        """«Del dokument», and have every document inspected: by the worker alone, or by the first process to come."""
        self.publish_uninspected(draft_id)

        def is_inspected() -> bool:
            # The worker is niced and polls twice a second. Failures of other tests' documents do not matter here.
            with suppress(ServiceError, IntegrityError):
                _ = by_worker or inspect_documents(self.node.deps)
            with self.node.deps.database.read() as tx:
                return all(document.inspected_at for document in tx.shares.documents([draft_id]))

        wait_until(is_inspected, 120, "the documents were not inspected")

    def share(self, recipients: Sequence[str], files: Mapping[str, bytes], **words: Any) -> str:
        """Kari's published share, its documents inspected; its id. ``words`` as for :meth:`draft`."""
        draft_id = self.draft(**words)
        self.add_recipients(draft_id, recipients)
        for name, content in files.items():
            self.upload(draft_id, name, content)
        self.publish(draft_id)
        return draft_id

    def withdraw(self, share_id: str) -> None:
        """«Trekk tilbake delingen»."""
        kari = self.session(KARI)
        answer = kari.post(f"/delinger/{share_id}/tilbaketrekking", headers={"Origin": self.url})
        assert answer.status_code == 303, answer.text

    def remove_recipient(self, share_id: str, position: int) -> None:
        """«Fjern mottakeren»."""
        kari = self.session(KARI)
        with self.node.deps.database.read() as tx:
            recipient_id = tx.shares.recipients([share_id])[position].id
        path = f"/delinger/{share_id}/fjerning/{recipient_id}"
        answer = kari.post(path, headers={"Origin": self.url})
        assert answer.status_code == 303, answer.text

    def remove_document(self, share_id: str, path: str) -> None:
        """«Fjern dokumentet»."""
        removal = f"/delinger/{share_id}/dokumenter/{path.rpartition('/')[2]}/fjerning"
        answer = self.session(KARI).post(removal, headers={"Origin": self.url})
        assert answer.status_code == 303, answer.text

    def document_paths(self, share_id: str) -> list[str]:
        """Where the bytes of the share's documents are, in order."""
        with self.node.deps.database.read() as tx:
            return [f"/d/{share_id}/dokument/{document.id}" for document in tx.shares.documents([share_id])]


def wait_until(true: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Ask until it is so; an assertion error when it never is."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def _json(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    found: dict[str, Any] = answer.json()
    return found


def form_settings(page: str) -> dict[str, Any]:
    """What the page for sharing tells its script."""
    found = re.search(r'id="settings"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found is not None, page
    settings: dict[str, Any] = json.loads(found.group(1))
    return settings


def _stop(process: Process, number: signal.Signals) -> None:
    process.send_signal(number)
    try:
        # A worker first ends its rounds, which takes long on a busy machine.
        process.wait(_STOP_SECONDS)
    finally:
        process.kill()
        process.wait()


def _seed(node: Runtime) -> None:
    """A municipality with two accounts, and another; as the demo has them, but no account notifies its recipients."""
    deps, numbers = node.deps, {person.key: person.identifier for person in load_cast().people}
    contact = Contact("22 00 00 00", "postmottak@eksempel.example", "9-15")
    tenant = create_tenant(deps, organization_number="310240001", name="Eksempel kommune", contact=contact)
    take_into_use(deps, tenant.id)
    silent = AccountRules()
    byggesak, avtaler = (
        create_account(deps, tenant_id=tenant.id, name=name, rules=silent) for name in ("Byggesak", "Avtaledokumenter")
    )
    for account, key, name in (
        (byggesak, "kari", "Kari Lunde"),
        (avtaler, "kari", "Kari Lunde"),
        (avtaler, "odd", "Odd Bakken"),
    ):
        add_member(deps, tenant_id=tenant.id, account_id=account.id, number=numbers[key], name=name)
    add_administrator(deps, tenant_id=tenant.id, number=numbers["anne"], name="Anne Myhre")
    other = create_tenant(deps, organization_number="213640003", name="Prøve kommune", contact=contact)
    take_into_use(deps, other.id)
    post = create_account(deps, tenant_id=other.id, name="Barnevern", rules=silent)
    add_member(deps, tenant_id=other.id, account_id=post.id, number=numbers["siv"], name="Siv Holm")


@dataclass(frozen=True, slots=True)
class SocketMode:
    """How bytes go between socket and use case."""

    lend_sockets: bool

    @property
    def constants(self) -> dict[str, object]:
        """So that every client counts as quick from its first bytes."""
        threads = "server.transfer_threads"
        names = (f"{threads}.QUICK", f"{threads}.PROBATION", "web.transfer.downloads._PROBATION")
        return {f"deldokument.{name}": 1 for name in names} if self.lend_sockets else {}

    @contextmanager
    def deployment(
        self,
        folder: Path,
        constants: Mapping[str, object] | None = None,
        settings: Mapping[str, Any] | None = None,
        *,
        worker: bool = True,
    ) -> Iterator[Deployment]:
        """A deployment in this mode. It is verified first, or its tests would show nothing."""
        given = {"lend_sockets": self.lend_sockets, **(settings or {})}
        own = self.constants | dict(constants or {})
        with Deployment(folder, constants=own, settings=given, worker=worker) as running:
            share_id = running.share([OLA_NUMBER], {"prøve.bin": bytes(3_000_000)})
            [path] = running.document_paths(share_id)
            assert len(running.session(OLA).get(path).content) == 3_000_000
            assert set(running.lent().elements()) == (set(LENT) if self.lend_sockets else set())
            yield running


_LENT = pytest.param(SocketMode(lend_sockets=True), id="lent")
_BY_THE_LOOP = pytest.param(SocketMode(lend_sockets=False), id="by the loop")
SOCKET_MODES = [_LENT, _BY_THE_LOOP] if stack_name() == "embedded" else [_LENT]
"""For suites in which bytes travel through real sockets. The mode does not affect a store: the second stack runs the
quick one."""
BOTH_SOCKET_MODES = pytest.mark.parametrize("deployment", SOCKET_MODES, indirect=True)
Deployments = Callable[[SocketMode | None], Deployment]
"""Returns the deployment of a mode; None for a deployment as it is delivered."""


@contextmanager
def kept(
    fixture: str, start: Callable[[SocketMode | None], AbstractContextManager[Deployment]]
) -> Iterator[Deployments]:
    """Yield a function that starts the deployment of a mode at the first call and returns the same one later.

    A session fixture with parameters would start it again each time the parameter changes, twice in every file. It
    rests while tests run that do not use ``fixture`` in this mode.
    """
    with ExitStack() as running:

        def started(mode: SocketMode | None) -> Deployment:
            deployment = running.enter_context(start(mode))
            running.enter_context(resting(fixture, deployment.let_run, mode))
            return deployment

        yield cache(started)


@contextmanager
def _in_memory(mode: SocketMode | None) -> Iterator[Deployment]:
    with folder_in_memory() as folder, mode.deployment(folder) if mode else Deployment(folder) as running:
        yield running


@pytest.fixture(scope="session")
def deployments() -> Iterator[Deployments]:
    """Start what ``deployment`` returns."""
    with kept("deployment", _in_memory) as started:
        yield started


@pytest.fixture(scope="session")
def deployment(request: pytest.FixtureRequest, deployments: Deployments) -> Deployment:
    """Return a deployment shared by tests that neither kill it nor move its clock; see ``BOTH_SOCKET_MODES``."""
    return deployments(getattr(request, "param", None))
