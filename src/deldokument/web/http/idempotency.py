"""Requests with an idempotency key, for all interfaces: run once, and answered again if they are repeated.

Guarantees:
- Of several requests with the same key and content, only one runs (see `services.api.idempotency`).
- The lease on the key is renewed while its request runs.
- After a crash, a repeated request continues with the same id.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from deldokument.domain.errors import ServiceError
from deldokument.domain.identifiers import Consumer
from deldokument.ports.dependencies import Dependencies
from deldokument.services.api.idempotency import (
    LEASE,
    IdempotentRequest,
    StoredResponse,
    begin_request,
    finish_request,
    renew_request,
)

RENEWED_SECONDS = LEASE.total_seconds() / 3
_KEPT_HEADERS = ("content-type", "location")
Run = Callable[[str], Awaitable[Response]]
"""Runs a request; the object that it creates gets this id."""


async def once(
    deps: Dependencies,
    consumer: Consumer,
    key: str,
    digest: bytes,
    run: Run,
    *,
    failure: StoredResponse | None = None,
) -> Response:
    """Run the request, or return the stored response for its key. ``digest``: the hash of its content.

    ``failure`` is recorded if ``run`` raises; without it, the key stays taken until its lease ends.
    Raises: as ``begin_request`` and ``run``.
    """
    named = await run_in_threadpool(begin_request, deps, consumer, key, digest)
    if isinstance(named, StoredResponse):
        return Response(named.body, named.status, {**named.headers, "Idempotency-Replayed": "true"})
    held, answer = _LeaseRenewal(named), failure
    try:
        async with held.keep_renewed(deps):
            response = await run(named.new_id)
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        answer = StoredResponse(response.status_code, headers, bytes(response.body))
        return response
    finally:
        # The change is committed. If its response cannot be stored, a repetition runs again under the same id.
        with suppress(ServiceError):
            if answer is not None:
                await run_in_threadpool(finish_request, deps, consumer, held.request, answer)


class _LeaseRenewal:
    """Lease on an idempotency key, renewed while its request runs."""

    def __init__(self, request: IdempotentRequest) -> None:
        self.request = request

    @asynccontextmanager
    async def keep_renewed(self, deps: Dependencies) -> AsyncIterator[None]:
        """Renew the lease until the block ends, so that no other request takes the key."""
        over = asyncio.Event()
        renewing = asyncio.create_task(self._renew(deps, over))
        try:
            yield
        finally:
            # Wait for a running renewal. If it were cancelled, it might be committed without this process knowing.
            over.set()
            await asyncio.wait([renewing])

    async def _renew(self, deps: Dependencies, over: asyncio.Event) -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), RENEWED_SECONDS)
                return
            with suppress(ServiceError):
                self.request = await run_in_threadpool(renew_request, deps, self.request)
