"""Forms with files in them: what is read, what is refused, and how much of it is kept."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deldokument.domain.errors import TooLarge
from deldokument.web.http.requests.forms import SentFile, read_form

pytestmark = pytest.mark.once

KIND = "multipart/form-data; boundary=x"
LIMITS = {"file_length": 100, "text_length": 50, "most_parts": 4}


def part(name: str, content: bytes, file_name: str | None = None) -> bytes:
    named = f'; filename="{file_name}"' if file_name is not None else ""
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


def read(*parts: bytes, kind: str = KIND, end: bytes = b"--x--\r\n") -> tuple[dict[str, str], dict[str, SentFile]]:
    """The form, given byte by byte: the most awkward of all steps."""

    async def pieces() -> AsyncIterator[bytes]:
        for part in (*parts, end):
            for byte in part:
                yield bytes([byte])

    return asyncio.run(read_form(kind, pieces(), **LIMITS))


def test_fields_and_files_come_by_their_names() -> None:
    fields, files = read(part("name", "Æge".encode()), part("paper", b"\0\r\n--\xff", "vurdering «1».pdf"))
    assert fields == {"name": "Æge"}
    assert files == {"paper": SentFile("vurdering «1».pdf", b"\0\r\n--\xff")}


def test_a_field_of_a_file_that_was_left_empty_is_no_file() -> None:
    assert read(part("name", b""), part("paper", b"", "")) == ({"name": ""}, {})


def test_a_file_of_just_the_limit_is_kept_and_one_byte_more_is_not() -> None:
    assert read(part("paper", b"a" * 100, "a.pdf"))[1]["paper"].content == b"a" * 100
    fields, files = read(part("paper", b"a" * 101, "a.pdf"), part("name", b"Kari"))
    assert files["paper"] == SentFile("a.pdf", b"", too_large=True)
    assert fields == {"name": "Kari"}


def test_several_files_together_have_the_limit_of_one() -> None:
    files = read(part("one", b"a" * 60, "a"), part("two", b"b" * 60, "b"))[1]
    assert (files["one"].too_large, files["two"].too_large) == (False, True)


def test_text_beyond_its_limit_is_refused() -> None:
    with pytest.raises(TooLarge, match="body_too_large"):
        read(part("one", b"a" * 30), part("two", b"b" * 30))


def test_a_body_without_end_is_not_read_without_end() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield part("paper", b"", "a.pdf")[:-2]
        while True:
            taken += 10
            yield b"a" * 10

    with pytest.raises(TooLarge, match="body_too_large"):
        asyncio.run(read_form(KIND, endless(), **LIMITS))
    assert taken <= 8 * 150


@pytest.mark.parametrize(
    "sent",
    [
        {"kind": "multipart/form-data"},
        {"kind": f"multipart/form-data; boundary={'x' * 300}"},
        {"end": b"no boundary"},
        {"end": b""},
        {"end": part("paper", b"cut short", "a.pdf")},
        {"end": b"--x\r\n\r\nwithout a name\r\n--x--\r\n"},
        {"end": b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n"},
        {"end": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--x--\r\n'},
        {"end": b"".join(part(f"n{n}", b"") for n in range(5)) + b"--x--\r\n"},
        {"end": b"--x\r\n" + b"".join(b"H%d: v\r\n" % n for n in range(1000)) + b"\r\n--x--\r\n"},
    ],
)
def test_a_body_that_is_not_a_form_is_refused(sent: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of the many ways to be none
        read(**sent)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary=""']
)
def test_a_form_without_a_boundary_in_its_media_type_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="form"):
        read(kind=kind, end=b"----\r\n")
