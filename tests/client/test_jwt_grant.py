"""The JWT bearer grant that the client and the service's adapters share."""

from typing import Any

import pytest
from joserfc import jwt

from deldokument.client.jwt_grant import grant_request, private_key, read_grant
from tests.support.faults.rsa_keys import rsa_key

pytestmark = pytest.mark.once

KEY = rsa_key("client")
JWK = KEY.as_dict(private=True)


def claims_of(form: dict[str, str]) -> dict[str, Any]:
    return jwt.decode(form["assertion"], KEY, algorithms=["RS256"]).claims


def test_each_request_has_an_assertion_of_its_own_that_lives_less_than_two_minutes() -> None:
    first, second = (grant_request(KEY, 1000.9, issuer="i", client_id="c", scope="s") for _ in range(2))
    assert claims_of(first)["jti"] != claims_of(second)["jti"]
    assert (claims_of(first)["iat"], claims_of(first)["exp"]) == (1000, 1100)


def test_audience_and_consumer_are_in_a_request_only_if_they_are_set() -> None:
    plain = claims_of(grant_request(KEY, 0, issuer="i", client_id="c", scope="s", resource="", consumer_org=None))
    assert plain.keys() == {"aud", "iss", "scope", "iat", "exp", "jti"}
    full = claims_of(grant_request(KEY, 0, issuer="i", client_id="c", scope="s", resource="r", consumer_org="o"))
    assert (full["resource"], full["consumer_org"]) == ("r", "o")


@pytest.mark.parametrize(
    "jwk",
    [
        *(None, [], "text", 1, {}, {"kty": "oct", "k": "AAAA"}, KEY.as_dict(private=False)),
        *({name: value for name, value in JWK.items() if name != left_out} for left_out in ("kid", "d", "n")),
        JWK | {"d": 1},
    ],
)
def test_a_key_that_cannot_sign_is_refused_and_not_shown(jwk: Any) -> None:
    with pytest.raises(ValueError, match="key") as caught:
        private_key(jwk)
    assert str(JWK["d"]) not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "body",
    [{}, {"access_token": "", "expires_in": 1}, {"access_token": 1, "expires_in": 1}]
    + [{"access_token": "secret", "expires_in": lifetime} for lifetime in (None, "1", 1.5, True)],
)
def test_a_response_without_a_token_or_its_lifetime_is_refused_and_shows_no_token(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^no access token$"):
        read_grant(body)
