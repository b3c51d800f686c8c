"""Keys, registered clients and client assertions, shared by the two simulators that issue tokens.

Guarantees:
- An assertion is accepted once, within two minutes, for the right audience.
- It must be signed with a key that the client has registered (RFC 7523).
- Files are read at every use, so a rotated key is valid at once.
"""

import json
import time
from argparse import ArgumentParser
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from pydantic import BaseModel, TypeAdapter

MAX_ASSERTION_SECONDS = 120
CLOCK_SKEW_SECONDS = 10

Flaw = Literal["malformed", "signature", "audience", "expired", "reused", "client"]


class AssertionRefused(Exception):
    """A client assertion that does not authenticate its client."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw: Flaw = flaw


class Client(BaseModel):
    """A registered client; fields that a simulator does not use are empty."""

    client_id: str
    jwks: Path
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    frontchannel_logout_uri: str = ""
    backchannel_logout_uri: str = ""
    organization: str = ""
    scopes: frozenset[str] = frozenset()
    delegations: dict[str, frozenset[str]] = {}
    customers: frozenset[str] = frozenset()


_CLIENTS = TypeAdapter(list[Client])


class Clients:
    """Clients in a JSON file: a list of objects. ``jwks`` is a path, relative to that file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[Client]:
        return _CLIENTS.validate_json(self._path.read_bytes())

    def find(self, client_id: object) -> Client | None:
        return next((client for client in self.all() if client.client_id == client_id), None)

    def keys(self, client: Client) -> KeySet:
        """Return the client's public keys."""
        return KeySet.import_key_set(json.loads((self._path.parent / client.jwks).read_bytes()))


def add_client_options(parser: ArgumentParser) -> None:
    """Add the command-line options for authenticating clients."""
    parser.add_argument("--clients", type=Path, required=True, help="JSON list of registered clients")
    parser.add_argument("--state", type=Path, help="folder for the signing key")


class SpentIds:
    """Used assertion ids that could still be replayed."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}

    def spend(self, client_id: str, jti: str, until: float) -> bool:
        """Record the use of an id; return True the first time only."""
        now = time.time()
        self._until = {key: end for key, end in self._until.items() if end > now}
        if (client_id, jti) in self._until:
            return False
        self._until[client_id, jti] = until
        return True


class Authenticator:
    """Authentication of registered clients by their assertions."""

    def __init__(self, clients: Clients, audiences: Collection[str], algorithms: Collection[str]) -> None:
        self._clients = clients
        self._audiences = frozenset(audiences)
        self._algorithms = list(algorithms)
        self._spent = SpentIds()

    def authenticate(self, assertion: str) -> tuple[Client, dict[str, Any]]:
        """Return the client and its verified claims.

        Raises: AssertionRefused if the assertion is invalid.
        """
        client = self._clients.find(unverified_claims(assertion).get("iss"))
        if client is None:
            raise AssertionRefused("client")
        claims = self._verify(assertion, client)
        self._check_time(claims)
        if claims.get("aud") not in (*self._audiences, *([audience] for audience in self._audiences)):
            raise AssertionRefused("audience")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not jti:
            raise AssertionRefused("malformed")
        if not self._spent.spend(client.client_id, jti, claims["exp"] + CLOCK_SKEW_SECONDS):
            raise AssertionRefused("reused")
        return client, claims

    def _verify(self, assertion: str, client: Client) -> dict[str, Any]:
        try:
            token = jwt.decode(assertion, self._clients.keys(client), algorithms=self._algorithms)
        except (JoseError, ValueError, KeyError, OSError) as error:
            raise AssertionRefused("signature") from error
        if "kid" not in token.header:
            raise AssertionRefused("signature")
        return token.claims

    def _check_time(self, claims: dict[str, Any]) -> None:
        expires, issued = claims.get("exp"), claims.get("iat")
        if type(expires) is not int or type(issued) is not int:
            raise AssertionRefused("malformed")
        now = time.time()
        in_time = now - CLOCK_SKEW_SECONDS < expires <= issued + MAX_ASSERTION_SECONDS
        if not in_time or issued > now + CLOCK_SKEW_SECONDS:
            raise AssertionRefused("expired")


def unverified_claims(token: str) -> dict[str, Any]:
    """Return a token's claims without verification; use them only to choose the verification keys."""
    try:
        claims = json.loads(jws.extract_compact(token.encode()).payload or b"")
    except (JoseError, ValueError) as error:
        raise AssertionRefused("malformed") from error
    if not isinstance(claims, dict):
        raise AssertionRefused("malformed")
    return claims


def signing_key(state: Path | None, name: str) -> RSAKey:
    """Return the simulator's own key: stored in ``state`` if given, otherwise new at every start."""
    path = state / f"{name}-signing-key.json" if state else None
    if path is not None and path.exists():
        return RSAKey.import_key(json.loads(path.read_text(encoding="utf-8")))
    key = RSAKey.generate_key(2048, auto_kid=True)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(key.as_dict(private=True)), encoding="utf-8")
    return key


def public_jwks(key: RSAKey) -> dict[str, Any]:
    return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": "RS256"}]}


def sign(key: RSAKey, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key, algorithms=["RS256"])
