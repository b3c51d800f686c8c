"""The simulators as real processes, for any suite: started on free ports, stopped at the end of a ``with``.

    with start_simulators(folder) as running:
        IdPorten(running.idporten, running.client_id, signing_key(running.client_key), ...)

``log_in`` walks ID-porten's page as a browser would. Knows nothing of the adapters and the web.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urljoin

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.deployment.forked import Forked, forked
from tests.support.faults.rsa_keys import rsa_key
from tests.support.servers.ports import NO_TLS, free_ports

CLIENT_ID = "deldokument-test"
ORGANIZATION = "310240001"
REDIRECT_URI = "http://127.0.0.1:9/logg-inn/svar"
POST_LOGOUT_REDIRECT_URI = "http://127.0.0.1:9/logg-ut/svar"
SUBSCRIPTION_KEY = "simulator-subscription-key"
ALTINN_SCOPE = "altinn:accessmanagement/authorizedparties.resourceowner"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
API_SCOPE = "deldokument:share"
DECISION_SCOPE = "altinn:authorization/authorize"
NOTIFICATIONS_SCOPE = "altinn:serviceowner/notifications.create"
ALL = ("idporten", "maskinporten", "altinn", "notifications", "enhetsregisteret")
_OF_ALTINN = ("altinn", "notifications")
_ISSUERS = ("idporten", "maskinporten")
_Options = Callable[[str, Mapping[str, str]], list[str]]
"""Of a simulator, by its name and the URLs of those that are known."""


@dataclass(frozen=True, slots=True)
class Place:
    """An address of a network at which simulators listen by TLS, not on loopback; certificate and key in one file."""

    address: str
    certificate: Path


@dataclass(frozen=True, slots=True)
class Running:
    """Where the simulators answer, and the one client that they know. An URL is "" for one that was not started."""

    idporten: str
    maskinporten: str
    altinn: str
    notifications: str
    enhetsregisteret: str
    clients: Path
    client_key: dict[str, Any]
    client_id: str
    redirect_uri: str
    post_logout_redirect_uri: str
    subscription_key: str
    processes: tuple[Forked, ...]

    @property
    def maskinporten_issuer(self) -> str:
        return f"{self.maskinporten}/"

    def fail(self, name: str, mode: str, **order: Any) -> None:
        """Make a simulator ``down``, ``slow``, ``garbage``, ``500``, or ``ok`` again."""
        url = f"{getattr(self, name)}/_simulator/mode"
        httpx.post(url, json={"mode": mode, **order}, **NO_TLS).raise_for_status()

    def set_rights(
        self, person: str, organization: str, *, roles: Iterable[str] = (), packages: Iterable[str] = ()
    ) -> None:
        """Replace what a person (key of the cast) holds for an organisation."""
        order = {"person": person, "organization": organization, "roles": list(roles), "packages": list(packages)}
        httpx.post(f"{self.altinn}/_simulator/rights", json=order, **NO_TLS).raise_for_status()

    def set_reachable(self, number: str, *, reachable: bool) -> None:
        """Whether the notifications know where a person or an organisation of the cast is reached."""
        order = {"number": number, "reachable": reachable}
        httpx.post(f"{self.notifications}/_simulator/contacts", json=order, **NO_TLS).raise_for_status()

    def register_client(self, client: Mapping[str, Any]) -> None:
        """Add or replace a client; works at once."""
        known = json.loads(self.clients.read_text())
        others = [entry for entry in known if entry["client_id"] != client["client_id"]]
        self.clients.write_text(json.dumps([*others, dict(client)]))

    def register_consumer(
        self, client_id: str, organization: str, *, delegations: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        """A fagsystem's client that may ask for ``deldokument:share``, with the same key as our own client."""
        of_others = {consumer: list(scopes) for consumer, scopes in (delegations or {}).items()}
        consumer = {"client_id": client_id, "jwks": "client-jwks.json", "organization": organization}
        self.register_client({**consumer, "scopes": [API_SCOPE], "delegations": of_others})

    def access_token(self, client_id: str, scope: str = API_SCOPE, **claims: Any) -> str:
        """What the simulated Maskinporten gives a client for a scope; ``claims`` are added to the grant
        (``resource``, ``consumer_org``)."""
        now = int(time.time())
        timed = {"iat": now, "exp": now + 100, "jti": secrets.token_urlsafe(16)}
        grant = {"iss": client_id, "aud": self.maskinporten_issuer, "scope": scope, **timed, **claims}
        key = RSAKey.import_key(self.client_key)
        form = {"grant_type": GRANT, "assertion": jwt.encode({"alg": "RS256", "kid": key.kid}, grant, key)}
        answer = httpx.post(f"{self.maskinporten}/token", data=form, **NO_TLS)
        assert answer.is_success, answer.text
        return str(answer.json()["access_token"])

    def stop(self) -> None:
        _kill(self.processes)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.stop()


