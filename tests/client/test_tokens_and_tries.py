"""Tokens are asked for as Maskinporten wants it, and what may help is tried again, without ever counting twice."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from deldokument.client import Client, Interrupted, NotConfigured, Refused, Settings, Unreachable
from deldokument.client.tokens import MaskinportenTokens, read_key
from deldokument.client.transport import TRIES, RetryPolicy, Transport
from tests.support.faults.rsa_keys import rsa_key

pytestmark = pytest.mark.once

ISSUER = "https://maskinporten.example/"
Answer = httpx.Response | Exception


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return rsa_key("client")


@pytest.fixture
def settings(key: RSAKey, tmp_path: Path) -> Settings:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key.as_dict(private=True)))
    return Settings(
        url="https://del.example", issuer=ISSUER, client_id="fagsystem", key_path=path, state_dir=tmp_path / "state"
    )


class Counterpart:
    """Answers requests from a list, the last one for ever, and keeps what it was asked."""

    def __init__(self, *answers: Answer, metadata: Any = None) -> None:
        self.asked: list[httpx.Request] = []
        self._answers = list(answers)
        self._metadata = metadata or {"issuer": ISSUER, "token_endpoint": f"{ISSUER}token"}
        self.http = httpx.Client(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if "well-known" in request.url.path:
            return httpx.Response(200, json=self._metadata)
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        # A response's stream can be read only once, so each request gets a new response.
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)


def granted(token: str = "t", lifetime: int = 120) -> httpx.Response:
    return httpx.Response(200, json={"access_token": token, "expires_in": lifetime, "token_type": "Bearer"})


def tokens(
    settings: Settings, counterpart: Counterpart, now: Callable[[], float] = lambda: 1000.0
) -> MaskinportenTokens:
    return MaskinportenTokens(settings, counterpart.http, clock=now, wait=lambda _: None)


def test_an_assertion_has_the_claims_that_maskinporten_requires(settings: Settings, key: RSAKey) -> None:
    counterpart = Counterpart(granted("token-1"))
    assert tokens(settings, counterpart).token() == "token-1"
    form = parse_qs(counterpart.asked[0].content.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assertion = jwt.decode(form["assertion"][0], key, algorithms=["RS256"])
    assert assertion.header == {"alg": "RS256", "kid": key.kid, "typ": "JWT"} | assertion.header
    assert assertion.claims.pop("jti")
    assert assertion.claims == {
        "aud": ISSUER,
        "iss": "fagsystem",
        "scope": "deldokument:share",
        "iat": 1000,
        "exp": 1100,
    }


def test_audience_and_consumer_are_asked_for_when_they_are_set(key: RSAKey, settings: Settings) -> None:
    counterpart = Counterpart(granted())
    delegated = Settings(
        url=settings.url,
        issuer=ISSUER,
        client_id="c",
        key_path=settings.key_path,
        state_dir=settings.state_dir,
        resource="https://del.example",
        consumer_org="312824450",
    )
    tokens(delegated, counterpart).token()
    claims = jwt.decode(parse_qs(counterpart.asked[0].content.decode())["assertion"][0], key).claims
    assert (claims["resource"], claims["consumer_org"]) == ("https://del.example", "312824450")


def test_a_token_serves_until_ten_seconds_before_its_end(settings: Settings) -> None:
    counterpart, now = Counterpart(granted("a"), granted("b")), [0.0]
    source = tokens(settings, counterpart, lambda: now[0])
    assert (source.token(), source.token()) == ("a", "a")
    now[0] = 109.0
    assert source.token() == "a"
    now[0] = 110.0
    assert source.token() == "b"


def test_a_rejected_token_is_not_used_again(settings: Settings) -> None:
    source = tokens(settings, Counterpart(granted("a"), granted("b")))
    assert source.token() == "a"
    source.forget("another")
    assert source.token() == "a"
    source.forget("a")
    assert source.token() == "b"


def test_every_attempt_has_a_new_assertion(settings: Settings) -> None:
    counterpart = Counterpart(httpx.ReadTimeout("slow"), httpx.Response(503, json={}), granted("a"))
    assert tokens(settings, counterpart).token() == "a"
    assert len({request.content for request in counterpart.asked}) == 3


def test_a_refusal_of_maskinporten_is_reported_and_not_retried(settings: Settings) -> None:
    refusal = httpx.Response(400, json={"error": "invalid_scope", "error_description": "not granted (MP-250)"})
    counterpart = Counterpart(refusal)
    with pytest.raises(Refused, match="MP-250") as caught:
        tokens(settings, counterpart).token()
    assert (caught.value.status, caught.value.code, len(counterpart.asked)) == (400, "invalid_scope", 1)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("no"),
        httpx.Response(500, text="oops"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[1]),
        httpx.Response(200, json={"access_token": "", "expires_in": 1}),
        httpx.Response(200, json={"access_token": "t", "expires_in": "soon"}),
    ],
)
def test_an_invalid_token_response_is_refused(settings: Settings, answer: Answer) -> None:
    with pytest.raises(Unreachable):
        tokens(settings, Counterpart(answer)).token()


def test_metadata_of_another_issuer_lead_to_no_assertion(settings: Settings) -> None:
    counterpart = Counterpart(granted(), metadata={"issuer": "https://evil.example/", "token_endpoint": "https://e/"})
    with pytest.raises(Unreachable, match="another issuer"):
        tokens(settings, counterpart).token()
    assert counterpart.asked == []


def test_metadata_that_lead_away_from_tls_lead_to_no_assertion(settings: Settings) -> None:
    metadata = {"issuer": ISSUER, "token_endpoint": "http://maskinporten.example/token"}
    counterpart = Counterpart(granted(), metadata=metadata)
    with pytest.raises(Unreachable, match="no TLS"):
        tokens(settings, counterpart).token()
    assert counterpart.asked == []


def test_the_secret_of_the_state_is_the_keys_own(settings: Settings) -> None:
    source = tokens(settings, Counterpart(granted()))
    assert source.sign(b"a") == tokens(settings, Counterpart(granted())).sign(b"a") != source.sign(b"b")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys": []}', '{"kty": "RSA"}', '{"kty": "oct", "k": "AAAA"}'])
def test_an_invalid_key_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "key.json").write_text(content)
    with pytest.raises(NotConfigured):
        read_key(tmp_path / "key.json")


def test_a_public_key_or_a_missing_one_cannot_sign(key: RSAKey, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(json.dumps(key.as_dict(private=False)))
    with pytest.raises(NotConfigured, match="private part"):
        read_key(tmp_path / "key.json")
    with pytest.raises(NotConfigured, match="No such file"):
        read_key(tmp_path / "none.json")


def test_the_first_key_of_a_set_signs(key: RSAKey, tmp_path: Path) -> None:
    other = rsa_key("stranger")
    (tmp_path / "key.json").write_text(json.dumps({"keys": [k.as_dict(private=True) for k in (key, other)]}))
    assert read_key(tmp_path / "key.json").kid == key.kid


class Given:
    """Tokens a, b, c …, a new one after each that was not taken."""

    def __init__(self) -> None:
        self.count = 0

    def token(self) -> str:
        return "abcdef"[self.count]

    def forget(self, token: str) -> None:
        assert token == self.token()
        self.count += 1


def transport(counterpart: Counterpart) -> Transport:
    return Transport("https://del.example", Given(), counterpart.http, RetryPolicy(first_seconds=0.0))


OK = httpx.Response(200, json={"id": "1"})
BUSY = httpx.Response(409, json={"code": "request_under_way"})


@pytest.mark.parametrize(
    "first", [httpx.ConnectError("no"), httpx.ReadError("cut"), httpx.Response(429), httpx.Response(503), BUSY]
)
def test_transient_failures_are_retried_with_the_same_key_and_body(first: Answer) -> None:
    counterpart = Counterpart(first, first, OK)
    assert transport(counterpart).call("POST", "/shares", body={"a": 1}, key="k") == {"id": "1"}
    assert len(counterpart.asked) == 3
    assert {(r.headers["idempotency-key"], r.content, str(r.url)) for r in counterpart.asked} == {
        ("k", b'{"a":1}', "https://del.example/api/v1/shares")
    }


def test_a_service_that_does_not_come_back_is_unreachable_after_some_tries() -> None:
    counterpart = Counterpart(httpx.Response(502))
    with pytest.raises(Unreachable, match="status 502"):
        transport(counterpart).call("GET", "/accounts")
    assert len(counterpart.asked) == TRIES


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 413, 422])
def test_a_refusal_is_reported_with_its_code_and_not_retried(status: int) -> None:
    problem = {
        "detail": "It is not right.",
        "code": "invalid",
        "errors": [{"field": "title", "code": "text_too_long", "message": "Too long."}, "nonsense"],
    }
    counterpart = Counterpart(httpx.Response(status, json=problem))
    with pytest.raises(Refused) as caught:
        transport(counterpart).call("GET", "/accounts")
    assert (caught.value.status, caught.value.code, len(counterpart.asked)) == (status, "invalid", 1)
    assert str(caught.value) == "It is not right.\ntitle: Too long."
    assert caught.value.faults[0].code == "text_too_long"


@pytest.mark.parametrize("status", [500, 507])
def test_a_failure_of_the_service_is_reported_as_retryable(status: int) -> None:
    counterpart = Counterpart(httpx.Response(status, json={"detail": "No room.", "code": "storage_full"}))
    with pytest.raises(Unreachable, match="has failed: No room"):
        transport(counterpart).call("GET", "/accounts")
    assert len(counterpart.asked) == 1


def test_a_refusal_without_text_is_reported_by_its_status() -> None:
    with pytest.raises(Refused, match="status 404"):
        transport(Counterpart(httpx.Response(404, text="<html>"))).call("GET", "/x")


def test_a_token_that_ran_out_is_replaced_once() -> None:
    counterpart = Counterpart(httpx.Response(401), OK)
    assert transport(counterpart).call("GET", "/accounts") == {"id": "1"}
    assert [request.headers["authorization"] for request in counterpart.asked] == ["Bearer a", "Bearer b"]
    refusing = Counterpart(httpx.Response(401, json={"code": "invalid_token"}))
    with pytest.raises(Refused):
        transport(refusing).call("GET", "/accounts")
    assert len(refusing.asked) == 2


def test_a_redirect_sends_no_token_elsewhere() -> None:
    counterpart = Counterpart(httpx.Response(302, headers={"location": "https://evil.example/"}))
    with pytest.raises(Unreachable, match="status 302"):
        transport(counterpart).call("GET", "/accounts")
    assert len(counterpart.asked) == 1


def test_an_empty_response_is_empty_and_one_that_is_not_json_is_an_error() -> None:
    assert transport(Counterpart(httpx.Response(204))).call("DELETE", "/shares/1") == {}
    with pytest.raises(Unreachable, match="invalid response"):
        transport(Counterpart(httpx.Response(200, text="hello"))).call("GET", "/x")


class Counted(RetryPolicy):
    """Patience that does not wait and tells how long it would have."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)


