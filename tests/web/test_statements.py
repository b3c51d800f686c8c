"""The commonest pages take few statements and transactions: each costs about as much as drawing a row of a list."""

from __future__ import annotations

from tests.support.browser import Web
from tests.support.query_plans import statements
from tests.support.world import KARI, OLA

STATEMENTS = {"/d/{id}": 8, "/mine": 8, "/delinger/{id}": 15, "/delinger": 15, "/del": 8}
TRANSACTIONS = {"/d/{id}": 2, "/mine": 2, "/delinger/{id}": 2, "/delinger": 2, "/del": 2}
RECIPIENTS = {"/d/{id}", "/mine"}


def test_the_commonest_pages_take_few_statements(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    ola, kari = web.browser(OLA), web.browser(KARI)
    # The first opening is recorded.
    ola.get(f"/d/{share_id}")
    taken, begun, connections = {}, {}, list[None]()
    web.stage.deps.database.observe_connections(lambda: connections.append(None), lambda: None)
    for path in STATEMENTS:
        connections.clear()
        with statements() as sent:
            page = (ola if path in RECIPIENTS else kari).get(path.format(id=share_id))
        assert page.status_code == 200
        taken[path], begun[path] = len(sent), len(connections)
    assert taken == STATEMENTS
    assert begun == TRANSACTIONS
