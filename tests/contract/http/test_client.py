"""Registers that answer slowly, hugely or not at all: nobody waits for them, and nobody else is held up."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc import jwt
from joserfc.util import int_to_base64, urlsafe_b64encode

from deldokument.adapters.altinn.authorized_parties import (
    MAX_LIST_BYTES,
    AltinnAuthorizedParties,
    AltinnCalls,
    GuardedRights,
)
from deldokument.adapters.altinn.decision_point import AltinnDecisionPoint
from deldokument.adapters.altinn.notifications import AltinnNotifications
from deldokument.adapters.altinn.token_exchange import AltinnTokens
from deldokument.adapters.enhetsregisteret import Enhetsregisteret
from deldokument.adapters.http import client
from deldokument.adapters.http.bounded import TOTAL_PER_READ
from deldokument.adapters.http.circuit_breaker import FAILURES
from deldokument.adapters.http.client import (
    IDLE_SECONDS,
    MAX_CALLS,
    MAX_RESPONSE_BYTES,
    READ_TIMEOUT_SECONDS,
    OutboundClients,
    outbound_client,
)
from deldokument.adapters.http.jwks import IssuerKeys
from deldokument.adapters.idporten.id_tokens import LoginRefused
from deldokument.adapters.idporten.login import IdPorten
from deldokument.adapters.maskinporten.access_tokens import AccessTokenValidator
from deldokument.adapters.maskinporten.client import MaskinportenClient
from deldokument.domain.errors import TokenRefused, Unavailable
from deldokument.domain.identifiers import OrganizationNumber, PersonIdentifier
from deldokument.domain.tenants.tenancy import NoticeChannel
from deldokument.ports.channels import Notice
from deldokument.ports.login import LoginRequest
from deldokument.ports.registers import OrganizationGrant
from deldokument.server.connections import BoundedConnection
from tests.support.faults.hostile_issuer import AUDIENCE, SCOPE, HostileIssuer
from tests.support.faults.hostile_provider import HostileProvider
from tests.support.faults.rsa_keys import rsa_key
from tests.support.faults.slow_peer import Answer, Held, bomb, drip_body, drip_head, flood
from tests.support.faults.webhook_receiver import Receiver
from tests.support.servers.local_server import running

OLA = PersonIdentifier("21879498012", "foedselsnummer")
FJELL = OrganizationNumber("312824450")
READ_SECONDS = 0.2
NOTICE = Notice(
    id="n",
    recipient=OLA,
    subject="s",
    body="b",
    text="t",
    channel=NoticeChannel.EMAIL_FIRST,
    sender="DelDokument",
    condition_url="http://127.0.0.1:9/",
)


class Listed:
    """A person's list, as if it had come."""

    def grants(self, _: PersonIdentifier) -> tuple[OrganizationGrant, ...]:
        return (OrganizationGrant(FJELL.value, "FJELL AS", frozenset()),)


@pytest.fixture
def issuer() -> Iterator[HostileIssuer]:
    with HostileIssuer() as started:
        yield started


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    with HostileProvider() as started:
        yield started


def altinn(issuer: HostileIssuer, http: httpx.Client) -> AltinnCalls:
    return AltinnCalls(issuer.url, lambda: "token", "key", http)


def maskinporten(issuer: HostileIssuer, http: httpx.Client) -> object:
    return MaskinportenClient(issuer.issuer, "client", rsa_key("client"), http).token("scope")


def verified(issuer: HostileIssuer, http: httpx.Client) -> object:
    return AccessTokenValidator(issuer.issuer, SCOPE, AUDIENCE, http).verify(issuer.token())


def listed(issuer: HostileIssuer, http: httpx.Client) -> object:
    return AltinnAuthorizedParties(altinn(issuer, http)).grants(OLA)


def decided(issuer: HostileIssuer, http: httpx.Client) -> object:
    return AltinnDecisionPoint(altinn(issuer, http), Listed(), ["resource"]).grants(OLA)


def exchanged(issuer: HostileIssuer, http: httpx.Client) -> object:
    return AltinnTokens(issuer.url, lambda _: "token", http).token("scope")


def notified(issuer: HostileIssuer, http: httpx.Client) -> object:
    return AltinnNotifications(issuer.url, lambda: "token", "key", http).send(NOTICE)


def found(issuer: HostileIssuer, http: httpx.Client) -> object:
    return Enhetsregisteret(issuer.url, http).find(FJELL)


CALLS: dict[str, tuple[str, Callable[[HostileIssuer, httpx.Client], object]]] = {
    "maskinporten's metadata": ("/.well-known", maskinporten),
    "maskinporten's token": ("/token", maskinporten),
    "maskinporten's metadata for judging": ("/.well-known", verified),
    "maskinporten's keys": ("/jwks", verified),
    "altinn's list": ("/accessmanagement", listed),
    "altinn's decisions": ("/authorization", decided),
    "altinn's exchange": ("/authentication", exchanged),
    "altinn's notifications": ("/notifications", notified),
    "enhetsregisteret": ("/enhetsregisteret", found),
}
"""Every call to a register but ID-porten: what its path begins with, and how it is made."""


