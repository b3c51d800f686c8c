"""The API's FastAPI application, mounted at /api/v1: routers, error handlers, OpenAPI document.

Guarantees:
- Every error that a route can raise becomes a problem from a single table.
- An unexpected error reveals nothing to the client.
"""

import logging
from functools import cache

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import Broken, Conflict, InvalidInput, NotFound, ServiceError
from deldokument.ports.dependencies import Dependencies
from deldokument.web.api import accounts, documents, events, offers, one_request, reports, shares, webhooks
from deldokument.web.api.dependencies import refuse_undeclared
from deldokument.web.api.middleware import PREFIX, ApiMiddleware
from deldokument.web.api.openapi import describe
from deldokument.web.http.responses.problems import faults_of, problem
from deldokument.web.http.responses.rate_limit import ConcurrencyLimiter
from deldokument.web.http.site import Site

log = logging.getLogger("deldokument.api")
ROUTERS = (
    accounts.router,
    shares.router,
    documents.router,
    events.router,
    reports.router,
    one_request.router,
    offers.router,
    webhooks.router,
)
"""All routers of the API. Add the router of a new module here."""


def create_api(deps: Dependencies, site: Site, callers: ConcurrencyLimiter) -> ASGIApp:
    """Return the API, wrapped in its middleware."""
    app = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        dependencies=[Depends(refuse_undeclared)],
    )
    for router in ROUTERS:
        app.include_router(router)
    # Built at the first request: it takes longer than the rest of this function, and most processes never need it.
    described = cache(lambda: describe(app, PREFIX, site))
    app.add_route("/openapi.json", lambda _: JSONResponse(described()))
    for kind in (ServiceError, IntegrityError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _answer_failed)
    return ApiMiddleware(app, deps, callers)


async def _answer_failed(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return _answer_unrouted(request, error)
    if isinstance(error, RequestValidationError):
        return problem(request, faults_of(error))
    if isinstance(error, ServiceError | IntegrityError):
        return problem(request, error)
    log.error("unexpected error", exc_info=error)
    return problem(request, Broken("unexpected"))


def _answer_unrouted(request: Request, error: HTTPException) -> Response:
    """Answer an unknown path, an unsupported method, or a body that is not JSON."""
    reasons: dict[int, ServiceError] = {
        404: NotFound("no such route"),
        405: Conflict("method"),
        400: InvalidInput("body", "body_malformed"),
    }
    response = problem(request, reasons.get(error.status_code, Broken("http")), 405 if error.status_code == 405 else 0)
    if error.status_code == 405:
        response.headers["Allow"] = ", ".join(sorted(_allowed_methods(request)))
    return response


def _allowed_methods(request: Request) -> set[str]:
    """Return the methods of all routes of the path. The router itself would return only those of the first route."""
    matching = (
        route for router in ROUTERS for route in router.routes if route.matches(request.scope)[0] is not Match.NONE
    )
    methods = {method for route in matching if isinstance(route, Route) for method in route.methods or ()}
    # The middleware answers HEAD through the route of GET.
    return methods | {"HEAD"} if "GET" in methods else methods
