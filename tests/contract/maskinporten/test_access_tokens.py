"""Who calls the API: genuine tokens of the simulated Maskinporten, forged ones, and an issuer whose keys come badly."""

import base64
import hmac
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from deldokument.adapters.http.jwks import FAILURE_REST_SECONDS, KEYS_KEPT_SECONDS, KEYS_REST_SECONDS
from deldokument.adapters.maskinporten.access_tokens import AccessTokenValidator, KeysUnavailable
from deldokument.domain.errors import ScopeMissing, ServiceError, TokenRefused
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from tests.support.deployment.simulators import Running
from tests.support.faults.hostile_issuer import AUDIENCE, SCOPE, HostileIssuer, actor, send
from tests.support.faults.rsa_keys import rsa_key

SIMULATORS = ["maskinporten"]

_DEEP = base64.urlsafe_b64encode(b"[" * 4500).decode() + ".e30.e30"
FJELL, SUPPLIER = OrganizationNumber("312824450"), OrganizationNumber("314758625")
Judge = Callable[[str], Consumer]


class Time:
    """Unix time that the test moves."""

    def __init__(self) -> None:
        self.moved = 0.0

    def __call__(self) -> float:
        return time.time() + self.moved


@pytest.fixture(scope="module")
def running(running: Running) -> Running:
    running.register_consumer("fagsystem", FJELL.value)
    running.register_consumer("leverandor", SUPPLIER.value, delegations={FJELL.value: [SCOPE]})
    return running


@pytest.fixture
def issuer() -> Iterator[HostileIssuer]:
    with HostileIssuer() as started:
        yield started


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def tokens(issuer: HostileIssuer, outbound: httpx.Client, clock: Time) -> AccessTokenValidator:
    return AccessTokenValidator(issuer.issuer, SCOPE, AUDIENCE, outbound, clock)


def refusal(tokens: AccessTokenValidator, token: str) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        tokens.verify(token)
    assert caught.value.code == "token_invalid"
    assert token[:20] not in str(caught.value)
    return caught.value


