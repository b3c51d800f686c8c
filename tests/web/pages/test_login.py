"""Logging in and out as browsers see it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape
from http.cookies import SimpleCookie

import httpx
import pytest

from deldokument.domain.errors import LoginFailed, Unavailable
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.login import LoginRequest
from deldokument.services.tenants.registration import change_tenant_rules
from tests.support.browser import ORIGIN, Browser, Web, serve, stage_in_memory
from tests.support.stage.stage import KARI, OLA, SIV, FakeLogin

SESSION, LOGIN = "__Host-deldokument", "__Host-deldokument-login"


@dataclass
class RefusingLogin(FakeLogin):
    """A provider that may not even begin a login."""

    down: bool = False

    def begin(self, locale: str, *, fresh: bool = False, nonce: str = "", on_behalf_of: str = "") -> LoginRequest:
        if self.down:
            raise Unavailable("login_unavailable")
        return FakeLogin.begin(self, locale, fresh=fresh, nonce=nonce, on_behalf_of=on_behalf_of)


@pytest.fixture
def refusing() -> Iterator[tuple[Web, RefusingLogin]]:
    """The application with a provider in the test's hands."""
    with stage_in_memory() as stage:
        login = RefusingLogin()
        deps: Dependencies = replace(stage.deps, login=login)
        web = serve(replace(stage, deps=deps, login=login))
        yield web, login
        web.close()


def cookie(answer: httpx.Response, name: str) -> dict[str, str]:
    """The attributes that an answer sets a cookie with, and its value."""
    for header in answer.headers.get_list("set-cookie"):
        found = SimpleCookie(header)
        if name in found:
            return {key: str(value) for key, value in found[name].items() if value} | {"value": found[name].value}
    return {}


def session_of(browser: Browser) -> str | None:
    return browser.http.cookies.get(SESSION)


def test_the_cookies_of_login_and_session_are_bound_to_the_host_and_out_of_reach_of_scripts(web: Web) -> None:
    browser = web.browser()
    begun = browser.begin_login()
    done = browser.get("/logg-inn/svar", params={"code": "c", "state": f"state-{web.stage.login.begun}"})
    for answer, name in ((begun, LOGIN), (done, SESSION)):
        set_cookie = cookie(answer, name)
        assert set_cookie["secure"] == set_cookie["httponly"] == "True"
        assert set_cookie["samesite"] == "lax"
        assert set_cookie["path"] == "/"
        assert "domain" not in set_cookie
    assert "max-age" not in cookie(done, SESSION)
    assert "max-age" in cookie(begun, LOGIN)


def test_without_tls_on_loopback_the_cookies_have_plain_names(web: Web) -> None:
    loopback = serve(web.stage, public_url="http://127.0.0.1:8080")
    browser = loopback.browser(KARI, origin="http://127.0.0.1:8080")
    assert sorted(browser.http.cookies) == ["deldokument", "deldokument-login"]
    assert browser.get("/del").status_code == 200
    loopback.close()


def test_every_login_makes_a_new_session_and_ends_the_browsers_old_one(web: Web) -> None:
    browser = web.browser(KARI)
    first = session_of(browser)
    browser.log_in(KARI)
    assert session_of(browser) != first
    thief = web.browser()
    thief.http.cookies.set(SESSION, first or "", domain="del.example")
    assert thief.get("/mine").status_code == 303


def test_a_session_id_that_somebody_else_chose_is_never_taken_over(web: Web) -> None:
    browser = web.browser()
    browser.http.cookies.set(SESSION, "chosen-by-the-attacker", domain="del.example")
    answer = browser.log_in(KARI)
    assert cookie(answer, SESSION)["value"] != "chosen-by-the-attacker"
    planted = web.browser()
    planted.http.cookies.set(SESSION, "chosen-by-the-attacker", domain="del.example")
    assert planted.get("/mine").status_code == 303


def test_the_providers_answer_is_taken_once(web: Web) -> None:
    browser = web.browser(KARI)
    again = browser.get("/logg-inn/svar", params={"code": "code", "state": f"state-{web.stage.login.begun}"})
    assert again.status_code == 403
    assert "set-cookie" not in again.headers


