"""«Endre delingen»: corrections of a published share, its recipients and documents, and approval of changes.

Guarantees:
- After an error the form still has what was typed, also if the share has ended or is stopped meanwhile.
- The pages that remove a recipient or a document name it and say what follows.
- Every action works without JavaScript.

The rules are in services.shares.published.changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import (
    Conflict,
    Frozen,
    InvalidFields,
    InvalidInput,
    RateLimited,
    ServiceError,
    require,
)
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.share import ShareState
from deldokument.domain.shares.text_fields import TEXT_FIELDS
from deldokument.ports.dependencies import Dependencies
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.views import RecipientView, ShareView
from deldokument.services.shares.published import changes
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.web.http.request import Endpoint, RequestContext, RequiredRole
from deldokument.web.http.responses.errors import error_headers, error_text, status_of
from deldokument.web.http.responses.i18n import _
from deldokument.web.http.responses.rendering import render
from deldokument.web.pages.sharing.shares import detail_again, detail_of, is_own_proposal, own_ids, to_share

Errors = list[tuple[str, str]]


def change_page(call: RequestContext) -> Response:
    """Show the texts of a published share, to be corrected."""
    view = _view(call)
    if view.share.state is not ShareState.AVAILABLE:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    return _change_page(call, view, _written(view))


def _written(view: ShareView) -> dict[str, str]:
    confidential = "yes" if view.share.confidential else "no"
    return asdict(view.texts) | {"confidential": confidential}


def _change_page(
    call: RequestContext, view: ShareView, typed: dict[str, str], status: int = 200, errors: Errors | None = None
) -> Response:
    return _form(call, "share_change", view, status, errors, typed=typed)


def change(call: RequestContext) -> Response:
    """Save the corrections («Lagre endringene»)."""
    change = Change(
        texts={name: call.fields[name] for name in TEXT_FIELDS if name in call.fields},
        confidential={"yes": True, "no": False}.get(call.fields.get("confidential", "")),
    )

    def again(status: int, errors: Errors) -> Response:
        view = _view(call)
        typed = {name: call.fields.get(name, kept) for name, kept in _written(view).items()}
        return _change_page(call, view, typed, status, errors)

    return _change(call, change, again)


def recipient_page(call: RequestContext) -> Response:
    """Show one recipient of a published share: the label, and the removal."""
    view = _view(call)
    if view.share.state is not ShareState.AVAILABLE:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    recipient = _recipient(call, view)
    return _recipient_page(call, view, recipient, recipient.label)


def _recipient(call: RequestContext, view: ShareView) -> RecipientView:
    found = next((one for one in view.recipients if one.id == call.path("recipient_id")), None)
    return require(found, "recipient")


def _recipient_page(
    call: RequestContext,
    view: ShareView,
    recipient: RecipientView,
    label: str,
    status: int = 200,
    errors: Errors | None = None,
) -> Response:
    return _form(call, "recipient_change", view, status, errors, recipient=recipient, label=label)


def change_label(call: RequestContext) -> Response:
    """Save a recipient's label («Lagre»)."""
    label = call.fields.get("label", "")

    def again(status: int, errors: Errors) -> Response:
        view = _view(call)
        return _recipient_page(call, view, _recipient(call, view), label, status, errors)

    return _change(call, Change(labels={call.path("recipient_id"): label}), again)


def remove_recipient(call: RequestContext) -> Response:
    """Remove a recipient («Fjern mottakeren»)."""
    return _removed(call, changes.remove_recipient, call.path("recipient_id"), "fjernet")


def document_page(call: RequestContext) -> Response:
    """Ask whether a document of a published share is to be removed."""
    view = _view(call)
    if view.share.state is not ShareState.AVAILABLE:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    found = next((one for one in view.documents if one.id == call.path("document_id")), None)
    return render(call, "pages/sharing/document_removal.html", view=view, document=require(found, "document"))


def remove_document(call: RequestContext) -> Response:
    """Remove a document («Fjern dokumentet»)."""
    return _removed(call, changes.remove_document, call.path("document_id"), "dokument-fjernet")


def _removed(
    call: RequestContext, remove: Callable[[Dependencies, Sharer, str, str], None], gone_id: str, saved: str
) -> Response:
    share_id = call.path("id")
    remove(call.deps, call.person.person, share_id, gone_id)
    return to_share(share_id, saved)


def _change(call: RequestContext, change: Change, again: Callable[[int, Errors], Response]) -> Response:
    share_id = call.path("id")
    try:
        is_waiting = changes.change_share(call.deps, call.person.person, share_id, change)
    except (InvalidInput, Conflict, Frozen) as error:
        return again(status_of(error), [(_field_of(error), error_text(error, call.translator))])
    return to_share(share_id, "foreslatt" if is_waiting else "rettet")


