"""Tokens for calling others: when they are asked for again, with which key, for whom; and Altinn's in exchange."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import RSAKey

from deldokument.adapters.altinn.authorized_parties import AltinnAuthorizedParties, AltinnCalls, RightsUnavailable
from deldokument.adapters.altinn.token_exchange import AltinnTokens
from deldokument.adapters.http.client import signing_key
from deldokument.adapters.http.token_cache import TokenUnavailable
from deldokument.adapters.maskinporten.client import MaskinportenClient
from deldokument.domain.identifiers import PersonIdentifier
from tests.support.deployment.simulators import ALTINN_SCOPE, CLIENT_ID, NOTIFICATIONS_SCOPE, Running, start_simulators
from tests.support.faults.rsa_keys import rsa_key

SIMULATORS = ["altinn"]

ISSUER = "https://maskinporten.example/"
PER = PersonIdentifier("05877914102", "foedselsnummer")

Step = Callable[[httpx.Request], httpx.Response]


def granted(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"access_token": "token", "expires_in": 120})


def silent(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectTimeout("silent", request=request)


def cut(request: httpx.Request) -> httpx.Response:
    raise httpx.RemoteProtocolError("cut", request=request)


def answering(status: int, content: str = "{}", content_type: str = "application/json") -> Step:
    return lambda _: httpx.Response(status, text=content, headers={"content-type": content_type})


@dataclass
class Script:
    """A Maskinporten that answers each grant with the next step and keeps the grants. ``metadata`` likewise."""

    steps: list[Step]
    metadata: list[Step] = field(default_factory=list)
    grants: list[dict[str, Any]] = field(default_factory=list)
    patience: list[Any] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            if self.metadata:
                return self.metadata.pop(0)(request)
            return httpx.Response(200, json={"issuer": ISSUER, "token_endpoint": f"{ISSUER}token"})
        assertion = parse_qs(request.content.decode())["assertion"][0]
        self.grants.append(json.loads(jws.extract_compact(assertion.encode()).payload or b""))
        self.patience.append(request.extensions["timeout"]["read"])
        return self.steps.pop(0)(request)


def client(script: Script, **options: Any) -> MaskinportenClient:
    http = httpx.Client(transport=httpx.MockTransport(script), timeout=5)
    return MaskinportenClient(ISSUER, CLIENT_ID, rsa_key("client"), http, **options)


# Asking again.


@pytest.mark.parametrize("failure", [silent, cut, answering(500), answering(503)], ids=["silent", "cut", "500", "503"])
def test_a_question_without_an_answer_is_asked_once_more_with_a_new_assertion(failure: Step) -> None:
    script = Script([failure, granted])
    assert client(script).token("a") == "token"
    first, second = script.grants
    assert first["jti"] != second["jti"]
    assert script.patience[1] < script.patience[0]


@pytest.mark.parametrize("failure", [silent, answering(502)], ids=["silent", "502"])
def test_a_question_without_an_answer_is_asked_no_more_than_twice(failure: Step) -> None:
    script = Script([failure, failure, granted])
    with pytest.raises(TokenUnavailable):
        client(script).token("a")
    assert len(script.grants) == 2


@pytest.mark.parametrize(
    "refusal",
    [
        answering(400),
        answering(401),
        answering(403),
        answering(429),
        answering(302),
        answering(200, "<html>"),
        answering(200, '{"access_token": "t", "expires_in": 120}', "text/html"),
        answering(200, '{"expires_in": 120}'),
        answering(200, '{"access_token": "", "expires_in": 120}'),
        answering(200, '{"access_token": "t", "expires_in": "120"}'),
        answering(200, "[]"),
    ],
)
def test_a_refusal_and_an_answer_that_is_none_are_not_asked_about_again(refusal: Step) -> None:
    script = Script([refusal, granted])
    with pytest.raises(TokenUnavailable):
        client(script).token("a")
    assert len(script.grants) == 1


def test_metadata_that_did_not_come_is_asked_for_once_more() -> None:
    script = Script([granted], metadata=[silent])
    assert client(script).token("a") == "token"


@pytest.mark.parametrize(
    "metadata",
    [
        answering(200, '{"issuer": "https://another.example/", "token_endpoint": "https://another.example/token"}'),
        answering(200, json.dumps({"issuer": ISSUER, "token_endpoint": None})),
        answering(200, json.dumps({"issuer": ISSUER, "token_endpoint": "http://maskinporten.example/token"})),
        answering(200, "{}"),
        answering(404),
    ],
)
def test_no_grant_is_sent_where_the_metadata_are_not_the_issuers(metadata: Step) -> None:
    script = Script([granted], metadata=[metadata])
    with pytest.raises(TokenUnavailable):
        client(script).token("a")
    assert script.grants == []


def test_each_scope_has_a_token_of_its_own_until_its_end() -> None:
    now = 1_000_000.0
    script = Script([granted] * 4)
    maskinporten = client(script, clock=lambda: now)
    for scope in ("a", "b", "a", "b"):
        maskinporten.token(scope)
    assert [grant["scope"] for grant in script.grants] == ["a", "b"]
    now += 110
    maskinporten.token("a")
    assert [grant["scope"] for grant in script.grants] == ["a", "b", "a"]


def test_the_metadata_are_read_again_after_a_day() -> None:
    now = 1_000_000.0
    moved = answering(200, json.dumps({"issuer": ISSUER, "token_endpoint": f"{ISSUER}new"}))
    first = answering(200, json.dumps({"issuer": ISSUER, "token_endpoint": f"{ISSUER}token"}))
    paths: list[str] = []

    def granting(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return granted(request)

    maskinporten = client(Script([granting] * 3, metadata=[first, moved]), clock=lambda: now)
    for wait in (0, 86_400, 1):
        now += wait
        maskinporten.token(f"scope-{wait}")
    assert paths == ["/token", "/token", "/new"]


def test_an_error_shows_neither_token_nor_assertion() -> None:
    script = Script([answering(400, '{"error_description": "secret"}')])
    with pytest.raises(TokenUnavailable) as failure:
        client(script).token("a")
    assert str(failure.value) == "rights_unavailable (maskinporten: status 400)"


# At the simulator.


def at_simulator(running: Running, http: httpx.Client, key: Any = None, **options: Any) -> MaskinportenClient:
    return MaskinportenClient(
        running.maskinporten_issuer, CLIENT_ID, signing_key(key or running.client_key), http, **options
    )


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(jws.extract_compact(token.encode()).payload or b"")
    return claims


def test_a_resource_restricts_who_the_token_is_good_for(running: Running, outbound: httpx.Client) -> None:
    narrow = at_simulator(running, outbound, resource="https://platform.altinn.example").token(ALTINN_SCOPE)
    assert claims_of(narrow)["aud"] == "https://platform.altinn.example"
    assert claims_of(at_simulator(running, outbound).token(ALTINN_SCOPE))["aud"] == "unspecified"


def test_of_two_client_keys_the_first_signs_and_either_is_known_where_both_are_registered(
    tmp_path: Path, outbound: httpx.Client
) -> None:
    with start_simulators(tmp_path, names=["maskinporten"]) as running:
        old, new = running.client_key, rsa_key("successor").as_dict(private=True)
        assert at_simulator(running, outbound, {"keys": [old, new]}).token(ALTINN_SCOPE)
        with pytest.raises(TokenUnavailable, match="400"):
            at_simulator(running, outbound, {"keys": [new, old]}).token(ALTINN_SCOPE)
        public = [RSAKey.import_key(key).as_dict(private=False) for key in (old, new)]
        (tmp_path / "client-jwks.json").write_text(json.dumps({"keys": public}))
        for keys in ([new, old], [old, new]):
            assert at_simulator(running, outbound, {"keys": keys}).token(ALTINN_SCOPE)


# Altinn's own tokens.


@pytest.fixture
def exchanged(running: Running, outbound: httpx.Client) -> AltinnTokens:
    return AltinnTokens(running.altinn, at_simulator(running, outbound).token, outbound)


def test_a_token_of_maskinportens_is_exchanged_for_one_of_altinns(
    running: Running, exchanged: AltinnTokens, outbound: httpx.Client
) -> None:
    token = exchanged.token(ALTINN_SCOPE)
    assert claims_of(token)["iss"] == f"{running.altinn}/authentication/api/v1/openid/"
    assert claims_of(token)["scope"] == ALTINN_SCOPE
    calls = AltinnCalls(running.altinn, lambda: token, running.subscription_key, outbound)
    assert AltinnAuthorizedParties(calls).grants(PER)


def test_an_altinn_that_wants_its_own_tokens_takes_no_others(tmp_path: Path, outbound: httpx.Client) -> None:
    with start_simulators(tmp_path, names=["altinn"], altinn_options=["--only-altinn-tokens"]) as running:
        raw = at_simulator(running, outbound).token
        for token, taken in ((raw, False), (AltinnTokens(running.altinn, raw, outbound).token, True)):
            calls = AltinnCalls(running.altinn, lambda t=token: t(ALTINN_SCOPE), running.subscription_key, outbound)
            if taken:
                assert AltinnAuthorizedParties(calls).grants(PER)
            else:
                with pytest.raises(RightsUnavailable, match="401"):
                    AltinnAuthorizedParties(calls).grants(PER)


def test_a_token_that_is_not_maskinportens_is_not_exchanged(running: Running, outbound: httpx.Client) -> None:
    with pytest.raises(TokenUnavailable, match="401"):
        AltinnTokens(running.altinn, lambda _: "x", outbound).token(ALTINN_SCOPE)


def test_a_token_without_a_scope_of_altinns_is_not_exchanged(running: Running, outbound: httpx.Client) -> None:
    running.register_consumer("fagsystem", "312824450")
    with pytest.raises(TokenUnavailable, match="403"):
        AltinnTokens(running.altinn, lambda _: running.access_token("fagsystem"), outbound).token("deldokument:share")


def of_altinns(**changes: Any) -> str:
    claims = {"exp": int(time.time()) + 1800} | changes
    return jwt.encode({"alg": "RS256"}, claims, rsa_key("client"), algorithms=["RS256"])


@dataclass
class Answers:
    """An exchange that answers with ``text``, and counts."""

    text: str
    asked: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer from-maskinporten"
        self.asked += 1
        return httpx.Response(200, text=self.text)


def exchange(answers: Answers, clock: Callable[[], float] = time.time) -> AltinnTokens:
    http = httpx.Client(transport=httpx.MockTransport(answers))
    return AltinnTokens("https://altinn.example", lambda _: "from-maskinporten", http, clock)


@pytest.mark.parametrize("quotes", ["", '"'])
def test_the_token_is_taken_with_and_without_quotes(quotes: str) -> None:
    token = of_altinns()
    assert exchange(Answers(f"{quotes}{token}{quotes}\n")).token("a") == token


def test_an_exchanged_token_is_reused_until_ten_seconds_before_its_end() -> None:
    now = time.time()
    answers = Answers(of_altinns(exp=int(now) + 1800))
    tokens = exchange(answers, lambda: now)
    tokens.token("a")
    now += 1788
    tokens.token("a")
    assert answers.asked == 1
    answers.text = of_altinns(exp=int(now) + 1800)
    now += 3
    assert tokens.token("a") == answers.text
    assert answers.asked == 2


@pytest.mark.parametrize(
    "text",
    ["", "<html>", "a.b.c", of_altinns(exp="never"), of_altinns(exp=1), of_altinns(exp=None), "æ.ø.å", '""'],
)
def test_an_invalid_or_expired_exchanged_token_is_not_passed_on(text: str) -> None:
    with pytest.raises(TokenUnavailable):
        exchange(Answers(text)).token("a")


def test_altinns_notifications_take_altinns_tokens_too(tmp_path: Path, outbound: httpx.Client) -> None:
    with start_simulators(tmp_path, names=["altinn", "notifications"]) as running:
        tokens = AltinnTokens(running.altinn, at_simulator(running, outbound).token, outbound)
        headers = {
            "authorization": f"Bearer {tokens.token(NOTIFICATIONS_SCOPE)}",
            "ocp-apim-subscription-key": running.subscription_key,
        }
        url = f"{running.notifications}/notifications/api/v1/future/orders"
        assert outbound.post(url, json={}, headers=headers).status_code == 400


def test_the_exchange_is_for_each_scope(running: Running, outbound: httpx.Client) -> None:
    asked: list[str] = []

    def maskinporten(scope: str) -> str:
        asked.append(scope)
        return at_simulator(running, outbound).token(ALTINN_SCOPE)

    tokens = AltinnTokens(running.altinn, maskinporten, outbound)
    for scope in (ALTINN_SCOPE, NOTIFICATIONS_SCOPE, ALTINN_SCOPE):
        tokens.token(scope)
    assert asked == [ALTINN_SCOPE, NOTIFICATIONS_SCOPE]
