"""The provider tells of a login that it has ended, through the browser and behind it."""

import httpx
import pytest

from tests.support.browser import Web
from tests.support.stage.stage import KARI

FRONT, BACK = "/logg-ut/frontkanal", "/logg-ut/bakkanal"
ISSUER = "https://login.example"


def is_logged_in(answer: httpx.Response) -> bool:
    return answer.status_code == 200


def test_the_front_channel_ends_the_session_without_any_cookie_of_it(web: Web) -> None:
    kari, frame = web.browser(KARI), web.browser()
    assert is_logged_in(kari.get("/logget-inn"))
    answer = frame.get(FRONT, params={"iss": ISSUER, "sid": "sid-1"})
    assert answer.status_code == 200
    assert not is_logged_in(kari.get("/logget-inn"))


def test_the_answer_does_not_reveal_whether_there_was_a_session(web: Web) -> None:
    web.browser(KARI)
    known, unknown = (web.browser().get(FRONT, params={"iss": ISSUER, "sid": sid}) for sid in ("sid-1", "sid-2"))
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (200, b"")
    assert known.headers == unknown.headers


def test_only_the_providers_pages_may_frame_the_answer_and_nobody_keeps_it(web: Web) -> None:
    answer = web.browser().get(FRONT, params={"iss": ISSUER, "sid": "sid-1"})
    policy = answer.headers["content-security-policy"]
    assert policy == "default-src 'none'; frame-ancestors https://login.example https://pages.login.example"
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "query", [{}, {"sid": "sid-1"}, {"iss": ISSUER}, {"iss": f"{ISSUER}/", "sid": "sid-1"}, {"iss": "", "sid": "sid-1"}]
)
def test_a_frame_of_another_issuer_ends_nothing_and_may_not_be_framed(web: Web, query: dict[str, str]) -> None:
    kari = web.browser(KARI)
    answer = web.browser().get(FRONT, params=query)
    assert (answer.status_code, answer.content) == (400, b"")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert is_logged_in(kari.get("/logget-inn"))


def test_the_back_channel_ends_the_session_with_the_token_alone(web: Web) -> None:
    kari = web.browser(KARI)
    answer = web.browser().request("POST", BACK, data={"logout_token": "ended:sid-1"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert not is_logged_in(kari.get("/logget-inn"))


@pytest.mark.parametrize("form", [{}, {"logout_token": ""}, {"logout_token": "forged"}, {"token": "ended:sid-1"}])
def test_a_call_without_a_good_token_ends_nothing(web: Web, form: dict[str, str]) -> None:
    kari = web.browser(KARI)
    answer = web.browser().request("POST", BACK, data=form)
    assert (answer.status_code, answer.content) == (400, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert is_logged_in(kari.get("/logget-inn"))


def test_a_token_in_the_address_is_no_token(web: Web) -> None:
    kari = web.browser(KARI)
    assert web.browser().request("POST", f"{BACK}?logout_token=ended:sid-1").status_code == 400
    assert web.browser().get(BACK).status_code == 405
    assert is_logged_in(kari.get("/logget-inn"))
