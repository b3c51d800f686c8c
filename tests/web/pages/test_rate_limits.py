"""A rate-limited caller learns how long to wait and what to do, on pages and in the API, and loses nothing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.browser import Web, serve, stage_in_memory
from tests.support.stage.stage import KARI, OLA, SIV

LIMITS = {"refusals_per_hour": 1, "logins_per_hour": 1, "lookups_per_hour": 2, "drafts_per_hour": 1}


@pytest.fixture
def web() -> Iterator[Web]:
    with stage_in_memory() as stage:
        share_id = stage.publish(OLA)
        stage.clock.advance(days=1)
        limited = replace(stage.deps.config, **LIMITS)  # type: ignore[arg-type]
        served = serve(replace(stage, deps=replace(stage.deps, config=limited)))
        served.stage.members["share"] = share_id
        yield served
        served.close()


@pytest.mark.parametrize(
    ("language", "heading", "advice"),
    [
        ("nb", "Du må vente litt", "Vent 60 minutter før du prøver en til."),
        ("nn", "Du må vente litt", "Vent 60 minutt før du prøver ei til."),
        ("en", "You have to wait a little", "Wait 60 minutes before you try another one."),
    ],
)
def test_a_stranger_at_many_links_reads_how_long_to_wait_and_whom_to_ask(
    web: Web, language: str, heading: str, advice: str
) -> None:
    siv, real = web.browser(SIV), web.stage.members["share"]
    siv.http.cookies.set("spraak", language)
    assert siv.get(f"/d/{real}").status_code == 404
    statuses = []
    for share_id in (real, "A" * 22):
        page = siv.get(f"/d/{share_id}")
        assert (page.status_code, page.headers["retry-after"]) == (429, "3600")
        assert heading in page.text
        assert advice in page.text
        statuses.append(page.text.replace(share_id, ""))
    assert statuses[0] == statuses[1]
    document = siv.get(f"/d/{real}/alt.zip", headers={"accept": "*/*"})
    assert (document.status_code, document.headers["content-type"]) == (429, "text/plain; charset=utf-8")


def test_a_recipient_opens_the_share_after_many_links_of_others(web: Web) -> None:
    ola = web.browser(OLA)
    for _ in range(3):
        assert ola.get("/d/" + "A" * 22).status_code in {404, 429}
    assert ola.get(f"/d/{web.stage.members['share']}").status_code == 200


def test_who_logs_in_too_often_gets_a_page_that_leads_back_to_the_link(web: Web) -> None:
    browser = web.browser()
    browser.log_in(KARI)
    assert browser.begin_login("/mine").status_code == 303
    page = browser.begin_login("/mine")
    assert (page.status_code, page.headers["retry-after"]) == (429, "3600")
    assert "Du må vente litt" in page.text
    other = web.browser()
    assert other.begin_login("/mine").status_code == 303
    web.stage.login.person = KARI
    answer = other.get("/logg-inn/svar", params={"code": "code", "state": f"state-{web.stage.login.begun}"})
    assert answer.status_code == 429
    assert 'href="/logg-inn?neste=/mine"' in answer.text


def test_a_call_of_the_form_over_a_limit_says_so_and_the_draft_keeps_what_it_has(web: Web) -> None:
    kari = web.browser(KARI)
    begun = kari.call("POST", "/del/utkast", {"account_id": web.stage.byggesak.id})
    assert begun.status_code == 201
    again = kari.call("POST", "/del/utkast", {"account_id": web.stage.byggesak.id})
    assert (again.status_code, again.headers["retry-after"], again.json()["code"]) == (429, "3600", "draft_limit")
    [fault] = again.json()["errors"]
    assert fault == {
        "field": "",
        "message": "Du har begynt på svært mange delinger på kort tid. Vent 60 minutter, og prøv igjen.",
    }
    path = f"/del/utkast/{begun.json()['draft']['id']}/mottakere"
    assert kari.call("POST", path, {"text": f"{OLA} {SIV}"}).status_code == 200
    refused = kari.call("POST", path, {"text": KARI})
    assert (refused.status_code, refused.json()["code"]) == (429, "lookup_limit")
    shown = kari.get(f"/del?utkast={begun.json()['draft']['id']}")
    assert shown.text.count('"confirmed":') >= 2


def test_a_form_over_a_limit_keeps_what_was_typed_and_says_how_long_to_wait(web: Web) -> None:
    kari, share = web.browser(KARI), f"/delinger/{web.stage.members['share']}"
    assert kari.post(f"{share}/kopi").status_code == 303
    for path in ("kopi", "ny-deling"):
        refused = kari.post(f"{share}/{path}", {"documents": "on"})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "3600"), path
        assert "Vent 60 minutter" in refused.text, path
        assert "Endre sluttidspunkt" in refused.text, path
    path, typed = f"{share}/mottakere", {"number": SIV, "label": "Advokat"}
    assert [kari.post(path, typed).status_code for _ in range(3)] == [422, 422, 429]
    refused = kari.post(path, typed)
    assert 'value="Advokat"' in refused.text
    assert "Vent 30 minutter" in refused.text
