"""Routes x actors x the share's state: asks every route as everybody, and writes down the statuses as text.

The committed table is tests/matrix/routes.txt; routes of staff have staff_routes.txt, those of the API api.txt. After a
change that is meant, write all anew and read the difference:

    .venv-dev/bin/python -m tests.matrix.table
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from starlette.routing import Mount, Route

from deldokument.domain.shares.share import Share
from deldokument.server.connections import BoundedConnection
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.uploads import append as uploads_append
from deldokument.services.uploads import part_writer
from deldokument.web.app import routes
from deldokument.web.pages.demo import Demo
from tests.matrix import api, staff_routes
from tests.support.browser import EWA, Browser, Web, serve, site, stage_in_memory
from tests.support.servers.local_server import running
from tests.support.snapshots import snapshot
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import FJELL, KARI, LISE, ODD, OLA, PER, SIV, VIGDIS, Stage, person

GOLDEN = Path(__file__).with_name("routes.txt")
ACTORS = {
    "anonymous": None,
    "stranger": SIV,
    "named": OLA,
    "rights": PER,
    "wrong-rights": LISE,
    "member": KARI,
    "other-account": ODD,
    "other-tenant": VIGDIS,
    "administrator": EWA,
}
STATES = ("draft", "available", "withdrawn", "ended")
PLAIN_STATE = "available"
"""The state in which rows are asked that name no share."""
UNKNOWN = {
    "id": "AAAAAAAAAAAAAAAAAAAAAA",
    "recipient_id": "BBBBBBBBBBBBBBBBBBBBBB",
    "document_id": "cc" * 16,
    "language": "en",
    "path": "app.css",
}
NO_DEMO = (("GET", "/demo"), ("POST", "/demo/klokke"))
DEMO = Demo((), (), lambda: timedelta(), lambda _step: None)
_OWN_HEAD = ("/d/", "/uploads")
"""Routes that do something else for HEAD. The others answer it as GET before they know of the share's state."""
PROGRAM = {"port": "50123", "challenge": "x" * 43, "state": "y" * 43}
"""What a program asks for."""
_QUERIES = {"/d/{id}/program": PROGRAM, "/delinger/{id}/avviksmelding.txt": {"alle": "on"}}
"""Queries without which a route answers nobody."""
_CSRF_TOKEN = re.compile(r'csrf[-_]token"[^>]*>')
_Plain = tuple[int, str, list[tuple[str, str]]]
"""Status, text and headers of an answer, without ids and the session's token."""
_TUS = {"Tus-Resumable": "1.0.0"}
_PATCH = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}


@dataclass(frozen=True, slots=True)
class Row:
    """A route as it is asked. ``token``: with the upload's own token; ``demo``: in the demo's deployment."""

    method: str
    path: str
    token: bool = False
    demo: bool = False

    @property
    def label(self) -> str:
        """How the table names it."""
        return f"{self.method} {self.path}{' +token' if self.token else ''}{' (demo)' if self.demo else ''}"

    @property
    def names_a_share(self) -> bool:
        """Whether its answer can depend on the state of one share; an upload's token names one too."""
        return "{" in self.path or self.token


@dataclass(slots=True)
class Case:
    """A share in one state, with the ids that paths need."""

    ids: dict[str, str]
    upload_id: str
    token: str