def test_the_providers_answer_is_taken_only_in_the_browser_that_began(web: Web) -> None:
    web.browser().begin_login()
    other = web.browser()
    other.begin_login()
    answer = other.get("/logg-inn/svar", params={"code": "code", "state": f"state-{web.stage.login.begun - 1}"})
    assert answer.status_code == 403
    assert session_of(other) is None


def test_who_begins_in_two_tabs_is_logged_in_by_the_answer_to_either(web: Web) -> None:
    browser = web.browser()
    for wanted in ("/mine", "/del"):
        browser.begin_login(wanted)
    for begun, wanted in ((web.stage.login.begun - 1, "/mine"), (web.stage.login.begun, "/del")):
        answer = browser.get("/logg-inn/svar", params={"code": "code", "state": f"state-{begun}"})
        assert (answer.status_code, answer.headers["location"]) == (303, wanted)


@pytest.mark.parametrize("planted", ["", "short", "x" * 44, "x" * 42 + ";"])
def test_an_invented_cookie_binds_no_login(web: Web, planted: str) -> None:
    browser = web.browser()
    browser.http.cookies.set(LOGIN, planted, domain="del.example")
    assert len(cookie(browser.begin_login(), LOGIN)["value"]) == 43


def test_a_login_that_took_too_long_is_begun_anew(web: Web) -> None:
    browser = web.browser()
    browser.begin_login()
    web.stage.clock.advance(minutes=16)
    assert browser.get("/logg-inn/svar", params={"state": f"state-{web.stage.login.begun}"}).status_code == 403


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\\/evil.example",
        "https://evil.example", "https:evil.example", "javascript:alert(1)", "data:text/html,x", "evil.example",
        "/\t/evil.example", "/\n/evil.example", "/d/x\r\nLocation: https://evil.example", " //evil.example",
        "//[", "http://[", "", "/\u2028/x",
    ],
)  # fmt: skip
def test_after_login_nobody_is_sent_to_another_site(web: Web, elsewhere: str) -> None:
    for answer in (web.browser().log_in(KARI, elsewhere), web.browser().get("/sprak/en", params={"neste": elsewhere})):
        assert answer.headers.get("location", "/") in {"/"}


