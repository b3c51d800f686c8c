"""Dispatch of one request, from the wire to a handler and back.

A handler is a plain function from a :class:`RequestContext` to a response; it runs in a thread and may block. A route
declares who may call it (there is no default) and how it answers errors.

Guarantees, the same for every route:
- The session is looked up before the handler runs, and before reading a body that only its holder may send. If the
  request has not reached the handler a second later, the session is looked up again.
- A state change without the session's CSRF token is refused. The fields of our own form are kept for resubmission.
- Without a fresh login, a route that needs one has no effect. The form is kept, and its page leads to the login.
- The size of a body is limited: 256 KiB and the files that the route accepts; 16 KiB where no login is needed.
- A body is read as text fields, as JSON, or as a form with files if the route accepts them.
- At a link, the response time of a refusal does not depend on the share (`web.http.limits.refusal_time`).
- A refused form is shown again, with its input and its faults, if the route names its page (``Endpoint.again``).
- Any other error becomes one page or one JSON shape.
- Nothing is cached.
"""

import json
import logging
import secrets
from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.audit import NO_TENANT
from deldokument.domain.errors import (
    Broken,
    Conflict,
    Frozen,
    InvalidFields,
    InvalidInput,
    NotFound,
    RateLimited,
    ServiceError,
    TooLarge,
    Unavailable,
)
from deldokument.domain.tenants.tenancy import must_not_have_ended
from deldokument.ports.dependencies import Dependencies
from deldokument.server.connections import pause_reading
from deldokument.services.auth.fresh_login import drop_form
from deldokument.services.auth.programs import find_program
from deldokument.services.auth.roles import find_person
from deldokument.services.auth.sessions import find_session
from deldokument.web.http.fresh_login import ask_for_fresh_login
from deldokument.web.http.limits.refusal_time import now, wait_for_step
from deldokument.web.http.limits.slots import LogThrottle, Slots, SlotsTaken
from deldokument.web.http.meter import note_refusal
from deldokument.web.http.request import (
    SAFE_METHODS,
    Endpoint,
    ErrorFormat,
    RequestContext,
    RequiredRole,
    endpoint_name,
)
from deldokument.web.http.requests.bearer import bearer_token
from deldokument.web.http.requests.forms import read_form
from deldokument.web.http.requests.media_type import media_type_of
from deldokument.web.http.responses.error_texts import WORDS
from deldokument.web.http.responses.errors import StalePage, error_headers, error_text, field_errors, status_of
from deldokument.web.http.responses.problems import problem
from deldokument.web.http.responses.rendering import render
from deldokument.web.http.resubmission import (
    MAX_KEPT_BODY,
    ReadLimit,
    is_from_own_page,
    may_be_sent_again,
    resend_page,
    typed_in,
)
from deldokument.web.http.site import Site

log = logging.getLogger("deldokument.web")
TRACE = "deldokument.trace"
"""Key of the scope with the id of the request's trace, where requests are traced."""
MAX_BODY = 256 * 1024
MAX_ANONYMOUS_BODY = 16 * 1024
"""Length of a body on routes for anyone: the longest is the provider's logout token."""
MAX_FIELDS = 1000
ADMISSION_SECONDS = 1.0
"""For how long a check of the caller counts, while the body is read. A request that takes longer is checked again."""
_CONFIGURING = frozenset({RequiredRole.ADMINISTRATOR, RequiredRole.SIGNATORY})
_NOT_A_PAGE = 300
_BUSY = {"login_busy": "logins", "busy": "forms of people without a session", "seal_busy": "documents to seal"}
_busy_lines = LogThrottle(60.0)


def starlette_route(endpoint: Endpoint, deps: Dependencies, site: Site, reading: ReadLimit) -> Route:
    """Return the Starlette route that serves ``endpoint``; ``reading`` is shared by all routes."""
    slots = Slots(endpoint.own_threads) if endpoint.own_threads else None

    async def serve(request: Request) -> Response:
        arrived = now()
        response = await _serve(endpoint, RequestContext(deps, site, request), slots, reading)
        if endpoint.even_refusals and response.status_code >= _NOT_A_PAGE:
            await wait_for_step(arrived)
        return response

    name = f"{'+'.join(endpoint.methods)} {endpoint.path}"
    return Route(endpoint.path, serve, methods=list(endpoint.methods), name=name)


async def _serve(endpoint: Endpoint, call: RequestContext, slots: Slots | None, reading: ReadLimit) -> Response:
    try:
        _check_address(call.request)
        if call.request.method not in SAFE_METHODS and (stranger := await _receive(endpoint, call, reading)):
            return stranger
        run = slots.run if slots else run_in_threadpool
        return await run(_handle, endpoint, call)
    except ClientDisconnect:
        return Response(status_code=400)
    except SlotsTaken as error:
        # On the event loop: no session has been loaded yet, so rendering does no I/O.
        return failure(call, endpoint.answer, error)
    except (ServiceError, IntegrityError) as error:
        return await run_in_threadpool(failure, call, endpoint.answer, error)