def forged(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    signed = b".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    return b".".join((signed, _base64url(sign(signed)))).decode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def test_a_token_of_maskinporten_names_the_consumer(running: Running, outbound: httpx.Client) -> None:
    tokens = AccessTokenValidator(running.maskinporten_issuer, SCOPE, AUDIENCE, outbound)
    assert tokens.verify(running.access_token("fagsystem", resource=AUDIENCE)) == Consumer(FJELL)


def test_a_supplier_acts_for_the_consumer_and_is_known(running: Running, outbound: httpx.Client) -> None:
    tokens = AccessTokenValidator(running.maskinporten_issuer, SCOPE, AUDIENCE, outbound)
    token = running.access_token("leverandor", consumer_org=FJELL.value, resource=AUDIENCE)
    assert tokens.verify(token) == Consumer(FJELL, SUPPLIER)


def test_a_token_is_for_us_alone(running: Running, outbound: httpx.Client) -> None:
    tokens = AccessTokenValidator(running.maskinporten_issuer, SCOPE, AUDIENCE, outbound)
    assert tokens.verify(running.access_token("fagsystem", resource=AUDIENCE)) == Consumer(FJELL)
    for resource in ({}, {"resource": "https://annen.example"}):
        refusal(tokens, running.access_token("fagsystem", **resource))


def test_a_token_for_another_service_is_refused_with_the_missing_scope(
    running: Running, outbound: httpx.Client
) -> None:
    tokens = AccessTokenValidator(running.maskinporten_issuer, SCOPE, AUDIENCE, outbound)
    with pytest.raises(ScopeMissing) as caught:
        tokens.verify(
            running.access_token(
                running.client_id,
                scope="altinn:accessmanagement/authorizedparties.resourceowner",
                resource=AUDIENCE,
            )
        )
    assert caught.value.params == {"scope": SCOPE}


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512"])
def test_each_algorithm_of_maskinporten_is_known(tokens: AccessTokenValidator, issuer: HostileIssuer, alg: str) -> None:
    assert tokens.verify(issuer.token(alg=alg)) == Consumer(FJELL)


def test_a_token_without_signature_is_refused(tokens: AccessTokenValidator, issuer: HostileIssuer) -> None:
    for alg in ("none", "None", "NONE", ""):
        refusal(tokens, forged({"alg": alg, "kid": issuer.key.kid}, issuer.claims(), lambda _: b""))


def test_the_public_key_is_no_shared_secret(tokens: AccessTokenValidator, issuer: HostileIssuer) -> None:
    for secret in (issuer.key.as_pem(private=False), json.dumps(issuer.published[0]).encode()):
        header = {"alg": "HS256", "kid": issuer.key.kid}
        refusal(tokens, forged(header, issuer.claims(), partial(hmac.digest, secret, digest="sha256")))


def test_a_shared_secret_among_the_published_keys_signs_nothing(
    tokens: AccessTokenValidator, issuer: HostileIssuer
) -> None:
    secret = b"x" * 32
    issuer.published.append({"kty": "oct", "kid": "weak", "k": _base64url(secret).decode()})
    token = forged({"alg": "HS256", "kid": "weak"}, issuer.claims(), partial(hmac.digest, secret, digest="sha256"))
    refusal(tokens, token)


def test_algorithms_that_maskinporten_does_not_use_are_refused(
    tokens: AccessTokenValidator, issuer: HostileIssuer
) -> None:
    curve = ECKey.generate_key("P-256", auto_kid=True)
    issuer.published.append(curve.as_dict(private=False))
    refusal(tokens, jwt.encode({"alg": "ES256", "kid": curve.kid}, issuer.claims(), curve))
    refusal(tokens, issuer.token(alg="PS256"))


def test_a_key_of_ones_own_signs_nothing(tokens: AccessTokenValidator, issuer: HostileIssuer) -> None:
    own = RSAKey.generate_key(2048, {"kid": str(issuer.key.kid)})
    refusal(tokens, issuer.token(key=own))
    header = {"alg": "RS256", "kid": issuer.key.kid, "jwk": own.as_dict(private=False), "jku": issuer.url}
    refusal(tokens, jwt.encode(header, issuer.claims(), own, algorithms=["RS256"]))


def test_a_key_for_encryption_signs_nothing(tokens: AccessTokenValidator, issuer: HostileIssuer) -> None:
    other = rsa_key("stranger").as_dict(private=False)
    issuer.published = [issuer.published[0] | {"use": "enc"}, other]
    refusal(tokens, issuer.token())


def test_claims_changed_after_signing_are_refused(tokens: AccessTokenValidator, issuer: HostileIssuer) -> None:
    head, _, signature = issuer.token().split(".")
    changed = _base64url(json.dumps(issuer.claims(consumer=actor("0192:310240001"))).encode()).decode()
    refusal(tokens, f"{head}.{changed}.{signature}")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://maskinporten.example/"},
        {"iss": None},
        {"iss": ["{issuer}"]},
        {"exp": None},
        {"exp": 1.5e10},
        {"exp": "4102444800"},
        {"exp": True},
        {"nbf": "soon"},
    ],
    ids=str,
)
def test_a_token_of_another_issuer_or_time_is_refused(
    tokens: AccessTokenValidator, issuer: HostileIssuer, changes: dict[str, Any]
) -> None:
    if changes.get("iss") == ["{issuer}"]:
        changes = {"iss": [issuer.issuer]}
    refusal(tokens, issuer.token(**changes))


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -30), ("nbf", 600), ("iat", 600)])
def test_a_token_before_or_after_its_time_is_refused(
    tokens: AccessTokenValidator, issuer: HostileIssuer, claim: str, seconds: int
) -> None:
    changes: dict[str, Any] = {claim: int(time.time()) + seconds}
    refusal(tokens, issuer.token(**changes))