def test_waits_grow_and_are_as_long_as_the_service_asks() -> None:
    patience = Counted()
    answers = [httpx.Response(429, headers={"retry-after": text}) for text in ("17", "soon", "999999", "3600")]
    Transport("https://del.example", Given(), Counterpart(*answers, OK).http, patience).call("GET", "/x")
    assert patience.waits[0] == 17
    assert 1.0 <= patience.waits[1] <= 2.0
    assert 2.0 <= patience.waits[2] <= 4.0
    assert patience.waits[3] == 60.0


def test_a_client_that_is_stopped_waits_no_longer() -> None:
    patience = RetryPolicy(first_seconds=3600.0)

    def stop_at_the_first(_request: httpx.Request) -> httpx.Response:
        threading.Timer(0.0, patience.stop).start()
        return httpx.Response(503)

    http = httpx.Client(transport=httpx.MockTransport(stop_at_the_first))
    with pytest.raises(Interrupted):
        Transport("https://del.example", Given(), http, patience).call("GET", "/x")


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()


def test_requests_to_this_machine_use_no_proxy(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        port = proxy.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    taken, _ = proxy.accept()
                except OSError:
                    return
                with taken:
                    came.append(taken.recv(4096))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        here = replace(settings, url="http://127.0.0.1:1", issuer="http://localhost:1/")
        with Client(here) as client, pytest.raises(Unreachable):
            client.accounts()
        proxy.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    assert came == []
