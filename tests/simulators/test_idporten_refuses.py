"""The ID-porten simulator refuses what the real one refuses, and its page works without script."""

import base64
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import KeySet, RSAKey

from deldokument.simulators import altinn, enhetsregisteret, idporten, maskinporten
from deldokument.simulators.idporten_state import Login, Sessions, Shelf
from tests.support.deployment.simulators import CLIENT_ID, REDIRECT_URI, Running, log_in, start_simulators
from tests.support.faults.rsa_keys import rsa_key

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
OLA = "21879498012"
REQUEST = {
    "client_id": CLIENT_ID,
    "response_type": "code",
    "scope": "openid",
    "redirect_uri": REDIRECT_URI,
    "state": "the state",
    "nonce": "the-nonce",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "acr_values": "idporten-loa-high",
    "ui_locales": "nb",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start_simulators(tmp_path_factory.mktemp("simulators"), names=["idporten"]) as running:
        yield running


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


def authorize_url(running: Running, **changes: str | None) -> str:
    params = {name: value for name, value in {**REQUEST, **changes}.items() if value is not None}
    return f"{running.idporten}/authorize?{urlencode(params)}"


def answer(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def assertion(running: Running, *, key: RSAKey | None = None, alg: str = "RS256", **changes: Any) -> str:
    now = int(time.time())
    right = {
        "iss": running.client_id,
        "sub": running.client_id,
        "aud": running.idporten,
        "iat": now,
        "exp": now + 120,
        "jti": base64.urlsafe_b64encode(hashlib.sha256(str(time.perf_counter_ns()).encode()).digest()).decode(),
    }
    claims = {name: value for name, value in {**right, **changes}.items() if value is not None}
    key = key or RSAKey.import_key(running.client_key)
    return jwt.encode({"alg": alg, "kid": running.client_key["kid"]}, claims, key, algorithms=[alg])


def post(running: Running, path: str, form: dict[str, str], proof: str | None = None) -> httpx.Response:
    authentication = {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion(running) if proof is None else proof,
    }
    return httpx.post(f"{running.idporten}{path}", data={**form, **authentication})


def code_form(code: str, **changes: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
        **changes,
    }


def fresh_code(running: Running, browser: httpx.Client) -> str:
    return answer(log_in(browser, authorize_url(running, prompt="login"), person="Ola Nordmann"))["code"]


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"acr_values": "Level4"}, "invalid_request"),
        ({"prompt": "consent"}, "invalid_request"),
    ],
    ids=str,
)
def test_a_flawed_request_goes_back_with_error_state_and_issuer(
    running: Running, browser: httpx.Client, change: dict[str, str | None], code: str
) -> None:
    response = browser.get(authorize_url(running, **change))
    assert response.headers["location"].startswith(REDIRECT_URI)
    params = answer(response.headers["location"])
    assert (params["error"], params["state"], params["iss"]) == (code, "the state", running.idporten)


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": REDIRECT_URI + "/"},
        {"redirect_uri": REDIRECT_URI + "?x=1"},
        {"redirect_uri": None},
        {"redirect_uri": "https://elsewhere.example/"},
        {"client_id": "nobody"},
        {"client_id": None},
        {"request_uri": "urn:idporten:made-up"},
    ],
    ids=str,
)
def test_a_request_with_an_untrusted_address_ends_on_a_page(
    running: Running, browser: httpx.Client, change: dict[str, str | None]
) -> None:
    response = browser.get(authorize_url(running, **change))
    assert response.status_code == 400
    assert "location" not in response.headers


def test_a_pushed_request_can_be_used_once_and_by_its_client_alone(running: Running, browser: httpx.Client) -> None:
    pushed = post(running, "/par", REQUEST)
    assert (pushed.status_code, pushed.json()["expires_in"]) == (201, 120)
    params = {"client_id": CLIENT_ID, "request_uri": pushed.json()["request_uri"]}
    url = f"{running.idporten}/authorize"
    assert browser.get(url, params=params).status_code == 200
    assert browser.get(url, params=params).status_code == 400
    other = post(running, "/par", REQUEST).json()["request_uri"]
    assert browser.get(url, params={"client_id": "nobody", "request_uri": other}).status_code == 400
    mixed = post(running, "/par", REQUEST).json()["request_uri"]
    params = {"client_id": CLIENT_ID, "request_uri": mixed, "redirect_uri": REDIRECT_URI}
    assert browser.get(url, params=params).status_code == 400


