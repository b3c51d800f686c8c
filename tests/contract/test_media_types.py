"""Media types: told by the bytes alone, and never an error."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deldokument.adapters.media_types import PuremagicMediaTypes

guess = PuremagicMediaTypes().guess


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "application/pdf"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/png"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"<!DOCTYPE html><html>", "text/html"),
        (b"<svg xmlns=", "image/svg+xml"),
        (b"MZ\x90\x00\x03\x00\x00\x00", "application/vnd.microsoft.portable-executable"),
    ],
)
def test_known_formats_are_known_by_their_content(head: bytes, media_type: str) -> None:
    assert guess(head) == media_type


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00" + bytes(40), "application/zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), "application/x-ole-storage"),
    ],
)
def test_a_container_of_many_formats_is_called_what_it_is(head: bytes, media_type: str) -> None:
    assert guess(head) == media_type


@pytest.mark.parametrize("head", [b"", b"\x80\x81\x82\x83" * 9])
def test_what_is_not_known_is_bytes(head: bytes) -> None:
    assert guess(head) == "application/octet-stream"


@pytest.mark.parametrize("text", ["BMW er en bil", "FORM 12: Søknad", "Hei på deg\r\n\tÆØÅ", "a,b;c\n1,2;3\n"])
def test_readable_text_is_text(text: str) -> None:
    assert guess(text.encode()) == "text/plain"


def test_text_cut_in_the_middle_of_a_letter_is_text() -> None:
    assert guess("blåbærsyltetøy på brødskive å".encode()[:-1]) == "text/plain"


@pytest.mark.parametrize("head", [b"tekst\x00med null", b"tekst\x1b[31m", "blåbær".encode("latin-1")])
def test_what_only_looks_like_text_is_not(head: bytes) -> None:
    assert guess(head) != "text/plain"


@given(head=st.binary(max_size=600))
def test_any_bytes_have_a_media_type(head: bytes) -> None:
    kind, _, rest = guess(head).partition("/")
    assert kind.isalpha()
    assert rest


def test_a_long_head_is_no_burden() -> None:
    assert guess(os.urandom(1 << 20))