@pytest.mark.parametrize("coded", ["%2F%2Fevil.example", "/%5Cevil.example", "/%0d%0aSet-Cookie:%20a=b", "/%09/evil"])
def test_after_login_an_encoded_address_leads_to_no_other_site(web: Web, coded: str) -> None:
    browser = web.browser()
    browser.get(f"/logg-inn?neste={coded}")
    answer = browser.get("/logg-inn/svar", params={"code": "c", "state": f"state-{web.stage.login.begun}"})
    assert answer.headers["location"] == "/"
    assert all("a=b" not in header for header in answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize("path", ["/d/AAAAAAAAAAAAAAAAAAAAAA", "/delinger?konto=a%26b&tilstand=draft", "/mine"])
def test_after_login_the_requested_page_is_shown(web: Web, path: str) -> None:
    wanted = web.browser().get(path)
    location = wanted.headers.get("location") or f"/logg-inn?neste={path}"
    assert location.startswith("/logg-inn?neste=")
    browser = web.browser()
    browser.get(location)
    done = browser.get("/logg-inn/svar", params={"code": "c", "state": f"state-{web.stage.login.begun}"})
    assert httpx.URL(ORIGIN).join(done.headers["location"]) == httpx.URL(ORIGIN).join(path)


@pytest.mark.parametrize(
    ("chosen", "accepted", "asked"),
    [
        ("nn", "en", "nn"),
        (None, "en", "en"),
        (None, "", "nb"),
        ("xx", "nn", "nn"),
        (None, "se, nb;q=0.8", "se"),
        (None, "nn, se;q=0.8", "nn"),
        ("nb", "se", "nb"),
    ],
)
def test_idporten_is_asked_in_the_language_of_the_pages_or_in_the_one_that_it_alone_speaks(
    web: Web, chosen: str | None, accepted: str, asked: str
) -> None:
    cookies = {"cookie": f"spraak={chosen}"} if chosen else {}
    answer = web.browser().get("/logg-inn", headers={"accept-language": accepted} | cookies)
    assert answer.headers["location"] == f"https://login.example/{asked}"


def test_a_login_that_a_municipalitys_own_pages_link_to_is_in_its_name(web: Web) -> None:
    tenant = web.stage.tenant
    change_tenant_rules(web.stage.deps, tenant_id=tenant.id, on_behalf_of="eksempel_kommune")
    browser = web.browser()
    for query, name in ((f"?for={tenant.organization_number}", "eksempel_kommune"), ("?for=1", ""), ("", "")):
        assert browser.get(f"/logg-inn{query}").status_code == 303
        assert web.stage.login.on_behalf_of == name
    change_tenant_rules(web.stage.deps, tenant_id=tenant.id, on_behalf_of="")


def test_a_cancelled_login_says_that_nothing_happened_and_how_to_go_on(web: Web) -> None:
    browser = web.browser()
    browser.begin_login("/mine")
    page = browser.get("/logg-inn/svar", params={"error": "access_denied", "state": f"state-{web.stage.login.begun}"})
    assert page.status_code == 403
    assert "Du avbrøt innloggingen" in page.text
    assert 'href="/logg-inn?neste=/mine"' in page.text
    assert session_of(browser) is None


LINK = "/d/AAAAAAAAAAAAAAAAAAAAAA"


@pytest.mark.parametrize(
    "failure",
    [
        LoginFailed("login_level"),
        LoginFailed("login_person_missing"),
        LoginFailed("login_refused"),
        LoginFailed("login_cancelled"),
        Unavailable("login_unavailable"),
    ],
    ids=lambda failure: failure.code,
)
def test_trying_again_after_a_failed_login_leads_to_where_the_person_was_going(
    refusing: tuple[Web, RefusingLogin], failure: LoginFailed | Unavailable
) -> None:
    web, login = refusing
    login.failure = failure
    browser = web.browser()
    browser.begin_login(LINK)
    page = browser.get("/logg-inn/svar", params={"code": "c", "state": f"state-{login.begun}"})
    [again] = re.findall(r'href="(/logg-inn[^"]*)"', page.text)
    # The link is kept, so that nobody has to find it again.
    assert "Åpne den på nytt" not in page.text
    login.failure = None
    assert browser.get(unescape(again)).status_code == 303
    answer = browser.get("/logg-inn/svar", params={"code": "c", "state": f"state-{login.begun}"})
    assert (answer.status_code, answer.headers["location"]) == (303, LINK)


def test_trying_again_when_no_login_could_be_begun_leads_to_where_the_person_was_going(
    refusing: tuple[Web, RefusingLogin],
) -> None:
    web, login = refusing
    login.down = True
    page = web.browser().get(f"/logg-inn?neste={LINK}")
    assert page.status_code == 503
    assert f'href="/logg-inn?neste={LINK}"' in page.text


def test_a_login_that_took_too_long_has_not_forgotten_where_the_person_was_going(web: Web) -> None:
    browser = web.browser()
    browser.begin_login(LINK)
    web.stage.clock.advance(minutes=16)
    page = browser.get("/logg-inn/svar", params={"code": "c", "state": f"state-{web.stage.login.begun}"})
    assert page.status_code == 403
    assert f'href="/logg-inn?neste={LINK}"' in page.text


def test_another_browser_does_not_learn_where_a_login_leads(web: Web) -> None:
    web.browser().begin_login(LINK)
    page = web.browser().get("/logg-inn/svar", params={"code": "c", "state": f"state-{web.stage.login.begun}"})
    assert page.status_code == 403
    assert LINK not in page.text
    assert 'href="/logg-inn"' in page.text
    assert "Åpne den på nytt" in page.text


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_trying_again_leads_to_no_other_site(refusing: tuple[Web, RefusingLogin], elsewhere: str) -> None:
    web, login = refusing
    login.failure = LoginFailed("login_level")
    browser = web.browser()
    browser.begin_login(elsewhere)
    page = browser.get("/logg-inn/svar", params={"code": "c", "state": f"state-{login.begun}"})
    assert "evil.example" not in page.text


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        (f"/delinger?konto={'a' * 280}", f"/delinger?konto={'a' * 280}"),
        (f"/delinger?konto={'a' * 300}", "/delinger"),
        (f"/{'a' * 299}", f"/{'a' * 299}"),
        (f"/{'a' * 300}", "/"),
        (f"/{'a' * 300}?b", "/"),
    ],
    ids=["fits", "query too long", "longest page", "page too long", "both too long"],
)
def test_a_login_keeps_no_more_than_300_characters_of_where_it_leads(web: Web, wanted: str, leads_to: str) -> None:
    assert web.browser().log_in(KARI, wanted).headers["location"] == leads_to


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("login_level", "BankID"),
        ("login_person_missing", "Buypass"),
        ("login_refused", "Prøv igjen"),
        ("login_cancelled", "avbrøt"),
    ],
)
def test_a_refused_login_says_what_to_do(refusing: tuple[Web, RefusingLogin], code: str, words: str) -> None:
    web, login = refusing
    login.failure = LoginFailed(code, detail="secret-detail")
    browser = web.browser()
    browser.begin_login()
    page = browser.get("/logg-inn/svar", params={"code": "c", "state": f"state-{login.begun}"})
    assert page.status_code == 403
    assert words in page.text
    assert "secret-detail" not in page.text
    assert browser.get("/mine").status_code == 303


