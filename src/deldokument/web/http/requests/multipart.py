"""Parser of multipart/form-data (RFC 7578) that all readers share.

Guarantees:
- A part is identified by its Content-Disposition alone, before its content is read.
- A form that is cut short is never accepted as complete.
- A file's name comes from ``filename*`` (RFC 8187) if present. RFC 7578 forbids it, but .NET sends it.

Readers limit and store the content.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_EXTENDED = re.compile(rb";[ \t]*filename\*[ \t]*=[ \t]*utf-8'[^']*'([^;\s]*)", re.I)


class FormReader(ABC):
    """Base of readers that receive a form part by part.

    ``options`` has the parameters of the current part's Content-Disposition.
    """

    def __init__(self) -> None:
        self.is_whole = False
        self.options: dict[bytes, bytes] = {}
        self._begin_part()

    def parser(self, content_type: str) -> MultipartParser:
        """Return a parser that feeds this reader.

        Raises: FormParserError if the media type has no boundary.
        """
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if not boundary:
            raise FormParserError("no boundary")
        return MultipartParser(boundary, self._callbacks())

    @abstractmethod
    def begin(self) -> None:
        """Begin a part, whose headers have been read."""

    @abstractmethod
    def take(self, data: bytes, start: int, stop: int) -> None:
        """Receive some of the part's content."""

    @abstractmethod
    def end(self) -> None:
        """End the part, whose content has been received."""

    def end_form(self) -> None:
        """End the form after its last part."""
        self.is_whole = True

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self.take,
            "on_part_end": self.end,
            "on_end": self.end_form,
        }

    def _begin_part(self) -> None:
        self._name, self._value, self._disposition = bytearray(), bytearray(), b""

    def _header_name(self, data: bytes, start: int, stop: int) -> None:
        self._name += data[start:stop]

    def _header_value(self, data: bytes, start: int, stop: int) -> None:
        self._value += data[start:stop]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _end_headers(self) -> None:
        self.options = _options(self._disposition)
        self.begin()


def _options(disposition: bytes) -> dict[bytes, bytes]:
    """Return the parameters of a Content-Disposition, with the file's name as UTF-8."""
    _, options = parse_options_header(disposition)
    if extended := _EXTENDED.search(_QUOTED.sub(b'""', disposition)):
        options[b"filename"] = unquote_to_bytes(extended[1])
    elif b"filename" in options:
        # Browsers and most libraries escape a quote in this way (WHATWG HTML, 4.10.21.8).
        options[b"filename"] = options[b"filename"].replace(b"%22", b'"')
    return options
