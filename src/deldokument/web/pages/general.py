"""Pages that belong to no share: front page, contact, accessibility, privacy, and texts for machines.

Guarantees:
- The privacy page takes its periods from the code that applies them.
"""

from datetime import timedelta

from starlette.responses import PlainTextResponse, RedirectResponse, Response

from deldokument.domain.errors import NotFound
from deldokument.domain.shares.share import DRAFT_LIFETIME, SYSTEM_DRAFT_LIFETIME
from deldokument.domain.tenants.tenancy import Tenant
from deldokument.services.api.idempotency import KEPT
from deldokument.services.auth.sessions import IDLE, MAX_AGE
from deldokument.services.tenants.registration import STANDARD_RETENTION
from deldokument.web.http.request import Endpoint, ErrorFormat, RequestContext, RequiredRole
from deldokument.web.http.responses.rendering import render

_SECURITY_TEXT_LIFETIME = timedelta(days=180)


def front_page(call: RequestContext) -> Response:
    """Show what the service is, and the logged-in person's pages.

    A person who can only receive gets «Delt med meg» at once, instead of a page with a single choice.
    """
    member, administrator = bool(call.roles.memberships), bool(call.roles.administered or call.roles.signs)
    operator = call.roles.operates
    if call.session is not None and not (member or administrator or operator):
        return RedirectResponse("/mine", 303)
    has_notices = call.deps.mail is not None and (member or administrator)
    return render(
        call,
        "pages/general/start.html",
        has_notices=has_notices,
        member=member,
        administrator=administrator,
        operator=operator,
    )


def contact(call: RequestContext) -> Response:
    """Show the contacts for different questions."""
    return render(
        call,
        "pages/general/contact.html",
        tenants=_own_tenants(call),
        operator_address=contact_address(call.site.operator_contact),
    )


def contact_address(contact: str) -> str:
    """Return the operator's contact as a URL.

    An e-mail address gets the scheme ``mailto:``, a telephone number ``tel:``.
    """
    if not contact or ":" in contact:
        return contact
    return f"mailto:{contact}" if "@" in contact else f"tel:{''.join(contact.split())}"


def accessibility(call: RequestContext) -> Response:
    """Show the accessibility statement, or a link to it."""
    return render(call, "pages/general/accessibility.html")


def privacy(call: RequestContext) -> Response:
    """Show which data about people is kept, and for how long."""
    tenants = _own_tenants(call)
    retention = tenants[0].retention if tenants else STANDARD_RETENTION
    return render(
        call,
        "pages/general/privacy.html",
        draft_days=DRAFT_LIFETIME.days,
        system_draft_hours=int(SYSTEM_DRAFT_LIFETIME / timedelta(hours=1)),
        response_hours=int(KEPT / timedelta(hours=1)),
        idle_minutes=int(IDLE / timedelta(minutes=1)),
        max_hours=int(MAX_AGE / timedelta(hours=1)),
        retention_months=max(round(retention.days / 30.4), 1),
        tells_recipients=call.deps.sends_notices,
    )


def robots(_call: RequestContext) -> Response:
    """Return robots.txt, which excludes search engines from everything."""
    return PlainTextResponse("User-agent: *\nDisallow: /\n")


def security_text(call: RequestContext) -> Response:
    """Return the contact for reporting a vulnerability (RFC 9116).

    Raises: NotFound if the operator has set no contact.
    """
    where = contact_address(call.site.operator_contact)
    if not where:
        raise NotFound("no contact for security")
    expires = (call.deps.clock.now() + _SECURITY_TEXT_LIFETIME).strftime("%Y-%m-%dT00:00:00Z")
    canonical = f"{call.site.public_url}/.well-known/security.txt"
    lines = (f"Contact: {where}", f"Expires: {expires}", "Preferred-Languages: nb, nn, en", f"Canonical: {canonical}")
    return PlainTextResponse("\n".join(lines) + "\n")


def _own_tenants(call: RequestContext) -> list[Tenant]:
    return list({member.tenant.id: member.tenant for member in call.roles.memberships}.values())


ENDPOINTS = (
    Endpoint("/", front_page, RequiredRole.ANYONE),
    Endpoint("/kontakt", contact, RequiredRole.ANYONE),
    Endpoint("/tilgjengelighet", accessibility, RequiredRole.ANYONE),
    Endpoint("/personvern", privacy, RequiredRole.ANYONE),
    Endpoint("/robots.txt", robots, RequiredRole.ANYONE, answer=ErrorFormat.BYTES),
    Endpoint("/.well-known/security.txt", security_text, RequiredRole.ANYONE, answer=ErrorFormat.BYTES),
)
