"""Receipt of one response: counts the bytes that the client's TCP has acknowledged, and records them.

Guarantees:
- A byte counts only when it is acknowledged, or at a Unix socket when it is in the proxy's receive queue.
- If the client resets the connection, the last requested byte does not count. So a client that has not read everything
  must fetch that byte again before the document counts as sent.
- The receipt is written even if the database is unavailable for some seconds.
"""

import asyncio
import logging
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import Scope

from deldokument.domain.errors import Unavailable
from deldokument.ports.dependencies import Dependencies
from deldokument.server.acknowledgement import SentBytes, watch_response
from deldokument.services.downloads.content import Content
from deldokument.services.downloads.delivery import record_delivery

log = logging.getLogger("deldokument.web")
_RECORD_AGAIN_SECONDS = (0.2, 1.0, 3.0, 10.0, 20.0)
_PROXY_HEADERS = ("via", "forwarded", "x-forwarded-for", "x-real-ip")


def is_direct(deps: Dependencies, request: Request) -> bool:
    """Return whether the client is connected directly, without a proxy.

    The service does not terminate TLS. So with an https address there is a proxy, even if it does not name itself.
    There is also one at a Unix socket, where the client has no address.
    """
    is_plain = deps.config.public_url.startswith("http://") and request.client is not None
    return is_plain and not any(map(request.headers.get, _PROXY_HEADERS))


class ResponseReceipt:
    """Receipt of bytes [start, stop) of a content, which one response sends."""

    def __init__(self, deps: Dependencies, content: Content, start: int, stop: int, *, direct: bool) -> None:
        self._deps = deps
        self._content = content
        self._start = self._end = start
        self._stop = stop
        self._direct = direct
        self._is_clean = False
        self._sent: SentBytes | None = None

    def watch(self, scope: Scope) -> None:
        """Start counting. Call it when the head has been sent."""
        self._sent = watch_response(scope)

    def note(self) -> None:
        """Store the present count: at a Unix socket it can drop when the client has gone."""
        if self._sent:
            _ = self._sent.acknowledged

    async def wait_for_acknowledgement(self) -> None:
        """Wait until the client's TCP has acknowledged everything, or the connection is reset."""
        if self._sent:
            await self._sent.wait_for(self._stop - self._start)

    async def settles(self, gone: asyncio.Future[None]) -> bool:
        """Wait a moment; return whether the connection is still not reset."""
        return await self._sent.settles(gone) if self._sent else not gone.done()

    def close(self, *, is_clean: bool) -> None:
        """Store the final count, and close the duplicate descriptor, which would delay a reset. Idempotent.

        ``is_clean``: everything was acknowledged, without a reset.
        """
        sent, self._sent = self._sent, None
        if is_clean:
            self._end, self._is_clean = self._stop, True
            self._direct &= sent is not None
        elif sent:
            self._end = min(self._start + sent.acknowledged, max(self._stop - 1, self._start))
        if sent:
            sent.close()

    async def record(self) -> None:
        """Write the receipt to the database."""
        self._content.sources.close()
        at: datetime | None = None

        def record() -> None:
            nonlocal at
            at = at or self._deps.clock.now()
            record_delivery(
                self._deps, self._content, self._start, self._end, at, is_clean=self._is_clean, is_direct=self._direct
            )

        for pause in _RECORD_AGAIN_SECONDS:
            try:
                return await run_in_threadpool(record)
            except Unavailable as error:
                log.warning("recording a delivery failed, retrying: %s", error)
                await asyncio.sleep(pause)
        return await run_in_threadpool(record)
