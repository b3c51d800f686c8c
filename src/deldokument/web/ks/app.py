"""KS' interface as a separate application below its own path.

Guarantees:
- Every error is answered with an ErrorMessage, except a body that does not arrive (400 or 408 without a body).
- No body is read before the caller is authenticated.
- A JSON body is limited in length and time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import Broken, Conflict, NotFound, ServiceError, TooLarge
from deldokument.domain.identifiers import Consumer
from deldokument.ports.dependencies import Dependencies
from deldokument.web.http.dispatch import json_object
from deldokument.web.http.rate_limit import ConcurrencyLimiter
from deldokument.web.http.site import Site
from deldokument.web.ks import accounts
from deldokument.web.ks.callers import Caller, find_caller
from deldokument.web.ks.errors import error_message, log
from deldokument.web.ks.sharing import share_document
from deldokument.web.transfer.request_body import Stalled

PREFIX = "/melding-dokumentdeling/api/v1"
MAX_BODY = 64 * 1024
_BODY_SECONDS = 120.0
_Handler = Callable[[Caller], Response]
_Admitted = Callable[[Request], AbstractAsyncContextManager[Caller]]
_WITH_BODY = frozenset({"POST", "PUT"})
_OF_TENANT = "/{fiksOrgId}/kontoer"
_ONE = f"{_OF_TENANT}/{{kontoId}}"
_HANDLERS: dict[str, dict[str, _Handler]] = {
    "/kontoer": {"GET": accounts.available},
    "/kontoer/{kontoId}/mottakere/{dokumentId}": {"GET": accounts.recipients},
    _OF_TENANT: {"GET": accounts.of_tenant, "POST": accounts.create},
    _ONE: {"GET": accounts.summary, "PUT": accounts.rename, "DELETE": accounts.delete},
    f"{_ONE}/aktiverVarsling": {"POST": accounts.notify},
    f"{_ONE}/deaktiverVarsling": {"POST": accounts.notify_no_more},
}


def create_ks(deps: Dependencies, site: Site, callers: ConcurrencyLimiter) -> Starlette:
    """Return the application, to be mounted at PREFIX."""
    admitted = partial(_admitted, deps, site, callers)

    async def share(request: Request) -> Response:
        return await _answered(deps, request, lambda: _shared(admitted, request))

    app = Starlette(
        routes=[
            Route("/kontoer/{kontoId}/deldokument", share, methods=["POST"]),
            *(_route(deps, admitted, path, handlers) for path, handlers in _HANDLERS.items()),
        ],
        exception_handlers={HTTPException: _unrouted(deps)},
    )
    app.router.redirect_slashes = False
    return app


def _route(deps: Dependencies, admitted: _Admitted, path: str, handlers: Mapping[str, _Handler]) -> Route:
    async def endpoint(request: Request) -> Response:
        return await _answered(deps, request, lambda: _handled(admitted, request, handlers))

    return Route(path, endpoint, methods=list(handlers))


async def _answered(deps: Dependencies, request: Request, answer: Callable[[], Awaitable[Response]]) -> Response:
    try:
        return await answer()
    except ClientDisconnect:
        return Response(status_code=400)
    except Stalled:
        return Response(status_code=408, headers={"Connection": "close"})
    except (ServiceError, IntegrityError) as error:
        return error_message(deps, request, error)
    except Exception as error:
        log.error("an unexpected error", exc_info=error)
        return error_message(deps, request, Broken("unexpected"))


async def _handled(admitted: _Admitted, request: Request, handlers: Mapping[str, _Handler]) -> Response:
    async with admitted(request) as caller:
        body = await _json_body(request) if request.method in _WITH_BODY else {}
        handler = handlers[request.method.replace("HEAD", "GET")]
        return await run_in_threadpool(handler, replace(caller, body=body))


async def _shared(admitted: _Admitted, request: Request) -> Response:
    async with admitted(request) as caller:
        return await share_document(caller)


@asynccontextmanager
async def _admitted(
    deps: Dependencies, site: Site, callers: ConcurrencyLimiter, request: Request
) -> AsyncIterator[Caller]:
    """Yield the caller while the request runs; limit a consumer's concurrent requests."""
    if b"%00" in request.scope["query_string"]:
        raise NotFound("NUL in the address")
    sharer = await run_in_threadpool(find_caller, deps, site, request)
    if isinstance(sharer, Consumer):
        await callers.counted(deps, sharer)
    with callers.one_more(sharer) if isinstance(sharer, Consumer) else nullcontext():
        yield Caller(deps, request, sharer)


async def _json_body(request: Request) -> Mapping[str, Any]:
    raw = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for piece in request.stream():
                raw += piece
                if len(raw) > MAX_BODY:
                    raise TooLarge("body_too_large")
    except TimeoutError:
        raise ClientDisconnect from None
    return json_object(raw or b"{}", "body")


_Answer = Callable[[Request, Exception], Awaitable[Response]]


def _unrouted(deps: Dependencies) -> _Answer:
    async def answer(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        reason = Conflict("method") if status == 405 else NotFound("no such route")
        response = error_message(deps, request, reason, status)
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response

    return answer
