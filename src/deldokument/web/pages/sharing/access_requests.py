"""Answers to recipients who ask for more time or a new share: a refusal with a reason, or a new share for them.

Guarantees:
- Only members of the share's account can see that these pages exist.
- After an error the form still contains the input, and the share's page gives the reason.

More time is given by changing the end (module `shares`).
"""

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import InvalidInput
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients.access_requests import refuse_requests
from deldokument.web.http.request import RequestContext
from deldokument.web.pages.sharing.shares import REFUSAL, deed, to_share


def refuse(call: RequestContext) -> Response:
    """Refuse all who ask («Si nei»)."""
    try:
        refuse_requests(call.deps, call.person.person, call.path("id"), call.fields.get(REFUSAL, ""))
    except InvalidInput as error:
        raise error.at(REFUSAL) from None
    return to_share(call.path("id"), "avslatt")


def share_again(call: RequestContext) -> Response:
    """Start a new draft for those who ask («Lag ny deling til dem som ber om det»)."""
    draft = publishing.copy_share(call.deps, call.person.person, call.path("id"), only_asking=True)
    return RedirectResponse(f"/del?utkast={draft.id}", 303)


ENDPOINTS = (deed("avslag", refuse), deed("ny-deling", share_again))