async def _receive(endpoint: Endpoint, call: RequestContext, reading: ReadLimit) -> Response | None:
    """Read the body if the caller may send it; else return the response for a client that must log in first.

    A form from one of our pages is read even then, so that it can be sent again after the login.
    """
    if endpoint.who is RequiredRole.ANYONE:
        await _read_body(call, 0, MAX_ANONYMOUS_BODY)
        return None
    # Until the caller is known, the body stays in the kernel.
    pause_reading(call.request.scope)
    admitted_until = monotonic() + ADMISSION_SECONDS
    stranger = await run_in_threadpool(_admit, endpoint, call)
    if stranger is None:
        call.admitted_until = admitted_until
        await _read_body(call, endpoint.takes_file, MAX_BODY)
        return None
    if endpoint.answer is not ErrorFormat.PAGE or not is_from_own_page(call.request, call.site.public_url):
        return stranger
    async with reading.one_more():
        await _read_body(call, endpoint.takes_file, MAX_KEPT_BODY, keeps_files=False)
    return None


def _check_address(request: Request) -> None:
    """Raise NotFound if the query contains a NUL, which no database accepts in text.

    Paths need no check: a NUL there stays percent-encoded (web.http.requests.path_encoding).
    """
    if b"%00" in request.scope["query_string"]:
        raise NotFound("NUL in the address")


def _admit(endpoint: Endpoint, call: RequestContext) -> Response | None:
    """Find the session and check its access to the route.

    Returns the response for a client that must log in first, else None.

    Raises: NotFound if the person lacks the route's role; TokenRefused for a program.
    """
    # Roles that were read by an earlier check may have ended.
    call.known_roles = None
    token = bearer_token(call.request) if endpoint.for_programs else None
    secret = call.request.cookies.get(call.site.session_cookie)
    if token is not None:
        call.by_program = True
        call.session = find_program(call.deps, token, call.path("id"))
    elif call.request.method == "GET" and endpoint.answer is ErrorFormat.PAGE:
        # The frame of every page shows the roles.
        call.session, call.known_roles = find_person(call.deps, secret)
    else:
        call.session = find_session(call.deps, secret)
    if endpoint.who is not RequiredRole.ANYONE and call.session is None:
        return _login_wanted(endpoint.answer, call)
    _check_office(endpoint.who, call)
    return None


def _handle(endpoint: Endpoint, call: RequestContext) -> Response:
    # The body may have taken long to arrive, and the session or the roles may have ended since.
    if monotonic() >= call.admitted_until and (stranger := _admit(endpoint, call)):
        return stranger
    if call.request.method not in SAFE_METHODS and not endpoint.own_token and not holds_token(call):
        if endpoint.answer is ErrorFormat.PAGE and may_be_sent_again(call):
            return resend_page(call)
        raise StalePage
    if endpoint.who in _CONFIGURING and call.request.method not in SAFE_METHODS and not endpoint.after_end:
        must_not_have_ended(call.tenant)
    if not endpoint.needs_fresh_login:
        return _answer(endpoint, call)
    if not call.person.is_fresh(call.deps.clock.now()):
        return ask_for_fresh_login(call, endpoint.needs_fresh_login)
    response = _answer(endpoint, call)
    drop_form(call.deps, call.person)
    return response


def _answer(endpoint: Endpoint, call: RequestContext) -> Response:
    try:
        return endpoint.handler(call)
    except (InvalidInput, InvalidFields, Conflict, Frozen, RateLimited) as error:
        if endpoint.again is None:
            raise
        call.refuse(error, endpoint.error_field)
        response = endpoint.again(call)
        response.headers.update(error_headers(error))
        return response


def _check_office(who: RequiredRole, call: RequestContext) -> None:
    """Raise NotFound if the person lacks the role.

    The error is not 403, so that others learn nothing about the administration.
    """
    if who in _CONFIGURING:
        call.for_signatories = who is RequiredRole.SIGNATORY
        _ = call.tenant
    elif who is RequiredRole.OPERATOR and not call.roles.operates:
        raise NotFound("not an operator")
    elif who is RequiredRole.OPERATOR and NO_TENANT in call.deps.behind:
        # The restore may have brought back a removed operator.
        raise Unavailable("database_restored")


def _login_wanted(answer: ErrorFormat, call: RequestContext) -> Response:
    if answer is ErrorFormat.JSON:
        return JSONResponse({"errors": [{"field": "", "message": call.translator.text(WORDS["not_logged_in"])}]}, 401)
    if answer is ErrorFormat.BYTES:
        if _shows_pages(call):
            # A download's path is below its share's page, which explains how to log in.
            return RedirectResponse(f"/d/{quote(call.path('id'), safe='')}", 303)
        return Response(call.translator.text(WORDS["not_logged_in"]), 401, media_type="text/plain")
    if call.request.method not in SAFE_METHODS:
        kept = may_be_sent_again(call) and typed_in(call)
        return resend_page(call) if kept else RedirectResponse("/logg-inn", 303)
    return RedirectResponse(f"/logg-inn?neste={quote(call.address)}", 303)


