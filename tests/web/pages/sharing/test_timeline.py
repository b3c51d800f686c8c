"""What a share's page tells of what has happened to it."""

from __future__ import annotations

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import existing
from deldokument.services.audit.recording import record_event
from deldokument.services.shares import publishing, queries
from tests.support.browser import Web
from tests.support.world import KARI, OLA, person

LEFT_OUT = "Her vises bare de siste hendelsene."


def test_a_share_of_a_thousand_documents_tells_that_it_was_shared_and_withdrawn(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    with web.stage.deps.database.write() as tx:
        share = existing(tx.shares.get(share_id))
        for _ in range(999):
            record_event(web.stage.deps, tx, EventKind.DOCUMENT_COMPLETED, share=share)
    web.stage.clock.advance(minutes=1)
    publishing.withdraw_share(web.stage.deps, person(KARI), share_id)
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    for words in ("Dokumentene ble delt", "1000 ganger den dagen", "Delingen ble trukket tilbake"):
        assert words in page
    assert LEFT_OUT not in page


def test_what_is_left_out_of_a_page_is_told(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    share_id = web.stage.publish(OLA)
    monkeypatch.setattr(queries, "MAX_EVENTS", 3)
    assert LEFT_OUT in web.browser(KARI).get(f"/delinger/{share_id}").text
