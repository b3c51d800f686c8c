"""Middleware of the API: authentication, rate limit, body limits, idempotency.

Guarantees, in this order:
- The token is verified. Otherwise the answer is 401, and nothing of the body is read.
- The consumer has not exceeded its rate limit.
- The query has no NUL.
- The body is complete, of a type that the route accepts, and limited in length, time and number.
- A repeated request gets the first response again (see `services.api.idempotency`).

Requests of programs that receive for a person have no consumer. Their token is also checked first. Requests that redeem
a code for a token are anonymous: few run at a time, and refused codes have a rate limit (`services.auth.programs`).
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

from python_multipart.exceptions import FormParserError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import InvalidInput, ServiceError, TokenRefused, Unavailable
from deldokument.domain.identifiers import Consumer
from deldokument.ports.dependencies import Dependencies
from deldokument.services.auth.programs import find_program
from deldokument.services.auth.sessions import Session
from deldokument.services.rate_limit import RateLimit, check_rate
from deldokument.web.api.dependencies import ApiCall, ProgramCall
from deldokument.web.api.multipart_body import read_parts
from deldokument.web.http.dispatch import MAX_ANONYMOUS_BODY, whole_body
from deldokument.web.http.idempotency import once
from deldokument.web.http.requests.bearer import bearer_token
from deldokument.web.http.requests.media_type import JSON, media_type_of
from deldokument.web.http.responses.errors import MediaTypeRefused
from deldokument.web.http.responses.problems import problem
from deldokument.web.http.responses.rate_limit import ConcurrencyLimiter

PREFIX = "/api/v1"
OPENAPI = f"{PREFIX}/openapi.json"
SMALL_SHARES = f"{PREFIX}/small-shares"
OFFERS = f"{PREFIX}/offers/"
"""Routes of programs that receive for a person. Their callers have no token of Maskinporten."""
_GIVES_TOKEN = "token"  # noqa: S105 - the end of the one path that needs none
MAX_BODY = 1024 * 1024
MAX_PROGRAM_BODY = 64 * 1024
MAX_FILES = 20 * 1024 * 1024
_FORM = "multipart/form-data"
BODY_SECONDS = 120.0
"""Seconds within which the whole body must arrive."""
MAX_FORMS = 16
MAX_FORMS_PER_CONSUMER = 8
"""Bodies with files that one consumer may send at once, so that it cannot block the others."""
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class ApiMiddleware:
    """ASGI middleware around the API's application."""

    def __init__(self, app: ASGIApp, deps: Dependencies, callers: ConcurrencyLimiter) -> None:
        self._app = app
        self._world = deps
        self._callers = callers
        self._forms = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with a problem."""
        if scope["type"] != "http" or scope["path"] == OPENAPI:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # RFC 9110, 9.3.2: the response to GET without its content.
            scope, send = {**scope, "method": "GET"}, _without_content(send)
        request, headers = Request(scope, receive), dict[str, str]()
        send = _with_headers(send, headers)
        try:
            if _gives_token(scope["path"]):
                call = ProgramCall(self._world, None, await _read_body(request))
                # Counted only after the body, which a slow client may send for a long time.
                with self._callers.one_more(None):
                    await self._pass(scope, receive, send, call)
                return
            if scope["path"].startswith(OFFERS):
                await self._pass(scope, receive, send, await self._program_call(request))
                return
            consumer = await self._admit(request, headers)
            async with self._within_limits(scope, consumer):
                body = await _read_body(request)
                await self._serve(request, send, ApiCall(self._world, consumer, body))
        except ClientDisconnect:
            return
        except TimeoutError:
            await problem(request, InvalidInput("body", "body_malformed"), 408)(scope, receive, send)
        except (ServiceError, IntegrityError) as error:
            await problem(request, error)(scope, receive, send)

    @asynccontextmanager
    async def _within_limits(self, scope: Scope, consumer: Consumer) -> AsyncIterator[None]:
        """Limit a consumer's concurrent requests, and the concurrent bodies with files.

        Bodies with files are held in memory, and limited both per consumer and in total. Raises: ConsumerLimited, or
        Unavailable if too many bodies with files are in memory.
        """
        consumer_number, with_files = consumer.organization.value, scope["path"] == SMALL_SHARES
        with self._callers.one_more(consumer):
            if with_files and (
                self._forms.total() >= MAX_FORMS or self._forms[consumer_number] >= MAX_FORMS_PER_CONSUMER
            ):
                raise Unavailable("busy")
            this = Counter((consumer_number,) if with_files else ())
            self._forms += this
            try:
                yield
            finally:
                self._forms -= this

    async def _serve(self, request: Request, send: Send, call: ApiCall) -> None:
        name = request.headers.get("idempotency-key")
        if request.method != "POST" or name is None:
            await self._pass(request.scope, request.receive, send, call)
            return

        async def run(new_id: str) -> Response:
            answer = BufferedResponse()
            await self._pass(request.scope, request.receive, answer.take, replace(call, new_id=new_id))
            return answer.response()

        digest = await run_in_threadpool(_digest, request, call.body)
        response = await once(call.deps, call.consumer, name, digest, run)
        await response(request.scope, request.receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, call: ApiCall | ProgramCall) -> None:
        scope.setdefault("state", {})["call"] = call
        with suppress(Exception):
            # The application has already answered and logged the error before raising it again.
            await self._app(scope, _replay_body(call.body, receive), send)

    async def _program_call(self, request: Request) -> ProgramCall:
        """Check a program's token; then read the body."""
        share_id, token = request.scope["path"].removeprefix(OFFERS).partition("/")[0], bearer_token(request) or ""
        session = await run_in_threadpool(_admitted_program, self._world, token, share_id)
        return ProgramCall(self._world, session, await _read_body(request))

    async def _admit(self, request: Request, headers: dict[str, str]) -> Consumer:
        token = bearer_token(request)
        if token is None:
            raise TokenRefused("token_missing")
        consumer = await run_in_threadpool(self._world.tokens.verify, token)
        headers.update(await self._callers.count_request(self._world, consumer))
        if b"%00" in request.scope["query_string"]:
            raise InvalidInput("query", "field_malformed")
        return consumer