def test_the_issuer_without_its_slash_is_another(tokens: AccessTokenValidator, issuer: HostileIssuer) -> None:
    refusal(tokens, issuer.token(iss=issuer.url))


def test_clocks_may_differ_by_seconds_but_not_by_more(
    tokens: AccessTokenValidator, issuer: HostileIssuer, clock: Time
) -> None:
    token = issuer.token()
    for moved in (-5, 125):
        clock.moved = moved
        assert tokens.verify(token)
    for moved in (-60, 135):
        clock.moved = moved
        refusal(tokens, token)


@pytest.mark.parametrize(
    "consumer",
    [
        None,
        "0192:312824450",
        [],
        {"ID": "0192:312824450"},
        actor("0192:312824450", "iso6523"),
        actor("0007:5567321707"),
        actor("312824450"),
        actor("0192:"),
        actor("0192:312824451"),
        actor("0192:312 824 450"),
        actor("0192:３１２８２４４５０"),
        actor("0192:312824450\n"),
        {"authority": "iso6523-actorid-upis", "ID": 312824450},
        {"authority": ["iso6523-actorid-upis"], "ID": ["0192:312824450"]},
    ],
    ids=str,
)
def test_a_consumer_that_is_no_norwegian_organisation_is_nobody(
    tokens: AccessTokenValidator, issuer: HostileIssuer, consumer: Any
) -> None:
    refusal(tokens, issuer.token(consumer=consumer))


def test_a_supplier_of_another_authority_is_refused(tokens: AccessTokenValidator, issuer: HostileIssuer) -> None:
    for supplier in ("", {}, actor("0007:5567321707"), actor("0192:1")):
        refusal(tokens, issuer.token(supplier=supplier))


def test_what_the_client_says_of_itself_has_no_say(tokens: AccessTokenValidator, issuer: HostileIssuer) -> None:
    token = issuer.token(client_id="310240001", client_orgno="310240001", client_org="310240001")
    assert tokens.verify(token) == Consumer(FJELL)


@pytest.mark.parametrize("scope", [None, "", "deldokument:share2", "xdeldokument:share", [SCOPE], "DELDOKUMENT:SHARE"])
def test_only_the_exact_scope_lets_in(tokens: AccessTokenValidator, issuer: HostileIssuer, scope: Any) -> None:
    with pytest.raises(ScopeMissing):
        tokens.verify(issuer.token(scope=scope))


def test_the_scope_may_be_one_of_several(tokens: AccessTokenValidator, issuer: HostileIssuer) -> None:
    assert tokens.verify(issuer.token(scope=f"ks:fiks {SCOPE} idporten:dcr.read"))


@pytest.mark.parametrize("audience", [None, "unspecified", [], "https://del.example/", ["https://annen.example"]])
def test_a_token_for_another_audience_is_refused(issuer: HostileIssuer, outbound: httpx.Client, audience: Any) -> None:
    tokens = AccessTokenValidator(issuer.issuer, SCOPE, AUDIENCE, outbound)
    refusal(tokens, issuer.token(aud=audience))
    assert tokens.verify(issuer.token(aud=["https://annen.example", "https://del.example"]))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "e30.e30.e30",
        "eyJhbGciOiJSUzI1NiJ9.e30.",
        "x" * 9000,
        _DEEP,
        "æ.ø.å",
        "\0",
        " ",
        "W10.W10.",
    ],
    ids=lambda token: token[:12].encode("unicode_escape").decode() or "empty",
)
def test_an_invalid_token_is_refused(tokens: AccessTokenValidator, token: str) -> None:
    with pytest.raises(TokenRefused):
        tokens.verify(token)


def test_a_token_that_demands_what_we_do_not_understand_is_refused(
    tokens: AccessTokenValidator, issuer: HostileIssuer
) -> None:
    key = issuer.key.private_key

    assert key is not None

    def signature(signed: bytes) -> bytes:
        return key.sign(signed, PKCS1v15(), SHA256())

    kid = issuer.key.kid
    assert tokens.verify(forged({"alg": "RS256", "kid": kid}, issuer.claims(), signature))
    refusal(tokens, forged({"alg": "RS256", "kid": kid, "crit": ["once"], "once": 1}, issuer.claims(), signature))


