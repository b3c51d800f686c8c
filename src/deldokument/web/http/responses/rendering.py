"""HTML pages from Jinja templates, with a frame that all of them share.

Guarantees:
- Autoescaping is always on.
- A template sees only ``page`` and the values that its handler passes.
- Translations are trusted markup; the values of their parameters are escaped.
- Bidirectional control characters in names are shown as boxes (filter ``plain``), so that a name cannot imitate
  another.
"""

import re
import unicodedata
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from babel.support import Translations
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, nodes, pass_context
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

from deldokument.domain.characters import belongs_in_text
from deldokument.domain.tenants.tenancy import Account, Tenant
from deldokument.services.shares.display.views import ShareView
from deldokument.web.http.request import RequestContext
from deldokument.web.http.responses.document_texts import kind_of, other_ending
from deldokument.web.http.responses.errors import FieldErrors, status_of
from deldokument.web.http.responses.i18n import LANGUAGES, Translator, translations
from deldokument.web.http.site import Site

_PARAMETER = re.compile(r"%\((\w+)\)s")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load. Callers add ``form-action``, where its forms may be sent."""


@dataclass(frozen=True, slots=True)
class NavItem:
    """Link in the frame, or to a page above. ``current``: it is the page's own."""

    href: str
    label: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Values for the frame, in every template.

    ``person``: the name of the logged-in person. ``has_several_bodies``: that person is a member of accounts of several
    public bodies, whose names may be the same.
    """

    locale: str
    languages: dict[str, str]
    csrf_token: str
    person: str | None
    tenant_name: str | None
    has_several_bodies: bool
    nav: list[NavItem]
    demo: bool
    errors: list[tuple[str, str]]
    path: str
    readable_at: str
    site: Site

    def account(self, account: Account, tenant: Tenant) -> str:
        """Return the name of an account, followed by its body's name if the person has accounts of several bodies."""
        return account_name(account, tenant, has_several_bodies=self.has_several_bodies)


class _Constants(NodeTransformer):
    """Replaces ``_("text")`` and ``m.icon("name")`` in a template by constants of the compiled page.

    A text with parameters becomes constants and the parameters between them. Measured: looking texts up took half of
    the time of the page for sharing.
    """

    def __init__(self, catalogue: Translations, environment: Environment) -> None:
        self._catalogue = catalogue
        self._environment = environment

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - the library's name
        """Return the constant in place of a call that has no variables."""
        self.generic_visit(node)
        match node:
            case nodes.Call(node=nodes.Name(name="_"), args=[nodes.Const(value=msgid)], kwargs=[]):
                return nodes.TemplateData(_fill(self._catalogue.gettext(msgid)))
            case nodes.Call(node=nodes.Getattr(node=nodes.Name(name="m"), attr="icon"), args=[nodes.Const(value=name)]):
                return nodes.TemplateData(self._environment.get_template("macros.html").module.icon(name))  # type: ignore[attr-defined]
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802 - the library's name
        """Return the output node, with its texts split into constants and parameters."""
        self.generic_visit(node)
        node.nodes = [part for shown in node.nodes for part in self._parts(shown)]
        return node

    def _parts(self, shown: nodes.Expr) -> list[nodes.Expr]:
        match shown:
            case nodes.Call(node=nodes.Name(name="_"), args=[nodes.Const(value=msgid)], kwargs=params):
                values = {param.key: param.value for param in params}
                pieces = _PARAMETER.split(self._catalogue.gettext(msgid))
                return [
                    values[piece] if place % 2 else nodes.TemplateData(_fill(piece))
                    for place, piece in enumerate(pieces)
                ]
        return [shown]


class _Loader(PackageLoader):
    """Loads the templates with the texts of one language."""

    def __init__(self, catalogue: Translations) -> None:
        super().__init__("deldokument.web")
        self._catalogue = catalogue

    def load(
        self,
        environment: Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002
    ) -> Template:
        """Return the compiled template for that language."""
        source, filename, _ = self.get_source(environment, name)
        tree: nodes.Template = _Constants(self._catalogue, environment).visit(environment.parse(source, name, filename))
        code = environment.compile(tree, name, filename)
        return environment.template_class.from_code(environment, code, globals or {})


def _fill(translated: str, /, **params: Any) -> Markup:
    """Return a translation with its parameters escaped and filled in."""
    return Markup(translated) % params  # noqa: S704 - our own texts


