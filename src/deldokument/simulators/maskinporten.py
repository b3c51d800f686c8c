"""Maskinporten on loopback: exchanges a signed grant for an access token that names the consumer.

Guarantees:
- A grant with a claim unknown to Maskinporten is refused.
- A supplier gets tokens for another consumer (``consumer_org``) only for scopes that this consumer has delegated to it.

Delegations are in the file of clients, as the client's ``delegations``: ``{"312824450": ["deldokument:share"]}``.

Source: Digdir's Maskinporten documentation (JWT grant, RFC 7523; error codes MP-xxx; delegation).
"""

import secrets
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from deldokument.simulators.common.failures import Failures
from deldokument.simulators.common.server import command_line, serve
from deldokument.simulators.common.tokens import (
    AssertionRefused,
    Authenticator,
    Client,
    Clients,
    Flaw,
    add_client_options,
    public_jwks,
    sign,
    signing_key,
)

GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_SECONDS: Final = 120
_KNOWN_SCOPES: Final = frozenset(
    {
        "altinn:accessmanagement/authorizedparties.resourceowner",
        "altinn:accessmanagement/authorizedparties.admin",
        "altinn:authorization/authorize",
        "altinn:serviceowner/notifications.create",
        "krr:global/kontaktinformasjon.read",
        "deldokument:share",
    }
)
_KNOWN_CLAIMS: Final = frozenset(
    {"aud", "iss", "iat", "exp", "jti", "scope", "resource", "consumer_org", "iss_onbehalfof", "pid"}
)
_DELEGATION_SOURCE: Final = "https://www.altinn.no/"
_CODES: Final[dict[Flaw, str]] = {"audience": "MP-110", "reused": "MP-012"}


class _Refused(Exception):
    def __init__(self, error: str, code: str, words: str) -> None:
        super().__init__(code)
        self.response = JSONResponse(
            {
                "error": error,
                "error_description": f"{words} ({code})",
                "error_uri": "https://docs.digdir.no/docs/Maskinporten/maskinporten_feilmeldinger",
            },
            400,
            headers={"cache-control": "no-store"},
        )


class Maskinporten:
    """One running Maskinporten simulator with its key and clients."""

    def __init__(self, url: str, clients: Clients, state: Path | None) -> None:
        self._url = url
        self._issuer = f"{url}/"
        self._key = signing_key(state, "maskinporten")
        self._clients = clients
        self._authenticator = Authenticator(clients, {self._issuer}, {"RS256", "RS384", "RS512"})

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/oauth-authorization-server", self._metadata),
            Route("/jwks", self._jwks),
            Route("/token", self._token, methods=["POST"]),
        ]

    async def _metadata(self, _: Request) -> Response:
        endpoints = {"token_endpoint": f"{self._url}/token", "jwks_uri": f"{self._url}/jwks"}
        return JSONResponse({"issuer": self._issuer, **endpoints})

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse(public_jwks(self._key))

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        if form.get("grant_type") != GRANT:
            return _Refused("unsupported_grant_type", "MP-100", "Invalid grant_type").response
        try:
            client, claims = self._authenticator.authenticate(str(form.get("assertion", "")))
            scope = self._grant_scopes(client, claims)
        except AssertionRefused as refusal:
            code = _CODES.get(refusal.flaw, "MP-100")
            return _Refused("invalid_grant", code, f"Invalid assertion: {refusal.flaw}").response
        except _Refused as refusal:
            return refusal.response
        token = sign(self._key, self._claims(client, claims, scope))
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS, "scope": scope}
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    def _grant_scopes(self, client: Client, claims: dict[str, Any]) -> str:
        if not _KNOWN_CLAIMS.issuperset(claims):
            raise _Refused("invalid_grant", "MP-100", "Invalid assertion: unknown claim")
        scopes = str(claims.get("scope", "")).split()
        existing = _KNOWN_SCOPES.union(*(other.scopes for other in self._clients.all()))
        if not scopes or not existing.issuperset(scopes):
            raise _Refused("invalid_scope", "MP-200", "Invalid scope")
        if not client.scopes.issuperset(scopes):
            raise _Refused("invalid_scope", "MP-250", "Consumer has not been granted access to the scope")
        delegated = client.delegations.get(str(claims.get("consumer_org")), frozenset())
        if "consumer_org" in claims and not delegated.issuperset(scopes):
            raise _Refused("invalid_grant", "MP-251", "Consumer has not delegated access to the scope")
        return " ".join(scopes)

    def _claims(self, client: Client, asked: dict[str, Any], scope: str) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self._issuer,
            "aud": asked.get("resource", "unspecified"),
            "client_id": client.client_id,
            "client_amr": "private_key_jwt",
            **_parties(client, asked.get("consumer_org")),
            "scope": scope,
            "token_type": "Bearer",
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": secrets.token_urlsafe(16),
        }


def _parties(client: Client, consumer: str | None) -> dict[str, Any]:
    """Return the claims about the consumer and, for a delegated token, its supplier."""
    if consumer is None:
        return {"consumer": _actor(client.organization)}
    return {
        "consumer": _actor(consumer),
        "supplier": _actor(client.organization),
        "delegation_source": _DELEGATION_SOURCE,
    }


def _actor(organization: str) -> dict[str, str]:
    return {"authority": "iso6523-actorid-upis", "ID": f"0192:{organization}"}


def build(url: str, options: Namespace) -> ASGIApp:
    return Failures().application(Maskinporten(url, Clients(options.clients), options.state).routes())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("maskinporten", "Maskinporten for the demo and the tests, on loopback")
    add_client_options(parser)
    serve("maskinporten", parser.parse_args(arguments), build)


if __name__ == "__main__":
    main()
