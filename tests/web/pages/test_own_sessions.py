"""«Dine innlogginger»: where one is logged in, and logging out there."""

import re

import pytest

from tests.support.browser import Web
from tests.support.stage.stage import KARI, OLA, SIV

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_ID = re.compile(r'name="session" value="(\w+)"')


def test_a_person_sees_this_login_and_the_others_and_logs_one_out(web: Web) -> None:
    here, there = web.browser(SIV), web.browser()
    there.http.headers["User-Agent"] = FIREFOX
    there.log_in(SIV)
    page = here.get("/innlogginger").text
    assert "Firefox, Linux" in page
    assert page.count("Denne innloggingen") == 1
    [session_id] = _ID.findall(page)
    answer = here.post("/innlogginger/avslutning", {"session": session_id})
    assert (answer.status_code, answer.headers["location"]) == (303, "/innlogginger?avsluttet=1")
    assert "Du er logget ut der." in here.get(answer.headers["location"]).text
    assert there.get("/innlogginger").status_code == 303
    assert here.get("/innlogginger").status_code == 200


def test_all_others_are_logged_out_at_once(web: Web) -> None:
    here, *others = (web.browser(KARI) for _ in range(4))
    page = here.get("/innlogginger").text
    assert "Logg ut alle andre steder" in page
    here.post("/innlogginger/andre")
    assert [other.get("/innlogginger").status_code for other in others] == [303] * 3
    page = here.get("/innlogginger").text
    assert "Logg ut" in page
    assert "Logg ut alle andre steder" not in page


def test_the_sessions_of_others_are_neither_shown_nor_ended(web: Web) -> None:
    kari, ola, olas_other = web.browser(KARI), web.browser(OLA), web.browser(OLA)
    [olas] = _ID.findall(ola.get("/innlogginger").text)
    assert _ID.findall(kari.get("/innlogginger").text) == []
    kari.post("/innlogginger/avslutning", {"session": olas})
    kari.post("/innlogginger/andre")
    assert olas_other.get("/innlogginger").status_code == 200


@pytest.mark.parametrize(
    ("language", "words"), [("nb", "Dine innlogginger"), ("nn", "Innloggingane dine"), ("en", "Your logins")]
)
def test_every_page_leads_to_the_list_for_those_who_are_logged_in(web: Web, language: str, words: str) -> None:
    browser = web.browser(SIV)
    browser.get(f"/sprak/{language}")
    assert f'<a href="/innlogginger">{words}</a>' in browser.get("/kontakt").text
    assert "/innlogginger" not in web.browser().get("/kontakt").text


def test_an_unknown_browser_is_called_that(web: Web) -> None:
    assert "Ukjent nettleser" in web.browser(SIV).get("/innlogginger").text


def test_only_browser_and_system_of_a_user_agent_are_shown(web: Web) -> None:
    browser = web.browser()
    browser.http.headers["User-Agent"] = "<script>Firefox/1</script> (Windows; sikker-maskin-17)"
    browser.log_in(SIV)
    page = browser.get("/innlogginger").text
    assert "Firefox, Windows" in page
    assert "sikker-maskin" not in page
