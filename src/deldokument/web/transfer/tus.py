"""tus 1.0.0 over HTTP: creation, creation-with-upload, termination, expiration, checksum, concatenation.

Guarantees:
- Only the upload token in the Authorization header gives access. Cookies are ignored, so no other site can make a
  browser upload.
- A refused request has no effect, and its response gives the reason in one line of text.
- Only durable bytes are acknowledged.

The body is read by web.transfer.request_body.
"""

import base64
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable
from email.utils import format_datetime
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import Broken, Conflict, InvalidInput, ServiceError, TooLarge
from deldokument.domain.shares.upload import MAX_LENGTH, Upload
from deldokument.ports.dependencies import Dependencies
from deldokument.services.uploads.append import CHECKSUMS, Checksum, create_upload, find_upload, terminate_upload
from deldokument.services.uploads.concatenation import create_partial, join_partials, joined_partials
from deldokument.services.uploads.metadata import keep_metadata, upload_metadata
from deldokument.web.http.meter import note_refusal
from deldokument.web.http.requests.media_type import media_type_of
from deldokument.web.http.responses.errors import error_text, status_of
from deldokument.web.http.responses.i18n import Translator
from deldokument.web.transfer.request_body import (
    Stalled,
    content_length,
    decimal_count,
    header_count,
    receive,
    upload_token,
)

log = logging.getLogger("deldokument.uploads")
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum,concatenation"
OFFSET_TYPE = "application/offset+octet-stream"
_FINAL = "final;"
_PATH = re.compile(r"/uploads/([A-Za-z0-9_-]{1,100})")
_PAIR = r"[!-+\--~]+(?: [A-Za-z0-9+/]*={0,2})?"
_METADATA = re.compile(rf"{_PAIR}(?:, ?{_PAIR})*")
MAX_METADATA = 4096
_Verb = Callable[[Dependencies, Request], Awaitable[Response]]


def routes(deps: Dependencies) -> list[Route]:
    """Return the routes of the protocol's two addresses."""
    return [
        _route(deps, "/uploads", {"OPTIONS": _options, "POST": _create}),
        _route(deps, "/uploads/{id}", {"OPTIONS": _options, **_OVERRIDABLE}),
    ]


def _route(deps: Dependencies, path: str, verbs: dict[str, _Verb]) -> Route:
    async def endpoint(request: Request) -> Response:
        method = _method(request)
        if method not in verbs:
            raise HTTPException(405, headers={"Allow": ", ".join(verbs)})
        try:
            if request.method != "OPTIONS" and request.headers.get("tus-resumable") != VERSION:
                return _answer(412, {"Tus-Version": VERSION})
            return await verbs[method](deps, request)
        except ClientDisconnect:
            return _answer(400)
        except Stalled:
            return _answer(408, {"Connection": "close"})
        except (ServiceError, IntegrityError) as error:
            note_refusal(request.scope, error)
            return _refusal(path, error)

    # Without GET among the methods, Starlette adds no HEAD to a route.
    return Route(path, endpoint, methods=list({**verbs, "POST": None}), name=path)


def _method(request: Request) -> str:
    """Return the method of the request. Behind proxies that block PATCH and DELETE, a header of a POST may name it.

    Only a tus client's POST may do so, so a GET never has an effect.
    """
    override = request.headers.get("x-http-method-override")
    if override in _OVERRIDABLE and request.method == "POST" and "tus-resumable" in request.headers:
        return override
    return request.method


def _refusal(path: str, error: ServiceError | IntegrityError) -> Response:
    if isinstance(error, IntegrityError):
        error = Broken("integrity")
    # tus 1.0.0 has no 422: a malformed header is a bad request.
    status = 400 if isinstance(error, InvalidInput) else status_of(error)
    if status >= 500:
        log.error("%s answered %s: %s", path, status, error)
    expected = error.params.get("expected") if error.code == "upload_offset" else None
    headers = {} if expected is None else {"Upload-Offset": str(expected)}
    return _answer(status, headers, error_text(error, Translator("en")))


def _answer(status: int, headers: dict[str, str] | None = None, text: str = "") -> Response:
    own = {"Tus-Resumable": VERSION, "Cache-Control": "no-store", **(headers or {})}
    return Response(text or None, status, own, media_type="text/plain" if text else None)


async def _options(_deps: Dependencies, _request: Request) -> Response:
    return _answer(
        204,
        {
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(MAX_LENGTH),
            "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
        },
    )


async def _create(deps: Dependencies, request: Request) -> Response:
    token, concat = upload_token(request), request.headers.get("upload-concat")
    if "upload-defer-length" in request.headers:
        raise InvalidInput("upload", "method")
    if concat is not None and concat.startswith(_FINAL):
        return await _join(deps, request, token, concat.removeprefix(_FINAL))
    length = header_count(request, "upload-length")
    if length > MAX_LENGTH:
        raise TooLarge("document_too_large", longest=MAX_LENGTH)
    if concat is None:
        upload = await run_in_threadpool(create_upload, deps, token, length=length)
    elif concat == "partial":
        upload = await run_in_threadpool(create_partial, deps, token, length=length, start=start_in_metadata(request))
    else:
        raise InvalidInput("upload-concat", "body_malformed")
    await run_in_threadpool(keep_metadata, deps, upload, repeatable_metadata(request))
    headers = _place(upload)
    if media_type_of(request) == OFFSET_TYPE and length:
        headers["Upload-Offset"] = str(await _receive(deps, request, token, upload.id, 0))
    return _answer(201, headers)