def start_simulators(
    folder: Path,
    *,
    names: Iterable[str] = ALL,
    redirect_uri: str = REDIRECT_URI,
    post_logout_redirect_uri: str = POST_LOGOUT_REDIRECT_URI,
    altinn_options: Iterable[str] = (),
    place: Place | None = None,
) -> Running:
    """Start those named (Altinn's bring ``maskinporten``); their files go to ``folder``, they listen at ``place``."""
    key = rsa_key("client")
    (folder / "client-jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    clients = folder / "clients.json"
    client = {
        "client_id": CLIENT_ID,
        "jwks": "client-jwks.json",
        "redirect_uris": [redirect_uri],
        "post_logout_redirect_uris": [post_logout_redirect_uri],
        "organization": ORGANIZATION,
        "scopes": [ALTINN_SCOPE, DECISION_SCOPE, NOTIFICATIONS_SCOPE],
    }
    clients.write_text(json.dumps([client]))
    wanted = {*names, *({"maskinporten"} if {*names}.intersection(_OF_ALTINN) else ())}

    def options(name: str, urls: Mapping[str, str]) -> list[str]:
        if name in _ISSUERS:
            return ["--clients", str(clients), "--state", str(_state(folder, name))]
        if name not in _OF_ALTINN:
            return []
        issuer = ["--maskinporten-issuer", f"{urls['maskinporten']}/"]
        if name == "altinn":
            return [*issuer, *altinn_options]
        return [*issuer, *(["--altinn", urls["altinn"]] if "altinn" in urls else [])]

    processes: list[Forked] = []
    try:
        if place:
            urls = _started_at(place, processes, folder, wanted, options)
        else:
            urls = _started_together(processes, folder, wanted, options)
    except BaseException:
        _kill(processes)
        raise
    return Running(
        **dict.fromkeys(ALL, "") | urls,
        clients=clients,
        client_key=dict(key.as_dict(private=True)),
        client_id=CLIENT_ID,
        redirect_uri=redirect_uri,
        post_logout_redirect_uri=post_logout_redirect_uri,
        subscription_key=SUBSCRIPTION_KEY,
        processes=tuple(processes),
    )


def _started_together(
    processes: list[Forked], folder: Path, names: Collection[str], options: _Options
) -> dict[str, str]:
    """The URL of each, on loopback. They are threads of one process: five processes take a core half a second."""
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    lines = {name: ["--port", str(port), *options(name, urls)] for name, port in ports.items()}
    _start(
        processes,
        folder,
        "simulators",
        "tests.support.deployment.simulator_threads:main",
        [json.dumps(lines)],
        len(lines),
    )
    return urls


def _started_at(
    place: Place, processes: list[Forked], folder: Path, names: Collection[str], options: _Options
) -> dict[str, str]:
    """The URL of each, at a place."""
    environment = os.environ | {"SSL_CERT_FILE": str(place.certificate)}
    urls = dict[str, str]()
    for name in sorted(names, key=ALL.index):
        arguments = [name, place.address, str(place.certificate), *options(name, urls)]
        entry = "tests.support.faults.network_simulator:main"
        [urls[name]] = _start(processes, folder, name, entry, arguments, environment=environment)
    return urls


def _state(folder: Path, name: str) -> Path:
    """A folder with the issuer's signing key, so that the issuer makes none."""
    key = folder / f"{name}-signing-key.json"
    key.write_text(json.dumps(rsa_key(name).as_dict(private=True)))
    return folder


@contextmanager
def running_simulator(folder: Path, name: str, options: list[str]) -> Iterator[str]:
    """Yield the URL of one simulator, with a log in ``folder``, until the block is left."""
    processes: list[Forked] = []
    try:
        [url] = _start(processes, folder, name, f"deldokument.simulators.{name}:main", options)
        yield url
    finally:
        _kill(processes)


def _kill(processes: Iterable[Forked]) -> None:
    for process in processes:
        process.kill()


def _start(
    processes: list[Forked],
    folder: Path,
    name: str,
    entry: str,
    arguments: list[str],
    count: int = 1,
    environment: Mapping[str, str] | None = None,
) -> list[str]:
    """The URLs that a process tells, one for each of its ``count`` simulators when that accepts connections."""
    log = folder / f"{name}.log"
    log.touch()
    process = forked(entry, arguments, log=log, environment=environment)
    processes.append(process)
    while len(urls := re.findall(r"^\w+ (http\S+)\n", log.read_text(), re.MULTILINE)) < count:
        assert process.poll() is None, f"{name} did not start: {log.read_text()}"
        time.sleep(0.01)
    return urls


class Form(HTMLParser):
    """The fields of a page's only form, as it stands."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self._href: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = values["action"]
        elif tag == "input" and values.get("type") != "checkbox":
            self.fields[values["name"]] = values.get("value", "")
        elif tag == "a":
            self._href = values["href"]

    def handle_data(self, data: str) -> None:
        if self._href is not None:
            self.links[data.strip()] = self._href
            self._href = None


def log_in(
    http: httpx.Client,
    url: str,
    *,
    person: str | None = None,
    identifier: str | None = None,
    level: str = "idporten-loa-high",
    without_pid: bool = False,
    cancel: bool = False,
) -> str:
    """Walk the login page behind ``url``, as ``person`` (a name on the page) or with ``identifier``.

    Answers the address that ID-porten sends the browser back to; the client must not follow redirects itself.
    """
    page = http.get(url)
    if page.is_redirect:
        return str(page.headers["location"])
    if person is not None:
        page = http.get(urljoin(url, Form(page.text).links[person]))
    form = Form(page.text)
    fields = {**form.fields, "level": level, "action": "cancel" if cancel else "login"}
    if identifier is not None:
        fields["identifier"] = identifier
    if without_pid:
        fields["without_pid"] = "1"
    answer = http.post(urljoin(url, form.action), data=fields)
    assert answer.is_redirect, answer.text
    return str(answer.headers["location"])
