"""The commonest requests take few statements and transactions: each costs about as much as a row of a list."""

from __future__ import annotations

from tests.support.browser import Web
from tests.support.query_plans import statements
from tests.support.world import KARI, OLA

STATEMENTS = {
    "/d/{id}": 8,
    "/d/{id}/dokument/{document}": 6,
    "/mine": 8,
    "/delinger/{id}": 15,
    "/delinger": 15,
    "/del": 8,
}
RECIPIENTS = {"/d/{id}", "/d/{id}/dokument/{document}", "/mine"}
TRANSACTIONS = 2


def test_the_commonest_requests_take_few_statements(web: Web) -> None:
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
