"""Discarding a draft: the question, the list with «Angre», and undoing it.

Every step works without JavaScript. A reloaded page shows the current state. The rules are in
`services.shares.drafts.discarding`.
"""

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import NotFound
from deldokument.domain.shares.share import ShareState
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.views import ShareView
from deldokument.services.shares.drafts import discarding
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole
from deldokument.web.http.responses.rendering import render
from deldokument.web.pages.sharing.share_list import list_of
from deldokument.web.pages.sharing.shares import UNDO_SECONDS


def question_page(call: RequestContext) -> Response:
    """Ask for confirmation, for browsers that cannot show a dialog."""
    view = queries.view_share(call.deps, call.person.person, call.path("id"))
    if view.share.state is not ShareState.DRAFT:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    return render(call, "pages/sharing/draft_discarding.html", view=view, undo_seconds=UNDO_SECONDS)


def discard(call: RequestContext) -> Response:
    """Discard the draft («Forkast utkastet»)."""
    share_id = call.path("id")
    discarding.discard_with_grace(call.deps, call.person.person, share_id)
    return RedirectResponse(f"/delinger?forkastet={share_id}", 303)


def undo(call: RequestContext) -> Response:
    """Undo the discarding («Angre»).

    If it is too late, the list shows a message, and no longer the draft.
    """
    share_id = call.path("id")
    discarding.restore_draft(call.deps, call.person.person, share_id)
    return RedirectResponse(f"/delinger?hentet={share_id}", 303)


def list_page(call: RequestContext) -> Response:
    """Show the list («Delinger») with the result of the last action on a draft, if that still applies."""
    person, discarded_id, restored_id = call.person.person, call.query("forkastet"), call.query("hentet")
    discarded = discarding.find_discarded(call.deps, person, discarded_id) if discarded_id else None
    return list_of(call, discarded, _find_restored(call, restored_id))


def _find_restored(call: RequestContext, share_id: str) -> ShareView | None:
    if not share_id:
        return None
    try:
        view = queries.view_share(call.deps, call.person.person, share_id)
    except NotFound:
        return None
    return view if view.share.state is ShareState.DRAFT else None


_DRAFT = "/del/utkast/{id}"
ENDPOINTS = (
    Endpoint("/delinger", list_page, RequiredRole.PERSON),
    Endpoint(f"{_DRAFT}/forkasting", question_page, RequiredRole.PERSON),
    Endpoint(f"{_DRAFT}/forkasting", discard, RequiredRole.PERSON, POST),
    Endpoint(f"{_DRAFT}/angring", undo, RequiredRole.PERSON, POST, again=list_page),
)
