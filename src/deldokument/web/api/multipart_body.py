"""Parser of a multipart/form-data body (RFC 7578) that is already in memory.

Returns names and file names as sent, unchecked.
"""

from dataclasses import dataclass, field

from deldokument.web.http.requests.multipart import FormReader

_MAX_PARTS = 100


@dataclass(frozen=True, slots=True)
class Part:
    """One part. ``file_name`` is None if it is not a file."""

    name: str
    file_name: str | None
    content: bytes = field(repr=False)


def read_parts(content_type: str, body: bytes) -> list[Part]:
    """Return every part, in order.

    Raises: ValueError or FormParserError if the body is not a form, is cut short, or has too many parts.
    """
    reader = _Parts()
    parser = reader.parser(content_type)
    parser.write(body)
    parser.finalize()
    if not reader.is_whole:
        raise ValueError("a form cut short")
    return reader.parts


class _Parts(FormReader):
    """A reader that collects every part."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[Part] = []

    def begin(self) -> None:
        """See FormReader."""
        self._content = bytearray()
        if b"name" not in self.options or len(self.parts) >= _MAX_PARTS:
            raise ValueError("no form")

    def take(self, data: bytes, start: int, stop: int) -> None:
        """See FormReader."""
        self._content += data[start:stop]

    def end(self) -> None:
        """See FormReader."""
        file_name = self.options.get(b"filename")
        name = self.options[b"name"].decode()
        self.parts.append(Part(name, None if file_name is None else file_name.decode(), bytes(self._content)))
