"""JWT bearer grant at Maskinporten (RFC 7523): keys, assertions, requests and responses.

Pure functions. The service's adapters share this implementation (decision 18).

Guarantees:
- An assertion is valid for 100 seconds and has a unique identifier, so it can be used only once.
- No error contains a key, an assertion or a token.

Source: Digdir, Maskinporten JWT grant.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME_SECONDS: Final = 100  # ID-porten and Maskinporten accept at most 120


def private_key(jwk: Any) -> RSAKey:
    """Return the key that a private RSA JWK describes.

    Raises: ValueError if it is not an RSA JWK, or has no private part or no ``kid``.
    """
    try:
        key = RSAKey.import_key(dict(jwk))
    except (JoseError, ValueError, TypeError, KeyError):
        raise ValueError("neither a JWK nor a JWK set of RSA keys") from None
    if not key.is_private or not key.kid:
        raise ValueError("a client key needs its private part and a kid")
    return key


def client_keys(document: Any) -> list[RSAKey]:
    """Return the private RSA keys in a JWK or a JWK set. The first signs; all are registered.

    Raises: ValueError if a key has no private part or no unique ``kid``; the message contains no key.
    """
    keys = document.get("keys", [document]) if isinstance(document, Mapping) else None
    if not isinstance(keys, list) or not keys:
        raise ValueError("neither a JWK nor a JWK set of RSA keys")
    loaded = [private_key(key) for key in keys]
    if len({key.kid for key in loaded}) < len(loaded):
        raise ValueError("two client keys have the same kid")
    return loaded


def sign_assertion(key: RSAKey, claims: Mapping[str, Any], now: float) -> str:
    """Return a JWT (RS256, with ``kid``) that is valid from ``now`` (Unix time)."""
    issued_at = int(now)
    timed = {"iat": issued_at, "exp": issued_at + _LIFETIME_SECONDS, "jti": secrets.token_urlsafe(24)}
    return jwt.encode({"alg": "RS256", "kid": key.kid}, {**claims, **timed}, key, algorithms=["RS256"])


def grant_request(
    key: RSAKey,
    now: float,
    *,
    issuer: str,
    client_id: str,
    scope: str,
    resource: str | None = None,
    consumer_org: str | None = None,
) -> dict[str, str]:
    """Return the form for the token endpoint. Each attempt needs a new one: Maskinporten may have seen the last."""
    claims = {"aud": issuer, "iss": client_id, "scope": scope}
    claims |= {"resource": resource} if resource else {}
    claims |= {"consumer_org": consumer_org} if consumer_org else {}
    return {"grant_type": GRANT_TYPE, "assertion": sign_assertion(key, claims, now)}


def read_grant(body: Mapping[str, Any]) -> tuple[str, int]:
    """Return the access token of a response and its lifetime in seconds. Raises: ValueError if there is none."""
    token, lifetime = body.get("access_token"), body.get("expires_in")
    if not isinstance(token, str) or not token or type(lifetime) is not int:
        raise ValueError("no access token")
    return token, lifetime
