"""«Godkjenning»: what a member reviews before a colleague's draft is shared, and the proposer's page.

Guarantees:
- An approval covers what the page showed.
- Nobody is offered to approve their own proposal.
- A page that is out of date says so.

The rules are in services.shares.publishing and services.shares.proposals.
"""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput
from deldokument.services.shares import publishing, queries
from deldokument.services.shares.verdicts import foreseen_verdict
from deldokument.services.shares.views import ShareView
from deldokument.web.http.errors import error_text
from deldokument.web.http.rendering import render
from deldokument.web.http.request import Endpoint, RequestContext, RequiredRole
from deldokument.web.pages.sharing.shares import detail_of, is_own, to_share

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def proposal_page(call: RequestContext) -> Response:
    """Show everything to review; to the proposer, show what happens next."""
    view = queries.view_share(call.deps, call.person.person, call.path("id"))
    if view.proposal is None:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    return _page(call, view)


def _page(
    call: RequestContext,
    view: ShareView,
    status: int = 200,
    errors: list[tuple[str, str]] | None = None,
    reason: str = "",
) -> Response:
    own = view.proposal is not None and is_own(call, view.proposal)
    template = "pages/sharing/own_proposal.html" if own else "pages/sharing/proposal.html"
    address = f"{call.site.public_url}/delinger/{view.share.id}/godkjenning"
    return render(
        call,
        template,
        status=status,
        errors=errors,
        view=view,
        address=address,
        foreseen_verdict=foreseen_verdict(call.deps),
        reason=reason,
    )


def approve(call: RequestContext) -> Response:
    """Approve and share («Godkjenn og del»)."""
    share_id = call.path("id")
    try:
        publishing.approve_share(call.deps, call.person.person, share_id, seen=_seen(call))
    except InvalidFields as error:
        return _refused(call, 422, [("", error_text(one, call.translator)) for one in error.errors])
    except (InvalidInput, Conflict) as error:
        return _refused(call, 409, [("", error_text(error, call.translator))])
    return RedirectResponse(f"/delinger/{share_id}/delt", 303)


def _seen(call: RequestContext) -> datetime:
    """Return the time of the proposal that the page showed; one that matches none if the form does not say."""
    try:
        seen = datetime.fromisoformat(call.fields.get("seen", ""))
    except ValueError:
        seen = _NEVER
    return seen if seen.tzinfo else seen.replace(tzinfo=UTC)


def _refused(call: RequestContext, status: int, errors: list[tuple[str, str]], reason: str = "") -> Response:
    view = queries.view_share(call.deps, call.person.person, call.path("id"))
    if view.proposal is None:
        return detail_of(call, view.share.id, status=status, errors=errors)
    return _page(call, view, status, errors, reason)


def send_back(call: RequestContext) -> Response:
    """Send the proposal back («Send tilbake»); for the proposer, take it back («Ta tilbake»)."""
    share_id, reason = call.path("id"), call.fields.get("reason", "")
    proposal = queries.view_share(call.deps, call.person.person, share_id).proposal
    try:
        publishing.return_proposal(call.deps, call.person.person, share_id, reason)
    except InvalidInput as error:
        return _refused(call, 422, [("return-reason", error_text(error, call.translator))], reason)
    except Conflict as error:
        return detail_of(call, share_id, status=409, errors=[("", error_text(error, call.translator))])
    return to_share(share_id, "sendt-tilbake" if proposal and not is_own(call, proposal) else "retur")


ENDPOINTS = (
    Endpoint("/delinger/{id}/godkjenning", proposal_page, RequiredRole.PERSON),
    Endpoint("/delinger/{id}/godkjenning", approve, RequiredRole.PERSON, ("POST",)),
    Endpoint("/delinger/{id}/retur", send_back, RequiredRole.PERSON, ("POST",)),
)
