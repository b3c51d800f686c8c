"""Frame of the pages below `/konfigurasjon/{tenant_id}`, with a menu of their sections.

Render the page of a section with ``section_page`` and a template that extends ``pages/admin/layout.html``. Declare its
endpoint with ``section_endpoint``: it is open only to administrators of the tenant in the path.
"""

from functools import partial
from typing import Any

from starlette.responses import Response

from deldokument.web.http.request import RequestContext, RequiredRole, endpoint_below
from deldokument.web.http.responses.errors import FieldErrors
from deldokument.web.http.responses.i18n import _
from deldokument.web.http.responses.rendering import NavItem, render

SECTIONS: tuple[tuple[str, str], ...] = (
    ("", _("Overview")),
    ("avtaler", _("Agreements")),
    ("dpia", _("DPIA")),
    ("kontoer", _("Accounts")),
    ("administratorer", _("Administrators")),
    ("personvern", _("Privacy")),
    ("viruskontroll", _("Virus check")),
    ("statistikk", _("Statistics")),
    ("hendelseslogg", _("Event log")),
    ("avslutning", _("End the service")),
)
"""Last part of the path, and the label in the menu."""
SIGNED_IN = "avtaler"
"""The section in which agreements are signed."""
_AFTER_END = {"avslutning": _("Export and deletion record")}
"""Labels of sections that offer something else once the tenant has ended the service."""
_CHANGED_ONLY = frozenset({"kontoer", "administratorer", "personvern", "viruskontroll"})
"""Not in the menu of a tenant that has ended the service: nothing can be changed there any more."""


PAGES = "/konfigurasjon/{tenant_id}"
section_endpoint = partial(endpoint_below, PAGES, RequiredRole.ADMINISTRATOR)
"""Returns an endpoint of a section; its path begins with a slash or is empty."""


def section_path(tenant_id: str, section: str = "", *below: str) -> str:
    """Return the path of a section, or of a page below it."""
    return "/".join(("/konfigurasjon", tenant_id, *filter(None, (section, *below))))


def section_page(
    call: RequestContext,
    section: str,
    template: str,
    *,
    status: int | None = None,
    errors: FieldErrors | None = None,
    above: tuple[NavItem, ...] = (),
    **context: Any,
) -> Response:
    """Render a page of the section.

    The template gets ``tenant``, ``base`` (the path of the tenant), ``menu``, ``above``, ``chooses``, ``only_signs``,
    ``faults`` (the errors by field) and ``context``.
    """
    base = section_path(call.tenant.id)
    given: dict[str, Any] = {
        "tenant": call.tenant,
        "base": base,
        "menu": _menu(call, section),
        "above": above,
        "chooses": len(call.roles.administered + call.roles.signs) > 1,
        "only_signs": only_signs(call),
        "faults": dict(call.errors if errors is None else errors),
    }
    return render(call, template, status=status, errors=errors, **(given | context))


def only_signs(call: RequestContext) -> bool:
    """Return whether the person may only sign the service agreement for the tenant."""
    return call.tenant in call.roles.signs


def _menu(call: RequestContext, section: str) -> list[NavItem]:
    sections = dict(SECTIONS)
    if only_signs(call):
        sections = {SIGNED_IN: sections[SIGNED_IN]}
    elif call.tenant.ended_at is not None:
        sections = {part: _AFTER_END.get(part, words) for part, words in SECTIONS if part not in _CHANGED_ONLY}
    return [
        NavItem(section_path(call.tenant.id, part), call.translator.text(words), part == section)
        for part, words in sections.items()
    ]
