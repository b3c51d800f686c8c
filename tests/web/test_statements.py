"""The commonest requests take few statements and transactions: each costs about as much as a row of a list."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

from tests.support.browser import Web
from tests.support.query_plans import statements
from tests.support.stage.stage import KARI, OLA

STATEMENTS = {
    "/d/{id}": 6,
    "/d/{id}/dokument/{document}": 4,
    "/mine": 8,
    "/delinger/{id}": 12,
    "/delinger": 11,
    "/del": 7,
}
RECIPIENTS = {"/d/{id}", "/d/{id}/dokument/{document}", "/mine"}
TRANSACTIONS = 2
"""One finds the caller, one the rest."""
OF_THE_FORM = {
    "start": (10, 4),
    "save": (9, 2),
    "add a recipient": (16, 4),
    "confirm the recipient": (10, 2),
    "add a document": (10, 2),
}
"""Statements and transactions of the share form's calls.

Without PostgreSQL's locks on names of rows that do not exist yet; SQLite has one writer at a time, and needs none.
"""


def test_the_commonest_requests_run_few_statements(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    [document] = web.stage.document_ids(share_id)
    ola, kari = web.browser(OLA), web.browser(KARI)
    # The first opening is recorded.
    ola.get(f"/d/{share_id}")
    taken, begun, connections = {}, {}, list[None]()
    web.stage.deps.database.observe_connections(lambda: connections.append(None), lambda: None)
    for path in STATEMENTS:
        connections.clear()
        with statements() as sent:
            browser, method = ola if path in RECIPIENTS else kari, "HEAD" if "document" in path else "GET"
            page = browser.request(method, path.format(id=share_id, document=document))
        assert page.status_code == 200
        taken[path], begun[path] = len(sent), len(connections)
    assert taken == STATEMENTS
    assert set(begun.values()) == {TRANSACTIONS}


def test_the_calls_of_the_share_form_run_few_statements(web: Web) -> None:
    kari, taken, begun = web.browser(KARI), dict[str, tuple[int, int]](), list[None]()
    kari.csrf_token()
    web.stage.deps.database.observe_connections(lambda: begun.append(None), lambda: None)

    def call(name: str, method: str, path: str, body: Any) -> Any:
        begun.clear()
        with statements() as sent:
            answer = kari.call(method, path, body)
        assert answer.status_code in {200, 201}, answer.text
        taken[name] = sum("pg_advisory_xact_lock" not in text for text, _ in sent), len(begun)
        return answer.json()

    fill_form(call, web.stage.byggesak.id)
    assert taken == OF_THE_FORM


def test_the_calls_of_the_share_form_make_no_statement_anew(web: Web) -> None:
    """To make one and to find its text takes several times as long as to run one that exists."""
    kari, run = web.browser(KARI), list[object]()

    def call(_: str, method: str, path: str, body: Any) -> Any:
        return kari.call(method, path, body).json()

    def note(_connection: object, statement: object, *_: object) -> None:
        run.append(statement)

    event.listen(Engine, "before_execute", note)
    try:
        fill_form(call, web.stage.byggesak.id)
        known = {id(statement): statement for statement in run}
        run.clear()
        fill_form(call, web.stage.byggesak.id)
    finally:
        event.remove(Engine, "before_execute", note)
    assert len(run) > 60
    assert [str(statement) for statement in run if id(statement) not in known] == []


def fill_form(call: Callable[[str, str, str, Any], Any], account_id: str) -> None:
    path = f"/del/utkast/{call('start', 'POST', '/del/utkast', {'account_id': account_id})['draft']['id']}"
    call("save", "PUT", path, {"account_id": account_id, "title": "Vedtak"})
    added = call("add a recipient", "POST", f"{path}/mottakere", {"text": OLA})
    recipient = f"{path}/mottakere/{added['draft']['recipients'][0]['id']}"
    call("confirm the recipient", "PUT", recipient, {"confirmed": True})
    call("add a document", "POST", f"{path}/dokumenter", {"name": "a.pdf", "length": 9, "modified_at": 1})
