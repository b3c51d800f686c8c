"""The relying party against the ID-porten simulator, and against a provider that lies."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from deldokument.adapters.http.circuit_breaker import FAILURES, PAUSE_SECONDS, Breaker
from deldokument.adapters.http.client import signing_key
from deldokument.adapters.idporten.id_tokens import LevelTooLow, LoginRefused, PersonMissing
from deldokument.adapters.idporten.login import IdPorten, LoginCancelled
from deldokument.adapters.idporten.metadata import ProviderUnavailable
from deldokument.ports.login import Identity, LoginRequest
from tests.support.deployment.simulators import Running, log_in, start_simulators
from tests.support.faults.hostile_provider import HostileProvider
from tests.support.faults.rsa_keys import rsa_key

SIMULATORS = ["idporten"]

OLA = "21879498012"
SNV = LoginRequest("", "s", "n", "v")


@pytest.fixture
def idporten(running: Running, outbound: httpx.Client) -> IdPorten:
    return relying_party(running, running.idporten, outbound)


def relying_party(running: Running, issuer: str, http: httpx.Client, **settings: Any) -> IdPorten:
    return IdPorten(
        issuer,
        running.client_id,
        signing_key(running.client_key),
        running.redirect_uri,
        running.post_logout_redirect_uri,
        http,
        **settings,
    )


def params(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def finish(idporten: IdPorten, login: LoginRequest, address: str) -> Identity:
    return idporten.complete(params(address), login)


def test_a_login_returns_the_person_with_level_time_and_language(idporten: IdPorten, browser: httpx.Client) -> None:
    login = idporten.begin("nn")
    identity = finish(idporten, login, log_in(browser, login.url, person="Ola Nordmann"))
    assert identity.person_identifier == OLA
    assert identity.acr == "idporten-loa-high"
    assert abs(identity.auth_time - datetime.now(UTC)) < timedelta(seconds=20)
    assert identity.locale == "nn"
    assert identity.session_id


def test_a_d_number_and_a_number_outside_the_cast_log_in_too(idporten: IdPorten, browser: httpx.Client) -> None:
    for number in ("47906701517", "20914695016"):
        login = idporten.begin("nb", fresh=True)
        assert finish(idporten, login, log_in(browser, login.url, identifier=number)).person_identifier == number


def test_the_request_is_pushed_so_that_the_browser_carries_nothing_to_tamper_with(idporten: IdPorten) -> None:
    assert set(params(idporten.begin("nb").url)) == {"client_id", "request_uri"}


def test_without_a_place_to_push_to_the_request_goes_with_the_browser(running: Running, outbound: httpx.Client) -> None:
    with HostileProvider() as provider:
        asked = params(relying_party(running, provider.issuer, outbound).begin("se", fresh=True).url)
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == running.redirect_uri
    assert asked["acr_values"] == "idporten-loa-high"
    assert (asked["ui_locales"], asked["prompt"]) == ("se", "login")


class Silence(httpx.BaseTransport):
    """The way to ID-porten: ``asked`` counts what goes through; while ``down``, nothing is answered."""

    def __init__(self) -> None:
        self.asked, self.down = 0, False
        self.fault: type[httpx.TimeoutException] = httpx.ReadTimeout
        self._transport = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.down:
            raise self.fault("silent", request=request)
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


def test_a_silent_idporten_is_not_waited_for_again_and_again_and_logins_recover(
    running: Running, browser: httpx.Client
) -> None:
    now, silence = [1000.0], Silence()
    with httpx.Client(transport=silence) as http:
        idporten = relying_party(running, running.idporten, http, breaker=Breaker(lambda: now[0]))
        login = idporten.begin("nb")
        back = log_in(browser, login.url, person="Ola Nordmann")
        silence.down, silence.asked = True, 0
        for _ in range(FAILURES + 5):
            with pytest.raises(ProviderUnavailable):
                idporten.begin("nb")
        with pytest.raises(ProviderUnavailable):
            finish(idporten, login, back)
        assert silence.asked == FAILURES
        silence.down = False
        now[0] += PAUSE_SECONDS
        assert finish(idporten, login, back).person_identifier == OLA
        assert idporten.begin("nb").url


def test_the_first_question_to_a_silent_idporten_is_not_waited_for_again_and_again_either(running: Running) -> None:
    silence = Silence()
    silence.down = True
    with httpx.Client(transport=silence) as http:
        idporten = relying_party(running, running.idporten, http)
        for _ in range(FAILURES + 5):
            with pytest.raises(ProviderUnavailable):
                idporten.begin("nb")
    assert silence.asked == FAILURES


def test_logins_that_find_every_connection_in_use_do_not_stop_the_others(running: Running) -> None:
    silence = Silence()
    silence.down, silence.fault = True, httpx.PoolTimeout
    with httpx.Client(transport=silence) as http:
        idporten = relying_party(running, running.idporten, http)
        for _ in range(FAILURES + 5):
            with pytest.raises(ProviderUnavailable):
                idporten.begin("nb")
        silence.down = False
        assert idporten.begin("nb").url


def test_an_idporten_that_refuses_has_answered(running: Running) -> None:
    asked = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(500)

    with httpx.Client(transport=httpx.MockTransport(refuse)) as http:
        idporten = relying_party(running, running.idporten, http)
        for _ in range(FAILURES + 1):
            with pytest.raises(ProviderUnavailable):
                idporten.begin("nb")
    assert len(asked) == FAILURES + 1


def test_two_logins_share_no_secret(idporten: IdPorten) -> None:
    one, two = idporten.begin("nb"), idporten.begin("nb")
    assert len({one.state, one.nonce, one.code_verifier, two.state, two.nonce, two.code_verifier}) == 6
    assert len(one.code_verifier) >= 43


def test_an_identity_does_not_show_the_person_when_printed(idporten: IdPorten, browser: httpx.Client) -> None:
    login = idporten.begin("nb")
    identity = finish(idporten, login, log_in(browser, login.url, person="Ola Nordmann"))
    assert OLA not in repr(identity)
    assert identity.id_token not in repr(identity)


def test_a_session_at_idporten_spares_the_second_login(idporten: IdPorten, browser: httpx.Client) -> None:
    first = idporten.begin("nb")
    before = finish(idporten, first, log_in(browser, first.url, person="Ola Nordmann"))
    second = idporten.begin("nb")
    answer = browser.get(second.url)
    assert finish(idporten, second, answer.headers["location"]).auth_time == before.auth_time


def test_a_fresh_login_asks_for_the_electronic_id_again_and_has_its_time(
    idporten: IdPorten, browser: httpx.Client
) -> None:
    first = idporten.begin("nb")
    before = finish(idporten, first, log_in(browser, first.url, person="Ola Nordmann"))
    time.sleep(1.1)
    fresh = idporten.begin("nb", fresh=True)
    identity = finish(idporten, fresh, log_in(browser, fresh.url, person="Ola Nordmann"))
    assert identity.auth_time > before.auth_time
    assert identity.issued_at - identity.auth_time < timedelta(seconds=5)


def test_an_old_login_shows_its_age_by_the_providers_clock(idporten: IdPorten, browser: httpx.Client) -> None:
    first = idporten.begin("nb")
    finish(idporten, first, log_in(browser, first.url, person="Ola Nordmann"))
    time.sleep(1.1)
    second = idporten.begin("nb")
    identity = finish(idporten, second, browser.get(second.url).headers["location"])
    assert identity.issued_at - identity.auth_time >= timedelta(seconds=1)


def test_an_answer_is_bound_to_the_callers_own_nonce(idporten: IdPorten, browser: httpx.Client) -> None:
    login = idporten.begin("nb", fresh=True, nonce="what-is-signed")
    address = log_in(browser, login.url, person="Ola Nordmann")
    identity = finish(idporten, login, address)
    assert login.nonce == "what-is-signed"
    assert identity.claims["nonce"] == "what-is-signed"
    other = idporten.begin("nb", fresh=True, nonce="something-else")
    answered = params(log_in(browser, other.url, person="Ola Nordmann"))
    with pytest.raises(LoginRefused):
        idporten.complete(answered, replace(other, nonce="what-is-signed"))


def test_the_evidence_names_issuer_audience_level_and_times_but_no_number(
    running: Running, idporten: IdPorten, browser: httpx.Client
) -> None:
    login = idporten.begin("nb")
    identity = finish(idporten, login, log_in(browser, login.url, person="Ola Nordmann"))
    assert identity.claims.keys() == {"iss", "aud", "sub", "acr", "auth_time", "iat", "jti", "nonce"}
    assert (identity.claims["iss"], identity.claims["aud"]) == (running.idporten, running.client_id)
    assert identity.claims["auth_time"] == int(identity.auth_time.timestamp())
    assert OLA not in str(identity.claims)


def test_cancelling_is_reported_as_such(idporten: IdPorten, browser: httpx.Client) -> None:
    login = idporten.begin("nb")
    address = log_in(browser, login.url, cancel=True)
    with pytest.raises(LoginCancelled):
        finish(idporten, login, address)


def test_a_login_at_level_substantial_is_too_low_for_high(idporten: IdPorten, browser: httpx.Client) -> None:
    login = idporten.begin("nb")
    address = log_in(browser, login.url, person="Ola Nordmann", level="idporten-loa-substantial")
    with pytest.raises(LevelTooLow):
        finish(idporten, login, address)


def test_a_higher_level_than_demanded_suffices(running: Running, outbound: httpx.Client, browser: httpx.Client) -> None:
    idporten = relying_party(running, running.idporten, outbound, required_acr="idporten-loa-substantial")
    login = idporten.begin("nb")
    assert finish(idporten, login, log_in(browser, login.url, person="Ola Nordmann")).acr == "idporten-loa-high"


def test_a_login_without_a_number_is_reported_as_such(idporten: IdPorten, browser: httpx.Client) -> None:
    login = idporten.begin("nb")
    address = log_in(browser, login.url, person="Ola Nordmann", without_pid=True)
    with pytest.raises(PersonMissing):
        finish(idporten, login, address)


def test_a_replayed_code_is_refused(idporten: IdPorten, browser: httpx.Client) -> None:
    login = idporten.begin("nb")
    address = log_in(browser, login.url, person="Ola Nordmann")
    finish(idporten, login, address)
    with pytest.raises(LoginRefused):
        finish(idporten, login, address)


def test_an_answer_to_another_login_is_refused(idporten: IdPorten, browser: httpx.Client) -> None:
    attackers, victims = idporten.begin("nb"), idporten.begin("nb")
    address = log_in(browser, attackers.url, person="Ola Nordmann")
    with pytest.raises(LoginRefused, match="state"):
        finish(idporten, victims, address)


def test_a_code_from_another_login_is_refused_even_under_the_right_state(
    idporten: IdPorten, browser: httpx.Client
) -> None:
    attackers, victims = idporten.begin("nb"), idporten.begin("nb")
    stolen = params(log_in(browser, attackers.url, person="Ola Nordmann"))
    with pytest.raises(LoginRefused):
        idporten.complete({**stolen, "state": victims.state}, victims)


@pytest.mark.parametrize(
    "change",
    [{"iss": "http://127.0.0.1:1"}, {"iss": ""}, {"iss": None}, {"state": ""}, {"state": None}, {"code": None}],
)
def test_a_tampered_answer_is_refused(idporten: IdPorten, browser: httpx.Client, change: dict[str, str | None]) -> None:
    login = idporten.begin("nb")
    answer: dict[str, str | None] = {**params(log_in(browser, login.url, person="Ola Nordmann")), **change}
    given = {name: value for name, value in answer.items() if value is not None}
    with pytest.raises(LoginRefused):
        idporten.complete(given, login)


def test_an_empty_expected_state_never_matches(idporten: IdPorten) -> None:
    with pytest.raises(LoginRefused, match="state"):
        idporten.complete({"state": "", "code": "x"}, LoginRequest("", "", "nonce", "verifier"))


def test_a_failure_at_idporten_is_distinguished_from_a_refusal(idporten: IdPorten, running: Running) -> None:
    answer = {"state": "s", "iss": running.idporten, "error": "temporarily_unavailable"}
    with pytest.raises(ProviderUnavailable):
        idporten.complete(answer, SNV)
    with pytest.raises(LoginRefused, match="invalid_scope"):
        idporten.complete({**answer, "error": "invalid_scope"}, SNV)


def test_an_error_that_is_no_code_is_not_repeated(idporten: IdPorten, running: Running) -> None:
    answer = {"state": "s", "iss": running.idporten, "error": "\n" + OLA}
    with pytest.raises(LoginRefused) as refusal:
        idporten.complete(answer, SNV)
    assert OLA not in str(refusal.value)


def test_logging_out_ends_the_session_at_idporten_and_comes_back(idporten: IdPorten, browser: httpx.Client) -> None:
    login = idporten.begin("nb")
    identity = finish(idporten, login, log_in(browser, login.url, person="Ola Nordmann"))
    form = idporten.logout(identity.id_token, "goodbye")
    answer = browser.post(form.action, data=dict(form.fields))
    assert answer.headers["location"] == "http://127.0.0.1:9/logg-ut/svar?state=goodbye"
    assert browser.get(idporten.begin("nb").url).status_code == 200


def test_a_client_that_idporten_does_not_know_cannot_begin(running: Running, outbound: httpx.Client) -> None:
    key = rsa_key("stranger")
    idporten = IdPorten(
        running.idporten, running.client_id, key, running.redirect_uri, running.post_logout_redirect_uri, outbound
    )
    with pytest.raises(ProviderUnavailable, match="401"):
        idporten.begin("nb")


def test_a_client_key_without_private_part_or_kid_is_refused_at_once() -> None:
    whole = rsa_key("client")
    public = whole.as_dict(private=False)
    nameless = {name: value for name, value in whole.as_dict(private=True).items() if name != "kid"}
    for key in (public, nameless):
        with pytest.raises(ValueError, match="kid"):
            signing_key(key)


def test_of_two_client_keys_the_first_signs_and_either_is_known_where_both_are_registered(
    tmp_path: Path, outbound: httpx.Client, browser: httpx.Client
) -> None:
    with start_simulators(tmp_path, names=["idporten"]) as running:
        old, new = running.client_key, rsa_key("successor").as_dict(private=True)
        uris = running.redirect_uri, running.post_logout_redirect_uri

        def log_in_with(*keys: Any) -> str:
            idporten = IdPorten(running.idporten, running.client_id, signing_key({"keys": list(keys)}), *uris, outbound)
            login = idporten.begin("nb")
            return finish(idporten, login, log_in(browser, login.url, person="Ola Nordmann")).person_identifier

        assert log_in_with(old, new) == OLA
        with pytest.raises(ProviderUnavailable, match="401"):
            log_in_with(new, old)
        public = [RSAKey.import_key(key).as_dict(private=False) for key in (old, new)]
        (tmp_path / "client-jwks.json").write_text(json.dumps({"keys": public}))
        assert log_in_with(new, old) == log_in_with(old, new) == OLA


# What a lying provider puts in an ID token.

Lie = Callable[[HostileProvider, str, str], str]


def signed(provider: HostileProvider, claims: dict[str, Any], **header: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": provider.key.kid, **header}, claims, provider.key)


def claiming(**changes: Any) -> Lie:
    return lambda provider, client_id, nonce: signed(provider, provider.claims(client_id, nonce, **changes))


def shifted(**seconds: int) -> Lie:
    """Times moved from now by so many seconds."""

    def lie(provider: HostileProvider, client_id: str, nonce: str) -> str:
        now = int(time.time())
        times = {name: now + offset for name, offset in seconds.items()}
        return signed(provider, provider.claims(client_id, nonce, **times))

    return lie


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned(provider: HostileProvider, client_id: str, nonce: str) -> str:
    header = {"alg": "none", "kid": provider.key.kid}
    return f"{encoded(header)}.{encoded(provider.claims(client_id, nonce))}."


def signed_with_the_public_key_as_secret(provider: HostileProvider, client_id: str, nonce: str) -> str:
    return hs256(provider, provider.claims(client_id, nonce))


def hs256(provider: HostileProvider, claims: dict[str, Any], **header: str) -> str:
    """Signed with what everybody knows, for who lets the token choose the algorithm."""
    signing_input = ".".join(encoded(part) for part in ({"alg": "HS256", "kid": provider.key.kid, **header}, claims))
    secret = provider.key.as_pem(private=False)
    signature = hmac.digest(secret, signing_input.encode(), "sha256")
    return f"{signing_input}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def signed_by_an_unpublished_key(provider: HostileProvider, client_id: str, nonce: str) -> str:
    key = rsa_key("stranger")
    return jwt.encode({"alg": "RS256", "kid": key.kid}, provider.claims(client_id, nonce), key)


def signed_by_another_under_a_published_name(provider: HostileProvider, client_id: str, nonce: str) -> str:
    key = rsa_key("stranger")
    return jwt.encode({"alg": "RS256", "kid": provider.key.kid}, provider.claims(client_id, nonce), key)


def bringing_its_own_key(provider: HostileProvider, client_id: str, nonce: str) -> str:
    key = rsa_key("stranger")
    header = {"alg": "RS256", "jwk": key.as_dict(private=False), "jku": f"{provider.issuer}/jwks"}
    return jwt.encode(header, provider.claims(client_id, nonce), key)


def nameless(provider: HostileProvider, client_id: str, nonce: str) -> str:
    return jwt.encode({"alg": "RS256"}, provider.claims(client_id, nonce), provider.key)


def with_changed_claims(provider: HostileProvider, client_id: str, nonce: str) -> str:
    header, _, signature = signed(provider, provider.claims(client_id, nonce)).split(".")
    return f"{header}.{encoded(provider.claims(client_id, nonce, pid='20914695016'))}.{signature}"


REFUSED: dict[str, Lie] = {
    "iss of another": claiming(iss="https://idporten.no"),
    "no iss": claiming(iss=None),
    "aud of another": claiming(aud="another-client"),
    "aud with another beside us": claiming(aud=["deldokument-test", "another-client"]),
    "no aud": claiming(aud=None),
    "azp of another": claiming(azp="another-client"),
    "nonce of another": claiming(nonce="another"),
    "no nonce": claiming(nonce=None),
    "no sub": claiming(sub=None),
    "no exp": claiming(exp=None),
    "exp as text": claiming(exp="4102444800"),
    "no iat": claiming(iat=None),
    "iat that is no whole number": claiming(iat=1.5),
    "no auth_time": claiming(auth_time=None),
    "auth_time as text": claiming(auth_time="yesterday"),
    "auth_time beyond any calendar": claiming(auth_time=10**18),
    "pid that is no number": claiming(pid="2187949801x"),
    "pid in other digits": claiming(pid="٢1879498012"),
    "pid as a list": claiming(pid=["21879498012"]),
    "expired": shifted(iat=-200, exp=-11),
    "issued in the future": shifted(iat=30, exp=150),
    "alg none": unsigned,
    "HS256 with the public key": signed_with_the_public_key_as_secret,
    "unknown kid": signed_by_an_unpublished_key,
    "known kid, other key": signed_by_another_under_a_published_name,
    "own key in the header": bringing_its_own_key,
    "no kid": nameless,
    "claims changed after signing": with_changed_claims,
    "no token": lambda *_: "",
    "no JWT": lambda *_: "a.b.c",
    "RS512": lambda provider, client_id, nonce: jwt.encode(
        {"alg": "RS512", "kid": provider.key.kid},
        provider.claims(client_id, nonce),
        provider.key,
        algorithms=["RS512"],
    ),
}

TOO_LOW = [
    "idporten-loa-low",
    "idporten-loa-substantial",
    "selfregistered-email",
    "eidas-loa-high",
    "Level4",
    "",
    None,
    ["idporten-loa-high"],
]


def answer_with(lie: Lie, running: Running, provider: HostileProvider, http: httpx.Client) -> Identity:
    idporten = relying_party(running, provider.issuer, http)
    login = idporten.begin("nb")
    provider.make_token = lambda _: lie(provider, running.client_id, login.nonce)
    return idporten.complete({"state": login.state, "code": "c"}, login)


def test_the_lying_provider_is_believed_when_it_does_not_lie(
    running: Running, hostile: HostileProvider, outbound: httpx.Client
) -> None:
    identity = answer_with(claiming(), running, hostile, outbound)
    assert identity.person_identifier == OLA
    assert hostile.asked["code_verifier"]
    assert answer_with(claiming(aud=["deldokument-test"]), running, hostile, outbound).session_id == "a-session"
    assert answer_with(claiming(sid=None), running, hostile, outbound).session_id is None
    assert answer_with(shifted(iat=5, exp=125), running, hostile, outbound).person_identifier == OLA


@pytest.mark.parametrize("lie", REFUSED.values(), ids=REFUSED.keys())
def test_a_token_with_a_lie_is_refused(
    running: Running, hostile: HostileProvider, outbound: httpx.Client, lie: Lie
) -> None:
    with pytest.raises(LoginRefused) as refusal:
        answer_with(lie, running, hostile, outbound)
    assert OLA not in str(refusal.value)


@pytest.mark.parametrize("acr", TOO_LOW, ids=repr)
def test_a_level_below_high_or_unknown_is_too_low(
    running: Running, hostile: HostileProvider, outbound: httpx.Client, acr: object
) -> None:
    with pytest.raises(LevelTooLow):
        answer_with(claiming(acr=acr), running, hostile, outbound)


@pytest.mark.parametrize("pid", [None, ""], ids=repr)
def test_a_token_without_a_number_names_nobody(
    running: Running, hostile: HostileProvider, outbound: httpx.Client, pid: str | None
) -> None:
    with pytest.raises(PersonMissing):
        answer_with(claiming(pid=pid), running, hostile, outbound)


def test_a_new_key_is_fetched_once_and_then_known(running: Running, outbound: httpx.Client) -> None:
    now = time.time()
    with HostileProvider() as provider:
        idporten = relying_party(running, provider.issuer, outbound, clock=lambda: now)

        def log_in_again() -> None:
            login = idporten.begin("nb")
            times = {"iat": int(now), "exp": int(now) + 120, "auth_time": int(now)}
            provider.make_token = lambda _: signed(provider, provider.claims(running.client_id, login.nonce, **times))
            idporten.complete({"state": login.state, "code": "c"}, login)

        log_in_again()
        log_in_again()
        assert provider.key_fetches == 1
        provider.key = rsa_key("successor")
        provider.published.append(provider.key)
        now += 31
        log_in_again()
        assert provider.key_fetches == 2
        provider.key = rsa_key("stranger")
        now += 31
        for _ in range(3):
            with pytest.raises(LoginRefused):
                log_in_again()
        assert provider.key_fetches == 3


def test_keys_are_forgotten_after_a_day(running: Running, outbound: httpx.Client) -> None:
    now = time.time()
    with HostileProvider() as provider:
        idporten = relying_party(running, provider.issuer, outbound, clock=lambda: now)
        token = signed(provider, provider.claims(running.client_id, "n"))
        provider.make_token = lambda _: token
        idporten.complete({"state": "s", "code": "c"}, SNV)
        provider.published = [rsa_key("successor")]
        now += 24 * 60 * 60 + 1
        with pytest.raises(LoginRefused):
            idporten.complete({"state": "s", "code": "c"}, SNV)
        assert provider.key_fetches == 2


@pytest.mark.parametrize(
    ("status", "failure"),
    [(400, LoginRefused), (401, LoginRefused), (500, ProviderUnavailable), (302, ProviderUnavailable)],
)
def test_the_token_endpoints_refusals_and_failures_are_distinguished(
    running: Running, outbound: httpx.Client, status: int, failure: type[Exception]
) -> None:
    with HostileProvider() as provider:
        provider.status = status
        with pytest.raises(failure):
            answer_with(claiming(), running, provider, outbound)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://idporten.no"},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"pushed_authorization_request_endpoint": 7},
    ],
    ids=str,
)
def test_metadata_that_leads_astray_is_not_followed(
    running: Running, outbound: httpx.Client, metadata: dict[str, Any]
) -> None:
    with HostileProvider() as provider:
        provider.metadata = metadata
        with pytest.raises(ProviderUnavailable):
            relying_party(running, provider.issuer, outbound).begin("nb")


def test_metadata_is_asked_for_once_a_day(running: Running, outbound: httpx.Client) -> None:
    now = time.time()
    with HostileProvider() as provider:
        idporten = relying_party(running, provider.issuer, outbound, clock=lambda: now)
        before = idporten.begin("nb")
        provider.metadata = {"authorization_endpoint": f"{provider.issuer}/moved"}
        assert idporten.begin("nb").url.partition("?")[0] == before.url.partition("?")[0]
        now += 24 * 60 * 60 + 1
        assert "/moved?" in idporten.begin("nb").url


# What it answers beside tokens.


def test_without_keys_to_check_by_nobody_is_let_in(running: Running, outbound: httpx.Client) -> None:
    with HostileProvider() as provider:
        provider.metadata = {"jwks_uri": f"{provider.issuer}/nothing"}
        idporten = relying_party(running, provider.issuer, outbound)
        login = idporten.begin("nb")
        provider.make_token = lambda it: signed(it, it.claims(running.client_id, login.nonce))
        with pytest.raises(ProviderUnavailable, match="malformed keys"):
            idporten.complete({"state": login.state, "code": "c"}, login)


def test_a_pushed_request_without_a_name_leads_nowhere(running: Running, outbound: httpx.Client) -> None:
    with HostileProvider() as provider:
        provider.metadata = {"pushed_authorization_request_endpoint": f"{provider.issuer}/par"}
        provider.status = 201
        with pytest.raises(ProviderUnavailable, match="pushed request: malformed"):
            relying_party(running, provider.issuer, outbound).begin("nb")


def test_an_answer_without_an_id_token_is_no_login(running: Running, outbound: httpx.Client) -> None:
    with HostileProvider() as provider:
        idporten = relying_party(running, provider.issuer, outbound)
        provider.make_token = lambda _: None  # type: ignore[assignment, return-value]
        login = idporten.begin("nb")
        with pytest.raises(LoginRefused, match="no id_token"):
            idporten.complete({"state": login.state, "code": "c"}, login)
