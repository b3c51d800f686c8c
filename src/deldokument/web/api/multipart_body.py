"""The parts of a multipart/form-data body (RFC 7578) that is in memory already, in order. Believes nothing they say."""

from __future__ import annotations

from dataclasses import dataclass, field

from deldokument.web.http.multipart import FormReader

_MAX_PARTS = 100


@dataclass(frozen=True, slots=True)
class Part:
    """One part; ``file_name`` is None when it is no file."""

    name: str
    file_name: str | None
    content: bytes = field(repr=False)


def read_parts(content_type: str, body: bytes) -> list[Part]:
    """Every part. Raises ValueError, or FormParserError, for what is no form or has too many."""
    reader = _Parts()
    parser = reader.parser(content_type)
    parser.write(body)
    parser.finalize()
    if not reader.is_whole:
        raise ValueError("a form cut short")
    return reader.parts


class _Parts(FormReader):
    """Keeps every part."""

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