def relying_party(provider: HostileProvider, http: httpx.Client) -> IdPorten:
    return IdPorten(
        provider.issuer, "client", rsa_key("client"), "https://del.example/svar", "https://del.example/", http
    )


def complete(provider: HostileProvider, http: httpx.Client) -> object:
    provider.make_token = lambda p: jwt.encode({"alg": "RS256", "kid": p.key.kid}, p.claims("client", "n"), p.key)
    return relying_party(provider, http).complete({"state": "s", "code": "c"}, LoginRequest("", "s", "n", "v"))


def begin(provider: HostileProvider, http: httpx.Client) -> object:
    provider.metadata = {"pushed_authorization_request_endpoint": f"{provider.issuer}/par"}
    return relying_party(provider, http).begin("nb")


LOGIN: dict[str, tuple[str, Callable[[HostileProvider, httpx.Client], object]]] = {
    "metadata": ("/.well-known", begin),
    "pushed request": ("/par", begin),
    "token": ("/token", complete),
    "keys": ("/jwks", complete),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What a register does, at which limit it meets, and what the error names as its cause."""

    answer: Answer
    limits: dict[str, Any]
    cause: str


FAULTS = {
    "dripping body": Fault(drip_body, {"read_seconds": READ_SECONDS}, "ReadTimeout"),
    "dripping head": Fault(drip_head, {"read_seconds": READ_SECONDS}, "ReadTimeout"),
    "flood": Fault(flood, {"max_bytes": 1 << 16}, "AnswerTooLarge"),
    "bomb": Fault(bomb, {}, "AnswerCompressed"),
}


def at(path: str, answer: Answer) -> Answer:
    return lambda handler: handler.path.startswith(path) and answer(handler)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_an_answer_without_end_or_measure_is_given_up(issuer: HostileIssuer, call: str, fault: Fault) -> None:
    path, make = CALLS[call]
    issuer.answer = at(path, fault.answer)
    with outbound_client(**fault.limits) as http, pytest.raises(Unavailable, match=fault.cause):
        make(issuer, http)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("step", LOGIN)
def test_a_login_at_a_provider_that_answers_without_end_or_measure_is_given_up(
    provider: HostileProvider, step: str, fault: Fault
) -> None:
    path, make = LOGIN[step]
    provider.answer = at(path, fault.answer)
    with outbound_client(**fault.limits) as http, pytest.raises(Unavailable, match=fault.cause):
        make(provider, http)


def test_an_answer_that_takes_its_time_within_the_limit_is_taken(issuer: HostileIssuer) -> None:
    with outbound_client() as http:
        issuer.answer = at("/jwks", partial(slowly, body=json.dumps({"keys": issuer.published}).encode()))
        assert verified(issuer, http)


def slowly(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n")
    for byte in body:
        handler.wfile.write(bytes([byte]))
    return True


def test_a_register_that_drips_is_not_asked_again_and_again(issuer: HostileIssuer) -> None:
    asked = list[str]()

    def answer(handler: BaseHTTPRequestHandler) -> bool:
        asked.append(handler.path)
        return drip_body(handler)

    issuer.answer = answer
    with outbound_client(read_seconds=READ_SECONDS) as http:
        register = Enhetsregisteret(issuer.url, http)
        for _ in range(FAILURES + 3):
            with pytest.raises(Unavailable):
                register.find(FJELL)
    assert len(asked) == FAILURES


def test_the_end_of_one_call_is_not_that_of_the_next_on_the_same_connection(issuer: HostileIssuer) -> None:
    """The connection is kept; what is left of the first call's time must not be."""
    seconds = 0.5
    with outbound_client(read_seconds=seconds) as http:
        first = http.get(f"{issuer.url}/.well-known/oauth-authorization-server")
        threading.Event().wait((TOTAL_PER_READ + 1) * seconds)
        assert http.get(f"{issuer.url}/.well-known/oauth-authorization-server").content == first.content


def test_a_register_is_reached_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with outbound_client(read_seconds=READ_SECONDS) as http, pytest.raises(httpx.TransportError):
            http.get("https://register.example/")
    assert [request.line for request in proxy.received] == ["CONNECT register.example:443 HTTP/1.1"]


def refused(ask: Callable[[], object], pool: ThreadPoolExecutor) -> set[Future[object]]:
    """Ask from twice as many threads as are admitted; those under way, when all others have been refused."""
    pending = {pool.submit(ask) for _ in range(2 * MAX_CALLS)}
    while len(pending) > MAX_CALLS:
        done, pending = wait(pending, timeout=60, return_when=FIRST_COMPLETED)
        assert done, "threads wait for a register that does not answer"
        for future in done:
            with pytest.raises(Unavailable):
                future.result()
    return pending


def test_a_register_that_hangs_holds_a_few_threads_and_no_other_register(issuer: HostileIssuer) -> None:
    held, clients = Held(), OutboundClients()
    issuer.answer = at("/enhetsregisteret", held)
    register = Enhetsregisteret(issuer.url, clients.open("register"))
    with ThreadPoolExecutor(2 * MAX_CALLS) as pool:
        under_way = refused(lambda: register.find(FJELL), pool)
        assert verified(issuer, clients.open("register"))
        held.let_go()
        for future in under_way:
            with pytest.raises(Unavailable):
                future.result(60)
    clients.close()


class Waiting:
    """Rights that come when the test lets them; so do the tokens for them, in life."""

    def __init__(self) -> None:
        self.answers = threading.Event()

    def grants(self, _: PersonIdentifier) -> tuple[OrganizationGrant, ...]:
        assert self.answers.wait(60)
        return ()


def test_rights_that_do_not_come_hold_a_few_threads_and_are_no_failure_of_altinns() -> None:
    source = Waiting()
    guarded = GuardedRights(source)
    with ThreadPoolExecutor(2 * MAX_CALLS) as pool:
        under_way = refused(lambda: guarded.grants(OLA), pool)
        source.answers.set()
        assert {future.result(60) for future in under_way} == {()}
    assert guarded.grants(OLA) == ()


def test_keys_that_do_not_come_hold_a_few_threads(issuer: HostileIssuer) -> None:
    answers = threading.Event()

    def find() -> str:
        assert answers.wait(60)
        return f"{issuer.url}/jwks"

    with outbound_client() as http, ThreadPoolExecutor(2 * MAX_CALLS) as pool:
        keys = IssuerKeys(find, http, time.time, Unavailable, wait_seconds=60)
        under_way = refused(lambda: keys.with_key(issuer.key.kid), pool)
        answers.set()
        assert all(future.result(60) for future in under_way)


def weak(bits: int) -> tuple[rsa.RSAPrivateKey, dict[str, str]]:
    """A key that is too short, and how it is published."""
    private = rsa.generate_private_key(65537, bits)
    numbers = private.public_key().public_numbers()
    return private, {"kty": "RSA", "kid": "weak", "n": int_to_base64(numbers.n), "e": int_to_base64(numbers.e)}


def signed_by(private: rsa.RSAPrivateKey, claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "weak"}, claims)]
    signed = b".".join(urlsafe_b64encode(part) for part in parts)
    signature = private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return b".".join((signed, urlsafe_b64encode(signature))).decode()


