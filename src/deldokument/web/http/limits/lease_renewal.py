"""Renewal of the lease on an idempotency key while its request runs, for all interfaces."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.concurrency import run_in_threadpool

from deldokument.domain.errors import ServiceError
from deldokument.ports.dependencies import Dependencies
from deldokument.services.api.idempotency import LEASE, IdempotentRequest, renew_request

RENEWED_SECONDS = LEASE.total_seconds() / 3


class LeaseRenewal:
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
