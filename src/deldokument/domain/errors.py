"""Errors that use cases, store and adapters may raise.

    ServiceError
    ├── InvalidInput     a field breaks a rule; names field and rule, changes nothing
    ├── NotFound         unknown, or not for this person: the two are indistinguishable
    ├── RightMissing     shared with an organisation of the actor, but the actor's rights in it do not suffice
    ├── Gone             ended; the actor had a right to it
    ├── Frozen           stopped for a time by the operator, or while its account is being deleted
    ├── Conflict         the current state does not allow the request
    ├── RateLimited      too many calls of one caller; says when the next one is allowed
    ├── TokenRefused     an access token is missing or not trusted; never says why
    ├── ScopeMissing     a trusted access token without the scope of this service
    ├── LoginFailed      cancelled, level too low, no person, or not trusted (the code says which)
    ├── TooLarge         over a declared or a fixed limit
    ├── ChecksumMismatch the bytes of one request do not match the announced checksum
    ├── NotReady         transient; try again
    ├── Unavailable      a dependency does not answer or cannot be trusted
    ├── StorageFull      no capacity for more bytes; nothing acknowledged is lost
    └── Broken           stored bytes or keys do not fit together; never explained to the client

Each error has a stable ``code``, which identifies the message to people, and parameters that are safe to show.
``detail`` is for the log and never leaves the service. The outer layers (web, cli) choose statuses and messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar


class ServiceError(Exception):
    """A use case that failed.

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
    """A field breaks a rule. ``field`` is its name in the form or the API."""

    def __init__(self, field: str, code: str, *, detail: str = "", **params: str | int) -> None:
        super().__init__(code, detail=detail, **params)
        self.field = field

    def at(self, field: str) -> InvalidInput:
        """Return the same fault of another field."""
        return InvalidInput(field, self.code, detail=self.detail, **self.params)


class InvalidFields(ServiceError):
    """Several fields break rules at once; ``errors`` has at least one."""

    def __init__(self, errors: list[InvalidInput]) -> None:
        super().__init__("invalid_fields")
        self.errors = errors


_Value = TypeVar("_Value")
_Other = TypeVar("_Other")


class Faults:
    """Faults of a form, collected so that all are reported at once."""

    def __init__(self) -> None:
        self.errors: list[InvalidInput] = []

    def unless(self, check: Callable[[], _Value], otherwise: _Other) -> _Value | _Other:
        """Return the result of ``check``. If it raises faults, keep them and return ``otherwise``."""
        try:
            return check()
        except InvalidInput as error:
            self.errors.append(error)
        except InvalidFields as error:
            self.errors += error.errors
        return otherwise

    def raise_any(self) -> None:
        """Raise InvalidFields if there are faults."""
        if self.errors:
            raise InvalidFields(self.errors)

    def raise_one_or_all(self) -> None:
        """Raise the only fault itself, or InvalidFields with several."""
        if len(self.errors) == 1:
            raise self.errors[0]
        self.raise_any()


class NotFound(ServiceError):
    """Unknown, or not for this person."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("not_found", detail=detail)


class RightMissing(ServiceError):
    """The actor's rights for an organisation do not suffice.

    Names the required right, and nothing about the share.
    """


class Gone(ServiceError):
    """Ended or withdrawn. Raised only if the actor had a right to it."""


class Frozen(ServiceError):
    """Stopped for a time; never says why. Raised only if the actor had a right to it."""


class Conflict(ServiceError):
    """The current state does not allow the request."""


class RateLimited(ServiceError):
    """A caller has reached a limit. ``wait_seconds``: when the next call is allowed, at the earliest."""

    def __init__(self, code: str, *, wait_seconds: int) -> None:
        super().__init__(code, wait_seconds=wait_seconds)
        self.wait_seconds = wait_seconds


class LoginFailed(ServiceError):
    """A failed login. ``code`` says why: login_cancelled, login_level, login_person_missing or login_refused."""


class TokenRefused(ServiceError):
    """A refused token, or a refused code for one; only ``detail`` holds the cause."""


class ScopeMissing(ServiceError):
    """A genuine token with another scope."""

    def __init__(self, scope: str) -> None:
        super().__init__("insufficient_scope", scope=scope)


class TooLarge(ServiceError):
    """Longer than a declared or a fixed limit."""


class ChecksumMismatch(ServiceError):
    """The bytes do not match the announced checksum; the offset is unchanged."""

    def __init__(self) -> None:
        super().__init__("checksum_mismatch")


class NotReady(ServiceError):
    """Transient: a later attempt succeeds without any action."""


class Unavailable(ServiceError):
    """A register, provider, store or clock cannot be trusted now."""


class StorageFull(ServiceError):
    """No capacity for more bytes. All acknowledged bytes are kept."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("storage_full", detail=detail)


class Broken(ServiceError):
    """Stored bytes or keys do not match each other."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("broken", detail=detail)


_Row = TypeVar("_Row")


def existing(row: _Row | None) -> _Row:
    """Return ``row``, which exists by a foreign key.

    Raises: Broken if it is missing: the database is corrupt.
    """
    if row is None:
        raise Broken("a row that others need is missing")
    return row


def require(row: _Row | None, what: str) -> _Row:
    """Return ``row``, which was looked up by an id from outside.

    Raises: NotFound if it is missing.
    """
    if row is None:
        raise NotFound(what)
    return row