def new_recipient_page(call: RequestContext) -> Response:
    """Ask for a new recipient of a published share."""
    view = _view(call)
    if view.share.state is not ShareState.AVAILABLE:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    return _new_recipient_page(call, view)


def _new_recipient_page(
    call: RequestContext, view: ShareView, status: int = 200, errors: Errors | None = None
) -> Response:
    typed = {name: call.fields.get(name, "") for name in ("number", "label", "confirmed")}
    return _form(call, "recipient_addition", view, status, errors, typed=typed)


def add_recipient(call: RequestContext) -> Response:
    """Add a recipient («Legg til mottakeren»)."""
    share_id, is_confirmed = call.path("id"), call.fields.get("confirmed") == "on"
    before = {one.id for one in _view(call).recipients}
    given = RecipientInput(call.fields.get("number", ""), call.fields.get("label", ""), is_confirmed)
    try:
        is_waiting = changes.add_recipients(call.deps, call.person.person, share_id, [given])
    except InvalidFields as error:
        return _not_added(call, 422, error.errors)
    except (InvalidInput, Conflict, Frozen, RateLimited) as error:
        page = _not_added(call, status_of(error), [error])
        page.headers.update(error_headers(error))
        return page
    if is_waiting:
        return to_share(share_id, "foreslatt")
    return to_share(share_id, "finnes" if {one.id for one in _view(call).recipients} <= before else "lagt-til")


def _not_added(call: RequestContext, status: int, faults: Sequence[ServiceError]) -> Response:
    return _new_recipient_page(call, _view(call), status, [_recipient_error(call, fault) for fault in faults])


def _recipient_error(call: RequestContext, fault: ServiceError) -> tuple[str, str]:
    """Return the id of the form's field that the fault is about, and its text, which is about one number here."""
    if fault.code == "recipients_unconfirmed":
        return "confirmed", call.translator.text(_("Confirm that you have checked the number."))
    field = _field_of(fault) and ("label" if _field_of(fault).endswith(".label") else "number")
    return field, error_text(fault, call.translator)


def _field_of(error: ServiceError) -> str:
    """Return the field that the error is about; empty if it is about the whole share."""
    return error.field if isinstance(error, InvalidInput) else ""


def approve(call: RequestContext) -> Response:
    """Approve a change («Godkjenn endringen»)."""
    share_id = call.path("id")
    try:
        changes.approve_change(call.deps, call.person.person, share_id, seen=call.fields.get("seen", ""))
    except (InvalidInput, InvalidFields, Conflict, Frozen) as error:
        faults = error.errors if isinstance(error, InvalidFields) else [error]
        errors = [("", error_text(one, call.translator)) for one in faults]
        return detail_of(call, status=409, errors=errors)
    return to_share(share_id, "endring-godkjent")


def _form(
    call: RequestContext, name: str, view: ShareView, status: int, errors: Errors | None, **words: Any
) -> Response:
    words |= {"own_proposal": is_own_proposal(call, view), "own_share": view.sharer_id in own_ids(call)}
    return render(call, f"pages/sharing/{name}.html", status=status, errors=errors, view=view, **words)


def _view(call: RequestContext) -> ShareView:
    return queries.view_share(call.deps, call.person.person, call.path("id"))


_CHANGE = "/delinger/{id}/endring"
_RECIPIENT = "/delinger/{id}/mottakere/{recipient_id}"
_REMOVAL = "/delinger/{id}/dokumenter/{document_id}/fjerning"
ENDPOINTS = (
    Endpoint(_CHANGE, change_page, RequiredRole.PERSON),
    Endpoint(_CHANGE, change, RequiredRole.PERSON, ("POST",)),
    Endpoint(_RECIPIENT, recipient_page, RequiredRole.PERSON),
    Endpoint(_RECIPIENT, change_label, RequiredRole.PERSON, ("POST",)),
    Endpoint(f"{_CHANGE}/godkjenning", approve, RequiredRole.PERSON, ("POST",)),
    Endpoint("/delinger/{id}/mottakere", new_recipient_page, RequiredRole.PERSON),
    Endpoint("/delinger/{id}/mottakere", add_recipient, RequiredRole.PERSON, ("POST",)),
    Endpoint(
        "/delinger/{id}/fjerning/{recipient_id}", remove_recipient, RequiredRole.PERSON, ("POST",), again=detail_again
    ),
    Endpoint(_REMOVAL, document_page, RequiredRole.PERSON),
    Endpoint(_REMOVAL, remove_document, RequiredRole.PERSON, ("POST",), again=detail_again),
)
