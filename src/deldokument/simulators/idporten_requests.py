"""Validation of authorization requests to the ID-porten simulator.

Guarantees:
- PKCE with S256 is required.
- The redirect address equals a registered one of the client, character by character.
- An error found before the redirect address is validated never redirects.

Sources: OpenID Connect Core 3.1.2, RFC 7636 (PKCE), RFC 9126 (PAR), Digdir's ID-porten documentation.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from deldokument.simulators.common.tokens import Client

HIGH: Final = "idporten-loa-high"
SUBSTANTIAL: Final = "idporten-loa-substantial"
LEVELS: Final = (SUBSTANTIAL, HIGH)
LOCALES: Final = ("nb", "nn", "en", "se")
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_STATE: Final = re.compile(r"[\x20-\x7E]+")


class RequestRefused(Exception):
    """A refused request; ``error`` is OAuth's code. ``redirect_uri`` is None if no address can be trusted."""

    def __init__(self, error: str, words: str, *, redirect_uri: str | None = None, state: str = "") -> None:
        super().__init__(f"{error}: {words}")
        self.error = error
        self.words = words
        self.redirect_uri = redirect_uri
        self.state = state


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A valid request for a login. ``fresh``: always shows a login page; ``customer`` is its ``onbehalfof``."""

    client_id: str
    redirect_uri: str
    state: str
    nonce: str
    code_challenge: str
    acr: str
    fresh: bool
    locale: str
    customer: str


def read_request(params: Mapping[str, str], client: Client | None) -> AuthorizationRequest:
    """Return the request in ``params``.

    Raises: RequestRefused if it is invalid.
    """
    if client is None:
        raise RequestRefused("invalid_client", "Unknown client_id.")
    redirect_uri = params.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris:
        raise RequestRefused("invalid_request", "redirect_uri is not registered for the client.")
    state = params.get("state", "")
    flaw = _flaw(params, client)
    if flaw is not None:
        raise RequestRefused(*flaw, redirect_uri=redirect_uri, state=state)
    wanted = params.get("ui_locales", "").split()
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        state=state,
        nonce=params.get("nonce", ""),
        code_challenge=params["code_challenge"],
        acr=_lowest_level(params.get("acr_values", "")),
        fresh=params.get("prompt") == "login",
        locale=next((locale for locale in wanted if locale in LOCALES), "nb"),
        customer=params.get("onbehalfof", ""),
    )


def _flaw(params: Mapping[str, str], client: Client) -> tuple[str, str] | None:
    if params.get("response_type") != "code":
        return "unsupported_response_type", "Only response_type=code is supported."
    if params.get("response_mode", "query") != "query":
        return "invalid_request", "Only response_mode=query is supported."
    if "openid" not in params.get("scope", "").split():
        return "invalid_scope", "scope must contain openid."
    if params.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(params.get("code_challenge", "")):
        return "invalid_request", "PKCE with code_challenge_method=S256 is required."
    if params.get("state") and not _STATE.fullmatch(params["state"]):
        return "invalid_request", "state has characters outside printable ASCII."
    if params.get("prompt", "login") != "login":
        return "invalid_request", "Unknown prompt."
    if not set(params.get("acr_values", "").split()) <= set(LEVELS):
        return "invalid_request", "Unknown acr_values."
    if "onbehalfof" in params and params["onbehalfof"] not in client.customers:
        return "invalid_request", "onbehalfof is not registered for the client."
    return None


def _lowest_level(acr_values: str) -> str:
    """Return the lowest requested level, or substantial if none is requested."""
    asked = acr_values.split()
    return next((level for level in LEVELS if level in asked), SUBSTANTIAL)