def test_a_flawed_request_cannot_be_pushed(running: Running) -> None:
    assert error(post(running, "/par", {**REQUEST, "code_challenge_method": "plain"})) == (400, "invalid_request")
    assert error(post(running, "/par", {**REQUEST, "redirect_uri": "https://x.example"})) == (400, "invalid_request")
    assert error(post(running, "/par", {**REQUEST, "request_uri": "urn:x"})) == (400, "invalid_request")


def test_an_assertion_counts_once(running: Running) -> None:
    proof = assertion(running)
    assert post(running, "/par", REQUEST, proof).status_code == 201
    assert error(post(running, "/par", REQUEST, proof)) == (401, "invalid_client")


@pytest.mark.parametrize("audience", ["", "/token"])
def test_an_assertion_may_be_for_the_issuer_or_the_token_endpoint(running: Running, audience: str) -> None:
    proof = assertion(running, aud=f"{running.idporten}{audience}")
    assert post(running, "/par", REQUEST, proof).status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "https://idporten.no"},
        {"aud": None},
        {"iss": "nobody"},
        {"sub": "nobody"},
        {"sub": None},
        {"jti": None},
        {"exp": None},
        {"iat": None},
        {"alg": "RS384"},
        {"alg": "PS256"},
    ],
    ids=str,
)
def test_a_flawed_assertion_authenticates_nobody(running: Running, change: dict[str, Any]) -> None:
    assert error(post(running, "/par", REQUEST, assertion(running, **change))) == (401, "invalid_client")


@pytest.mark.parametrize(("issued", "expires"), [(-200, -80), (0, 121), (60, 120)], ids=["old", "long", "future"])
def test_an_assertion_lives_two_minutes_at_most(running: Running, issued: int, expires: int) -> None:
    now = int(time.time())
    proof = assertion(running, iat=now + issued, exp=now + expires)
    assert error(post(running, "/par", REQUEST, proof)) == (401, "invalid_client")


@pytest.mark.parametrize("proof", ["", "a.b.c", "bm90.anNvbg.x"])
def test_an_invalid_assertion_authenticates_nobody(running: Running, proof: str) -> None:
    assert error(post(running, "/par", REQUEST, proof)) == (401, "invalid_client")


def test_an_assertion_by_another_key_authenticates_nobody(running: Running) -> None:
    stranger = rsa_key("stranger")
    assert error(post(running, "/par", REQUEST, assertion(running, key=stranger))) == (401, "invalid_client")


def test_a_request_without_assertion_is_refused(running: Running) -> None:
    assert error(httpx.post(f"{running.idporten}/token", data=code_form("x"))) == (401, "invalid_client")


def test_a_rotated_client_key_works_at_once(running: Running) -> None:
    key = rsa_key("rotating")
    jwks = running.clients.with_name("rotating.json")
    jwks.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    client = {"client_id": "rotating", "jwks": "rotating.json", "redirect_uris": [REDIRECT_URI]}
    running.register_client(client)
    form = {**REQUEST, "client_id": "rotating"}

    def pushed_with(signer: RSAKey) -> int:
        claims = {"iss": "rotating", "sub": "rotating", "aud": running.idporten}
        now = int(time.time())
        timed = {"iat": now, "exp": now + 60, "jti": str(time.perf_counter_ns())}
        proof = jwt.encode({"alg": "RS256", "kid": signer.kid}, {**claims, **timed}, signer)
        return post(running, "/par", form, proof).status_code

    assert pushed_with(key) == 201
    successor = rsa_key("successor")
    jwks.write_text(json.dumps({"keys": [successor.as_dict(private=False)]}))
    assert pushed_with(key) == 401
    assert pushed_with(successor) == 201


def test_a_code_gives_a_token_with_every_claim(running: Running, browser: httpx.Client) -> None:
    response = post(running, "/token", code_form(fresh_code(running, browser)))
    assert response.headers["cache-control"] == "no-store"
    keys = KeySet.import_key_set(httpx.get(f"{running.idporten}/jwks.json").json())
    token = jwt.decode(response.json()["id_token"], keys, algorithms=["RS256"])
    claims = token.claims
    assert token.header["kid"]
    assert claims["exp"] - claims["iat"] == 120
    assert claims["sub"] != OLA
    assert {name: claims[name] for name in ("iss", "aud", "pid", "acr", "amr", "locale", "nonce")} == {
        "iss": running.idporten,
        "aud": CLIENT_ID,
        "pid": OLA,
        "acr": "idporten-loa-high",
        "amr": ["BankID"],
        "locale": "nb",
        "nonce": "the-nonce",
    }
    assert {"auth_time", "jti", "sid"} <= claims.keys()


