"""Actions that need a fresh login: the form is kept in the session, and the person is sent to a page that asks for it.

    login older than 15 minutes     the form is kept; the page leads to a new login and back to itself
    fresh login                     the page shows the form's input; the person confirms, and the form is sent

The page is in `web.pages.confirmation`, the list of actions in docs/administering.md.
"""

from starlette.responses import RedirectResponse, Response

from deldokument.services.auth.fresh_login import keep_form
from deldokument.services.auth.kept_forms import KeptForm
from deldokument.web.http.request import RequestContext
from deldokument.web.http.resubmission import typed_in

CONFIRMATION = "/bekreftelse"


def ask_for_fresh_login(call: RequestContext, act: str) -> Response:
    """Keep the form, and redirect to the page that asks for a fresh login."""
    keep_form(call.deps, call.person, KeptForm(call.address, call.readable_at, act, typed_in(call)))
    return RedirectResponse(CONFIRMATION, 303)
