"""The public web application: every route, and the security headers of all responses.

Guarantees:
- Every path outside the list of routes gets the same 404.
- No response may be framed, cached or MIME-sniffed unless its route sets other headers.
- The response to an unexpected error reveals nothing about it.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.resources import files

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deldokument.domain.errors import Broken, Conflict, NotFound, Unavailable
from deldokument.ports.dependencies import Dependencies
from deldokument.services.auth.sessions import find_session
from deldokument.web import altinn_callback
from deldokument.web.api.app import create_api
from deldokument.web.api.middleware import PREFIX as API_PREFIX
from deldokument.web.http.damage_recorder import DamageRecorder
from deldokument.web.http.dispatch import failure, starlette_route
from deldokument.web.http.meter import Meter, RequestMeter
from deldokument.web.http.request import Endpoint, ErrorFormat, RequestContext, endpoint_name
from deldokument.web.http.requests.path_encoding import EncodedControls
from deldokument.web.http.responses.rate_limit import ConcurrencyLimiter
from deldokument.web.http.responses.rendering import CSP
from deldokument.web.http.resubmission import ReadLimit
from deldokument.web.http.site import Site
from deldokument.web.ks.app import PREFIX as KS_PREFIX
from deldokument.web.ks.app import STORE_PREFIX as KS_STORE_PREFIX
from deldokument.web.ks.app import create_ks, create_store
from deldokument.web.pages import confirmation, general, login, own_sessions
from deldokument.web.pages.admin import (
    accounts,
    administrators,
    agreements,
    breach_contact,
    event_log,
    impact_assessment,
    integrations,
    members,
    offboarding,
    overview,
    scan_policy,
    statistics,
)
from deldokument.web.pages.operator import tenants
from deldokument.web.pages.recipient import offers, programs
from deldokument.web.pages.sharing import (
    additions,
    changes,
    discarding,
    drafts,
    handover,
    my_notifications,
    proposals,
    reports,
    shares,
    wrong_recipient,
)
from deldokument.web.transfer import downloads, tus

log = logging.getLogger("deldokument.web")
ENDPOINTS: tuple[Endpoint, ...] = (
    # Routes are tried in this order, so the most frequent ones come first.
    *offers.ENDPOINTS,
    *shares.ENDPOINTS,
    *discarding.ENDPOINTS,
    *handover.ENDPOINTS,
    *general.ENDPOINTS,
    *login.ENDPOINTS,
    *confirmation.ENDPOINTS,
    *own_sessions.ENDPOINTS,
    *drafts.ENDPOINTS,
    *changes.ENDPOINTS,
    *additions.ENDPOINTS,
    *proposals.ENDPOINTS,
    *reports.ENDPOINTS,
    *wrong_recipient.ENDPOINTS,
    *programs.ENDPOINTS,
    *downloads.ENDPOINTS,
    *altinn_callback.ENDPOINTS,
    *overview.ENDPOINTS,
    *agreements.ENDPOINTS,
    *impact_assessment.ENDPOINTS,
    *offboarding.ENDPOINTS,
    *accounts.ENDPOINTS,
    *integrations.ENDPOINTS,
    *members.ENDPOINTS,
    *administrators.ENDPOINTS,
    *breach_contact.ENDPOINTS,
    *scan_policy.ENDPOINTS,
    *my_notifications.ENDPOINTS,
    *statistics.ENDPOINTS,
    *event_log.ENDPOINTS,
    *tenants.ENDPOINTS,
)
_HEADERS = {
    "Content-Security-Policy": f"{CSP}; form-action 'self'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": a browser would then post our own forms with "Origin: null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def security_headers(*, secure: bool) -> dict[str, str]:
    """Return the headers of every response; ``secure``: the service is reached through TLS."""
    return _HEADERS | ({"Strict-Transport-Security": "max-age=63072000; includeSubDomains"} if secure else {})


class SecurityHeaders:
    """Middleware that adds the security headers to every response. Headers that the route has set stay."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        own = security_headers(secure=secure)
        self._headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in own.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application and add the headers to its response."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                own = [(name, value) for name, value in self._headers if name not in given]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class _StaticFiles(StaticFiles):
    """Assets from the package; the only responses that may be cached."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=300"
        return response


def create_app(deps: Dependencies, site: Site, extra: tuple[Endpoint, ...] = (), meter: Meter | None = None) -> ASGIApp:
    """Return the public application. ``extra`` are routes of some deployments only (the demo's)."""
    app = Starlette(
        routes=routes(deps, site, extra),
        exception_handlers={HTTPException: _http_error(deps, site), Exception: _unexpected_handler(deps, site)},
    )
    # The redirect to the path with a final slash would lead to the host in the request.
    app.router.redirect_slashes = False
    return DamageRecorder(
        SecurityHeaders(EncodedControls(RequestMeter(app, meter or Meter())), secure=site.secure), deps
    )


def routes(deps: Dependencies, site: Site, extra: tuple[Endpoint, ...] = ()) -> list[BaseRoute]:
    """Return every route of the application."""
    callers = ConcurrencyLimiter()
    assets = Mount("/static", _StaticFiles(directory=str(files("deldokument.web") / "static"), check_dir=False))
    api = Mount(API_PREFIX, create_api(deps, site, callers))
    ks = Mount(KS_PREFIX, create_ks(deps, site, callers))
    store = Mount(KS_STORE_PREFIX, create_store(deps, site, callers))
    reading = ReadLimit()
    pages = [starlette_route(endpoint, deps, site, reading) for endpoint in (*ENDPOINTS, *extra)]
    # Routes are tried in this order, and there are many pages.
    return [*tus.routes(deps), api, ks, store, assets, *pages]


_ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]


def _http_error(deps: Dependencies, site: Site) -> _ErrorHandler:
    async def handle(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        reason = Conflict("method") if status == 405 else NotFound("no such route")
        response = await run_in_threadpool(_page, deps, site, request, reason)
        response.status_code = status
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response

    return handle


def _unexpected_handler(deps: Dependencies, site: Site) -> _ErrorHandler:
    async def handle(request: Request, error: Exception) -> Response:
        log.error("%s failed", endpoint_name(request), exc_info=error)
        return await run_in_threadpool(_page, deps, site, request, Broken("unexpected"))

    return handle


def _page(deps: Dependencies, site: Site, request: Request, error: NotFound | Conflict | Broken) -> Response:
    session = None
    if not isinstance(error, Broken):
        # The answer is the same for everybody, so it is sent even if the database cannot identify the person.
        with suppress(Unavailable):
            session = find_session(deps, request.cookies.get(site.session_cookie))
    return failure(RequestContext(deps, site, request, session), ErrorFormat.PAGE, error)
