"""An attack: change rows in the database, call routes as the attackers, and tell what went wrong."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import Connection, Table, create_engine, make_url, select, text

from deldokument.domain.audit import EventKind
from deldokument.domain.tenants.tenancy import Account
from deldokument.domain.uuids import uuid_of
from deldokument.services.audit import damage
from deldokument.services.maintenance import lag
from deldokument.services.tenants import operators
from deldokument.store.engine.schema import metadata
from deldokument.web.http.responses.rate_limit import MAX_COUNTED
from deldokument.web.ks.app import PREFIX as KS_PREFIX
from deldokument.web.ks.app import STORE_PREFIX
from deldokument.worker import Patrol
from tests.attacker.victims import ATTACKERS, SECRETS, STATES, Victims
from tests.matrix import api, ks
from tests.matrix.table import application_rows, office_rows
from tests.support.snapshots import Snapshot
from tests.support.stage.api import PREFIX

Rows = dict[str, list[dict[str, Any]]]
ALARMED = ("tenant", "account", "member", "administrator", "operator", "integration", "webhook", "share", "upload")
"""Tables whose damaged rows raise an alarm."""
GUARDED = (*ALARMED, "recipient", "document")
"""Tables in which an attacker may bring about no row."""
_OWN = {"used_at", "opened_at", "downloaded_at", "received_at"}
_UNKNOWN = {**dict.fromkeys(("intent_id", "agreement_id", "assessment_id", "delivery_id"), "A" * 22), "language": "en"}
_NOT_ASKED = ("/logg-", "/static", "/uploads", "/demo", "/sprak")


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for what."""

    actor: str
    method: str
    path: str


