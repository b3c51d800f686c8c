"""Altinn's check, just before it delivers a notice, whether the notice still applies.

Guarantees:
- The response contains only whether to send, and is the same for any caller.
- An unknown id gets the same response as a notice that no longer applies.
- An error response can never be read as yes.
"""

from starlette.responses import JSONResponse, Response

from deldokument.services.notifications.recipient_notices import CONDITION_PATH, applies
from deldokument.web.http.request import Endpoint, ErrorFormat, RequestContext, RequiredRole


def condition(call: RequestContext) -> Response:
    """Return whether to send, in the format that Altinn Notifications expects."""
    return JSONResponse({"sendNotification": applies(call.deps, call.path("id"))})


ENDPOINTS = (Endpoint(CONDITION_PATH, condition, RequiredRole.ANYONE, answer=ErrorFormat.JSON),)
