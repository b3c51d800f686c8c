"""Resumable uploads by the IETF draft (draft-ietf-httpbis-resumable-upload-12, interop version 8).

An alternative to tus for the same uploads, with the same addresses, tokens, durability and limits. A request without
``Tus-Resumable`` is treated as one of these, if the operator has enabled them; the draft will change. An upload is
complete as soon as it has the length announced with the share's draft, even if the last request says otherwise.

Guarantees:
- A request with inconsistent lengths changes nothing.
- A client that names the interop version gets the upload's address (104) before its bytes are read, then its progress.

Deviations from the draft:
- A newer request does not terminate a running one; the first of the two to commit wins.
- An upload that was sent too many bytes stays valid, since none beyond its length are stored.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import Conflict, InvalidInput, NotFound, ServiceError, TooLarge
from deldokument.domain.upload import MAX_LENGTH, Upload
from deldokument.ports.dependencies import Dependencies
from deldokument.server.connections import send_interim
from deldokument.services.uploads.append import create_upload, find_upload, terminate_upload
from deldokument.web.http.media_type import media_type_of
from deldokument.web.http.problems import MEDIA_TYPE, problem
from deldokument.web.transfer.request_body import Stalled, content_length, header_count, receive, upload_token

INTEROP_VERSION = "8"
PATCH_TYPE = "application/partial-upload"
_PROBLEMS = "https://iana.org/assignments/http-problem-types#"
_BOOLEANS = {"?0": False, "?1": True}
_MAX_SIZE = f"max-size={MAX_LENGTH}"
OFFER = {"Accept-Patch": PATCH_TYPE, "Upload-Limit": _MAX_SIZE}
"""Headers of the response to OPTIONS."""


class _Inconsistent(Exception):
    """The lengths in the request contradict each other or the upload."""


def is_meant(request: Request) -> bool:
    """Return whether the request follows the draft and not tus."""
    return request.method != "OPTIONS" and "tus-resumable" not in request.headers


async def answer(deps: Dependencies, request: Request) -> Response:
    """Handle the request."""
    verbs = {"POST": _create, "HEAD": _head, "PATCH": _append, "DELETE": _cancel}
    try:
        return await verbs[request.method](deps, request)
    except _Inconsistent:
        return _problem("inconsistent-upload-length", HTTPStatus.BAD_REQUEST)
    except Stalled:
        return _answer(408, {"Connection": "close"})
    except ClientDisconnect:
        return _answer(400)
    except Conflict as error:
        return _conflict(request, error)
    except InvalidInput as error:
        return problem(request, error, HTTPStatus.BAD_REQUEST)
    except (ServiceError, IntegrityError) as error:
        return problem(request, error)


def _conflict(request: Request, error: Conflict) -> Response:
    if error.code == "upload_length_differs":
        return _problem("inconsistent-upload-length", HTTPStatus.BAD_REQUEST)
    if error.code == "upload_finished":
        return _problem("completed-upload", HTTPStatus.BAD_REQUEST)
    if error.code != "upload_offset":
        return problem(request, error)
    expected = error.params["expected"]
    # A request that creates an upload names no offset: its bytes belong at the beginning.
    provided = header_count(request, "upload-offset") if "upload-offset" in request.headers else 0
    offsets = {"expected-offset": expected, "provided-offset": provided}
    return _problem("mismatching-upload-offset", HTTPStatus.CONFLICT, offsets, {"Upload-Offset": str(expected)})


def _problem(
    name: str, status: HTTPStatus, more: dict[str, str | int] | None = None, headers: dict[str, str] | None = None
) -> Response:
    body = {"type": _PROBLEMS + name, "title": name.replace("-", " ").capitalize(), "status": status, **(more or {})}
    return JSONResponse(body, status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


def _answer(status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(status_code=status, headers={"Cache-Control": "no-store", **(headers or {})})


async def _create(deps: Dependencies, request: Request) -> Response:
    token, completes = upload_token(request), _completes(request)
    upload, limit = await run_in_threadpool(_look, deps, token)
    _check_lengths(request, upload, completes, 0)
    await run_in_threadpool(create_upload, deps, token, length=upload.length)
    place = {"Location": f"/uploads/{upload.id}", "Upload-Limit": limit}
    _send_interim(request, place)
    offset = await _receive(deps, request, token, upload, 0)
    return _acknowledged(201, offset, upload, completes, place)


async def _head(deps: Dependencies, request: Request) -> Response:
    upload, limit = await run_in_threadpool(_look, deps, upload_token(request), request.path_params["id"])
    return _answer(
        204,
        {
            "Upload-Offset": str(upload.offset),
            "Upload-Complete": "?1" if upload.is_finished else "?0",
            "Upload-Length": str(upload.length),
            "Upload-Limit": limit,
        },
    )


async def _append(deps: Dependencies, request: Request) -> Response:
    token, completes = upload_token(request), _completes(request)
    if media_type_of(request) != PATCH_TYPE:
        return _answer(415, {"Accept-Patch": PATCH_TYPE})
    offset = header_count(request, "upload-offset")
    upload, _ = await run_in_threadpool(_look, deps, token, request.path_params["id"])
    if offset == upload.offset:
        _check_lengths(request, upload, completes, offset)
    return _acknowledged(204, await _receive(deps, request, token, upload, offset), upload, completes)


async def _cancel(deps: Dependencies, request: Request) -> Response:
    await run_in_threadpool(terminate_upload, deps, upload_token(request), request.path_params["id"])
    return _answer(204)


def _acknowledged(
    status: int, offset: int, upload: Upload, completes: bool, place: dict[str, str] | None = None
) -> Response:
    if completes and offset != upload.length:
        raise _Inconsistent
    headers = {"Upload-Complete": "?1" if completes else "?0", "Upload-Offset": str(offset)}
    return _answer(status, headers | (place or {}))


async def _receive(deps: Dependencies, request: Request, token: str, upload: Upload, offset: int) -> int:
    """Append the body; return the acknowledged offset.

    An empty body at the current offset does not touch the upload, which may be complete already.
    """
    announced = content_length(request)
    if announced == 0 and offset == upload.offset:
        return offset
    try:
        return await receive(
            deps, request, token, upload.id, offset=offset, announced=announced, on_progress=_progress_sender(request)
        )
    except TooLarge:
        raise _Inconsistent from None


def _progress_sender(request: Request) -> Callable[[int], None]:
    return lambda offset: _send_interim(request, {"Upload-Offset": str(offset)})


def _send_interim(request: Request, headers: dict[str, str]) -> None:
    """Send an interim response, if the client names this version of the draft."""
    if request.headers.get("upload-draft-interop-version") == INTEROP_VERSION:
        version = {"Upload-Draft-Interop-Version": INTEROP_VERSION}
        send_interim(request.scope, "104 Upload Resumption Supported", headers | version)


def _check_lengths(request: Request, upload: Upload, completes: bool, offset: int) -> None:
    announced = content_length(request)
    if "upload-length" in request.headers and header_count(request, "upload-length") != upload.length:
        raise _Inconsistent
    if announced is None:
        return
    if offset + announced > upload.length or (completes and offset + announced != upload.length):
        raise _Inconsistent


def _completes(request: Request) -> bool:
    value = _BOOLEANS.get(request.headers.get("upload-complete", ""))
    if value is None:
        raise InvalidInput("upload-complete", "body_malformed")
    return value


def _look(deps: Dependencies, token: str, upload_id: str | None = None) -> tuple[Upload, str]:
    """Return the upload and its limits.

    Raises: NotFound for a partial upload, which only tus has.
    """
    upload = find_upload(deps, token, upload_id)
    if upload.is_partial:
        raise NotFound("partial upload")
    seconds = int((upload.deadline - deps.clock.now()).total_seconds())
    return upload, f"{_MAX_SIZE}, max-age={max(0, seconds)}"