def test_a_malformed_key_name_is_refused(tokens: AccessTokenValidator, issuer: HostileIssuer) -> None:
    key = issuer.key.private_key
    assert key is not None

    def signature(signed: bytes) -> bytes:
        return key.sign(signed, PKCS1v15(), SHA256())

    assert tokens.verify(forged({"alg": "RS256", "kid": issuer.key.kid}, issuer.claims(), signature))
    for kid in (None, 1, ["a"], {"a": 1}):
        header = {"alg": "RS256", "kid": kid} if kid is not None else {"alg": "RS256"}
        refusal(tokens, forged(header, issuer.claims(), signature))


def test_a_genuine_token_that_is_too_long_is_refused(tokens: AccessTokenValidator, issuer: HostileIssuer) -> None:
    assert tokens.verify(issuer.token(padding="x" * 1000))
    refusal(tokens, issuer.token(padding="x" * 9000))


def test_keys_are_fetched_once_and_kept_for_a_day(
    tokens: AccessTokenValidator, issuer: HostileIssuer, clock: Time
) -> None:
    for _ in range(5):
        tokens.verify(issuer.token())
    assert issuer.fetches == 1
    clock.moved = KEYS_KEPT_SECONDS + 1
    token = issuer.token(exp=int(clock()) + 100, iat=int(clock()))
    tokens.verify(token)
    assert issuer.fetches == 2


def test_a_new_key_of_the_issuer_is_found_at_once(
    tokens: AccessTokenValidator, issuer: HostileIssuer, clock: Time
) -> None:
    tokens.verify(issuer.token())
    new = rsa_key("successor")
    issuer.published.append(new.as_dict(private=False))
    clock.moved = KEYS_REST_SECONDS + 1
    assert tokens.verify(issuer.token(key=new)) == Consumer(FJELL)
    assert issuer.fetches == 2


def test_a_key_that_the_issuer_has_withdrawn_counts_no_longer_than_a_day(
    tokens: AccessTokenValidator, issuer: HostileIssuer, clock: Time
) -> None:
    tokens.verify(issuer.token())
    issuer.published = [rsa_key("successor").as_dict(private=False)]
    clock.moved = KEYS_KEPT_SECONDS + 1
    refusal(tokens, issuer.token(exp=int(clock()) + 100, iat=int(clock())))


def test_invented_key_names_make_nobody_ask_the_issuer_again_and_again(
    tokens: AccessTokenValidator, issuer: HostileIssuer, clock: Time
) -> None:
    stranger = rsa_key("stranger")
    for _ in range(20):
        refusal(tokens, issuer.token(key=stranger))
    assert issuer.fetches == 1
    clock.moved = KEYS_REST_SECONDS + 1
    for _ in range(20):
        refusal(tokens, issuer.token(key=stranger))
    assert issuer.fetches == 2


def _slow(let_go: threading.Event) -> bool:
    let_go.wait(20)
    return False


def _cut(handler: BaseHTTPRequestHandler) -> bool:
    send(handler, 200, "application/json", b'{"keys": [', announced=5000)
    handler.close_connection = True
    return True


def _redirected(handler: BaseHTTPRequestHandler) -> bool:
    handler.send_response(302)
    handler.send_header("location", "http://127.0.0.1:9/jwks")
    handler.send_header("content-length", "0")
    handler.end_headers()
    return True


def _answering(status: int, content_type: str, content: bytes) -> Callable[[BaseHTTPRequestHandler], bool]:
    def answer(handler: BaseHTTPRequestHandler) -> bool:
        send(handler, status, content_type, content)
        return True

    return answer


