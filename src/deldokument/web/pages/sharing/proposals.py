"""«Godkjenning»: the page on which a member reviews a colleague's proposal, and the proposer's page.

Guarantees:
- An approval covers only the proposal that the page showed.
- The page offers nobody to approve their own proposal.
- An outdated page says so.

The rules are in services.shares.published.publishing and services.shares.approvals.proposals.
"""

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import InvalidInput
from deldokument.domain.shares.share import ShareState
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.display import queries
from deldokument.services.shares.published import publishing
from deldokument.services.shares.scans.verdicts import foreseen_verdict
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole
from deldokument.web.http.responses.rendering import render
from deldokument.web.pages.sharing.shares import RETURN, detail_page, is_own_proposal, to_share


def proposal_page(call: RequestContext) -> Response:
    """Show the proposal for review; to the proposer, show the next steps."""
    view = queries.view_share(call.deps, call.person.person, call.path("id"))
    if not view.is_proposed:
        return detail_page(call) if call.refused else RedirectResponse(f"/delinger/{view.share.id}", 303)
    template = "pages/sharing/own_proposal.html" if is_own_proposal(call, view) else "pages/sharing/proposal.html"
    address = f"{call.site.public_url}/delinger/{view.share.id}/godkjenning"
    return render(
        call,
        template,
        errors=call.errors_at(RETURN),
        view=view,
        address=address,
        foreseen_verdict=foreseen_verdict(call.deps),
        reason=call.fields.get(RETURN, ""),
    )


def approve(call: RequestContext) -> Response:
    """Approve and share («Godkjenn og del»)."""
    share_id = call.path("id")
    publishing.approve_share(call.deps, call.person.person, share_id, seen=call.fields.get("seen", ""))
    return RedirectResponse(f"/delinger/{share_id}/delt", 303)


def send_back(call: RequestContext) -> Response:
    """Return a draft («Send tilbake») or refuse a change; for the proposer, withdraw it («Ta tilbake»)."""
    share_id = call.path("id")
    before = queries.view_share(call.deps, call.person.person, share_id)
    try:
        proposals.return_proposal(call.deps, call.person.person, share_id, call.fields.get(RETURN, ""))
    except InvalidInput as error:
        raise error.at(RETURN) from None
    if before.share.state is not ShareState.DRAFT:
        return to_share(share_id, "uendret")
    is_others = before.is_proposed and not is_own_proposal(call, before)
    return to_share(share_id, "sendt-tilbake" if is_others else "retur")


ENDPOINTS = (
    Endpoint("/delinger/{id}/godkjenning", proposal_page, RequiredRole.PERSON),
    Endpoint("/delinger/{id}/godkjenning", approve, RequiredRole.PERSON, POST, again=proposal_page),
    Endpoint("/delinger/{id}/retur", send_back, RequiredRole.PERSON, POST, again=proposal_page),
)
