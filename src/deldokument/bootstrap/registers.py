"""Composition of the national registers: settings become their adapters.

Guarantees
- Each register has an HTTP client of its own, so that one that hangs has no part in the calls to the others.
- A setting that is missing, or a client key that is none, is a ConfigurationError, and nothing is left open.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

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
from deldokument.adapters.http.client import OutboundClients
from deldokument.adapters.idporten.login import IdPorten
from deldokument.adapters.maskinporten.access_tokens import MaskinportenTokens
from deldokument.adapters.maskinporten.client import MaskinportenClient
from deldokument.config.settings import ConfigurationError, Settings
from deldokument.domain.policy import AccessRule
from deldokument.ports.channels import Notices
from deldokument.ports.login import AccessTokens, LoginProvider
from deldokument.ports.registers import OrganizationRegister, OrganizationRights
from deldokument.services.notifications.dispatch import AT_ONCE

LOGIN_PATH, LOGGED_OUT_PATH = "/logg-inn/svar", "/logget-ut"
Tokens = Callable[[str], str]
"""Gives bearer tokens for Altinn by their scope."""


@dataclass(frozen=True, slots=True)
class Registers:
    """The registers of a world, and the clients to close."""

    login: LoginProvider
    tokens: AccessTokens
    rights: OrganizationRights
    organizations: OrganizationRegister
    notices: Notices | None
    clients: OutboundClients


def open_registers(settings: Settings) -> Registers:
    """Compose them. Raises ConfigurationError."""
    clients = OutboundClients()
    try:
        altinn, maskinporten = clients.open(max_bytes=MAX_LIST_BYTES), clients.open()
        token = _altinn_tokens(settings, maskinporten, altinn)
        return Registers(
            login=_login(settings, clients.open()),
            tokens=_tokens(settings, maskinporten),
            rights=_rights(settings, altinn, token),
            organizations=Enhetsregisteret(settings.enhetsregisteret_base_url, clients.open()),
            notices=_notices(settings, clients.open(max_calls=AT_ONCE), token),
            clients=clients,
        )
    except BaseException:
        clients.close()
        raise


def access_rule(settings: Settings) -> AccessRule:
    """Which of the codes that Altinn gives open a share."""
    if settings.altinn_rights == "authorized-parties":
        return AccessRule(settings.access_codes_confidential, settings.access_codes_ordinary)
    confidential, ordinary = map(resource_code, _resources(settings))
    return AccessRule(frozenset({confidential}), frozenset({confidential, ordinary}))


def _login(settings: Settings, http: httpx.Client) -> LoginProvider:
    with _client_key(settings.idporten_client_key_path) as key:
        return IdPorten(
            given(settings.idporten_issuer),
            given(settings.idporten_client_id),
            key,
            settings.public_url + LOGIN_PATH,
            settings.public_url + LOGGED_OUT_PATH,
            http,
        )


def _tokens(settings: Settings, http: httpx.Client) -> MaskinportenTokens:
    issuer = given(settings.maskinporten_issuer)
    return MaskinportenTokens(issuer, settings.api_scope, settings.api_audience or "", http)


def _altinn_tokens(settings: Settings, http: httpx.Client, altinn: httpx.Client) -> Tokens:
    """Maskinporten's own tokens, or Altinn's in exchange for those."""
    with _client_key(settings.maskinporten_client_key_path) as key:
        maskinporten = MaskinportenClient(
            given(settings.maskinporten_issuer),
            given(settings.maskinporten_client_id),
            key,
            http,
            resource=settings.maskinporten_resource or "",
        )
    if not settings.altinn_token_exchange:
        return maskinporten.token
    return AltinnTokens(given(settings.altinn_base_url), maskinporten.token, altinn).token


def _rights(settings: Settings, http: httpx.Client, token: Tokens) -> OrganizationRights:
    def calls(scope: str) -> AltinnCalls:
        subscription_key = secret_text(settings.altinn_subscription_key)
        return AltinnCalls(given(settings.altinn_base_url), lambda: token(scope), subscription_key, http)

    parties = calls(settings.altinn_scope)
    if settings.altinn_rights == "authorized-parties":
        return CachedRights(GuardedRights(AltinnAuthorizedParties(parties)))
    listed = AltinnAuthorizedParties(parties, all_listed=True)
    point = AltinnDecisionPoint(calls(settings.altinn_decision_scope), listed, _resources(settings))
    return CachedRights(GuardedRights(point))


def _resources(settings: Settings) -> tuple[str, str]:
    return given(settings.altinn_resource_confidential), given(settings.altinn_resource_ordinary)


def _notices(settings: Settings, http: httpx.Client, token: Tokens) -> Notices | None:
    if settings.altinn_notifications_base_url is None:
        return None
    return AltinnNotifications(
        settings.altinn_notifications_base_url,
        lambda: token(settings.altinn_notifications_scope),
        secret_text(settings.altinn_subscription_key),
        http,
        resource_id=settings.altinn_notifications_resource,
    )


def given(value: str | None) -> str:
    """A setting that only the demo goes without. Raises ConfigurationError."""
    if value is None:
        raise ConfigurationError("the registers are not configured; only `deldokument demo` simulates them")
    return value


def secret_text(value: SecretStr | None) -> str:
    """A secret setting, empty when it is not given."""
    return value.get_secret_value() if value else ""


@contextmanager
def _client_key(path: Path | None) -> Iterator[dict[str, Any]]:
    """Yield what a client key's file holds; whether that is a key, its user says in the block."""
    file = Path(given(str(path) if path else None))
    try:
        yield json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"client key {path}: {error}") from None