def test_a_code_counts_once(running: Running, browser: httpx.Client) -> None:
    code = fresh_code(running, browser)
    assert post(running, "/token", code_form(code)).status_code == 200
    assert error(post(running, "/token", code_form(code))) == (400, "invalid_grant")


@pytest.mark.parametrize("change", [{"code_verifier": "w" * 43}, {"code_verifier": ""}, {"redirect_uri": "x"}], ids=str)
def test_a_code_is_only_for_who_asked_for_it(running: Running, browser: httpx.Client, change: dict[str, str]) -> None:
    code = fresh_code(running, browser)
    assert error(post(running, "/token", code_form(code, **change))) == (400, "invalid_grant")
    assert error(post(running, "/token", code_form(code))) == (400, "invalid_grant")


def test_only_codes_are_exchanged(running: Running) -> None:
    form = code_form("x", grant_type="refresh_token")
    assert error(post(running, "/token", form)) == (400, "unsupported_grant_type")


def test_a_session_answers_without_a_page_until_more_is_asked(running: Running, browser: httpx.Client) -> None:
    log_in(browser, authorize_url(running), person="Ola Nordmann", level="idporten-loa-substantial")
    assert browser.get(authorize_url(running, acr_values="idporten-loa-substantial")).is_redirect
    assert browser.get(authorize_url(running)).status_code == 200
    log_in(browser, authorize_url(running), person="Ola Nordmann")
    assert "code" in answer(browser.get(authorize_url(running)).headers["location"])
    assert browser.get(authorize_url(running, prompt="login")).status_code == 200


def test_the_sessions_cookie_has_a_name_of_its_own_and_no_script_reads_it(
    running: Running, browser: httpx.Client
) -> None:
    page = browser.get(authorize_url(running)).text
    transaction = page.split('name="transaction" value="')[1].split('"')[0]
    form = {"transaction": transaction, "identifier": OLA, "level": "idporten-loa-high", "action": "login"}
    cookie = browser.post(f"{running.idporten}/login", data=form).headers["set-cookie"]
    assert cookie.startswith("idporten_simulator_sso=")
    assert "HttpOnly" in cookie


def logged_out(running: Running, browser: httpx.Client) -> bool:
    return browser.get(authorize_url(running)).status_code == 200


def test_logout_comes_back_only_to_a_registered_address(running: Running, browser: httpx.Client) -> None:
    token = post(running, "/token", code_form(fresh_code(running, browser))).json()["id_token"]
    url = f"{running.idporten}/endsession"
    params = {"id_token_hint": token, "post_logout_redirect_uri": "https://elsewhere.example/", "state": "s"}
    assert browser.get(url, params=params).status_code == 400
    params["post_logout_redirect_uri"] = running.post_logout_redirect_uri
    back = browser.post(url, data=params).headers["location"]
    assert back == f"{running.post_logout_redirect_uri}?state=s"
    assert logged_out(running, browser)


def test_logout_with_anothers_hint_ends_nothing(running: Running, browser: httpx.Client) -> None:
    log_in(browser, authorize_url(running), person="Ola Nordmann")
    key = rsa_key("stranger")
    forged = jwt.encode({"alg": "RS256"}, {"iss": running.idporten, "aud": CLIENT_ID}, key)
    assert browser.get(f"{running.idporten}/endsession", params={"id_token_hint": forged}).status_code == 400
    assert not logged_out(running, browser)


def test_logout_without_a_hint_asks_first(running: Running, browser: httpx.Client) -> None:
    log_in(browser, authorize_url(running), person="Ola Nordmann")
    url = f"{running.idporten}/endsession"
    assert "Vil du logge ut?" in browser.get(url).text
    assert not logged_out(running, browser)
    assert "Du er logget ut" in browser.post(url, data={"confirmed": "1"}).text
    assert logged_out(running, browser)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_single_use_value_is_returned_once_before_it_expires() -> None:
    clock = Clock()
    shelf: Shelf[str] = Shelf(60, clock)
    kept, late = shelf.put("kept"), shelf.put("late")
    clock.now += 59
    assert (shelf.get(kept), shelf.take(kept), shelf.take(kept)) == ("kept", "kept", None)
    clock.now += 1
    assert shelf.take(late) is None


def test_a_session_lasts_half_an_hour_idle_and_two_hours_in_all() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    login = Login(subject=OLA, identifier=OLA, acr="idporten-loa-high", auth_time=1)
    idle, busy = sessions.start(login), sessions.start(login)
    for _ in range(4):
        clock.now += 30 * 60
        assert sessions.use(busy) == login
    clock.now += 1
    assert sessions.use(busy) is None
    assert sessions.use(idle) is None


