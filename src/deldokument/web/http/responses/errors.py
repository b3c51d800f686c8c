"""HTTP representation of errors: the status, and the message in the person's language.

Guarantees:
- ``detail`` appears only in the log, never in a response.

The messages by code are in error_texts.
"""

from datetime import datetime, timedelta

from deldokument.crypto.errors import IntegrityError
from deldokument.domain import errors
from deldokument.domain.errors import InvalidFields, ServiceError
from deldokument.domain.shares.policy import CONFIDENTIAL_MAIL, ORDINARY_MAIL, POST_ARKIV
from deldokument.web.http.responses.error_texts import WORDS
from deldokument.web.http.responses.i18n import Translator, _

FieldErrors = list[tuple[str, str]]
"""Form fields, each with the message about its fault."""


class StalePage(ServiceError):
    """A state change without the current session's CSRF token: from an old page, or from another site."""

    def __init__(self) -> None:
        super().__init__("csrf")


class LoginNotFresh(ServiceError):
    """A person's request through an interface needs a fresh login, as on the pages."""

    def __init__(self) -> None:
        super().__init__("login_not_fresh")


class ConsumerLimited(errors.RateLimited):
    """An API consumer has exceeded its rate limit; ``headers`` are the rate limit headers."""

    def __init__(self, wait_seconds: int, headers: dict[str, str]) -> None:
        super().__init__("rate_limited", wait_seconds=wait_seconds)
        self.headers = headers


class MediaTypeRefused(ServiceError):
    """The body has a media type that the route does not accept."""

    def __init__(self, wanted: str) -> None:
        super().__init__("media_type", wanted=wanted)


STATUS: dict[type[Exception], int] = {
    errors.InvalidInput: 422,
    errors.InvalidFields: 422,
    errors.NotFound: 404,
    errors.RightMissing: 403,
    errors.Gone: 410,
    errors.Frozen: 403,
    errors.Conflict: 409,
    errors.TokenRefused: 401,
    errors.ScopeMissing: 403,
    errors.LoginFailed: 403,
    errors.TooLarge: 413,
    errors.ChecksumMismatch: 460,
    errors.NotReady: 503,
    errors.Unavailable: 503,
    errors.StorageFull: 507,
    errors.Broken: 500,
    IntegrityError: 500,
    StalePage: 403,
    LoginNotFresh: 403,
    errors.RateLimited: 429,
    MediaTypeRefused: 415,
}

_CHALLENGE, _INVALID = 'Bearer realm="deldokument"', 'Bearer error="invalid_token"'
_INVALID_TOKENS = frozenset({"token_invalid", "program_code_refused", "program_token_refused"})
"""The other codes also stand for a missing token, which has no error in its challenge (RFC 6750, 3.1)."""
RIGHTS: dict[str, str] = {
    ORDINARY_MAIL: _("Ordinary mail to the organisation"),
    CONFIDENTIAL_MAIL: _("Mail to the organisation with confidential content"),
    POST_ARKIV: _("Mail/archive"),
}
"""Altinn's names of the rights that the service knows. Other rights are shown by their code."""


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error; 500 if it is not in the table."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


def error_headers(error: ServiceError) -> dict[str, str]:
    """Return the headers for retrying or authenticating (RFC 9110, 15.5.2); empty for other errors."""
    if isinstance(error, errors.TokenRefused):
        return {"WWW-Authenticate": _INVALID if error.code in _INVALID_TOKENS else _CHALLENGE}
    if isinstance(error, errors.ScopeMissing):
        return {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{error.params["scope"]}"'}
    if isinstance(error, errors.RateLimited):
        own = error.headers if isinstance(error, ConsumerLimited) else {}
        return own | {"Retry-After": str(error.wait_seconds)}
    if isinstance(error, errors.NotReady | errors.Unavailable):
        return {"Retry-After": "5"}
    return {"Retry-After": "1"} if error.code == "request_under_way" else {}


def error_text(error: ServiceError, translator: Translator) -> str:
    """Return the message that the person reads.

    NotFound has one message for all reasons. Times, periods and sizes are formatted in the person's language.
    """
    params = {name: _in_words(name, value, translator) for name, value in error.params.items()}
    if isinstance(params.get("at"), str) and params["at"]:
        params["at"] = translator.when(datetime.fromisoformat(str(params["at"])))
    if "right" in params:
        params["right"] = translator.text(RIGHTS.get(str(params["right"]), str(params["right"])))
    return translator.text(WORDS.get(error.code, WORDS["broken"]), **params)


def field_errors(error: ServiceError, translator: Translator, otherwise: str = "") -> FieldErrors:
    """Return the messages by field; an error without a field is put at ``otherwise``."""
    faults = error.errors if isinstance(error, InvalidFields) else (error,)
    return [(getattr(one, "field", "") or otherwise, error_text(one, translator)) for one in faults]


def _in_words(name: str, value: str | int, translator: Translator) -> str | int:
    if isinstance(value, int) and name.endswith("_bytes"):
        return translator.size(value)
    if name == "wait_seconds":
        return translator.wait(int(value))
    if isinstance(value, int) and name.endswith("_seconds"):
        return translator.period(timedelta(seconds=value))
    return value
