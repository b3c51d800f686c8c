"""Errors in the format of the Fiks platform: the object ``ErrorMessage``.

Guarantees:
- Authentication errors have KS' texts, all others ours.
- The log contains the ``errorId`` that a caller may quote, but neither path nor address.

The status for invalid input is 400, as in KS' service.
"""

import json
import logging
import uuid
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import Broken, InvalidFields, InvalidInput, ServiceError, TokenRefused, Unavailable
from deldokument.ports.dependencies import Dependencies
from deldokument.web.http.meter import note_refusal
from deldokument.web.http.responses.errors import error_headers, error_text, status_of
from deldokument.web.http.responses.i18n import Translator, choose

log = logging.getLogger("deldokument.ks")
_MILLISECONDS = 1000
_FIELDS = {"name": "navn", "sms_sender": "avsendernavn", "sms_cost_code": "konteringskode"}
"""KS' names of our fields, where they differ."""


async def error_message(
    deps: Dependencies, request: Request, error: ServiceError | IntegrityError, status: int = 0
) -> Response:
    """Return the response to a failed request; ``status`` replaces the error's own status."""
    if isinstance(error, IntegrityError):
        error = Broken("integrity")
    if isinstance(error, TokenRefused) and error.code != "integration_refused":
        error = TokenRefused("access_token_refused", detail=error.detail)
    if isinstance(error, InvalidFields) and len(error.errors) == 1:
        error = error.errors[0]
    status = status or (400 if isinstance(error, InvalidInput | InvalidFields) else status_of(error))
    note_refusal(request.scope, error)
    error_id = str(uuid.uuid4())
    log.log(logging.ERROR if status >= 500 else logging.INFO, "%s answered %s: %s", error_id, status, error.code)
    translator = Translator(choose(None, request.headers.get("accept-language", "")))
    path = request.scope["path"]
    body = {
        "timestamp": await run_in_threadpool(_timestamp, deps),
        "status": status,
        "error": HTTPStatus(status).phrase,
        "errorId": error_id,
        "path": path,
        "originalPath": path,
        "message": _message(error, translator),
        "errorCode": error.code,
        "errorJson": json.dumps(_faults(error, translator), ensure_ascii=False),
    }
    return JSONResponse(body, status, error_headers(error))


def _timestamp(deps: Dependencies) -> int:
    """Return the time in milliseconds; 0 if the clock, which may be the database's, does not answer."""
    try:
        return int(deps.clock.now().timestamp() * _MILLISECONDS)
    except Unavailable:
        return 0


def _message(error: ServiceError, translator: Translator) -> str:
    if isinstance(error, InvalidFields):
        return " ".join(error_text(one, translator) for one in error.errors)
    return error_text(error, translator)


def _faults(error: ServiceError, translator: Translator) -> list[dict[str, str]]:
    faults = error.errors if isinstance(error, InvalidFields) else [error] if isinstance(error, InvalidInput) else []
    return [
        {"field": _FIELDS.get(one.field, one.field), "code": one.code, "message": error_text(one, translator)}
        for one in faults
    ]