@pytest.mark.parametrize("bits", [1024, 2047])
def test_a_short_key_of_maskinportens_signs_nothing_and_the_others_still_do(issuer: HostileIssuer, bits: int) -> None:
    private, published = weak(bits)
    issuer.published.append(published)
    with outbound_client() as http:
        tokens = AccessTokenValidator(issuer.issuer, SCOPE, AUDIENCE, http)
        with pytest.raises(TokenRefused):
            tokens.verify(signed_by(private, issuer.claims()))
        assert tokens.verify(issuer.token()).organization == FJELL
        issuer.published[:] = [published]
        with pytest.raises(Unavailable, match="malformed keys"):
            AccessTokenValidator(issuer.issuer, SCOPE, AUDIENCE, http).verify(signed_by(private, issuer.claims()))


@pytest.mark.parametrize("bits", [1024, 2047])
def test_a_short_key_of_idportens_logs_nobody_in(provider: HostileProvider, bits: int) -> None:
    private, published = weak(bits)
    keys = json.dumps({"keys": [published, provider.key.as_dict(private=False)]}).encode()
    provider.answer = at("/jwks", partial(slowly, body=keys))
    provider.make_token = lambda p: signed_by(private, p.claims("client", "n"))
    request = LoginRequest("", "s", "n", "v")
    with outbound_client() as http, pytest.raises(LoginRefused):
        relying_party(provider, http).complete({"state": "s", "code": "c"}, request)


async def _its_port(scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"%05d" % scope["client"][1]})


def test_no_request_is_sent_on_a_connection_that_a_server_may_just_be_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(_its_port, BoundedConnection) as port:
        for seconds, connections in ((IDLE_SECONDS, 1), (0.0, 2)):
            monkeypatch.setattr(client, "IDLE_SECONDS", seconds)
            with outbound_client() as http:
                asked = {http.get(f"http://127.0.0.1:{port}/").text for _ in range(2)}
            assert len(asked) == connections
    # Of uvicorn and Node.js, without settings.
    assert IDLE_SECONDS < 5


def test_the_limits_are_those_of_the_operators_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operate" / "recovery.md").read_text("utf-8")
    [row] = [line for line in page.splitlines() if "`AnswerTooLarge`" in line]
    assert f"more than {TOTAL_PER_READ * READ_TIMEOUT_SECONDS:.0f} seconds" in row
    assert f"or {MAX_CALLS} calls" in row
    assert f"larger than {MAX_RESPONSE_BYTES >> 20} MiB (Altinn's: {MAX_LIST_BYTES >> 20} MiB)" in row
