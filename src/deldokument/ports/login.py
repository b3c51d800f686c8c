"""Contracts of authentication: ID-porten for people, Maskinporten for systems."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from deldokument.domain.identifiers import Consumer


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """A pending login at the provider. Only ``url`` leaves the server."""

    url: str
    state: str
    nonce: str
    code_verifier: str
    on_behalf_of: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """The person that the provider has authenticated.

    ``auth_time`` and ``issued_at`` are times of the provider's clock. ``claims`` are the claims that the signature of
    ``id_token`` covers, without the person's number.
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
    """The form that the browser must post so that the login at the provider ends too.

    It is a form, not a link, because the ID token contains the person's number, which must not appear in a URL.
    """

    action: str
    fields: Mapping[str, str] = field(repr=False)


class LoginProvider(Protocol):
    """Login provider: ID-porten."""

    def begin(self, locale: str, *, fresh: bool = False, nonce: str = "", on_behalf_of: str = "") -> LoginRequest:
        """Begin a login; ``locale`` is nb, nn, en or se. Raises: Unavailable.

        - ``fresh``: the provider asks for the person's electronic ID even if the person is logged in already. The
          Identity shows whether it did.
        - ``nonce``: a random value of the caller, to which the provider's response is bound.
        - ``on_behalf_of``: the provider's name for the customer that its page shows. The response must carry the same
          name.
        """
        ...

    def complete(self, params: Mapping[str, str], request: LoginRequest) -> Identity:
        """Return the person who came back with ``params``. Raises: LoginFailed or Unavailable."""
        ...

    def logout(self, id_token: str, state: str) -> LogoutForm:
        """Return the form that ends the login at the provider. Raises: Unavailable."""
        ...

    @property
    def issuer(self) -> str:
        """The provider's issuer identifier, in its tokens and logout requests."""
        ...

    def framing_origins(self) -> tuple[str, ...]:
        """Return the origins of the provider's pages; one of them frames ours at logout. Raises: Unavailable."""
        ...

    def ended_session(self, logout_token: str) -> AbstractContextManager[str]:
        """Yield the provider's session that the logout token ends. Raises: LoginFailed or Unavailable.

        A token can be used once. If the block ends with an error, the token remains unused.
        """
        ...


class AccessTokens(Protocol):
    """Verifier of Maskinporten's access tokens."""

    def verify(self, token: str) -> Consumer:
        """Return the consumer of a token.

        Raises: TokenRefused; ScopeMissing; Unavailable if the token cannot be checked.
        """
        ...
