"""The management application: liveness, readiness and metrics, for the operator's own machines.

It has a separate listener, which is not reachable from the internet.

Guarantees:
- It has no sessions, cookies or pages. Every other path is a bare 404.
- Liveness does no I/O and runs on the event loop, so it works when every thread is busy.
- Readiness checks database, keyring and clock at most once a second, for any number of callers.
- Readiness and metrics have their own threads, so they work when every thread that serves pages is busy.
- Health responses contain no causes of failure; the log does.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from time import monotonic

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from deldokument.domain.errors import ServiceError
from deldokument.ports.dependencies import Dependencies
from deldokument.services.maintenance.deployment_claims import check_keyring
from deldokument.web import metrics
from deldokument.web.app import SecurityHeaders
from deldokument.web.http.meter import Meter
from deldokument.web.http.requests.path_encoding import EncodedControls
from deldokument.web.http.responses.errors import status_of

LIVE, READY = "/helse/live", "/helse/klar"
READINESS_LIFETIME = timedelta(seconds=1)

log = logging.getLogger("deldokument.web")


class Readiness:
    """Cached check of whether this process is ready to serve, valid for ``READINESS_LIFETIME``."""

    def __init__(self, deps: Dependencies) -> None:
        self._world = deps
        self._asking = asyncio.Lock()
        self._thread = CapacityLimiter(1)
        self._is_ready = False
        self._expires_at = 0.0

    async def holds(self) -> bool:
        """Return the cached answer, or check again; concurrent callers wait for the same check."""
        async with self._asking:
            if monotonic() >= self._expires_at:
                self._is_ready = await to_thread.run_sync(_is_ready, self._world, limiter=self._thread)
                self._expires_at = monotonic() + READINESS_LIFETIME.total_seconds()
            return self._is_ready


def create_management(deps: Dependencies, metrics_token: str, sources: metrics.MetricSources | None = None) -> ASGIApp:
    """Return the management application. With an empty ``metrics_token`` the metrics path returns 404."""
    shown = sources or metrics.MetricSources(Meter())
    app = Starlette(
        routes=[
            Route(LIVE, _live),
            Route(READY, partial(_ready, Readiness(deps))),
            Route(
                metrics.PATH,
                partial(_metrics, CapacityLimiter(1), partial(metrics.metrics, deps, metrics_token, shown)),
            ),
        ],
        exception_handlers={ServiceError: _answer_failure},
    )
    app.router.redirect_slashes = False
    return SecurityHeaders(EncodedControls(app), secure=False)


async def _live(_request: Request) -> Response:
    return PlainTextResponse("ok")


async def _ready(readiness: Readiness, _request: Request) -> Response:
    return PlainTextResponse("ok") if await readiness.holds() else PlainTextResponse("not ready", 503)


async def _metrics(thread: CapacityLimiter, collect: Callable[[Request], Response], request: Request) -> Response:
    return await to_thread.run_sync(collect, request, limiter=thread)


async def _answer_failure(request: Request, error: Exception) -> Response:
    log.error("%s failed: %s", request.url.path, error)
    status = status_of(error) if isinstance(error, ServiceError) else 500
    return PlainTextResponse("failed", status)


def _is_ready(deps: Dependencies) -> bool:
    """Return whether database, keyring and clock are in order.

    The keyring must be this deployment's, and the clock must be within ``max_skew``.
    """
    try:
        with deps.database.read() as tx:
            deployment = tx.deployment.get()
        check_keyring(deps.keyring, deployment)
        skew = deps.clock.skew()
    except ServiceError as error:
        log.warning("not ready: %s", error)
        return False
    if skew > deps.config.max_skew:
        log.warning("not ready: the clock differs from the database's by %s", skew)
    return skew <= deps.config.max_skew