_JSON = "application/json"
FAULTS = {
    "500": _answering(500, _JSON, b"{}"),
    "404": _answering(404, "text/plain", b""),
    "garbage": _answering(200, _JSON, b"<html>]]>"),
    "another content type": _answering(200, "text/html", b"<html></html>"),
    "no object": _answering(200, _JSON, b"[]"),
    "no keys": _answering(200, _JSON, b'{"keys": 1}'),
    "malformed keys": _answering(200, _JSON, b'{"keys": [1]}'),
    "half a key": _answering(200, _JSON, b'{"keys": [{"kty": "RSA", "kid": "a"}]}'),
    "not text": _answering(200, _JSON, b"\xff\xfe\x00"),
    "deep": _answering(200, _JSON, b"[" * 100_000),
    "cut": _cut,
    "led elsewhere": _redirected,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("path", ["/.well-known/oauth-authorization-server", "/jwks"])
def test_without_the_issuers_keys_no_token_is_accepted_or_called_false(
    tokens: AccessTokenValidator, issuer: HostileIssuer, clock: Time, fault: str, path: str
) -> None:
    issuer.answer = lambda handler: handler.path == path and FAULTS[fault](handler)
    with pytest.raises(KeysUnavailable):
        tokens.verify(issuer.token())
    issuer.answer = lambda _: False
    with pytest.raises(KeysUnavailable):
        tokens.verify(issuer.token())
    clock.moved = FAILURE_REST_SECONDS + 1
    assert tokens.verify(issuer.token()) == Consumer(FJELL)


def test_nobody_waits_for_an_issuer_that_does_not_answer(issuer: HostileIssuer, clock: Time) -> None:
    asked, let_go = queue.SimpleQueue[str](), threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> bool:
        asked.put(handler.path)
        return _slow(let_go)

    issuer.answer = slow
    with httpx.Client(timeout=0.1) as impatient:
        tokens = AccessTokenValidator(issuer.issuer, SCOPE, AUDIENCE, impatient, clock)
        for _ in range(2):
            with pytest.raises(KeysUnavailable):
                tokens.verify(issuer.token())
    asked.get(timeout=20)
    let_go.set()
    assert asked.empty()


def test_keys_that_are_known_go_on_working_while_others_are_being_fetched_and_nobody_waits_for_these(
    tokens: AccessTokenValidator, issuer: HostileIssuer, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens.verify(issuer.token())
    asked, let_go = threading.Event(), threading.Event()

    def held(_: BaseHTTPRequestHandler) -> bool:
        asked.set()
        return not let_go.wait(20)

    issuer.answer = held
    clock.moved = KEYS_REST_SECONDS + 1
    stranger = issuer.token(key=rsa_key("stranger"))
    outcome: list[Exception] = []

    def ask() -> None:
        try:
            tokens.verify(stranger)
        except ServiceError as error:
            outcome.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert asked.wait(20)
    assert tokens.verify(issuer.token()) == Consumer(FJELL)
    # A negative timeout raises: nobody may wait.
    monkeypatch.setattr(tokens._keys, "_wait_seconds", -2.0)
    with pytest.raises(KeysUnavailable):
        tokens.verify(stranger)
    let_go.set()
    asking.join()
    assert [type(error) for error in outcome] == [TokenRefused]


def test_an_issuer_that_cannot_be_reached_lets_nobody_in(outbound: httpx.Client) -> None:
    with pytest.raises(KeysUnavailable):
        AccessTokenValidator("http://127.0.0.1:9/", SCOPE, AUDIENCE, outbound).verify(
            forged({"alg": "RS256", "kid": "a"}, {}, lambda _: b"x")
        )


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://other.example/"}, {"issuer": None}, {"jwks_uri": "file:///etc/passwd"}, {"jwks_uri": 7}],
    ids=str,
)
def test_metadata_of_another_issuer_lead_nowhere(
    tokens: AccessTokenValidator, issuer: HostileIssuer, metadata: dict[str, Any]
) -> None:
    issuer.metadata = metadata
    with pytest.raises(KeysUnavailable):
        tokens.verify(issuer.token())
    assert issuer.fetches == 0
