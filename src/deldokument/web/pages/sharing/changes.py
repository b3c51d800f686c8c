"""«Endre delingen»: corrections of a published share, and one recipient's page, where it can be removed.

Guarantees:
- After an error the form still has what was typed.
- The page that removes a recipient names the recipient and says what follows.
- Every action works without JavaScript.

The rules are in services.shares.changes.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import Conflict, Frozen, InvalidInput, NotFound
from deldokument.domain.share import ShareState
from deldokument.services.shares import changes, queries
from deldokument.services.shares.changes import Correction
from deldokument.services.shares.views import RecipientView, ShareView
from deldokument.web.http.errors import error_text
from deldokument.web.http.rendering import render
from deldokument.web.http.request import Endpoint, RequestContext, RequiredRole
from deldokument.web.pages.sharing.shares import refused, to_share

Errors = list[tuple[str, str]]


def change_page(call: RequestContext) -> Response:
    """Show the texts of a published share, to be corrected."""
    view = _view(call)
    if view.share.state is not ShareState.AVAILABLE:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    return _change_page(call, view, _written(view))


def _written(view: ShareView) -> dict[str, str]:
    confidential = "yes" if view.share.confidential else "no"
    return {"title": view.title, "message": view.message, "reference": view.reference, "confidential": confidential}


def _change_page(
    call: RequestContext, view: ShareView, typed: dict[str, str], status: int = 200, errors: Errors | None = None
) -> Response:
    return render(call, "pages/sharing/share_change.html", status=status, errors=errors, view=view, typed=typed)


def change(call: RequestContext) -> Response:
    """Save the corrections («Lagre endringene»)."""
    sent = {name: call.fields.get(name) for name in ("title", "message", "reference")}
    confidential = {"yes": True, "no": False}.get(call.fields.get("confidential", ""))

    def again(error: InvalidInput) -> Response:
        view = _view(call)
        typed = {name: call.fields.get(name, kept) for name, kept in _written(view).items()}
        return _change_page(call, view, typed, 422, [(error.field, error_text(error, call.translator))])

    return _correct(call, Correction(**sent, confidential=confidential), again)


def recipient_page(call: RequestContext) -> Response:
    """Show one recipient of a published share: the label, and the removal."""
    view = _view(call)
    if view.share.state is not ShareState.AVAILABLE:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    recipient = _recipient(call, view)
    return _recipient_page(call, view, recipient, recipient.label)


def _recipient(call: RequestContext, view: ShareView) -> RecipientView:
    found = next((one for one in view.recipients if one.id == call.path("recipient_id")), None)
    if found is None:
        raise NotFound("recipient")
    return found


def _recipient_page(
    call: RequestContext,
    view: ShareView,
    recipient: RecipientView,
    label: str,
    status: int = 200,
    errors: Errors | None = None,
) -> Response:
    context = {"view": view, "recipient": recipient, "label": label}
    return render(call, "pages/sharing/recipient_change.html", status=status, errors=errors, **context)


def change_label(call: RequestContext) -> Response:
    """Save a recipient's label («Lagre»)."""
    label = call.fields.get("label", "")

    def again(error: InvalidInput) -> Response:
        view = _view(call)
        errors = [("label", error_text(error, call.translator))]
        return _recipient_page(call, view, _recipient(call, view), label, 422, errors)

    return _correct(call, Correction(labels={call.path("recipient_id"): label}), again)


def remove_recipient(call: RequestContext) -> Response:
    """Remove a recipient («Fjern mottakeren»)."""
    share_id = call.path("id")
    try:
        changes.remove_recipient(call.deps, call.person.person, share_id, call.path("recipient_id"))
    except Conflict as error:
        return refused(call, share_id, error)
    return to_share(share_id, "fjernet")


def _correct(call: RequestContext, correction: Correction, again: Callable[[InvalidInput], Response]) -> Response:
    share_id = call.path("id")
    try:
        changes.correct_share(call.deps, call.person.person, share_id, correction)
    except InvalidInput as error:
        return again(error)
    except (Conflict, Frozen) as error:
        return refused(call, share_id, error)
    return to_share(share_id, "rettet")


def _view(call: RequestContext) -> ShareView:
    return queries.view_share(call.deps, call.person.person, call.path("id"))


_CHANGE = "/delinger/{id}/endring"
_RECIPIENT = "/delinger/{id}/mottakere/{recipient_id}"
ENDPOINTS = (
    Endpoint(_CHANGE, change_page, RequiredRole.PERSON),
    Endpoint(_CHANGE, change, RequiredRole.PERSON, ("POST",)),
    Endpoint(_RECIPIENT, recipient_page, RequiredRole.PERSON),
    Endpoint(_RECIPIENT, change_label, RequiredRole.PERSON, ("POST",)),
    Endpoint("/delinger/{id}/fjerning/{recipient_id}", remove_recipient, RequiredRole.PERSON, ("POST",)),
)
