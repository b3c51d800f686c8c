"""What Altinn asks just before it delivers a notice: whether it still applies.

Promises an answer that says only whether to send, the same one for a notice that no longer applies and for what is
none, to whoever asks; and no answer that could be taken for yes when there is trouble. Knows no person.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from deldokument.services.notifications.recipient_notices import CONDITION_PATH, applies
from deldokument.web.http.request import Endpoint, ErrorFormat, RequestContext, RequiredRole


def condition(call: RequestContext) -> Response:
    """As Altinn's notifications ask for it."""
    return JSONResponse({"sendNotification": applies(call.deps, call.path("id"))})


ENDPOINTS = (Endpoint(CONDITION_PATH, condition, RequiredRole.ANYONE, answer=ErrorFormat.JSON),)
