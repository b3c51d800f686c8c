"""Streaming parser of the form that shares a document in KS' interface: ``metadata`` first, then ``dokument``.

Guarantees:
- Only the bytes of the document that the server has just received are in memory.
- The document is never on disk unsealed.
- A form that is cut short is never accepted as complete.

The document's bytes are passed on like the body of a separate request, so they are handled like every upload.
"""

from collections import deque
from collections.abc import Mapping

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from deldokument.crypto.cms import EnvelopeDecryptor
from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.exchange import ExchangePair
from deldokument.domain.errors import InvalidInput, TooLarge
from deldokument.web.http.requests.multipart import FormReader

METADATA_LENGTH = 256 * 1024
_METADATA, _DOCUMENT = b"metadata", b"dokument"
_PIECE = 64 * 1024


class DecryptedBody:
    """The body of a document that its sender has encrypted. Raises: InvalidInput if it cannot be decrypted."""

    def __init__(self, receive: Receive, pairs: Mapping[int, ExchangePair]) -> None:
        self._receive, self._pairs = receive, pairs
        self._decryptor = EnvelopeDecryptor(self._unwrap)

    def _unwrap(self, serial: int, wrapped: bytes) -> bytes | None:
        pair = self._pairs.get(serial)
        return pair.unwrap(wrapped) if pair else None

    async def receive_document(self) -> Message:
        """Return the next message of the decrypted body; this is an ASGI receive."""
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        try:
            body = self._decryptor.update(message["body"])
            if not message["more_body"]:
                self._decryptor.finish()
        except IntegrityError:
            raise InvalidInput("dokument", "document_undecryptable") from None
        return {**message, "body": body}


class SharingForm(FormReader):
    """A parser that reads only as much as its caller asks for.

    Raises: InvalidInput or TooLarge for an invalid form; ClientDisconnect.
    """

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
        """Return the whole metadata, as soon as the document begins."""
        while not self._document_begun:
            await self._read_on()
        return bytes(self.metadata)

    async def receive_document(self) -> Message:
        """Return the next message of the document's body; this is an ASGI receive."""
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
        # No await after the server has returned bytes, because a caller may time out and call again.
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
            # This includes a document before its metadata, because its recipients are then unknown.
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
