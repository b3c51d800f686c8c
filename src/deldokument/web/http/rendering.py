"""HTML pages from Jinja templates, in the frame that all of them share.

Guarantees:
- Autoescaping is always on.
- A template sees only ``page`` and what its handler passes.
- Bidirectional control characters in names are made visible (filter ``plain``), so that a name cannot imitate another.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from deldokument.domain.characters import belongs_in_text
from deldokument.domain.norwegian_time import OSLO
from deldokument.web.http.document_texts import kind_of, other_ending
from deldokument.web.http.i18n import LANGUAGES, Translator, translations
from deldokument.web.http.request import RequestContext
from deldokument.web.http.site import Site

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load. Callers add ``form-action``, where its forms may be sent."""


@dataclass(frozen=True, slots=True)
class NavItem:
    """Link in the frame."""

    href: str
    label: str
    current: bool


@dataclass(frozen=True, slots=True)
class PersonName:
    """Name of the logged-in person, as the frame shows it."""

    display_name: str


@dataclass(frozen=True, slots=True)
class Page:
    """Values that the frame needs, for every template."""

    locale: str
    languages: dict[str, str]
    csrf_token: str
    person: PersonName | None
    tenant_name: str | None
    nav: list[NavItem]
    demo: bool
    errors: list[tuple[str, str]]
    path: str
    readable_at: str
    site: Site


@cache
def _environment(translator: Translator) -> Environment:
    env = Environment(
        loader=PackageLoader("deldokument.web"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    catalogue = translations(translator.language)
    env.install_gettext_callables(catalogue.gettext, catalogue.ngettext, newstyle=True)  # type: ignore[attr-defined]

    @pass_context
    def when(context: Context, instant: datetime) -> Markup:
        words = translator.when(instant, context["now"])
        return Markup('<time datetime="{}">{}</time>').format(instant.isoformat(), words)

    def kind(media_type: str) -> str:
        return translator.text(kind_of(media_type))

    env.filters.update(
        when=when,
        day=translator.day,
        left=translator.left,
        size=translator.size,
        number=translator.number,
        plain=plain,
        oslo=_oslo,
    )
    env.filters.update(kind=kind, other_ending=other_ending)
    return env


def _oslo(instant: datetime | None) -> str:
    """Return an instant as form fields need it: local time to the minute."""
    return instant.astimezone(OSLO).strftime("%Y-%m-%dT%H:%M") if instant else ""


def plain(text: str) -> str:
    """Return a name with a box in place of each stray invisible or direction-changing character."""
    if text.isprintable():
        return text
    return "".join("\u25a1" if unicodedata.category(c) in {"Cf", "Cc"} and not belongs_in_text(c) else c for c in text)


def render(
    call: RequestContext,
    template: str,
    *,
    status: int = 200,
    errors: list[tuple[str, str]] | None = None,
    **context: Any,
) -> Response:
    """Render ``template`` in the caller's language.

    Pass ``now=None`` for a page that shows no time; then the clock is not read.
    """
    page = _page(call, errors or [])
    if "now" not in context:
        context["now"] = call.deps.clock.now()
    body = _environment(call.translator).get_template(template).render(page=page, **context)
    return HTMLResponse(body, status, headers={"Content-Language": call.translator.language})


def _page(call: RequestContext, errors: list[tuple[str, str]]) -> Page:
    session, members = call.session, call.roles.memberships
    path = str(call.request.scope["path"])
    items: list[tuple[str, str]] = []
    if members:
        items += [("/del", call.translator.text("Share documents")), ("/delinger", call.translator.text("Shares"))]
    if call.roles.administered:
        items.append(("/konfigurasjon", call.translator.text("Configuration")))
    if session:
        items.append(("/mine", call.translator.text("Shared with me")))
    if call.roles.operates:
        items.append(("/drift", call.translator.text("Operations")))
    name = (call.roles.name or session.person.masked) if session else ""
    return Page(
        locale=call.translator.language,
        languages=LANGUAGES,
        csrf_token=session.csrf_token if session else "",
        person=PersonName(name) if session else None,
        tenant_name=_tenant_name(call),
        nav=[NavItem(href, label, _is_within(path, href)) for href, label in items],
        demo=call.site.demo,
        errors=errors,
        path=call.address,
        readable_at=call.readable_at,
        site=call.site,
    )


def _is_within(path: str, href: str) -> bool:
    """Return whether the page is the link's own, or below it for ``/konfigurasjon`` and ``/drift``."""
    return path == href or (href in {"/konfigurasjon", "/drift"} and path.startswith(f"{href}/"))


def _tenant_name(call: RequestContext) -> str | None:
    """Return the name of the tenant in the path if it is one of the person's, else of the person's first."""
    tenants = [*(member.tenant for member in call.roles.memberships), *call.roles.administered]
    wanted = call.request.path_params.get("tenant_id")
    return next((t.name for t in tenants if t.id == wanted), tenants[0].name if tenants else None)