def _shows_pages(call: RequestContext) -> bool:
    """Return whether a browser has followed a link, and so needs a page.

    Its user could not continue from plain text, or the browser would save it as the file.
    """
    return "text/html" in call.request.headers.get("accept", "")


def holds_token(call: RequestContext) -> bool:
    """Return whether the request contains its session's CSRF token, and no ``Origin`` of another site."""
    sent = call.request.headers.get("x-csrf-token") or call.fields.get("csrf_token", "")
    origin = call.request.headers.get("origin")
    foreign = origin is not None and origin != call.site.public_url
    known = call.session.csrf_token if call.session else ""
    return not foreign and bool(known) and secrets.compare_digest(sent.encode(), known.encode())


async def _read_body(call: RequestContext, file_length: int, text_length: int, *, keeps_files: bool = True) -> None:
    kind = media_type_of(call.request)
    if file_length and kind == "multipart/form-data":
        await _read_files(call, file_length, text_length, keeps_files)
    else:
        await _read_words(call, kind, text_length)


async def _read_files(call: RequestContext, file_length: int, text_length: int, keeps_files: bool) -> None:
    limits = {"file_length": file_length, "text_length": text_length, "most_parts": MAX_FIELDS}
    content_type, body = call.request.headers["content-type"], call.request.stream()
    try:
        call.fields, call.files = await read_form(content_type, body, **limits, keeps_files=keeps_files)
    except ValueError:
        raise InvalidInput("body", "body_malformed") from None


async def _read_words(call: RequestContext, kind: str, text_length: int) -> None:
    if int(call.request.headers.get("content-length", "0")) > text_length:
        raise TooLarge("body_too_large")
    raw = await whole_body(call.request, text_length)
    if kind == "application/json":
        call.body = json_object(raw or b"{}", "body")
    elif kind == "application/x-www-form-urlencoded":
        try:
            call.fields = dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
        except ValueError:
            raise InvalidInput("body", "body_malformed") from None


async def whole_body(request: Request, longest: int) -> bytearray:
    """Return the body. Raises: TooLarge if it has more than ``longest`` bytes; ClientDisconnect."""
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
        if len(raw) > longest:
            raise TooLarge("body_too_large")
    return raw


def json_object(raw: bytes | bytearray, field: str) -> Mapping[str, Any]:
    """Return the JSON object in ``raw``.

    Raises: InvalidInput if it is not a JSON object, or contains text that is not Unicode (a lone surrogate).
    """
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise InvalidInput(field, "body_malformed") from None
    if not isinstance(body, dict):
        raise InvalidInput(field, "body_malformed")
    return body


def failure(call: RequestContext, answer: ErrorFormat, error: ServiceError | IntegrityError) -> Response:
    """Return the error as a page, as JSON, or as plain text; for a program as a problem, as in the API.

    Byte routes answer in plain text, but browsers get a page, and so does every client for 404.
    """
    if call.by_program:
        return problem(call.request, error)
    if isinstance(error, IntegrityError):
        error = Broken("integrity")
    note_refusal(call.request.scope, error)
    status = status_of(error)
    if status >= 500:
        _log_failure(call, status, error)
    headers = error_headers(error)
    if answer is ErrorFormat.JSON:
        faults = [{"field": field, "message": words} for field, words in field_errors(error, call.translator)]
        return JSONResponse({"code": error.code, "errors": faults}, status, headers)
    if answer is ErrorFormat.BYTES and not isinstance(error, NotFound) and not _shows_pages(call):
        return Response(error_text(error, call.translator), status, headers, media_type="text/plain")
    response = _error_page(call, status, error)
    response.headers.update(headers)
    return response


def _log_failure(call: RequestContext, status: int, error: ServiceError) -> None:
    """Log a response with status 5xx.

    Transient errors are not logged as ERROR, because operators alert on that level.
    """
    if error.code == "inspection_running":
        return
    if error.code not in _BUSY:
        log.error("%s answered %s: %s", endpoint_name(call.request), status, error)
    elif _busy_lines.admits():
        log.warning("%s refuses %s: %s", endpoint_name(call.request), _BUSY[error.code], error)


def _error_page(call: RequestContext, status: int, error: ServiceError) -> Response:
    """Render the error page for the logged-in person.

    If the database cannot provide the person's menu, it is rendered without a login. It shows no time, because the
    database's clock may be unavailable too.
    """
    number = call.request.scope.get(TRACE, "") if status >= 500 else ""
    asked_at = error.params.get("asked_at")
    context: dict[str, Any] = {
        "error": error,
        "message": error_text(error, call.translator),
        "now": None,
        "number": number,
        "asked_at": datetime.fromisoformat(str(asked_at)) if asked_at else None,
    }
    try:
        return render(call, "http/error.html", status=status, errors=[], **context)
    except ServiceError:
        nobody = RequestContext(call.deps, call.site, call.request)
        return render(nobody, "http/error.html", status=status, errors=[], **context)
