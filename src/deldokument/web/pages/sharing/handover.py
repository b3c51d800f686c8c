"""«Overlat utkastet»: the page on which the author of a draft chooses a colleague to take it over.

The rules are in services.shares.published.handover.
"""

from collections import Counter
from collections.abc import Sequence

from starlette.responses import RedirectResponse, Response

from deldokument.domain.shares.share import ShareState
from deldokument.services.people import PersonView
from deldokument.services.shares.published import handover
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole
from deldokument.web.http.responses.rendering import plain, render
from deldokument.web.pages.sharing.drafts import can_be_filled_in
from deldokument.web.pages.sharing.shares import detail_page, to_share


def handover_page(call: RequestContext) -> Response:
    """Show the colleagues to choose from. If the person cannot hand the share over, show the share's page instead."""
    form = handover.handover_form(call.deps, call.person.person, call.path("id"))
    if form.view.share.state is not ShareState.DRAFT or not can_be_filled_in(call, form.view):
        return detail_page(call) if call.refused else RedirectResponse(f"/delinger/{form.view.share.id}", 303)
    return render(
        call,
        "pages/sharing/draft_handover.html",
        errors=call.errors_at("colleague"),
        view=form.view,
        colleagues=_options(form.colleagues),
        colleague=call.fields.get("colleague", ""),
    )


def hand_over(call: RequestContext) -> Response:
    """Hand the draft over («Overlat utkastet»)."""
    handover.hand_over(call.deps, call.person.person, call.path("id"), call.fields.get("colleague", ""))
    return to_share(call.path("id"), "overlatt")


def _options(colleagues: Sequence[PersonView]) -> list[tuple[str, str]]:
    """Return id and name of each colleague; namesakes also get their masked number."""
    same = Counter(one.name for one in colleagues)
    return [(one.id, plain(one.name if same[one.name] == 1 else f"{one.name} {one.masked}")) for one in colleagues]


_PATH = "/del/utkast/{id}/overlating"
ENDPOINTS = (
    Endpoint(_PATH, handover_page, RequiredRole.PERSON),
    Endpoint(_PATH, hand_over, RequiredRole.PERSON, POST, again=handover_page),
)
