"""The form by which a document is shared in KS' interface, read as it comes: ``metadata`` first, then ``dokument``.

Promises that no more of the document is in memory than the server has just received, that none of it touches a disk
unsealed, and that a form cut short never looks whole. The document's bytes are handed on as a request's body of their
own, so that they go the way of every upload.
"""

from __future__ import annotations

from collections import deque

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from deldokument.domain.errors import InvalidInput, TooLarge
from deldokument.web.http.multipart import FormReader

METADATA_LENGTH = 256 * 1024
_METADATA, _DOCUMENT = b"metadata", b"dokument"
_PIECE = 64 * 1024


class SharingForm(FormReader):
    """Reads on as its reader wants more. Raises InvalidInput or TooLarge for what is no such form, ClientDisconnect."""

    def __init__(self, content_type: str, receive: Receive) -> None:
        super().__init__()
        kind, _ = parse_options_header(content_type)
        if kind != b"multipart/form-data":
            raise InvalidInput("body", "body_malformed")
        self.metadata = bytearray()
        self._receive = receive
        self._part = b""
        self._pieces: deque[bytes] = deque()
        self._has_metadata = self._document_begun = self._document_ended = False
        try:
            self._parser = self.parser(content_type)
        except FormParserError:
            raise InvalidInput("body", "body_malformed") from None

    async def read_metadata(self) -> bytes:
        """All of the metadata, when the document begins."""
        while not self._document_begun:
            await self._read_on()
        return bytes(self.metadata)

    async def receive_document(self) -> Message:
        """The document's bytes as an ASGI application receives a body."""
        while not self._pieces and not self._document_ended:
            try:
                await self._read_on()
            except ClientDisconnect:
                return {"type": "http.disconnect"}
        body = self._pieces.popleft() if self._pieces else b""
        return {"type": "http.request", "body": body, "more_body": bool(self._pieces) or not self._document_ended}

    async def finish(self) -> None:
        """Read to the end of the form."""
        while not self.is_whole:
            await self._read_on()

    async def _read_on(self) -> None:
        # Nothing is awaited after the server has given its bytes: a reader may give up waiting and come back.
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        try:
            self._parser.write(message.get("body", b""))
        except FormParserError:
            raise InvalidInput("body", "body_malformed") from None
        if not message.get("more_body", False) and not self.is_whole:
            raise InvalidInput("body", "body_malformed")

    def begin(self) -> None:
        """See FormReader."""
        self._part = self.options.get(b"name", b"")
        if self._part == _METADATA and not self._has_metadata:
            self._has_metadata = True
        elif self._part == _DOCUMENT and self._has_metadata and not self._document_begun:
            self._document_begun = True
        else:
            # Also a document before its metadata: nobody knows then whom it is for.
            raise InvalidInput("body", "sharing_form")

    def take(self, data: bytes, start: int, stop: int) -> None:
        """See FormReader."""
        if self._part == _DOCUMENT:
            self._pieces.extend(data[at : min(at + _PIECE, stop)] for at in range(start, stop, _PIECE))
            return
        self.metadata += data[start:stop]
        if len(self.metadata) > METADATA_LENGTH:
            raise TooLarge("body_too_large")

    def end(self) -> None:
        """See FormReader."""
        self._document_ended = self._part == _DOCUMENT

    def end_form(self) -> None:
        """See FormReader."""
        if not self._document_ended:
            raise InvalidInput("body", "sharing_form")
        super().end_form()