def test_a_choice_fills_in_the_number(running: Running, browser: httpx.Client) -> None:
    page = browser.get(authorize_url(running)).text
    transaction = page.split('name="transaction" value="')[1].split('"')[0]
    filled = browser.get(f"{running.idporten}/login", params={"transaction": transaction, "person": "ola"}).text
    assert f'value="{OLA}"' in filled


@pytest.mark.parametrize("number", ["21079498012", "2187949801", "21879498013", "", "<script>"])
def test_a_number_that_is_not_synthetic_or_not_a_number_is_explained(
    running: Running, browser: httpx.Client, number: str
) -> None:
    page = browser.get(authorize_url(running)).text
    transaction = page.split('name="transaction" value="')[1].split('"')[0]
    form = {"transaction": transaction, "identifier": number, "action": "login"}
    response = browser.post(f"{running.idporten}/login", data=form)
    assert response.status_code == 400
    assert "<title>Feil: Logg inn" in response.text
    assert 'aria-invalid="true"' in response.text
    assert "<script>" not in response.text


def test_an_old_login_page_says_that_it_is_old(running: Running, browser: httpx.Client) -> None:
    page = browser.get(authorize_url(running)).text
    transaction = page.split('name="transaction" value="')[1].split('"')[0]
    form = {"transaction": transaction, "action": "cancel"}
    assert answer(browser.post(f"{running.idporten}/login", data=form).headers["location"])["error"] == "access_denied"
    assert "utløpt" in browser.post(f"{running.idporten}/login", data=form).text
    assert browser.get(f"{running.idporten}/login", params={"transaction": transaction}).status_code == 400


def test_the_page_is_norwegian_labelled_and_loads_nothing_from_elsewhere(
    running: Running, browser: httpx.Client
) -> None:
    response = browser.get(authorize_url(running))
    page = response.text
    assert '<html lang="nb">' in page
    assert "<main>" in page
    for label, field in (("Fødselsnummer", "identifier"), ("Nivå", "level")):
        assert f'<label for="{field}">{label}</label>' in page
        assert f'id="{field}"' in page
    assert "<script" not in page
    assert "style=" not in page
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert browser.get(f"{running.idporten}/idporten.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("main", [idporten.main, maskinporten.main, altinn.main, enhetsregisteret.main])
def test_a_simulator_takes_no_other_address(
    capsys: pytest.CaptureFixture[str], main: Callable[[list[str]], None]
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--host" not in capsys.readouterr().out


def test_a_request_under_a_foreign_host_name_is_refused(running: Running) -> None:
    url = f"{running.idporten}/jwks.json"
    assert httpx.get(url, headers={"host": "rebound.example"}).status_code == 400


def test_the_signing_key_is_kept_where_a_state_folder_is_given(tmp_path: Path, running: Running) -> None:
    command = [sys.executable, "-m", "deldokument.simulators.idporten"]
    options = ["--clients", str(running.clients), "--state", str(tmp_path / "state")]

    def published() -> list[dict[str, str]]:
        with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = process.stdout.readline().split()[1]
            keys: list[dict[str, str]] = httpx.get(f"{url}/jwks.json").json()["keys"]
            process.terminate()
        return keys

    assert published() == published()
    assert (tmp_path / "state" / "idporten-signing-key.json").stat().st_mode & 0o077 == 0


def test_published_keys_hold_nothing_private(running: Running) -> None:
    (key,) = httpx.get(f"{running.idporten}/jwks.json").json()["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}


def test_the_failure_switch_takes_no_orders_from_a_web_page(running: Running) -> None:
    url = f"{running.idporten}/_simulator/mode"
    order = json.dumps({"mode": "down"})
    assert httpx.post(url, content=order, headers={"content-type": "text/plain"}).status_code == 400
    assert httpx.post(url, json={"mode": "on fire"}).status_code == 400
    assert httpx.get(f"{running.idporten}/jwks.json").status_code == 200


def test_the_answer_does_not_carry_the_persons_number_in_an_address(running: Running, browser: httpx.Client) -> None:
    address = log_in(browser, authorize_url(running, prompt="login"), person="Ola Nordmann")
    assert OLA not in address
    assert parse_qs(urlsplit(address).query).keys() == {"code", "iss", "state"}


def test_every_token_is_another(running: Running, browser: httpx.Client) -> None:
    first, second = (
        jws.extract_compact(
            post(running, "/token", code_form(fresh_code(running, browser))).json()["id_token"].encode()
        )
        for _ in range(2)
    )
    one, two = json.loads(first.payload or b""), json.loads(second.payload or b"")
    assert one["jti"] != two["jti"]
    assert one["sub"] == two["sub"]
