"""The one tree of errors that the layers below the edge may raise.

    ServiceError
    ├── InvalidInput     a field breaks a rule; names field and rule, changes nothing
    ├── NotFound         unknown, or not for this person: the two are never told apart
    ├── RightMissing     open to an organisation that the actor acts for, but not with the rights that the actor has
    ├── Gone             it was there, the actor had a right to it, and it has ended
    ├── Frozen           stopped for a time by those who run the service, or while its account is being deleted
    ├── Conflict         the state has moved on; the request may be right later or never
    ├── TokenRefused     an access token that is missing or not to be trusted; never says what is wrong with it
    ├── ScopeMissing     a trustworthy access token that is not meant for this service
    ├── LoginFailed      cancelled, too low a level, no person, or not to be trusted (the code says which)
    ├── TooLarge         over a declared or a fixed limit
    ├── ChecksumMismatch the bytes of one request were not those announced
    ├── NotReady         comes by itself; try again
    ├── Unavailable      something that we depend on does not answer
    ├── StorageFull      no room for more bytes; nothing acknowledged is lost
    └── Broken           stored bytes or keys do not fit together; never explained to the client

Each error has a stable ``code`` (an identifier of the words shown to people) and parameters that are safe to show.
``detail`` is for the log and never leaves the house. Statuses and words belong to the edges (web, cli).
"""

from __future__ import annotations

from typing import TypeVar


class ServiceError(Exception):
    """A use case that could not be done.

    ``code`` names the message to the person, ``params`` fill it in, ``detail`` is for operators only.
    """

    def __init__(self, code: str, *, detail: str = "", **params: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.params = params

    def __str__(self) -> str:
        return f"{self.code} ({self.detail})" if self.detail else self.code


class InvalidInput(ServiceError):
    """A field breaks a rule. ``field`` is the name that the form or the API uses."""

    def __init__(self, field: str, code: str, *, detail: str = "", **params: str | int) -> None:
        super().__init__(code, detail=detail, **params)
        self.field = field

    def at(self, field: str) -> InvalidInput:
        """The same fault of another field."""
        return InvalidInput(field, self.code, detail=self.detail, **self.params)


class InvalidFields(ServiceError):
    """Several fields break rules at once; ``errors`` has at least one."""

    def __init__(self, errors: list[InvalidInput]) -> None:
        super().__init__("invalid_fields")
        self.errors = errors


class NotFound(ServiceError):
    """Unknown, or not for this person."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("not_found", detail=detail)


class RightMissing(ServiceError):
    """The actor's rights for an organisation do not suffice. Tells which would, and nothing of what is behind it."""


class Gone(ServiceError):
    """Ended or withdrawn; only those who had a right to it learn so."""


class Frozen(ServiceError):
    """Stopped for the time being; never says why. Only those who had a right to it learn so."""


class Conflict(ServiceError):
    """The state of the thing does not allow this, or no longer."""


class LoginFailed(ServiceError):
    """``code`` is login_cancelled, login_level, login_person_missing or login_refused."""


class TokenRefused(ServiceError):
    """``code`` is token_missing or token_invalid; what is wrong stands in ``detail`` alone."""


class ScopeMissing(ServiceError):
    """The token is genuine, but its scope is another."""

    def __init__(self, scope: str) -> None:
        super().__init__("insufficient_scope", scope=scope)


class TooLarge(ServiceError):
    """Over a limit."""


class ChecksumMismatch(ServiceError):
    """The bytes were not those announced; the offset is where it was."""

    def __init__(self) -> None:
        super().__init__("checksum_mismatch")


class NotReady(ServiceError):
    """Comes by itself."""


class Unavailable(ServiceError):
    """A register, a provider, a store or the clock cannot be trusted right now."""


class StorageFull(ServiceError):
    """No room for more bytes."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("storage_full", detail=detail)


class Broken(ServiceError):
    """Stored bytes or keys do not fit together."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("broken", detail=detail)


_Row = TypeVar("_Row")


def existing(row: _Row | None) -> _Row:
    """What the database's own rules say is there. Raises Broken when it is not: then the database is damaged."""
    if row is None:
        raise Broken("a row that others need is missing")
    return row


def require(row: _Row | None, what: str) -> _Row:
    """What was asked for by an id from outside. Raises NotFound."""
    if row is None:
        raise NotFound(what)
    return row