@dataclass(slots=True)
class Outcome:
    """Every status, and what was found wrong while asking."""

    statuses: dict[Row, dict[str, dict[str, int]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    unknown: dict[tuple[Row, str], _Plain] = field(default_factory=dict)
    """What each actor is answered by each route about ids that do not exist, in the state asked last."""


def application_rows() -> list[Row]:
    """A row for every route and method of the application, from its own list of routes. Staff: see staff_routes.py."""
    with stage_in_memory() as stage:
        plain = list(_methods(routes(stage.deps, site())))
        demo = list(_methods(routes(stage.deps, site(demo=True), DEMO.endpoints())))
    rows = [Row(method, path) for method, path in (*plain, *NO_DEMO)]
    rows += [Row(m, p, token=True) for m, p in plain if p.startswith("/uploads") and m != "OPTIONS"]
    rows += [Row(m, p, demo=True) for m, p in demo if (m, p) not in plain]
    rows = [row for row in rows if not staff_routes.is_of_an_office(row.path)]
    return sorted(rows, key=lambda row: (row.path, row.demo, row.token, row.method))


def office_rows() -> list[tuple[str, str]]:
    """Method and path of every route of an office."""
    with stage_in_memory() as stage:
        found = [row for row in _methods(routes(stage.deps, site())) if staff_routes.is_of_an_office(row[1])]
    return sorted(found, key=lambda row: (row[1], row[0]))


def _methods(all_routes: list[Any]) -> Iterator[tuple[str, str]]:
    for route in all_routes:
        if isinstance(route, Mount):
            yield "GET", f"{route.path}/{{path}}"
        elif isinstance(route, Route):
            # HEAD comes with GET, and is compared with it cell by cell.
            methods = route.methods or set()
            yield from ((m, route.path) for m in sorted(methods) if m != "HEAD" or "GET" not in methods)


@dataclass(frozen=True, slots=True)
class _Visitor:
    """An actor's browser, and what it has at first."""

    browser: Browser
    csrf_token: str
    cookies: httpx.Cookies

    @classmethod
    def logged_in(cls, web: Web, number: str | None) -> _Visitor:
        """A fresh one."""
        browser = web.browser(number)
        token = browser.csrf_token() if number else ""
        return cls(browser, token, httpx.Cookies(browser.http.cookies))

    def restore(self) -> None:
        """Go back to the cookies of the beginning."""
        self.browser.http.cookies = self.cookies


class Survey:
    """Asks rows as all actors about shares of one state, with a document of that content."""

    def __init__(self, stage: Stage, state: str, outcome: Outcome, content: bytes) -> None:
        self.stage = stage
        self.state = state
        self.outcome = outcome
        self.content = content
        self.webs = {False: serve(stage), True: serve(stage, DEMO.endpoints(), demo=True)}
        self.browsers: dict[tuple[str, bool], _Visitor] = {}
        self.cases: dict[tuple[bool, bool], Case] = {}
        """Shares by what rows need of them."""

    def run(self, rows: list[Row]) -> None:
        """Every row. Nobody has changed anything yet when an actor asks."""
        self.cases = {kind: self._fresh_case(*kind) for kind in {_kind(row) for row in rows}}
        self.browsers = {
            (actor, demo): _Visitor.logged_in(self.webs[demo], number)
            for actor, number in ACTORS.items()
            for demo in {row.demo for row in rows}
        }
        with closing(snapshot(self.stage.database_url)) as as_before:
            for row in rows:
                case = self.cases[_kind(row)]
                cells = self.outcome.statuses[row].setdefault(self.state, {})
                for actor in ACTORS:
                    answer = self._ask(row, case, actor, case.ids)
                    cells[actor] = answer.status_code
                    self._compare(row, case, actor, answer)
                    if row.method not in {"GET", "HEAD", "OPTIONS"} and answer.status_code < 400:
                        as_before.restore()
                        self.browsers[actor, row.demo].restore()
        for web in self.webs.values():
            web.close()

    def _ask(self, row: Row, case: Case, actor: str, ids: dict[str, str], method: str = "") -> httpx.Response:
        visitor = self.browsers[actor, row.demo]
        browser = visitor.browser
        headers = {"X-CSRF-Token": visitor.csrf_token} if visitor.csrf_token else {}
        if row.path.startswith("/uploads"):
            headers |= _TUS | {"PATCH": _PATCH, "POST": {"Upload-Length": str(len(self.content))}}.get(row.method, {})
            headers |= {"Authorization": f"Bearer {case.token}"} if row.token else {}
            content = self.content if row.method == "PATCH" else b""
            return browser.request(row.method, row.path.format_map(ids), headers=headers, content=content)
        body = _body(self.stage, row.path, ids) if row.method != "GET" else {}
        body |= {"params": _QUERIES[row.path]} if row.path in _QUERIES else {}
        return browser.request(method or row.method, row.path.format_map(ids), headers=headers, **body)

    def _compare(self, row: Row, case: Case, actor: str, answer: httpx.Response) -> None:
        """HEAD answers as GET; what is not for the actor looks as what does not exist."""
        where = f"{row.label}, {self.state}, {actor}"
        if row.method == "GET" and (self.state == PLAIN_STATE or row.path.startswith(_OWN_HEAD)):
            head = self._ask(row, case, actor, case.ids, "HEAD")
            if head.status_code != answer.status_code or head.content:
                self.outcome.faults.append(f"{where}: HEAD answers {head.status_code}")
        if answer.status_code == 404 and "{id}" in row.path:
            hidden = _without_ids(answer, case.ids)
            # What does not exist is in no state: only another answer has to be compared with a new one.
            if self.outcome.unknown.get((row, actor)) == hidden:
                return
            unknown = _without_ids(self._ask(row, case, actor, UNKNOWN), UNKNOWN)
            self.outcome.unknown[row, actor] = unknown
            if unknown != hidden:
                self.outcome.faults.append(f"{where}: an unknown id is answered otherwise")

    def _fresh_case(self, token: bool, of_upload: bool) -> Case:
        """A share in the survey's state for Ola and Fjell; a draft has an unfinished upload for rows with its token."""
        stage, now = self.stage, self.stage.clock.now()
        share = stage.draft()
        stage.add_recipients(share.id, OLA, FJELL)
        end = now + timedelta(hours=1) if self.state == "ended" else now + timedelta(days=10)
        drafts.save_draft(stage.deps, person(KARI), share.id, stage.words(expires_at=end))
        upload_token, upload_id, document_id = self._uploaded(share, whole=self.state != "draft" or not token)
        if self.state != "draft":
            # A published share keeps one document.
            stage.upload(share.id, "kart.pdf", b"")
            publishing.publish_share(stage.deps, person(KARI), share.id)
            inspect_documents(stage.deps)
        if self.state == "withdrawn":
            publishing.withdraw_share(stage.deps, person(KARI), share.id)
        if self.state == "ended":
            stage.clock.advance(hours=1)
        with stage.deps.database.read() as tx:
            recipient_id = tx.shares.recipients([share.id])[0].id
        shown_id = upload_id if of_upload else share.id
        ids = UNKNOWN | {"id": shown_id, "recipient_id": recipient_id, "document_id": document_id}
        return Case(ids, upload_id, upload_token)

    def _uploaded(self, share: Share, *, whole: bool) -> tuple[str, str, str]:
        deps, length = self.stage.deps, len(self.content)
        ticket = drafts.add_document(deps, person(KARI), share.id, name="vedtak.pdf", length=length, modified_at=None)
        if whole:
            append = uploads_append.begin_append(deps, ticket.token, ticket.upload_id, offset=0, announced=length)
            for start in range(0, length, part_writer.FEED):
                append.write([self.content[start : start + part_writer.FEED]])
            append.finish()
        return ticket.token, ticket.upload_id, ticket.document_id


def _kind(row: Row) -> tuple[bool, bool]:
    return row.token, row.path.startswith("/uploads")


def _body(stage: Stage, path: str, ids: dict[str, str]) -> dict[str, Any]:
    """A body with which the route does its work."""
    if path.endswith("/dokumenter"):
        return {"json": {"name": "kart.pdf", "length": 3}}
    if path == "/delinger/{id}/publisering":
        return {"json": {"documents": [ids["document_id"]]}}
    if path.startswith("/delinger"):
        return {"data": {"expires_date": "2026-12-01", "expires_time": "12:00"}}
    if path == "/del/utkast/{id}":
        return {"json": {"account_id": stage.byggesak.id, "archived": True, "expires_at": "2026-12-04T15:30"}}
    if path == "/d/{id}/program":
        return {"data": PROGRAM}
    if path.startswith("/varsler"):
        return {"data": {"email": "kari@eksempel.example", "language": "nb"}}
    return {"json": {"account_id": stage.byggesak.id, "text": OLA, "confirmed": True}}


def _without_ids(answer: httpx.Response, ids: dict[str, str]) -> _Plain:
    text = _CSRF_TOKEN.sub("", answer.text)
    for name in ("id", "recipient_id", "document_id"):
        text = text.replace(ids[name], name)
    return answer.status_code, text, sorted(answer.headers.multi_items())


def survey(rows: list[Row], content: bytes = b"innhold", connection: type[BoundedConnection] | None = None) -> Outcome:
    """All states, all actors; over sockets when it is said what kind of connection they have."""
    outcome = Outcome({row: {} for row in rows})
    for state in STATES:
        wanted = [row for row in rows if row.names_a_share or state == PLAIN_STATE]
        with stage_in_memory() as stage, ExitStack() as listening:
            new = Survey(stage, state, outcome, content)
            if connection:
                for web in new.webs.values():
                    web.port = listening.enter_context(running(web.app, connection))
            new.run(wanted)
    return outcome


def as_text(outcome: Outcome) -> str:
    """The table: a line for a route, or one for each state of the share where the answers differ."""
    width = max(len(row.label) for row in outcome.statuses)
    lines = [f"{'route':<{width}}  {'share':<9}  {'  '.join(ACTORS)}"]
    for row, by_state in outcome.statuses.items():
        if len({tuple(cells.values()) for cells in by_state.values()}) == 1:
            by_state = {"any": by_state[PLAIN_STATE]}
        for state, cells in by_state.items():
            statuses = "  ".join(f"{status:<{len(actor)}}" for actor, status in cells.items())
            lines.append(f"{row.label:<{width}}  {state:<9}  {statuses}".rstrip())
    return "\n".join(lines) + "\n"


def lines(text: str) -> list[list[str]]:
    """The cells of each line of a table."""
    return [re.split(r"  +", line.rstrip()) for line in text.splitlines()[1:]]


def labels(text: str) -> set[str]:
    """The routes that a table has lines for."""
    return {line[0] for line in lines(text)}


if __name__ == "__main__":
    GOLDEN.write_text(as_text(survey(application_rows())), encoding="utf-8")
    api.GOLDEN.write_text(api.as_text(api.survey(api.routes())), encoding="utf-8")
    staff_routes.GOLDEN.write_text(staff_routes.as_text(staff_routes.survey(office_rows())), encoding="utf-8")
