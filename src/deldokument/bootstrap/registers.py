"""Composition of the national registers: builds their adapters from the settings.

Guarantees:
- Each register has its own HTTP client, so a register that hangs does not delay calls to others.
- A register without settings, or an invalid client key, raises ConfigurationError, and nothing is left open.
- The file of a client key is parsed once, even if it is registered at both ID-porten and Maskinporten.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from joserfc.jwk import RSAKey

from deldokument.adapters.altinn.authorized_parties import (
    MAX_LIST_BYTES,
    AltinnAuthorizedParties,
    AltinnCalls,
    CachedRights,
    GuardedRights,
)
from deldokument.adapters.altinn.decision_point import AltinnDecisionPoint, resource_code
from deldokument.adapters.altinn.notifications import AltinnNotifications
from deldokument.adapters.altinn.token_exchange import AltinnTokens
from deldokument.adapters.enhetsregisteret import Enhetsregisteret
from deldokument.adapters.http.circuit_breaker import Breaker
from deldokument.adapters.http.client import OutboundClients, signing_key
from deldokument.adapters.idporten.login import IdPorten
from deldokument.adapters.maskinporten.access_tokens import AccessTokenValidator
from deldokument.adapters.maskinporten.client import MaskinportenClient
from deldokument.config.groups import AltinnSettings, MaskinportenSettings
from deldokument.config.settings import ConfigurationError, Settings
from deldokument.domain.shares.policy import AccessRule
from deldokument.ports.channels import Notices
from deldokument.ports.login import AccessTokens, LoginProvider
from deldokument.ports.registers import OrganizationRegister, OrganizationRights
from deldokument.services.notifications.dispatch import AT_ONCE

LOGIN_PATH, LOGGED_OUT_PATH = "/logg-inn/svar", "/logget-ut"
Tokens = Callable[[str], str]
"""Function that returns a bearer token for Altinn for a scope."""


@dataclass(frozen=True, slots=True)
class Registers:
    """The registers, the Altinn codes that give access to shares, HTTP clients to close, and circuit breakers."""

    login: LoginProvider
    tokens: AccessTokens
    rights: OrganizationRights
    access: AccessRule
    organizations: OrganizationRegister
    notices: Notices | None
    clients: OutboundClients
    breakers: Mapping[str, Breaker]


def open_registers(settings: Settings) -> Registers:
    """Build the adapters to the registers.

    Raises: ConfigurationError if a register is not configured or a client key is invalid.
    """
    idporten, maskinporten, altinn = settings.idporten, settings.maskinporten, settings.altinn
    if idporten is None or maskinporten is None or altinn is None:
        raise ConfigurationError("the registers are not configured; only `deldokument demo` simulates them")
    paths = {idporten.client_key_path, maskinporten.client_key_path}
    keys = {path: client_key(path) for path in paths}
    clients, breakers = OutboundClients(), {name: Breaker() for name in ("altinn", "enhetsregisteret", "idporten")}
    altinn_http, maskinporten_http = clients.open("altinn", max_bytes=MAX_LIST_BYTES), clients.open("maskinporten")
    own_tokens = _maskinporten(maskinporten, keys[maskinporten.client_key_path], maskinporten_http)
    token = AltinnTokens(altinn.base_url, own_tokens, altinn_http).token if altinn.token_exchange else own_tokens
    return Registers(
        login=IdPorten(
            idporten.issuer,
            idporten.client_id,
            keys[idporten.client_key_path],
            settings.public_url + LOGIN_PATH,
            settings.public_url + LOGGED_OUT_PATH,
            clients.open("idporten"),
            breaker=breakers["idporten"],
        ),
        tokens=AccessTokenValidator(maskinporten.issuer, settings.api_scope, settings.api_audience, maskinporten_http),
        rights=_rights(altinn, altinn_http, token, breakers["altinn"]),
        access=_access_rule(settings, altinn),
        organizations=Enhetsregisteret(
            settings.enhetsregisteret_base_url,
            clients.open("enhetsregisteret"),
            breaker=breakers["enhetsregisteret"],
        ),
        notices=_notices(altinn, clients.open("altinn_notifications", max_calls=AT_ONCE), token),
        clients=clients,
        breakers=breakers,
    )


def client_key(path: Path) -> RSAKey:
    """Return the signing key in a client's file. Raises: ConfigurationError."""
    try:
        return signing_key(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"client key {path}: {error}") from None


def _maskinporten(client: MaskinportenSettings, key: RSAKey, http: httpx.Client) -> Tokens:
    return MaskinportenClient(client.issuer, client.client_id, key, http, resource=client.resource).token


def _rights(altinn: AltinnSettings, http: httpx.Client, token: Tokens, breaker: Breaker) -> OrganizationRights:
    def calls(scope: str) -> AltinnCalls:
        return AltinnCalls(altinn.base_url, lambda: token(scope), altinn.subscription_key.get_secret_value(), http)

    parties = calls(altinn.scope)
    if altinn.rights == "authorized-parties":
        return CachedRights(GuardedRights(AltinnAuthorizedParties(parties), breaker))
    listed = AltinnAuthorizedParties(parties, all_listed=True)
    resources = altinn.resource_confidential, altinn.resource_ordinary
    point = AltinnDecisionPoint(calls(altinn.decision_scope), listed, resources)
    return CachedRights(GuardedRights(point, breaker))


def _access_rule(settings: Settings, altinn: AltinnSettings) -> AccessRule:
    if altinn.rights == "authorized-parties":
        return AccessRule(settings.access_codes_confidential, settings.access_codes_ordinary)
    confidential, ordinary = resource_code(altinn.resource_confidential), resource_code(altinn.resource_ordinary)
    return AccessRule(frozenset({confidential}), frozenset({confidential, ordinary}))


def _notices(altinn: AltinnSettings, http: httpx.Client, token: Tokens) -> Notices | None:
    if altinn.notifications_base_url is None:
        return None
    return AltinnNotifications(
        altinn.notifications_base_url,
        lambda: token(altinn.notifications_scope),
        altinn.subscription_key.get_secret_value(),
        http,
        resource_id=altinn.notifications_resource,
    )
