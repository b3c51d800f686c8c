"""A zip that is made while it is sent: whole, readable, in pieces, and without an end when its making fails."""

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import datetime

import pytest

from deldokument.web.transfer.zip_stream import zip_pieces

pytestmark = pytest.mark.once

AT = datetime(2026, 11, 24, 13, 0, 1)  # noqa: DTZ001 - a zip has no zones


def opened(*entries: tuple[str, list[bytes]]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(zip_pieces(entries, AT))))


def test_entries_come_back_as_they_went_in() -> None:
    archive = opened(("a/æøå.json", [b"[", b"]"]), ("tom.csv", []), ("stor.bin", [bytes(100_000)] * 30))
    assert archive.testzip() is None
    assert archive.namelist() == ["a/æøå.json", "tom.csv", "stor.bin"]
    assert archive.read("a/æøå.json") == b"[]"
    assert archive.read("stor.bin") == bytes(3_000_000)
    assert archive.infolist()[0].date_time == (2026, 11, 24, 13, 0, 0)


def test_a_zip_of_nothing_is_a_zip() -> None:
    assert opened().namelist() == []


def test_memory_use_does_not_grow_with_the_size_of_the_archive() -> None:
    block = bytes(range(256)) * 400

    def content() -> Iterator[bytes]:
        for number in range(300):
            yield number.to_bytes(4, "big") + block

    tracemalloc.start()
    total = sum(len(piece) for piece in zip_pieces([("stor.bin", content())], AT))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 0
    assert peak < 2_000_000


def test_a_zip_that_fails_midway_has_no_end() -> None:
    def content() -> Iterator[bytes]:
        yield b"half"
        raise OSError("gone")

    sent = bytearray()
    with pytest.raises(OSError, match="gone"):
        sent.extend(byte for piece in zip_pieces([("a.txt", [b"whole"]), ("b.txt", content())], AT) for byte in piece)
    assert not zipfile.is_zipfile(io.BytesIO(sent))