@contextmanager
def as_writer(database_url: str) -> Iterator[Connection]:
    """A transaction of somebody who may write any row that the tables admit."""
    url = make_url(database_url)
    is_file = url.get_backend_name() == "sqlite"
    engine = create_engine(url if is_file else url.set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            if is_file:
                connection.execute(text("PRAGMA foreign_keys = ON"))
                connection.commit()
            with connection.begin():
                yield connection
    finally:
        engine.dispose()


def rows_of(connection: Connection, *tables: str) -> Rows:
    """All rows of some tables."""
    return {name: [dict(row._mapping) for row in connection.execute(select(metadata.tables[name]))] for name in tables}


def key_of(table: Table, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values of the primary key."""
    return tuple(row[column.key] for column in table.primary_key)


@dataclass
class Attack:
    """One deployment and what its attackers are answered before anything is changed."""

    victims: Victims
    kept: Snapshot
    golden: dict[Request, int] = field(default_factory=dict)

    def learn(self, requests: Iterable[Request]) -> None:
        """Note what the attackers are answered, and put the database back."""
        self.golden |= {request: answer.status_code for request, answer in self.ask(requests).items()}
        self.restore()

    def narrow(self, states: Iterable[str] = STATES) -> list[Request]:
        """The routes that show shares and roles, for each attacker and Kari's shares in these states."""
        ids = self.victims.ids
        asked = [Request(actor, "GET", path) for actor in ATTACKERS for path in ("/mine", "/delinger", "/varsler")]
        asked += [Request("other-tenant", "GET", f"/drift/kunder/{ids['tenant_id']}")]
        asked += [
            Request("other-tenant", "GET", f"/konfigurasjon/{ids['tenant_id']}/kontoer/{ids['account_id']}/brukere")
        ]
        asked += [Request("system", "GET", f"{PREFIX}{path}") for path in ("/accounts", "/shares", "/webhooks")]
        for share_id in (self.victims.shares[state] for state in states):
            asked += [Request("stranger", "GET", f"/d/{share_id}")]
            asked += [Request(actor, "GET", f"/delinger/{share_id}") for actor in ("other-account", "other-tenant")]
            asked += [Request("system", "GET", f"{PREFIX}/shares/{share_id}")]
        document = f"/d/{self.victims.shares['available']}/dokument/{ids['document_id']}"
        asked += [Request("ks", "GET", path) for path in self._ks_paths()]
        for actor in ("other-account", "other-tenant"):
            asked += [Request(actor, "HEAD", "/uploads"), Request(actor, "PATCH", f"/uploads/{ids['upload_id']}")]
        return [*asked, Request("stranger", "GET", document)]

    def _ks_paths(self) -> list[str]:
        """What the attackers' system reads in KS' interfaces: of its own, and of Kari's account through its own."""
        own, theirs = (self._ks_ids(account) for account in self.victims.of_systems)
        return [
            f"{KS_PREFIX}/kontoer",
            f"{KS_PREFIX}/{theirs['fiksOrgId']}/kontoer/{theirs['kontoId']}",
            f"{KS_PREFIX}/kontoer/{own['kontoId']}/mottakere/{theirs['dokumentId']}",
            f"{STORE_PREFIX}/nedlasting/{theirs['dokumentId']}",
        ]

    def _ks_ids(self, account: Account) -> dict[str, str]:
        """The ids in the paths of KS' interfaces: an account, and Kari's document."""
        return {
            "fiksOrgId": uuid_of(account.tenant_id),
            "kontoId": uuid_of(account.id),
            "dokumentId": uuid_of(self.victims.ids["document_id"]),
            "korrelasjonsid": ks.REFERENCE,
        }

    def _every_ks(self) -> Iterator[Request]:
        """Every path of KS' interfaces for Kari's account, and those of a document for the attackers' own."""
        own, theirs = (self._ks_ids(account) for account in self.victims.of_systems)
        for method, path in (*((method, KS_PREFIX + path) for method, path in ks.ROWS), *ks.STORE_ROWS):
            yield Request("ks", method, path.format_map(theirs))
            if "{dokumentId}" in path:
                yield Request("ks", method, path.format_map(own))

    def rightful(self, *, is_about_shares: bool) -> list[Request]:
        """What those concerned look at, who notice damage by it."""
        ids, shares = self.victims.ids, self.victims.shares
        account = f"/konfigurasjon/{ids['tenant_id']}/kontoer/{ids['account_id']}"
        pages = {
            "recipient": ["/mine", f"/d/{shares['available']}"],
            "sharer": ["/delinger", "/varsler", f"/delinger/{shares['available']}", f"/delinger/{shares['draft']}"],
            "administrator": [
                f"/konfigurasjon/{ids['tenant_id']}",
                f"/konfigurasjon/{ids['tenant_id']}/administratorer",
                account,
                f"{account}/brukere",
            ],
            "operator": ["/drift", f"/drift/kunder/{ids['tenant_id']}"],
            "rightful-system": [f"{PREFIX}/webhooks", f"{PREFIX}/shares"],
        }
        if is_about_shares:
            pages = {actor: pages[actor] for actor in ("recipient", "sharer", "rightful-system")}
        asked = [Request(actor, "GET", path) for actor, paths in pages.items() for path in paths]
        return [*asked, Request("sharer", "HEAD", f"/uploads/{ids['upload_id']}")]

    def every(self, states: Iterable[str]) -> list[Request]:
        """Every route of the application, with Kari's ids, for every attacker."""
        ids, found = _UNKNOWN | self.victims.ids, list[Request]()
        share_ids = [self.victims.shares[state] for state in states]
        plain = [(row.method, row.path) for row in application_rows() if not (row.token or row.demo)]
        for method, path in [*plain, *office_rows()]:
            if ("{" not in path and method != "GET") or path.startswith(_NOT_ASKED):
                continue
            for share_id in share_ids if "{id}" in path else ("",):
                address = path.format_map(ids | {"id": share_id, "path": "x", "template": "dpia.pdf"})
                found += [Request(actor, method, address) for actor in ATTACKERS]
        for route in api.routes():
            method, _, path = route.partition(" ")
            if "{" not in path and method != "GET":
                continue
            for share_id in share_ids if "{share_id}" in path else ("",):
                found.append(Request("system", method, PREFIX + path.format_map(ids | {"share_id": share_id})))
        found += self._every_ks()
        return list(dict.fromkeys(found))

    def ask(self, requests: Iterable[Request]) -> dict[Request, httpx.Response]:
        """The answers to all of them, asked at once: refusals wait."""
        asked = list(dict.fromkeys(requests))
        answers = self.victims.web.runner.run(self._gathered(asked))
        return dict(zip(asked, answers, strict=True))

    async def _gathered(self, requests: list[Request]) -> list[httpx.Response]:
        # One more concurrent request of the same consumer would be refused for the limit alone.
        limit = asyncio.Semaphore(MAX_COUNTED)

        async def one(request: Request) -> httpx.Response:
            async with limit:
                return await self._send(request)

        return await asyncio.gather(*map(one, requests))

    async def _send(self, request: Request) -> httpx.Response:
        victims, anybody = self.victims, self.victims.browsers["system"].http
        if request.actor in victims.systems:
            headers = {"Authorization": f"Bearer {victims.systems[request.actor]}"}
            return await anybody.request(request.method, request.path, headers=headers)
        if request.actor == "ks":
            return await anybody.request(request.method, request.path, **_ks_body(request, victims.ks))
        browser = victims.browsers[request.actor]
        headers = {"X-CSRF-Token": browser.csrf_token()}
        if request.path.startswith("/uploads"):
            headers |= {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {victims.tokens[request.actor]}"}
        if request.method == "PATCH" and request.path.startswith("/uploads"):
            headers |= {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
            return await browser.http.request(request.method, request.path, headers=headers, content=b"nye bytes")
        return await browser.http.request(request.method, request.path, headers=headers)

    def watched(self) -> set[tuple[str, str]]:
        """The rows that those concerned look at."""
        ids, watched = self.victims.ids, {("share", share_id) for share_id in self.victims.shares.values()}
        with self.victims.deps.database.read() as tx:
            watched |= {("operator", one.id) for one in tx.staff.operators()}
            watched |= {("account", one.id) for one in tx.accounts.of_tenant(ids["tenant_id"])}
        kinds = ("upload", "tenant", "member", "administrator", "integration", "webhook", "recipient")
        return watched | {(kind, ids[f"{kind}_id"]) for kind in kinds}

    def alarms(self) -> set[tuple[str, str]]:
        """Kind and id of the rows that have an alarm; as many as the operator's monitoring counts."""
        operators.list_operators(self.victims.deps)
        damage.record_damage(self.victims.deps)
        with self.victims.deps.database.read() as tx:
            events = [event for _, event in tx.audit.events() if event.kind is EventKind.ROW_DAMAGED]
        found = [(str((event.details or {})["row"]), str((event.details or {})["id"])) for event in events]
        assert len(found) == len(set(found)) == lag.measure_lag(self.victims.deps).damaged_rows
        return set(found)

    def faults(self, requests: list[Request], damaged: set[tuple[str, str]], *, is_about_shares: bool) -> list[str]:
        """What went wrong when the attackers asked, and then those concerned; ``damaged``: rows that need an alarm."""
        with as_writer(self.victims.stage.database_url) as connection:
            before = rows_of(connection, *GUARDED)
        answers = self.ask(requests)
        found = [fault for request, answer in answers.items() for fault in self._judged(request, answer)]
        with as_writer(self.victims.stage.database_url) as connection:
            after = rows_of(connection, *GUARDED)
        found += [f"{name}: rows were written" for name in GUARDED if _plain(before[name]) != _plain(after[name])]
        for request, answer in self.ask(self.rightful(is_about_shares=is_about_shares)).items():
            if answer.status_code >= 500:
                found.append(f"{request}: {answer.status_code}")
        patrol = Patrol()
        while patrol(self.victims.deps):
            pass
        missing = damaged - self.alarms()
        return found + [f"no alarm for {row}" for row in sorted(missing)]

    def _judged(self, request: Request, answer: httpx.Response) -> Iterator[str]:
        if answer.status_code >= 500:
            yield f"{request}: {answer.status_code}"
        shown = [secret for secret in SECRETS if secret.encode() in answer.content]
        if shown:
            yield f"{request}: shows {shown}"
        if answer.status_code < 400 <= self.golden[request] and "/logg-inn" not in _login_target(answer):
            yield f"{request}: {answer.status_code} instead of {self.golden[request]}"

    def restore(self) -> None:
        """Undo the attack, in the database and in this process."""
        self.kept.restore()
        self.victims.forget_reports()


def _ks_body(request: Request, headers: dict[str, str]) -> dict[str, Any]:
    """Headers and body of a call of KS' interfaces."""
    if request.path.endswith(("/deldokument", "/dokumenter", "/dokumenter/")):
        return {"headers": headers | {"Content-Type": ks.FORM}, "content": ks.form_to_ola()}
    return (
        {"headers": headers} if request.method in {"GET", "DELETE"} else {"headers": headers, "json": {"ttl": 864_000}}
    )


def _login_target(answer: httpx.Response) -> str:
    """Return where the answer sends a visitor without a session to log in, or an empty text."""
    if answer.status_code == 303:
        return answer.headers["Location"]
    is_anonymous = '<meta name="csrf-token" content="">' in answer.text
    return "/logg-inn" if is_anonymous and 'href="/logg-inn?' in answer.text else ""


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in _OWN} for row in rows]
