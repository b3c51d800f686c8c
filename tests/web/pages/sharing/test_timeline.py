"""What a share's page tells of what has happened to it."""

import re

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import existing
from deldokument.services.audit.recording import record_event
from deldokument.services.shares.display import queries
from deldokument.services.shares.published import publishing
from tests.support.browser import Web
from tests.support.stage.stage import KARI, ODD, OLA, SIV, person

LEFT_OUT = "Her vises bare de siste hendelsene."


def test_a_share_of_a_thousand_documents_shows_that_it_was_shared_and_withdrawn(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    with web.stage.deps.database.write() as tx:
        share = existing(tx.shares.get(share_id))
        for _ in range(999):
            record_event(web.stage.deps, tx, EventKind.DOCUMENT_COMPLETED, share=share)
    web.stage.clock.advance(minutes=1)
    publishing.withdraw_share(web.stage.deps, person(KARI), share_id)
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    for words in ("Dokumentene ble delt", "999 dokumenter ble lastet opp", "Delingen ble trukket tilbake"):
        assert words in page
    assert LEFT_OUT not in page


def test_notices_to_several_recipients_are_not_one_notice_several_times(web: Web) -> None:
    share_id = web.stage.publish(OLA, SIV)
    with web.stage.deps.database.write() as tx:
        for _ in range(2):
            share = existing(tx.shares.get(share_id))
            record_event(web.stage.deps, tx, EventKind.RECIPIENT_NOTIFIED, share=share, about="withdrawn")
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    assert "2 varsler ble sendt til mottakere" in page
    assert "ganger på rad" not in page


def test_a_page_says_what_it_leaves_out(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    share_id = web.stage.publish(OLA)
    monkeypatch.setattr(queries, "MAX_EVENTS", 3)
    assert LEFT_OUT in web.browser(KARI).get(f"/delinger/{share_id}").text


def test_colleagues_are_named_recipients_are_masked_and_strangers_are_neither(web: Web) -> None:
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    share_id = web.stage.publish(OLA)
    web.browser(OLA).get(f"/d/{share_id}")
    web.browser(SIV).get(f"/d/{share_id}")
    publishing.withdraw_share(web.stage.deps, person(ODD), share_id)
    shown = web.browser(KARI).get(f"/delinger/{share_id}").text.partition('<ol class="timeline">')[2]
    entries = dict(re.findall(r"<p>([^<]*)</p><p class=\"optional\"><time[^>]*>[^<]*</time>(?: · ([^<]*))?</p>", shown))
    assert entries["Dokumentene ble delt"] == "Kari Lunde"
    assert entries["En mottaker åpnet delingen"] == f"{OLA[:6]} *****"
    assert entries["Noen uten tilgang åpnet lenken. De fikk ikke se noe"] == ""
    assert entries["Delingen ble trukket tilbake"] == "Odd Bakken"


def test_what_happened_in_between_keeps_its_place(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    with web.stage.deps.database.write() as tx:
        share = existing(tx.shares.get(share_id))
        for kind in (EventKind.SHARE_FROZEN, EventKind.SHARE_UNFROZEN, EventKind.SHARE_FROZEN, EventKind.SHARE_FROZEN):
            record_event(web.stage.deps, tx, kind, share=share)
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    words = re.findall(r"(Driftsoperatøren stanset delingen|Driftsoperatøren opphevet stansen|2 ganger på rad)", page)
    assert words == [
        "Driftsoperatøren stanset delingen",
        "Driftsoperatøren opphevet stansen",
        "Driftsoperatøren stanset delingen",
        "2 ganger på rad",
    ]
