"""Altinn's check, just before it delivers a notice, whether the notice still applies.

Guarantees:
- The response says only whether to send, to any caller.
- An id that is no notice gets the same response as a notice that no longer applies.
- An error is never a response that could be read as yes.

Does not: know any person.
"""

from starlette.responses import JSONResponse, Response

from deldokument.services.notifications.recipient_notices import CONDITION_PATH, applies
from deldokument.web.http.request import Endpoint, ErrorFormat, RequestContext, RequiredRole


def condition(call: RequestContext) -> Response:
    """Return whether to send, in the form that Altinn's notifications expect."""
    return JSONResponse({"sendNotification": applies(call.deps, call.path("id"))})


ENDPOINTS = (Endpoint(CONDITION_PATH, condition, RequiredRole.ANYONE, answer=ErrorFormat.JSON),)