def test_an_invalid_person_number_logs_nobody_in(web: Web) -> None:
    browser = web.browser()
    browser.begin_login()
    web.stage.login.person = "12345678901"
    page = browser.get("/logg-inn/svar", params={"code": "c", "state": f"state-{web.stage.login.begun}"})
    assert page.status_code == 403
    assert "12345678901" not in page.text


def test_with_the_provider_down_the_page_says_so(refusing: tuple[Web, RefusingLogin]) -> None:
    web, login = refusing
    login.down = True
    page = web.browser().begin_login()
    assert page.status_code == 503
    assert page.headers["retry-after"]
    assert "ID-porten" in page.text
    login.down, login.failure = False, Unavailable("login_unavailable")
    browser = web.browser()
    browser.begin_login()
    assert browser.get("/logg-inn/svar", params={"state": f"state-{login.begun}"}).status_code == 503


def test_half_an_hour_without_a_request_ends_the_session(web: Web) -> None:
    browser = web.browser(KARI)
    web.stage.clock.advance(minutes=29)
    assert browser.get("/mine").status_code == 200
    web.stage.clock.advance(minutes=29)
    assert browser.get("/mine").status_code == 200
    web.stage.clock.advance(minutes=31)
    page = browser.get("/mine")
    assert (page.status_code, page.headers["location"]) == (303, "/logg-inn?neste=/mine")
    assert browser.get("/del/csrf").status_code == 401
    assert browser.get("/d/AAAA/alt.zip").status_code == 401


def test_logging_out_ends_the_session_here_and_posts_a_form_to_the_provider(web: Web) -> None:
    browser = web.browser(KARI)
    secret = session_of(browser) or ""
    page = browser.post("/logg-ut")
    assert page.status_code == 200
    assert '<form method="post" action="https://login.example/endsession"' in page.text
    assert "form-action 'self' https://login.example" in page.headers["content-security-policy"]
    assert session_of(browser) is None
    browser.http.cookies.set(SESSION, secret, domain="del.example")
    assert browser.get("/mine").status_code == 303


def test_logging_out_is_done_here_also_when_the_provider_is_silent(web: Web) -> None:
    browser = web.browser(KARI)
    web.stage.login.error = Unavailable("login_unavailable")
    answer = browser.post("/logg-ut")
    assert (answer.status_code, answer.headers["location"]) == (303, "/logget-ut")
    assert browser.get("/mine").status_code == 303


def test_no_other_site_can_log_anybody_out(web: Web) -> None:
    browser = web.browser(KARI)
    assert browser.get("/logg-ut").status_code == 405
    assert browser.request("POST", "/logg-ut").status_code == 403
    assert browser.get("/mine").status_code == 200


def test_two_people_in_two_browsers_are_two_people(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    ola, siv = web.browser(OLA), web.browser(SIV)
    assert [b.get(f"/d/{share_id}").status_code for b in (ola, siv, ola)] == [200, 404, 200]
