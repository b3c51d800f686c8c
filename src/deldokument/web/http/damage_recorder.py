"""Middleware that records the damaged rows that a request has found.

Guarantees:
- The response does not wait for the recording.
- A request that finds no damage costs no I/O.
"""

import logging

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from deldokument.domain.errors import ServiceError
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.damage import record_damage

log = logging.getLogger("deldokument.web")


class DamageRecorder:
    """ASGI middleware around the whole public application: pages, transfers, API and KS interface."""

    def __init__(self, app: ASGIApp, deps: Dependencies) -> None:
        self._app = app
        self._deps = deps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; then record damaged rows that it has found."""
        try:
            await self._app(scope, receive, send)
        finally:
            if not self._deps.damage.is_empty:
                await run_in_threadpool(_record, self._deps)


def _record(deps: Dependencies) -> None:
    try:
        record_damage(deps)
    except ServiceError as error:
        log.warning("damaged rows are recorded later: %s", error)