@cache
def _environment(translator: Translator) -> Environment:
    catalogue = translations(translator.language)
    env = Environment(
        loader=_Loader(catalogue),
        autoescape=True,
        # Templates do not change while the process runs.
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def text(msgid: str, /, **params: Any) -> Markup:
        return _fill(catalogue.gettext(msgid), **params)

    def ngettext(singular: str, plural: str, num: int, /, **params: Any) -> Markup:
        return _fill(catalogue.ngettext(singular, plural, num), num=num, **params)

    @pass_context
    def when(context: Context, instant: datetime) -> Markup:
        words = escape(translator.when(instant, context["now"]))
        return Markup(f'<time datetime="{instant.isoformat()}">{words}</time>')  # noqa: S704

    def kind(media_type: str) -> str:
        return translator.text(kind_of(media_type))

    env.globals.update(_=text, ngettext=ngettext)
    env.filters.update(
        when=when,
        day=translator.day,
        left=translator.left,
        size=translator.size,
        number=translator.number,
        plain=plain,
    )
    env.filters.update(kind=kind, other_ending=other_ending)
    return env


def plain(text: str) -> str:
    """Return a name with a box in place of each stray invisible or direction-changing character."""
    if text.isprintable():
        return text
    return "".join("\u25a1" if unicodedata.category(c) in {"Cf", "Cc"} and not belongs_in_text(c) else c for c in text)


def render(
    call: RequestContext,
    template: str,
    *,
    status: int | None = None,
    errors: FieldErrors | None = None,
    about: Tenant | None = None,
    **context: Any,
) -> Response:
    """Render ``template`` in the caller's language.

    ``status`` and ``errors`` are those of the refused form by default.

    ``about``: the tenant that the page is about; by default the tenant of ``view`` or of the path. The header names it
    if it is the person's. Pass ``now=None`` for a page that shows no time; then the clock is not read.
    """
    view = context.get("view")
    page = _page(call, call.errors if errors is None else errors, view.tenant if isinstance(view, ShareView) else about)
    if "now" not in context:
        context["now"] = call.deps.clock.now()
    body = _environment(call.translator).get_template(template).render(page=page, **context)
    if status is None:
        status = status_of(call.refused) if call.refused else 200
    return HTMLResponse(body, status, headers={"Content-Language": call.translator.language})


def _page(call: RequestContext, errors: FieldErrors, about: Tenant | None) -> Page:
    session, members = call.session, call.roles.memberships
    path = str(call.request.scope["path"])
    items: list[tuple[str, str]] = []
    if members:
        items += [("/del", call.translator.text("Share documents")), ("/delinger", call.translator.text("Shares"))]
    if call.roles.administered or call.roles.signs:
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
        person=name if session else None,
        tenant_name=_tenant_name(call, about),
        has_several_bodies=has_several_bodies(call),
        nav=[NavItem(href, label, _is_within(path, href)) for href, label in items],
        demo=call.site.demo,
        errors=errors,
        path=call.address,
        readable_at=call.readable_at,
        site=call.site,
    )


def _is_within(path: str, href: str) -> bool:
    """Return whether the page is the link's own, or is below the link's ``/konfigurasjon`` or ``/drift``."""
    return path == href or (href in {"/konfigurasjon", "/drift"} and path.startswith(f"{href}/"))


def _tenant_name(call: RequestContext, about: Tenant | None) -> str | None:
    """Return the name of the person's tenant that the page is about, or of the person's only tenant."""
    names = {
        one.id: one.name
        for one in (*(m.tenant for m in call.roles.memberships), *call.roles.administered, *call.roles.signs)
    }
    wanted = about.id if about else str(call.request.path_params.get("tenant_id", ""))
    # A page about an unknown tenant must look like a page about another body's tenant.
    return names.get(wanted) or (next(iter(names.values())) if len(names) == 1 else None)


def has_several_bodies(call: RequestContext) -> bool:
    """Return whether the person is a member of accounts of several public bodies."""
    return len({member.tenant.id for member in call.roles.memberships}) > 1


def account_name(account: Account, tenant: Tenant, *, has_several_bodies: bool) -> str:
    """Return the name of an account, followed by the name of its body if there are several."""
    return f"{account.name}, {tenant.name}" if has_several_bodies else account.name
