"""The frame of the pages below `/konfigurasjon/{tenant_id}`: their sections, in the order of a menu of their own.

A page of a section is rendered with ``section_page`` and a template that extends ``configuration.html``. Its endpoint
is made with ``section_endpoint``: for administrators of the tenant that the path names, and nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from deldokument.web.http.i18n import _
from deldokument.web.http.rendering import NavItem, render
from deldokument.web.http.request import Endpoint, ErrorFormat, Handler, RequestContext, RequiredRole

SECTIONS: tuple[tuple[str, str], ...] = (
    ("", _("Overview")),
    ("avtaler", _("Agreements")),
    ("dpia", _("DPIA")),
    ("kontoer", _("Accounts")),
    ("administratorer", _("Administrators")),
    ("statistikk", _("Statistics")),
    ("hendelseslogg", _("Event log")),
    ("avslutning", _("End the service")),
)
"""The last part of the path, and the words in the menu."""
_CHANGED_ONLY = frozenset({"kontoer", "administratorer"})
"""Not in the menu of a tenant that has ended the service: nothing is changed there any more."""


@dataclass(frozen=True, slots=True)
class Breadcrumb:
    """A page above the present one."""

    href: str
    label: str


def section_path(tenant_id: str, section: str = "", *below: str) -> str:
    """The path of a section, or of a page below it."""
    return "/".join(("/konfigurasjon", tenant_id, *filter(None, (section, *below))))


def section_page(
    call: RequestContext,
    section: str,
    template: str,
    *,
    status: int = 200,
    errors: list[tuple[str, str]] | None = None,
    above: tuple[Breadcrumb, ...] = (),
    **context: Any,
) -> Response:
    """A page of the section. The template gets ``tenant``, ``base`` (the path of the tenant) and ``context``."""
    base = section_path(call.tenant.id)
    there = [(s, words) for s, words in SECTIONS if not (call.tenant.ended_at and s in _CHANGED_ONLY)]
    menu = [NavItem(section_path(call.tenant.id, s), call.translator.text(words), s == section) for s, words in there]
    given = {
        "tenant": call.tenant,
        "base": base,
        "menu": menu,
        "above": above,
        "chooses": len(call.roles.administered) > 1,
    }
    return render(call, template, status=status, errors=errors, **(given | context))


def section_endpoint(
    path: str,
    handler: Handler,
    methods: tuple[str, ...] = ("GET",),
    answer: ErrorFormat = ErrorFormat.PAGE,
    *,
    after_end: bool = False,
    takes_file: int = 0,
) -> Endpoint:
    """An endpoint below ``/konfigurasjon/{tenant_id}``; ``path`` begins with a slash or is empty."""
    whole = f"/konfigurasjon/{{tenant_id}}{path}"
    return Endpoint(
        whole, handler, RequiredRole.ADMINISTRATOR, methods, answer, after_end=after_end, takes_file=takes_file
    )
