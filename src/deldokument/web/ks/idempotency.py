"""Idempotency keys in KS' interfaces: a repeated upload gets the first one's response.

Guarantees:
- Of several uploads with the same key and metadata, only one shares a document.
- A refused or interrupted upload frees its key.
- After a crash, the repeated upload continues with the same share.

The document itself is not compared, because it arrives last.
"""

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from deldokument.crypto.keys import frame
from deldokument.domain.errors import ServiceError
from deldokument.domain.identifiers import Consumer
from deldokument.services.api.idempotency import StoredResponse, begin_request, finish_request
from deldokument.web.http.limits.lease_renewal import LeaseRenewal
from deldokument.web.ks.callers import Caller

_KEPT_HEADERS = ("content-type", "location")
_REFUSED = StoredResponse(400, {}, b"")
"""Recorded for every failure: the failed upload has left nothing."""
Upload = Callable[[str], Awaitable[Response]]
"""An upload whose share gets this id; empty for a new one."""


async def once(caller: Caller, metadata: bytes, upload: Upload) -> Response:
    """Run the upload, or return the stored response for its key."""
    name = caller.request.headers.get("idempotency-key")
    if name is None or not isinstance(caller.sharer, Consumer):
        return await upload("")
    digest = _digest(caller, metadata)
    named = await run_in_threadpool(begin_request, caller.deps, caller.sharer, name, digest)
    if isinstance(named, StoredResponse):
        return Response(named.body, named.status, {**named.headers, "Idempotency-Replayed": "true"})
    held, answer = LeaseRenewal(named), _REFUSED
    try:
        async with held.keep_renewed(caller.deps):
            response = await upload(named.new_id)
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        answer = StoredResponse(response.status_code, headers, bytes(response.body))
        return response
    finally:
        # The change is committed. If its response cannot be stored, a repetition runs again under the same id.
        with suppress(ServiceError):
            await run_in_threadpool(finish_request, caller.deps, caller.sharer, held.request, answer)


def _digest(caller: Caller, metadata: bytes) -> bytes:
    scope = caller.request.scope
    return hashlib.sha256(frame(scope["path"].encode(), scope["query_string"], metadata)).digest()
