"""Refused actions on a share: its page comes back with the reason, the error's own status, and what was typed."""

import re

import httpx
import pytest

from deldokument.services.shares.published import publishing
from tests.support.browser import Browser, Web
from tests.support.stage.accounts import set_account, set_rules
from tests.support.stage.stage import KARI, ODD, OLA, SIV, person

STOPPED = "Driftsoperatøren har stanset delingen her"
TEXTS = {"title": "Skrevet nå", "message": "", "reference": "", "confidential": "yes"}


@pytest.fixture
def kari(web: Web) -> Browser:
    return web.browser(KARI)


@pytest.fixture
def share_id(web: Web) -> str:
    return web.stage.publish(OLA, SIV, also=["kart.pdf"])


def freeze(web: Web) -> None:
    set_account(web.stage, web.stage.byggesak, frozen_at=web.stage.clock.now())


def recipient_id(web: Web, share_id: str) -> str:
    with web.stage.deps.database.read() as tx:
        return tx.shares.recipients([share_id])[0].id


def seen(page: httpx.Response) -> dict[str, str]:
    [value] = re.findall(r'name="seen" value="([^"]+)"', page.text)
    return {"seen": value}


@pytest.mark.parametrize("action", ["sluttidspunkt", "paminnelse", "kopi", "ny-deling", "endring"])
def test_a_stopped_share_says_so_on_the_page_of_the_action(web: Web, kari: Browser, share_id: str, action: str) -> None:
    freeze(web)
    answer = kari.post(
        f"/delinger/{share_id}/{action}", TEXTS | {"expires_date": "2026-12-24", "expires_time": "12:00"}
    )
    assert (answer.status_code, STOPPED in answer.text) == (403, True)


@pytest.mark.parametrize("action", ["avslag", "tilbaketrekking", "fjerning", "dokumenter"])
def test_a_stopped_share_can_still_be_closed_to_people(web: Web, kari: Browser, share_id: str, action: str) -> None:
    path = {
        "fjerning": f"fjerning/{recipient_id(web, share_id)}",
        "dokumenter": f"dokumenter/{web.stage.document_ids(share_id)[0]}/fjerning",
    }.get(action, action)
    freeze(web)
    assert kari.post(f"/delinger/{share_id}/{path}").status_code == 303


def test_a_change_of_a_stopped_share_is_not_approved_and_the_page_says_why(
    web: Web, kari: Browser, share_id: str
) -> None:
    set_rules(web.stage, web.stage.byggesak, four_eyes=True)
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    kari.post(f"/delinger/{share_id}/endring", TEXTS)
    odd = web.browser(ODD)
    form = seen(odd.get(f"/delinger/{share_id}"))
    freeze(web)
    answer = odd.post(f"/delinger/{share_id}/endring/godkjenning", form)
    assert (answer.status_code, STOPPED in answer.text) == (403, True)


def test_each_reason_is_shown_again_in_the_field_where_it_was_typed(web: Web, share_id: str) -> None:
    set_rules(web.stage, web.stage.byggesak, four_eyes=True)
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    web.stage.clock.advance(days=5)
    web.browser(OLA).post(f"/d/{share_id}/foresporsel", {})
    web.browser(KARI).post(f"/delinger/{share_id}/endring", TEXTS)
    odd, long = web.browser(ODD), "y" * 501
    for action, field in (("avslag", "refusal-reason"), ("retur", "return-reason")):
        page = odd.post(f"/delinger/{share_id}/{action}", {field: long}).text
        filled = re.findall(rf'<textarea[^>]* id="([^"]+)"[^>]*>{long}</textarea>', page)
        assert (filled, f'href="#{field}"' in page) == ([field], True), action


def test_a_late_undo_and_removal_are_refused_on_the_page_of_the_share(web: Web, kari: Browser) -> None:
    share_id = web.stage.publish(OLA)
    publishing.withdraw_share(web.stage.deps, person(KARI), share_id)
    for path in ("angring", f"dokumenter/{web.stage.document_ids(share_id)[0]}/fjerning"):
        answer = kari.post(f"/delinger/{share_id}/{path}")
        assert (answer.status_code, "Det lot seg ikke gjøre" in answer.text) == (409, True), path
