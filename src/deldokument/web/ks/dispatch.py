"""Dispatch of requests to KS' interfaces: the caller, limits, and errors as ErrorMessage.

Guarantees:
- Every error is answered with an ErrorMessage, except a body that does not arrive (400 or 408 without a body).
- No body is read before the caller is authenticated.
- A JSON body is limited in length and time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import Broken, Conflict, NotFound, ServiceError
from deldokument.domain.identifiers import Consumer
from deldokument.ports.dependencies import Dependencies
from deldokument.web.http.dispatch import json_object, whole_body
from deldokument.web.http.responses.rate_limit import ConcurrencyLimiter
from deldokument.web.http.site import Site
from deldokument.web.ks.callers import Caller, find_caller
from deldokument.web.ks.errors import error_message, log
from deldokument.web.transfer.request_body import Stalled

MAX_BODY = 64 * 1024
_BODY_SECONDS = 120.0
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
Handler = Callable[[Caller], Response]
"""Handler of a request whose JSON object, if it has one, is the caller's ``body``."""
FormHandler = Callable[[Caller], Awaitable[Response]]
"""Handler that reads the request's body itself."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Dispatcher of the requests to one of the interfaces, with their shared dependencies and limits."""

    deps: Dependencies
    site: Site
    callers: ConcurrencyLimiter

    def application(self, routes: Sequence[Route]) -> Starlette:
        """Return the application with these routes. Any other path is answered with an ErrorMessage."""
        app = Starlette(routes=routes, exception_handlers={HTTPException: self._answer_unrouted})
        app.router.redirect_slashes = False
        return app

    def route(self, path: str, handlers: Mapping[str, Handler]) -> Route:
        """Return a route with a handler for each method."""

        async def handle(caller: Caller) -> Response:
            request = caller.request
            body = await _json_body(request) if request.method in _WITH_BODY else {}
            handler = handlers[request.method.replace("HEAD", "GET")]
            return await run_in_threadpool(handler, replace(caller, body=body))

        return self._route(path, handle, list(handlers))

    def form_route(self, path: str, handler: FormHandler) -> Route:
        """Return a route for POST, whose handler reads the body."""
        return self._route(path, handler, ["POST"])

    def _route(self, path: str, handler: FormHandler, methods: list[str]) -> Route:
        async def endpoint(request: Request) -> Response:
            return await self._answer(request, handler)

        return Route(path, endpoint, methods=methods)

    async def _answer(self, request: Request, handler: FormHandler) -> Response:
        try:
            async with self._admit(request) as caller:
                return await handler(caller)
        except ClientDisconnect:
            return Response(status_code=400)
        except Stalled:
            return Response(status_code=408, headers={"Connection": "close"})
        except (ServiceError, IntegrityError) as error:
            return await error_message(self.deps, request, error)
        except Exception as error:
            log.error("an unexpected error", exc_info=error)
            return await error_message(self.deps, request, Broken("unexpected"))

    @asynccontextmanager
    async def _admit(self, request: Request) -> AsyncIterator[Caller]:
        """Yield the caller while the request runs; limit a consumer's concurrent requests."""
        if b"%00" in request.scope["query_string"]:
            raise NotFound("NUL in the address")
        caller = await run_in_threadpool(find_caller, self.deps, self.site, request)
        if isinstance(caller, Consumer):
            await self.callers.count_request(self.deps, caller)
        with self.callers.one_more(caller) if isinstance(caller, Consumer) else nullcontext():
            yield Caller(self.deps, request, caller)

    async def _answer_unrouted(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        reason = Conflict("method") if status == 405 else NotFound("no such route")
        response = await error_message(self.deps, request, reason, status)
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response


async def _json_body(request: Request) -> Mapping[str, Any]:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            raw = await whole_body(request, MAX_BODY)
    except TimeoutError:
        raise ClientDisconnect from None
    return json_object(raw or b"{}", "body")
