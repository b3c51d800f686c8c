"""«Godkjenning»: what a member reviews before a colleague's draft is shared, and the proposer's page; sending back.

Guarantees:
- An approval covers what the page showed.
- Nobody is offered to approve their own proposal.
- A page that is out of date says so.

The rules are in services.shares.published.publishing and services.shares.approvals.proposals.
"""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput
from deldokument.domain.shares.share import ShareState
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.views import ShareView
from deldokument.services.shares.published import publishing
from deldokument.services.shares.scans.verdicts import foreseen_verdict
from deldokument.web.http.request import Endpoint, RequestContext, RequiredRole
from deldokument.web.http.responses.errors import error_text
from deldokument.web.http.responses.rendering import render
from deldokument.web.pages.sharing.shares import detail_again, detail_of, is_own_proposal, to_share


def proposal_page(call: RequestContext) -> Response:
    """Show everything to review; to the proposer, show what happens next."""
    view = queries.view_share(call.deps, call.person.person, call.path("id"))
    if not view.is_proposed:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    return _page(call, view)


def _page(
    call: RequestContext,
    view: ShareView,
    status: int = 200,
    errors: list[tuple[str, str]] | None = None,
    reason: str = "",
) -> Response:
    template = "pages/sharing/own_proposal.html" if is_own_proposal(call, view) else "pages/sharing/proposal.html"
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
        publishing.approve_share(call.deps, call.person.person, share_id, seen=call.fields.get("seen", ""))
    except InvalidFields as error:
        return _refuse(call, 422, [("", error_text(one, call.translator)) for one in error.errors])
    except (InvalidInput, Conflict) as error:
        return _refuse(call, 409, [("", error_text(error, call.translator))])
    return RedirectResponse(f"/delinger/{share_id}/delt", 303)


def _refuse(call: RequestContext, status: int, errors: list[tuple[str, str]], reason: str = "") -> Response:
    view = queries.view_share(call.deps, call.person.person, call.path("id"))
    if not view.is_proposed:
        return detail_of(call, status=status, errors=errors, return_reason=reason)
    return _page(call, view, status, errors, reason)


def send_back(call: RequestContext) -> Response:
    """Send back a draft («Send tilbake») or refuse a change; for the proposer, take it back («Ta tilbake»)."""
    share_id, reason = call.path("id"), call.fields.get("reason", "")
    before = queries.view_share(call.deps, call.person.person, share_id)
    try:
        proposals.return_proposal(call.deps, call.person.person, share_id, reason)
    except InvalidInput as error:
        return _refuse(call, 422, [("return-reason", error_text(error, call.translator))], reason)
    if before.share.state is not ShareState.DRAFT:
        return to_share(share_id, "uendret")
    is_others = before.is_proposed and not is_own_proposal(call, before)
    return to_share(share_id, "sendt-tilbake" if is_others else "retur")


ENDPOINTS = (
    Endpoint("/delinger/{id}/godkjenning", proposal_page, RequiredRole.PERSON),
    Endpoint("/delinger/{id}/godkjenning", approve, RequiredRole.PERSON, ("POST",)),
    Endpoint("/delinger/{id}/retur", send_back, RequiredRole.PERSON, ("POST",), again=detail_again),
)