async def _join(deps: Dependencies, request: Request, token: str, addresses: str) -> Response:
    if "upload-length" in request.headers:
        raise InvalidInput("upload-length", "method")
    upload = await run_in_threadpool(join_partials, deps, token, joined_ids(addresses))
    await run_in_threadpool(keep_metadata, deps, upload, repeatable_metadata(request))
    return _answer(201, _place(upload))


def joined_ids(addresses: str) -> list[str]:
    """Return the ids of the partial uploads to join, from their addresses.

    Raises: InvalidInput if one is no address of an upload.
    """
    paths = [_PATH.fullmatch(_path_of(address)) for address in addresses.split(" ")]
    ids = [path[1] for path in paths if path]
    if len(ids) != len(paths):
        raise InvalidInput("upload-concat", "body_malformed")
    return ids


def _path_of(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:
        return ""


def _place(upload: Upload) -> dict[str, str]:
    return {"Location": f"/uploads/{upload.id}", "Upload-Expires": _http_date(upload)}


async def _head(deps: Dependencies, request: Request) -> Response:
    upload = await run_in_threadpool(find_upload, deps, upload_token(request), request.path_params["id"])
    headers = {
        "Upload-Offset": str(upload.offset),
        "Upload-Length": str(upload.length),
        "Upload-Expires": _http_date(upload),
    }
    return _answer(200, headers | await run_in_threadpool(_creation, deps, upload))


def _creation(deps: Dependencies, upload: Upload) -> dict[str, str]:
    """Return the headers that repeat the client's creation request."""
    metadata = upload_metadata(deps, upload)
    return _concatenation(deps, upload) | ({"Upload-Metadata": metadata} if metadata else {})


def _concatenation(deps: Dependencies, upload: Upload) -> dict[str, str]:
    if upload.is_partial:
        return {"Upload-Concat": "partial"}
    joined = joined_partials(deps, upload)
    return {"Upload-Concat": _FINAL + " ".join(f"/uploads/{one.id}" for one in joined)} if joined else {}


async def _patch(deps: Dependencies, request: Request) -> Response:
    token, upload_id = upload_token(request), request.path_params["id"]
    if media_type_of(request) != OFFSET_TYPE:
        return _answer(415)
    try:
        offset = await _receive(deps, request, token, upload_id, header_count(request, "upload-offset"))
    except Conflict as error:
        if error.code == "upload_finished" and await run_in_threadpool(_is_joined, deps, request, token):
            return _answer(403)
        raise
    return _answer(204, {"Upload-Offset": str(offset)})


def _is_joined(deps: Dependencies, request: Request, token: str) -> bool:
    """Return whether the upload was joined from partial ones.

    The protocol forbids appending to such an upload, with status 403.
    """
    return bool(joined_partials(deps, find_upload(deps, token, request.path_params["id"])))


async def _receive(deps: Dependencies, request: Request, token: str, upload_id: str, offset: int) -> int:
    announced, checksum = content_length(request), checksum_of(request)
    return await receive(deps, request, token, upload_id, offset=offset, announced=announced, checksum=checksum)


async def _delete(deps: Dependencies, request: Request) -> Response:
    await run_in_threadpool(terminate_upload, deps, upload_token(request), request.path_params["id"])
    return _answer(204)


def start_in_metadata(request: Request) -> int | None:
    """Return the offset of a partial upload in the document: «start» in its metadata, in decimal digits."""
    for pair in request.headers.get("upload-metadata", "").split(","):
        key, _, encoded = pair.strip().partition(" ")
        if key != "start":
            continue
        try:
            text = base64.b64decode(encoded, validate=True).decode("ascii")
        except ValueError:
            text = ""
        return decimal_count(text, "upload-metadata")
    return None


def repeatable_metadata(request: Request) -> str:
    """Return Upload-Metadata, to be returned to the client later; empty if it is malformed or too long."""
    text = request.headers.get("upload-metadata", "")
    return text if len(text) <= MAX_METADATA and _METADATA.fullmatch(text) else ""


def checksum_of(request: Request) -> Checksum | None:
    """Return the checksum in the request; None if there is none.

    Raises: InvalidInput if it is malformed.
    """
    text = request.headers.get("upload-checksum")
    if text is None:
        return None
    algorithm, _, encoded = text.partition(" ")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise InvalidInput("upload-checksum", "body_malformed") from None
    if algorithm not in CHECKSUMS or len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise InvalidInput("upload-checksum", "body_malformed")
    return Checksum(algorithm, digest)


def _http_date(upload: Upload) -> str:
    return format_datetime(upload.deadline, usegmt=True)


_OVERRIDABLE: dict[str, _Verb] = {"HEAD": _head, "PATCH": _patch, "DELETE": _delete}
"""The methods of an upload, which X-HTTP-Method-Override may name."""
