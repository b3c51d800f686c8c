"""«Delinger»: who shares, more of them, and that each change is confirmed on the share's page."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from deldokument.domain.errors import existing
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.web.pages.sharing import share_list
from tests.support.browser import Web
from tests.support.stage.stage import KARI, NOON, ODD, OLA, person

MIDNIGHT = NOON.replace(hour=23, minute=0) + timedelta(days=9)
"""In Oslo the day after has just begun."""


def test_who_shared_is_named_to_colleagues_in_the_list_and_on_the_share(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    odd = web.browser(ODD)
    assert "Delt av Kari Lunde" in odd.get("/delinger").text
    assert "<dt>Delt av</dt><dd>Kari Lunde</dd>" in odd.get(f"/delinger/{share_id}").text


def test_more_shares_are_appended_and_older_pages_lead_back(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_list, "_ROWS", 2)
    monkeypatch.setattr(share_list, "_MAX_ROWS", 4)
    share_ids = []
    for number in range(6):
        web.stage.clock.advance(minutes=1)
        draft = web.stage.draft()
        drafts.save_draft(web.stage.deps, person(KARI), draft.id, web.stage.words(title=f"Sak {number}"))
        web.stage.add_recipients(draft.id, OLA)
        web.stage.upload(draft.id, "a.txt", b"a")
        publishing.publish_share(web.stage.deps, person(KARI), draft.id)
        share_ids.append(draft.id)
    kari, address, seen = web.browser(KARI), "/delinger", []
    for _ in range(3):
        page = kari.get(address).text
        seen.append([int(number) for number in re.findall(r">Sak (\d)</a>", page)])
        newest = "Til de nyeste" in page
        found = re.search(r'href="([^"]*)"[^>]*>(?:<span[^>]*></span>)?Vis flere', page)
        address = found[1].replace("&amp;", "&") if found else ""
        seen[-1].append(newest)
    assert seen == [[5, 4, False], [5, 4, 3, 2, False], [1, 0, True]]
    assert address == ""
    assert 'id="rad-3"' in kari.get("/delinger?antall=4").text
    assert 'href="/delinger?antall=4#rad-3"' in kari.get("/delinger").text


def test_a_changed_end_and_a_withdrawal_are_confirmed(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    kari = web.browser(KARI)
    for path, fields, words in (
        ("sluttidspunkt", {"expires_date": "2026-12-05", "expires_time": "12:00"}, "Sluttidspunktet er endret."),
        ("tilbaketrekking", {}, "Delingen er trukket tilbake."),
    ):
        assert words not in kari.get(f"/delinger/{share_id}").text
        answer = kari.post(f"/delinger/{share_id}/{path}", fields)
        assert answer.status_code == 303
        assert words in kari.get(answer.headers["location"]).text


@pytest.mark.parametrize(
    ("days", "end"),
    [(0, datetime(2026, 12, 5, 11, 0, 42, 7, UTC)), (311, datetime(2027, 10, 31, 1, 30, tzinfo=UTC))],
    ids=["seconds", "the second of two equal hours"],
)
def test_an_unchanged_form_moves_no_end_that_it_cannot_show(web: Web, days: int, end: datetime) -> None:
    web.stage.clock.advance(days=days)
    share_id = web.stage.publish(OLA, expires_at=end)
    kari = web.browser(KARI)
    shown = dict(
        re.findall(r'name="(expires_date|expires_time)"[^>]*value="([^"]+)"', kari.get(f"/delinger/{share_id}").text)
    )
    assert len(shown) == 2
    assert kari.post(f"/delinger/{share_id}/sluttidspunkt", shown).status_code == 303
    with web.stage.deps.database.read() as tx:
        assert existing(tx.shares.get(share_id)).expires_at == end


def test_an_end_at_midnight_is_the_end_of_the_day_before(web: Web) -> None:
    share_id = web.stage.publish(OLA, expires_at=MIDNIGHT)
    for browser, path in ((web.browser(KARI), f"/delinger/{share_id}"), (web.browser(OLA), f"/d/{share_id}")):
        page = browser.get(path).text
        assert "torsdag 3. desember kl. 24.00" in page
        assert "9 dager igjen" in page
        assert "00.00" not in page


def test_who_is_marked_absent_reads_it_until_it_ends(web: Web) -> None:
    kari = web.browser(KARI)
    for absent in (True, False):
        web.stage.mark_absent("kari", absent=absent)
        assert ("Du er merket som fraværende fra Byggesak" in kari.get("/delinger").text) is absent
