"""Errors of the API as application/problem+json (RFC 9457), from the table in web.http.responses.errors.

Guarantees:
- ``code`` is stable.
- Messages are in the caller's language, English if none is requested.
- Each fault names its field.
- No sent value is repeated.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import (
    Broken,
    InvalidFields,
    InvalidInput,
    ServiceError,
)
from deldokument.web.http.meter import note_refusal
from deldokument.web.http.request import endpoint_name
from deldokument.web.http.responses.errors import error_headers, error_text, status_of
from deldokument.web.http.responses.i18n import Translator, choose

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:deldokument:problem:"
MAX_FAULTS = 1000
"""Faults that are reported at most: a body may have more than there is time to describe."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
log = logging.getLogger("deldokument.api")


def translator_of(request: Request) -> Translator:
    """Return the translator for the caller's language; English unless another of ours is requested."""
    return Translator(choose(None, f"{request.headers.get('accept-language', '')},en"))


def problem(request: Request, error: ServiceError | IntegrityError, status: int = 0) -> Response:
    """Return the response for a failed request; ``status`` overrides the table's."""
    if isinstance(error, IntegrityError):
        error = Broken("integrity")
    note_refusal(request.scope, error)
    status, translator = status or status_of(error), translator_of(request)
    if status >= 500:
        log.error("%s answered %s: %s", endpoint_name(request), status, error)
    body: dict[str, Any] = {
        "type": TYPE + error.code,
        "title": error.code.replace("_", " ").capitalize(),
        "status": status,
        "detail": error_text(error, translator),
        "code": error.code,
    }
    if isinstance(error, InvalidFields | InvalidInput):
        faults: Sequence[InvalidInput] = error.errors if isinstance(error, InvalidFields) else [error]
        body["errors"] = [{"field": e.field, "code": e.code, "message": error_text(e, translator)} for e in faults]
    headers = {"Content-Language": translator.language, "Cache-Control": "no-store", **error_headers(error)}
    return JSONResponse(body, status, headers, MEDIA_TYPE)


def faults_of(error: RequestValidationError) -> ServiceError:
    """Return the errors of a request's fields as an error of ours."""
    faults = [_fault(found) for found in error.errors()[:MAX_FAULTS]]
    if any(fault.code == "body_malformed" for fault in faults):
        return InvalidInput("body", "body_malformed")
    return InvalidFields(faults)


def _fault(found: dict[str, Any]) -> InvalidInput:
    kind, field = found["type"], _path(found["loc"])
    if kind in {"string_too_long", "too_long"} and isinstance(found["input"], str):
        return InvalidInput(field, "text_too_long", length=len(found["input"]), longest=found["ctx"]["max_length"])
    if kind == "too_long" and found["loc"][-1] == "recipients":
        return InvalidInput(field, "too_many_recipients", longest=found["ctx"]["max_length"])
    if kind == "json_invalid" or found["loc"] == ("body",):
        return InvalidInput("body", "body_malformed")
    if kind == "missing":
        return InvalidInput(field, "field_missing")
    if kind == "extra_forbidden":
        return InvalidInput(field, "parameter_unknown" if found["loc"][0] == "query" else "field_unknown")
    return InvalidInput(field, "field_malformed")


def _path(location: Sequence[str | int]) -> str:
    """Return a path like ``recipients[3].number``.

    An unknown name is repeated only if it looks like a field name.
    """
    path = ""
    for step in location[1:]:
        name = step if isinstance(step, int) or _NAME.fullmatch(step) else "?"
        path += f"[{name}]" if isinstance(step, int) else f".{name}" if path else str(name)
    return path or str(location[0])