def _gives_token(path: str) -> bool:
    return path.startswith(OFFERS) and path.removeprefix(OFFERS).partition("/")[2] == _GIVES_TOKEN


def _admitted_program(deps: Dependencies, token: str, share_id: str) -> Session:
    """Return the session in which the program has access to the share. Raises: TokenRefused, RateLimited."""
    session = find_program(deps, token, share_id)
    limit = RateLimit("rate_limited", deps.config.api_requests_per_minute, timedelta(minutes=1))
    check_rate(deps, limit, f"program {session.person.value}")
    return session


class BufferedResponse:
    """The application's response, held back until its idempotency record is stored."""

    def __init__(self) -> None:
        self._status, self._headers, self._body = 500, Headers(), bytearray()

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], Headers(raw=message["headers"])
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")

    def response(self) -> Response:
        response = Response(bytes(self._body), self._status)
        response.raw_headers = self._headers.raw
        return response


def _digest(request: Request, body: bytes) -> bytes:
    """Return a hash of path, query and content. Requests that differ in any of them get different hashes."""
    digest = hashlib.sha256()
    for part in (request.scope["path"].encode(), request.scope["query_string"], *_content(request, body)):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _content(request: Request, body: bytes) -> list[bytes]:
    """Return the body; for a form its parts, because clients choose a new boundary for each request."""
    if request.scope["path"] != SMALL_SHARES:
        return [body]
    try:
        parts = read_parts(request.headers.get("content-type", ""), body)
    except (FormParserError, ValueError):
        return [body]
    return [piece for part in parts for piece in (part.name.encode(), (part.file_name or "").encode(), part.content)]


def _longest_body(path: str) -> int:
    if _gives_token(path):
        return MAX_ANONYMOUS_BODY
    if path.startswith(OFFERS):
        return MAX_PROGRAM_BODY
    return MAX_BODY + (MAX_FILES if path == SMALL_SHARES else 0)


async def _read_body(request: Request) -> bytes:
    """Return the whole body. Raises: MediaTypeRefused, TooLarge, TimeoutError or ClientDisconnect."""
    if request.method not in _WITH_BODY:
        return b""
    with_files = request.scope["path"] == SMALL_SHARES
    async with asyncio.timeout(BODY_SECONDS):
        raw = await whole_body(request, _longest_body(request.scope["path"]))
    kind = media_type_of(request)
    wanted = _FORM if with_files else JSON
    if raw and kind != wanted:
        raise MediaTypeRefused(wanted)
    return bytes(raw)


def _replay_body(body: bytes, receive: Receive) -> Receive:
    """Return an ASGI receive function that first replays the body, then passes on the server's messages."""
    rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return rest.pop() if rest else await receive()

    return replay


def _without_content(send: Send) -> Send:
    async def without_content(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return without_content


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return with_headers
