"""Bodies of requests: forms in any number of pieces give the same result, and only documented errors."""

import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any

from python_multipart.exceptions import FormParserError
from starlette.requests import ClientDisconnect
from starlette.types import Message

from deldokument.domain.errors import InvalidInput, TooLarge
from deldokument.web.api.multipart_body import read_parts
from deldokument.web.http.dispatch import json_object
from deldokument.web.http.requests.forms import read_form
from deldokument.web.ks.forms import SharingForm
from tests.fuzz.targets.downloads import lines

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
_LIMITS = {"file_length": 200, "text_length": 100, "most_parts": 5}


def _finished(steps: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of a coroutine that waits for nothing."""
    try:
        steps.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def _pieces(body: bytes, size: int) -> Iterator[bytes]:
    yield from (body[at : at + size] for at in range(0, len(body), size))


async def _stream(body: bytes, size: int) -> AsyncIterator[bytes]:
    for piece in _pieces(body, size):
        yield piece


def _begins_with_a_part(body: bytes) -> bool:
    """Return whether no text precedes the first boundary: python-multipart takes such text in one piece only."""
    return body.startswith(b"--")


def _form(content_type: str, body: bytes, size: int) -> Any:
    try:
        return _finished(read_form(content_type, _stream(body, size), **_LIMITS))
    except (ValueError, TooLarge):
        # Which fault of a body is met first may depend on the pieces.
        return None


def _parts(content_type: str, body: bytes) -> Any:
    try:
        return read_parts(content_type, body)
    except (ValueError, FormParserError):
        return None


def multipart(data: bytes) -> None:
    """Read a form with the media type of the first line, by both readers of forms."""
    head, body = lines(data, 2)
    content_type = head.decode("latin-1")
    whole, bytewise = _form(content_type, body, len(body) or 1), _form(content_type, body, 1)
    if _begins_with_a_part(body):
        assert whole == bytewise
    parts = _parts(content_type, body)
    if isinstance(whole, tuple) and parts is not None:
        fields, files = whole
        assert set(fields) == {part.name for part in parts if part.file_name is None}
        assert set(files) <= {part.name for part in parts if part.file_name is not None}


async def _ks(content_type: str, body: bytes, size: int) -> tuple[bytes, bytes]:
    pieces = _pieces(body, size)

    async def receive() -> Message:
        piece = next(pieces, None)
        return (
            {"type": "http.disconnect"} if piece is None else {"type": "http.request", "body": piece, "more_body": True}
        )

    form = SharingForm(content_type, receive)
    given, document = await form.read_metadata(), bytearray()
    while (message := await form.receive_document())["type"] == "http.request":
        document += message["body"]
        if not message["more_body"]:
            await form.finish()
            return given, bytes(document)
    raise ClientDisconnect


def _ks_result(content_type: str, body: bytes, size: int) -> Any:
    try:
        return _finished(_ks(content_type, body, size))
    except (InvalidInput, TooLarge, ClientDisconnect):
        return None


def ks_form(data: bytes) -> None:
    """Read the form of the KS interface, whole and byte by byte."""
    head, body = lines(data, 2)
    content_type = head.decode("latin-1")
    whole, bytewise = _ks_result(content_type, body, len(body) or 1), _ks_result(content_type, body, 1)
    if _begins_with_a_part(body):
        assert whole == bytewise


def json_body(data: bytes) -> None:
    """Read a JSON object: what is accepted can be written as UTF-8."""
    try:
        body = json_object(data, "body")
    except InvalidInput:
        return
    assert isinstance(body, dict)
    str(body).encode()
