"""Back-channel logout tokens: a valid one ends a session once, and every other is refused."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from deldokument.adapters.http.jwks import FAILURE_REST_SECONDS, KEYS_REST_SECONDS
from deldokument.adapters.idporten.id_tokens import LoginRefused
from deldokument.adapters.idporten.login import IdPorten
from deldokument.adapters.idporten.metadata import ProviderUnavailable
from deldokument.domain.errors import ServiceError, Unavailable
from tests.contract.idporten.test_login import encoded, hs256
from tests.support.faults.hostile_provider import HostileProvider
from tests.support.faults.rsa_keys import rsa_key
from tests.support.stage.logouts import ended_session

CLIENT = "deldokument-test"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
Lie = Callable[[HostileProvider], str]


@pytest.fixture(scope="module")
def provider() -> Iterator[HostileProvider]:
    with HostileProvider() as provider:
        yield provider


def client_of(provider: HostileProvider, http: httpx.Client, clock: Callable[[], float] = time.time) -> IdPorten:
    return IdPorten(provider.issuer, CLIENT, rsa_key("client"), "", "", http, clock=clock)


def claims(provider: HostileProvider, **changes: Any) -> dict[str, Any]:
    """What ID-porten says, but for ``changes``; None leaves a claim out."""
    now = int(time.time())
    right = {
        "iss": provider.issuer,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": "one",
        "sid": "a-session",
        "events": {EVENT: {}},
    }
    return {name: value for name, value in {**right, **changes}.items() if value is not None}


def signed(provider: HostileProvider, key: RSAKey | None = None, *, header: Any = None, **changes: Any) -> str:
    head = {"alg": "RS256", "typ": "logout+jwt", "kid": provider.key.kid, **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(head, claims(provider, **changes), key or provider.key, algorithms=[str(head["alg"])])


def claiming(**changes: Any) -> Lie:
    return lambda provider: signed(provider, **changes)


def headed(**header: Any) -> Lie:
    return lambda provider: signed(provider, header=header)


def issued(seconds: int) -> Lie:
    """Moved in time, and still not expired."""
    return lambda provider: signed(provider, iat=int(time.time()) + seconds, exp=int(time.time()) + 600)


def unsigned(provider: HostileProvider) -> str:
    header = {"alg": "none", "typ": "logout+jwt", "kid": provider.key.kid}
    return f"{encoded(header)}.{encoded(claims(provider))}."


def signed_with_the_public_key_as_secret(provider: HostileProvider) -> str:
    return hs256(provider, claims(provider), typ="logout+jwt")


def id_token(provider: HostileProvider) -> str:
    """A genuine one of the same person and session."""
    return jwt.encode({"alg": "RS256", "kid": provider.key.kid}, provider.claims(CLIENT, "n"), provider.key)


REFUSED: dict[str, Lie] = {
    "iss of another": claiming(iss="https://idporten.no"),
    "no iss": claiming(iss=None),
    "aud of another": claiming(aud="another-client"),
    "aud with another beside us": claiming(aud=[CLIENT, "another-client"]),
    "no aud": claiming(aud=None),
    "no iat": claiming(iat=None),
    "iat that is no whole number": claiming(iat=time.time()),
    "issued in the future": issued(60),
    "issued long ago": issued(-330),
    "no exp": claiming(exp=None),
    "expired": claiming(exp=int(time.time()) - 60),
    "no jti": claiming(jti=None),
    "jti that is no text": claiming(jti=7),
    "no events": claiming(events=None),
    "another event": claiming(events={"http://schemas.openid.net/event/other": {}}),
    "event that is no object": claiming(events={EVENT: True}),
    "events as a list": claiming(events=[EVENT]),
    "a nonce": claiming(nonce="n"),
    "sub alone": claiming(sid=None, sub="pairwise"),
    "empty sid": claiming(sid=""),
    "sid that is no text": claiming(sid=["a-session"]),
    "no typ": headed(typ=None),
    "typ of an ID token": headed(typ="JWT"),
    "no kid": headed(kid=None),
    "unknown kid": headed(kid="invented"),
    "RS512": headed(alg="RS512"),
    "known kid, other key": lambda provider: signed(provider, rsa_key("stranger")),
    "alg none": unsigned,
    "HS256 with the public key": signed_with_the_public_key_as_secret,
    "ID token": id_token,
    "no token": lambda _: "",
    "no JWT": lambda _: "a.b.c",
    "not ASCII": lambda _: "æ.ø.å",
}


def test_a_right_token_names_the_session_that_has_ended(provider: HostileProvider, outbound: httpx.Client) -> None:
    assert ended_session(client_of(provider, outbound), signed(provider, sub="pairwise")) == "a-session"
    assert ended_session(client_of(provider, outbound), signed(provider, aud=[CLIENT])) == "a-session"


@pytest.mark.parametrize("lie", REFUSED.values(), ids=REFUSED.keys())
def test_a_token_with_a_lie_ends_nothing(provider: HostileProvider, outbound: httpx.Client, lie: Lie) -> None:
    with pytest.raises(LoginRefused):
        ended_session(client_of(provider, outbound), lie(provider))


def test_a_replayed_token_is_refused_for_as_long_as_it_could_be_good(
    provider: HostileProvider, outbound: httpx.Client
) -> None:
    now = time.time()
    client = client_of(provider, outbound, lambda: now)
    token = signed(provider, exp=int(now) + 3600)
    ended_session(client, token)
    for seconds in (0, 300, 300):
        now += seconds
        with pytest.raises(LoginRefused):
            ended_session(client, token)
    now -= 600
    assert ended_session(client, signed(provider, jti="two")) == "a-session"


def test_invented_kids_do_not_make_us_ask_the_provider_each_time(outbound: httpx.Client) -> None:
    with HostileProvider() as provider:
        client = client_of(provider, outbound)
        for number in range(5):
            with pytest.raises(LoginRefused):
                ended_session(client, signed(provider, header={"kid": f"invented-{number}"}))
        assert provider.key_fetches == 1


def test_invented_kids_hold_up_no_threads_while_the_provider_is_slow(
    outbound: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    asked, let_go = threading.Event(), threading.Event()
    outcome: list[type[Exception]] = []
    with HostileProvider() as provider:
        client = client_of(provider, outbound, lambda: now)
        ended_session(client, signed(provider))
        now += KEYS_REST_SECONDS + 1
        invented = signed(provider, header={"kid": "invented"})

        def ask() -> None:
            try:
                ended_session(client, invented)
            except ServiceError as error:
                outcome.append(type(error))

        def hold() -> None:
            asked.set()
            let_go.wait(20)

        provider.before_keys = hold
        asking = threading.Thread(target=ask)
        asking.start()
        assert asked.wait(20)
        # A negative timeout raises: nobody may wait.
        monkeypatch.setattr(client._provider._keys, "_wait_seconds", -2.0)
        with pytest.raises(ProviderUnavailable):
            ended_session(client, invented)
        assert ended_session(client, signed(provider, jti="two")) == "a-session"
        let_go.set()
        asking.join()
    assert outcome == [LoginRefused]


def test_a_provider_with_broken_keys_is_left_alone_for_a_while(outbound: httpx.Client) -> None:
    now = time.time()
    with HostileProvider() as provider:
        right, provider.published = provider.published, []
        client = client_of(provider, outbound, lambda: now)
        for _ in range(3):
            with pytest.raises(ProviderUnavailable):
                ended_session(client, signed(provider))
        assert provider.key_fetches == 1
        provider.published = right
        now += FAILURE_REST_SECONDS + 1
        assert ended_session(client, signed(provider)) == "a-session"


def test_the_pages_that_may_frame_ours_are_the_issuers_and_those_of_its_login(outbound: httpx.Client) -> None:
    with HostileProvider() as provider:
        provider.metadata = {
            "authorization_endpoint": "http://login.example:80/authorize",
            "end_session_endpoint": "http://login.example:80/logout?a=b",
        }
        client = client_of(provider, outbound)
        assert client.issuer == provider.issuer
        assert client.framing_origins() == (provider.issuer, "http://login.example:80")
    with pytest.raises(ProviderUnavailable):
        client_of(provider, outbound).framing_origins()


def test_a_token_of_a_failed_logout_may_be_sent_again(provider: HostileProvider, outbound: httpx.Client) -> None:
    client, token = client_of(provider, outbound), signed(provider)
    with pytest.raises(Unavailable), client.ended_session(token):
        raise Unavailable("database")
    assert ended_session(client, token) == "a-session"
    with pytest.raises(LoginRefused, match="used before"):
        ended_session(client, token)
