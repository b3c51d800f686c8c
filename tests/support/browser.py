"""Browsers of the cast before the real application: over ASGI in this process, with real SQLite behind it.

Nothing is patched: requests go through the same middleware, routes and handlers as over a socket, and over one when the
application has a ``port``. A browser keeps its
own cookies, follows no redirect by itself, and logs in by walking /logg-inn as a person would.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import uvloop
from starlette.types import ASGIApp

from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.web.app import create_app
from deldokument.web.http.limits.refusal_time import STEP_SECONDS
from deldokument.web.http.request import Endpoint
from deldokument.web.http.site import Site
from tests.support.deployment.memory import folder_in_memory
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import Cast, Stage, cast, dependencies, set_stage

EWA = "47906701517"
"""The tenant's administrator: configures, and may read no document."""
ORIGIN = "https://del.example"
_CSRF = re.compile(r'<meta name="csrf-token" content="([^"]*)">')


def site(**changes: Any) -> Site:
    """The deployment that the pages believe to be part of."""
    standard = {
        "public_url": ORIGIN,
        "operator_name": "Driftsselskapet",
        "operator_contact": "sikkerhet@drift.example",
        "accessibility_url": "",
        "privacy_url": "",
        "demo": False,
        "version": "1",
    }
    return Site(**(standard | changes))


class LoopWithoutSteps(uvloop.Loop):
    """A loop on which no refusal waits for its step (`refusal_time`): tests meet thousands of them in a row."""

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, **more: Any) -> asyncio.TimerHandle:
        """As the base, but at once for what would wait for a step at most."""
        return super().call_later(0 if delay <= STEP_SECONDS else delay, callback, *args, **more)


@dataclass
class Web:
    """The application over a stage, and the loop that it runs in."""

    stage: Stage
    app: ASGIApp
    session_cookie: str
    runner: asyncio.Runner = field(default_factory=partial(asyncio.Runner, loop_factory=LoopWithoutSteps))
    open: list[Browser] = field(default_factory=list)
    port: int | None = None
    """Where browsers reach it; without one, in this process."""

    def browser(self, person: str | None = None, *, origin: str = ORIGIN) -> Browser:
        """A fresh browser, logged in as ``person`` when one is named."""
        new = Browser(self, origin)
        self.open.append(new)
        if person is not None:
            new.log_in(person)
        return new

    def close(self) -> None:
        """Close the browsers and the loop."""
        for browser in self.open:
            self.runner.run(browser.http.aclose())
        self.runner.close()


def serve(stage: Stage, extra: Sequence[Endpoint] = (), **changes: Any) -> Web:
    """The application over ``stage``; ``changes`` are to the site."""
    part = site(**changes)
    return Web(stage, create_app(stage.deps, part, tuple(extra)), part.session_cookie)


class _OverSocket(httpx.AsyncHTTPTransport):
    """This machine's port answers for every host."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        sent = httpx.Request(request.method, url, headers=request.headers, stream=request.stream)
        return await super().handle_async_request(sent)


class Browser:
    """One browser: cookies of its own, the CSRF token of its session sent with every call that asks for it."""

    def __init__(self, web: Web, origin: str) -> None:
        self._web = web
        inside = httpx.ASGITransport(web.app, raise_app_exceptions=False)
        transport = inside if web.port is None else _OverSocket(web.port)
        self.http = httpx.AsyncClient(transport=transport, base_url=origin)
        self._token = ("", "")

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request, as it is given."""
        return self._web.runner.run(self.http.request(method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET."""
        return self.request("GET", path, **options)

    def begin_login(self, return_to: str = "/") -> httpx.Response:
        """Ask to log in; the answer leads to the provider."""
        return self.get("/logg-inn", params={"neste": return_to})

    def log_in(self, person: str, return_to: str = "/") -> httpx.Response:
        """Log in as ``person`` at the provider and come back; the answer leads to ``return_to``."""
        login = self._web.stage.login
        assert self.begin_login(return_to).status_code == 303
        login.person = person
        answer = self.get("/logg-inn/svar", params={"code": "code", "state": f"state-{login.begun}"})
        assert answer.status_code == 303, answer.text
        return answer

    def csrf_token(self) -> str:
        """The token that this browser's pages carry; empty without a session. A page is asked once in each session."""
        session = self.http.cookies.get(self._web.session_cookie, "")
        if session != self._token[0]:
            found = _CSRF.search(self.get("/kontakt").text)
            assert found
            self._token = session, unescape(found[1])
        return self._token[1]

    def post(self, path: str, fields: Mapping[str, str] | None = None, **options: Any) -> httpx.Response:
        """A form of a page, with its token."""
        return self.request("POST", path, data={"csrf_token": self.csrf_token(), **(fields or {})}, **options)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """A call that a page's script makes: JSON, with the token in a header."""
        headers = {"X-CSRF-Token": self.csrf_token(), **options.pop("headers", {})}
        return self.request(method, path, json={} if body is None else body, headers=headers, **options)


@contextmanager
def stage_in_memory() -> Iterator[Stage]:
    """A fresh world whose files are in memory, with an administrator."""
    with folder_in_memory() as folder:
        stage = set_stage(folder, people=_with_administrator)
        try:
            yield stage
        finally:
            stage.close()


def _with_administrator(folder: Path, database_url: str, keyring: SealedKeyring) -> Cast:
    people = cast(folder, database_url, keyring)
    deps = dependencies(folder, database_url, keyring)
    add_administrator(deps, tenant_id=people.tenant.id, number=EWA, name="Ewa Kowalska")
    deps.database.close()  # type: ignore[attr-defined]
    return people
