"""«Bekreft»: a form that is kept until a fresh login, and then until the person confirms it.

Guarantees:
- The page shows the values before it sends them, and sends them only by a click.
- Another person who has logged in since cannot see the form.
"""

from starlette.responses import RedirectResponse, Response

from deldokument.services.auth.fresh_login import drop_form, kept_form
from deldokument.services.auth.kept_forms import KeptForm
from deldokument.web.http.fresh_login import CONFIRMATION
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole, safe_return
from deldokument.web.http.responses.i18n import Translator, _
from deldokument.web.http.responses.rendering import render
from deldokument.web.pages.event_details import REASON_WORDS, RIGHTS
from deldokument.web.pages.operator.tenants import KIND_WORDS

LABELS: dict[str, str] = {
    "about": _("Applies to"),
    "organization_number": _("Organisation number"),
    "name": _("Name"),
    "number": _("Fødselsnummer or D-nummer"),
    "typed_name": _("Name, as you typed it"),
    "telephone": _("Telephone"),
    "email": _("E-mail"),
    "hours": _("Opening hours"),
    "share": _("The share"),
    "deed": _("What to do"),
    "reason": _("Why"),
    "kind": _("Agreement or template"),
    "version": _("Version"),
    "rights": _("What its systems may do"),
}
"""Fields that the page shows. Others are codes that only the program reads."""
_VALUES: dict[str, str] = {
    "freeze": _("Stop"),
    "thaw": _("Lift the stop"),
    **{kind.value: words for kind, words in KIND_WORDS.items()},
    **REASON_WORDS,
    **{right.value: words for right, words in RIGHTS.items()},
}
_CODED = frozenset({"deed", "reason", "kind", "rights"})


def confirmation_page(call: RequestContext) -> Response:
    """Show the kept form: with a button to confirm it after a fresh login, otherwise with a link to the login."""
    form = kept_form(call.deps, call.person)
    if form is None:
        return RedirectResponse("/", 303)
    return render(
        call,
        "pages/confirmation.html",
        fresh=call.person.is_fresh(call.deps.clock.now()),
        act=call.translator.text(form.act),
        form=form,
        shown=_typed_values(form, call.translator),
    )


def _typed_values(form: KeptForm, translator: Translator) -> list[tuple[str, str]]:
    """Return labels and values that a person recognises.

    A reason belongs only to a freeze, though its form always has one.
    """
    left_out = {"reason"} if form.fields.get("deed") == "thaw" else set()
    return [
        (translator.text(label), _value(name, form.fields[name], translator))
        for name, label in LABELS.items()
        if form.fields.get(name) and name not in left_out
    ]


def _value(name: str, value: str, translator: Translator) -> str:
    return translator.text(_VALUES[value]) if name in _CODED and value in _VALUES else value


def cancel(call: RequestContext) -> Response:
    """Discard the form, and return to its page."""
    form = kept_form(call.deps, call.person)
    drop_form(call.deps, call.person)
    return RedirectResponse(safe_return(form.page) if form else "/", 303)


ENDPOINTS = (
    Endpoint(CONFIRMATION, confirmation_page, RequiredRole.PERSON),
    Endpoint(f"{CONFIRMATION}/avbrudd", cancel, RequiredRole.PERSON, POST),
)
