"""«Endre delingen»: corrections of a published share, its recipients and documents, and approval of changes.

Guarantees:
- After an error the form still contains the input, even if the share has ended or was stopped in between.
- The pages for removing a recipient or a document name it, and explain the consequences.
- Every action works without JavaScript.

The rules are in services.shares.published.changes.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import InvalidFields, InvalidInput, ServiceError, require
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.share import ShareState
from deldokument.domain.shares.text_fields import TEXT_FIELDS
from deldokument.ports.dependencies import Dependencies
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.views import ShareView
from deldokument.services.shares.published import changes
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole
from deldokument.web.http.responses.errors import FieldErrors, error_text
from deldokument.web.http.responses.i18n import _
from deldokument.web.http.responses.rendering import render
from deldokument.web.pages.sharing.shares import deed, is_own_proposal, own_ids, to_share


def change_page(call: RequestContext) -> Response:
    """Show the texts of a published share in a form for correcting them."""
    view = _view(call)
    if view.share.state is not ShareState.AVAILABLE and not call.refused:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    written = asdict(view.texts) | {"confidential": "yes" if view.share.confidential else "no"}
    typed = {name: call.fields.get(name, kept) for name, kept in written.items()}
    return _form(call, "share_change", view, call.errors, typed=typed)


def change(call: RequestContext) -> Response:
    """Save the corrections («Lagre endringene»)."""
    change = Change(
        texts={name: call.fields[name] for name in TEXT_FIELDS if name in call.fields},
        confidential={"yes": True, "no": False}.get(call.fields.get("confidential", "")),
    )
    return _change(call, change)


def recipient_page(call: RequestContext) -> Response:
    """Show one recipient of a published share: the label, and the removal."""
    view = _view(call)
    if view.share.state is not ShareState.AVAILABLE and not call.refused:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    recipient = require(
        next((one for one in view.recipients if one.id == call.path("recipient_id")), None), "recipient"
    )
    label = call.fields.get("label", recipient.label)
    return _form(call, "recipient_change", view, call.errors, recipient=recipient, label=label)


def change_label(call: RequestContext) -> Response:
    """Save a recipient's label («Lagre»)."""
    return _change(call, Change(labels={call.path("recipient_id"): call.fields.get("label", "")}))


def remove_recipient(call: RequestContext) -> Response:
    """Remove a recipient («Fjern mottakeren»)."""
    return _remove(call, changes.remove_recipient, call.path("recipient_id"), "fjernet")


def document_page(call: RequestContext) -> Response:
    """Ask for confirmation before a document of a published share is removed."""
    view = _view(call)
    if view.share.state is not ShareState.AVAILABLE:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    found = next((one for one in view.documents if one.id == call.path("document_id")), None)
    return render(call, "pages/sharing/document_removal.html", view=view, document=require(found, "document"))


def remove_document(call: RequestContext) -> Response:
    """Remove a document («Fjern dokumentet»)."""
    return _remove(call, changes.remove_document, call.path("document_id"), "dokument-fjernet")


def _remove(
    call: RequestContext, remove: Callable[[Dependencies, Sharer, str, str], None], gone_id: str, saved: str
) -> Response:
    share_id = call.path("id")
    remove(call.deps, call.person.person, share_id, gone_id)
    return to_share(share_id, saved)


def _change(call: RequestContext, change: Change) -> Response:
    share_id = call.path("id")
    is_waiting = changes.change_share(call.deps, call.person.person, share_id, change)
    return to_share(share_id, "foreslatt" if is_waiting else "rettet")


def new_recipient_page(call: RequestContext) -> Response:
    """Show the form for a new recipient of a published share."""
    view = _view(call)
    if view.share.state is not ShareState.AVAILABLE and not call.refused:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    faults = call.refused.errors if isinstance(call.refused, InvalidFields) else filter(None, [call.refused])
    typed = call.typed("number", "label", "confirmed")
    return _form(call, "recipient_addition", view, [_recipient_error(call, one) for one in faults], typed=typed)


def add_recipient(call: RequestContext) -> Response:
    """Add a recipient («Legg til mottakeren»)."""
    share_id, is_confirmed = call.path("id"), call.fields.get("confirmed") == "on"
    before = {one.id for one in _view(call).recipients}
    given = RecipientInput(call.fields.get("number", ""), call.fields.get("label", ""), is_confirmed)
    is_waiting = changes.add_recipients(call.deps, call.person.person, share_id, [given])
    if is_waiting:
        return to_share(share_id, "foreslatt")
    return to_share(share_id, "finnes" if {one.id for one in _view(call).recipients} <= before else "lagt-til")


def _recipient_error(call: RequestContext, fault: ServiceError) -> tuple[str, str]:
    """Return the id of the form's field for an error, and the error's text. The form has one number."""
    if fault.code == "recipients_unconfirmed":
        return "confirmed", call.translator.text(_("Confirm that you have checked the number."))
    field = fault.field if isinstance(fault, InvalidInput) else ""
    return field and ("label" if field.endswith(".label") else "number"), error_text(fault, call.translator)


def approve(call: RequestContext) -> Response:
    """Approve a change («Godkjenn endringen»)."""
    changes.approve_change(call.deps, call.person.person, call.path("id"), seen=call.fields.get("seen", ""))
    return to_share(call.path("id"), "endring-godkjent")


def _form(call: RequestContext, name: str, view: ShareView, errors: FieldErrors, **words: Any) -> Response:
    words |= {"own_proposal": is_own_proposal(call, view), "own_share": view.sharer_id in own_ids(call)}
    return render(call, f"pages/sharing/{name}.html", errors=errors, view=view, **words)


def _view(call: RequestContext) -> ShareView:
    return queries.view_share(call.deps, call.person.person, call.path("id"))


_CHANGE = "/delinger/{id}/endring"
_RECIPIENT = "/delinger/{id}/mottakere/{recipient_id}"
_REMOVAL = "dokumenter/{document_id}/fjerning"
ENDPOINTS = (
    Endpoint(_CHANGE, change_page, RequiredRole.PERSON),
    Endpoint(_CHANGE, change, RequiredRole.PERSON, POST, again=change_page),
    Endpoint(_RECIPIENT, recipient_page, RequiredRole.PERSON),
    Endpoint(_RECIPIENT, change_label, RequiredRole.PERSON, POST, again=recipient_page),
    deed("endring/godkjenning", approve),
    Endpoint("/delinger/{id}/mottakere", new_recipient_page, RequiredRole.PERSON),
    Endpoint("/delinger/{id}/mottakere", add_recipient, RequiredRole.PERSON, POST, again=new_recipient_page),
    deed("fjerning/{recipient_id}", remove_recipient),
    Endpoint(f"/delinger/{{id}}/{_REMOVAL}", document_page, RequiredRole.PERSON),
    deed(_REMOVAL, remove_document),
)
