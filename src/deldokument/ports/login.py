"""Contracts of logins: ID-porten for people, Maskinporten for systems."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from deldokument.domain.identifiers import Consumer


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """A login under way at the provider; all but ``url`` stays here until the browser is back."""

    url: str
    state: str
    nonce: str
    code_verifier: str
    on_behalf_of: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says has logged in.

    ``auth_time`` and ``issued_at`` are told by the provider's clock. ``claims`` are what its signature (``id_token``)
    vouches for, without the person's number.
    """

    person_identifier: str
    acr: str
    auth_time: datetime
    issued_at: datetime
    locale: str
    session_id: str | None
    id_token: str
    claims: Mapping[str, str | int]

    def __repr__(self) -> str:
        return f"<Identity {self.acr} {self.auth_time.isoformat()}>"


@dataclass(frozen=True, slots=True)
class LogoutForm:
    """What the browser must post, and where, so that the login at the provider ends too.

    A form and not a link: the ID token holds the person's number, and that must not stand in a URL.
    """

    action: str
    fields: Mapping[str, str] = field(repr=False)


class LoginProvider(Protocol):
    """ID-porten."""

    def begin(self, locale: str, *, fresh: bool = False, nonce: str = "", on_behalf_of: str = "") -> LoginRequest:
        """A new login; ``locale`` is nb, nn, en or se. Raises Unavailable.

        ``fresh``: the provider asks for the person's electronic ID even when there is a login already; whether it did
        is seen from the Identity. ``nonce``: the caller's own, random, to which the provider's answer will be bound.
        ``on_behalf_of``: what the provider calls the customer in whose name its page asks; the answer must name it too.
        """
        ...

    def complete(self, params: Mapping[str, str], request: LoginRequest) -> Identity:
        """The person who came back with ``params``. Raises LoginFailed or Unavailable."""
        ...

    def logout(self, id_token: str, state: str) -> LogoutForm:
        """How to end the login at the provider. Raises Unavailable."""
        ...

    @property
    def issuer(self) -> str:
        """The name that the provider goes by when it calls."""
        ...

    def framing_origins(self) -> tuple[str, ...]:
        """The origins of the provider's pages, one of which frames ours while it logs out. Raises Unavailable."""
        ...

    def ended_session(self, logout_token: str) -> AbstractContextManager[str]:
        """The provider's session that it tells to have ended. Raises LoginFailed or Unavailable.

        A token is good once; a block that an error ends has not used it.
        """
        ...


class AccessTokens(Protocol):
    """Maskinporten, seen from those who are called with its tokens."""

    def verify(self, token: str) -> Consumer:
        """Whom a token stands for. Raises TokenRefused, ScopeMissing, or Unavailable when it cannot be judged."""
        ...
