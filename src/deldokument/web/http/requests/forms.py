"""Streaming parser of posted forms with files (RFC 7578).

Guarantees:
- Memory is bounded by the limits of the route.
- No part of a file is written to disk.
- If a file is too large, the rest of the form is still read, and the file is marked.
- A body that is not a form raises ValueError.
- A part's own statements about its content are not trusted.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError

from deldokument.domain.errors import TooLarge
from deldokument.web.http.requests.multipart import FormReader

_DRAINED = 8
"""Multiple of the limits that is still read, so that a browser sees the response and not a broken connection."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """File in a form; without content if it was longer than the route accepts."""

    name: str
    content: bytes = field(repr=False)
    too_large: bool = False


async def read_form(
    content_type: str,
    pieces: AsyncIterator[bytes],
    *,
    file_length: int,
    text_length: int,
    most_parts: int,
    keeps_files: bool = True,
) -> tuple[dict[str, str], dict[str, SentFile]]:
    """Return fields and files by name; without ``keeps_files`` the files' content is discarded.

    Raises: ValueError if the body is not a complete form; TooLarge if the text or the whole body is too long.
    """
    form = _Form(file_length if keeps_files else 0, text_length, most_parts)
    left = (file_length + text_length) * _DRAINED
    try:
        parser = form.parser(content_type)
        async for piece in pieces:
            left -= len(piece)
            if left < 0:
                raise TooLarge("body_too_large")
            parser.write(piece)
        parser.finalize()
    except FormParserError as error:
        raise ValueError("no form") from error
    if not form.is_whole:
        raise ValueError("a form cut short")
    return form.fields, form.files


class _Form(FormReader):
    """Reader that collects a form's fields and files."""

    def __init__(self, file_length: int, text_length: int, most_parts: int) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.files: dict[str, SentFile] = {}
        self._bytes_left = {True: file_length, False: text_length}
        self._parts_left = most_parts

    def begin(self) -> None:
        """See FormReader."""
        self._content = bytearray()
        self._too_large = False
        self._parts_left -= 1
        if b"name" not in self.options or self._parts_left < 0:
            raise ValueError("no form")

    def take(self, data: bytes, start: int, stop: int) -> None:
        """See FormReader."""
        is_file = b"filename" in self.options
        self._bytes_left[is_file] -= stop - start
        if self._bytes_left[is_file] >= 0:
            self._content += data[start:stop]
        elif is_file:
            self._content.clear()
            self._too_large = True
        else:
            raise TooLarge("body_too_large")

    def end(self) -> None:
        """See FormReader."""
        name = self.options[b"name"].decode()
        if b"filename" not in self.options:
            self.fields[name] = self._content.decode()
        elif file_name := self.options[b"filename"].decode():
            self.files[name] = SentFile(file_name, bytes(self._content), self._too_large)
