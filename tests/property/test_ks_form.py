"""KS' form is the same form however it arrives, and nothing but the whole of it is whole."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect
from starlette.types import Message

from deldokument.domain.errors import InvalidInput
from deldokument.web.ks.forms import SharingForm

pytestmark = pytest.mark.once

KIND = "multipart/form-data; boundary=grense"
FIRST = b'--grense\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n'
SECOND = b'\r\n--grense\r\nContent-Disposition: form-data; name="dokument"; filename="a"\r\nX-Y: z\r\n\r\n'
LAST = b"\r\n--grense--\r\n"
# Much that looks like the beginning of the boundary, and never the whole of it.
_pieces = st.lists(st.sampled_from([b"\r\n--gren", b"\r\n", b"--", b"\r", b"grense", b"x", b"\0\xff"]))
contents = _pieces.map(b"".join).filter(lambda content: b"\r\n--grense" not in content)


def read(pieces: Sequence[bytes], *, broken: bool = False) -> tuple[bytes, bytes]:
    """Metadata and document of a form that arrives so."""
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append(
        {"type": "http.disconnect"} if broken else {"type": "http.request", "body": b"", "more_body": False}
    )

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def whole() -> tuple[bytes, bytes]:
        form = SharingForm(KIND, receive)
        metadata, document, more = await form.read_metadata(), b"", True
        while more:
            message = await form.receive_document()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            document += message["body"]
            more = message["more_body"]
        await form.finish()
        return metadata, document

    return asyncio.run(whole())


def cut(raw: bytes, places: Sequence[int]) -> list[bytes]:
    """The bytes in pieces."""
    stops = sorted({place % (len(raw) + 1) for place in places})
    return [raw[start:stop] for start, stop in zip([0, *stops], [*stops, len(raw)], strict=True)]


@given(metadata=contents, document=contents, places=st.lists(st.integers(0, 10_000), max_size=40))
def test_a_form_is_read_the_same_however_it_arrives(metadata: bytes, document: bytes, places: list[int]) -> None:
    assert read(cut(FIRST + metadata + SECOND + document + LAST, places)) == (metadata, document)


@given(document=contents, stop=st.integers(0, 10_000), broken=st.booleans())
def test_a_form_cut_short_is_never_whole(document: bytes, stop: int, broken: bool) -> None:
    raw = FIRST + b"{}" + SECOND + document + LAST
    # Without its last line break it is whole already.
    short = raw[: stop % (len(raw) - len(b"\r\n"))]
    try:
        read([short], broken=broken)
    except (InvalidInput, ClientDisconnect):
        return
    raise AssertionError("a form cut short was taken for whole")
