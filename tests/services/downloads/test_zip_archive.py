"""The zip of all documents: read alike by every reader, the same at any range, its names safe everywhere."""

import io
import itertools
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deldokument.domain.errors import InvalidInput
from deldokument.domain.shares.typed_texts import check_document_name
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import part_reader, zip_names
from deldokument.services.downloads.zip_archive import Archive, Entry, length_of
from deldokument.services.downloads.zip_names import unpackable_names
from tests.services.downloads.test_content import published
from tests.support.bulk.many_documents import READERS, CountingKeyring, fill
from tests.support.stage.stage import OLA, Stage, person

FILES = {
    "vedtak.pdf": b"%PDF-1.7 vedtak" * 1000,
    "tom fil.txt": b"",
    "Søknad æøå 東京 \U0001f600.docx": bytes(range(256)) * 50,
    "Vedtak.PDF": b"another",
}


def packed(files: list[tuple[str, bytes]]) -> bytes:
    """The archive's bytes, documents put in their places."""
    archive = Archive(Entry(name, len(content), zlib.crc32(content)) for name, content in files)
    return b"".join(
        piece if isinstance(piece, bytes) else files[piece.number][1]
        for piece, _, _ in archive.within(0, archive.length)
    )


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "dokumenter.zip"
    path.write_bytes(packed(list(FILES.items())))
    return path


def test_pythons_reader_finds_every_document_unchanged(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["vedtak.pdf", "tom fil.txt", "Søknad æøå 東京 \U0001f600.docx", "Vedtak (2).PDF"]
        assert [opened.read(name) for name in opened.namelist()] == list(FILES.values())


@pytest.mark.parametrize("command", READERS, ids=[reader[0] for reader in READERS])
def test_other_readers_find_no_fault(archive: Path, command: list[str]) -> None:
    done = subprocess.run([*command, str(archive)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_archive_read_from_front_to_back_has_every_length_in_its_local_headers() -> None:
    content = packed(list(FILES.items()))
    assert content.startswith(b"PK\x03\x04")
    assert not tarfile.is_tarfile(io.BytesIO(content))
    assert content.count(b"PK\x01\x02") == len(FILES)


def test_the_same_documents_give_the_same_bytes() -> None:
    assert packed(list(FILES.items())) == packed(list(FILES.items()))


def test_no_documents_give_an_empty_archive() -> None:
    assert zipfile.ZipFile(io.BytesIO(packed([]))).namelist() == []


def test_documents_beyond_four_gibibytes_are_found_at_their_offsets() -> None:
    archive = Archive([Entry("a", 5 * 2**30, 1), Entry("b", 5 * 2**30, 2), Entry("c", 1, 3)])
    with zipfile.ZipFile(Hollow(archive)) as opened:
        infos = opened.infolist()
    assert [info.file_size for info in infos] == [5 * 2**30, 5 * 2**30, 1]
    assert infos[2].header_offset > 10 * 2**30
    assert [info.CRC for info in infos] == [1, 2, 3]


class Hollow(io.RawIOBase):
    """The archive as a file whose documents are zeros that take no memory."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._at = 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._archive.length)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        start, length = self._at, self._archive.length
        self._at = length if size < 0 else min(start + size, length)
        return b"".join(
            piece[first:last] if isinstance(piece, bytes) else bytes(last - first)
            for piece, first, last in self._archive.within(start, self._at)
        )


def test_more_than_65_535_documents_are_all_listed() -> None:
    content = packed([(f"{number}.txt", b"") for number in range(65_540)])
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert len(opened.infolist()) == 65_540


@pytest.mark.parametrize(
    ("names", "unpacked"),
    [
        (["../../x", "/etc/passwd", "C:\\x"], ["_/_/x", "_/etc/passwd", "C__x"]),
        (["a.pdf", "a.pdf", "A.PDF", "a (2).pdf"], ["a.pdf", "a (2).pdf", "A (3).PDF", "a (2) (2).pdf"]),
        (["a (2).pdf", "a.pdf", "a.pdf"], ["a (2).pdf", "a.pdf", "a (3).pdf"]),
        (["CON", "con.txt", "Lpt1", "COM¹.log", "nul .txt", "CONIN$"],
         ["_CON", "_con.txt", "_Lpt1", "_COM¹.log", "_nul .txt", "_CONIN$"]),
        (["console.txt", "com10", "aux2.txt"], ["console.txt", "com10", "aux2.txt"]),
        (["a. . ", "...", " "], ["a", "_", "_ (2)"]),
        (["faktura\u202efdp.exe", "a\u200e\u2066b"], ["faktura_fdp.exe", "a__b"]),
        (["stra\u00dfe", "STRASSE"], ["stra\u00dfe", "STRASSE (2)"]),
        (["\u00e5.txt", "a\u030a.txt"], ["\u00e5.txt", "a\u030a (2).txt"]),
        ([".htaccess", ".htaccess"], [".htaccess", ".htaccess (2)"]),
        (['a<b>:"|?*\x00\x7f.txt'], ["a_b________.txt"]),
        (["sak/a.pdf", "sak/a.pdf", "Sak/A.pdf", "a.pdf"],
         ["sak/a.pdf", "sak/a (2).pdf", "Sak/A (3).pdf", "a.pdf"]),
        (["sak", "SAK/a", "sak/a/b"], ["sak (2)", "SAK/a (2)", "sak/a/b"]),
        (["con/nul. /a", "a/..", "a:/b?"], ["_con/_nul/a", "a/_", "a_/b_"]),
    ],
)  # fmt: skip
def test_names_become_safe_and_unique(names: list[str], unpacked: list[str]) -> None:
    assert list(unpackable_names(names)) == unpacked


@pytest.mark.parametrize("name", ["æ" * 255 + ".pdf", "\U0001f600" * 200, "a." + "æ" * 250, "a" * 255, "a" * 254 + "."])
def test_a_name_fits_into_255_bytes_with_its_number_and_keeps_a_short_suffix(name: str) -> None:
    names = list(unpackable_names([name] * 12))
    assert len(set(names)) == 12
    assert all(len(one.encode()) <= 255 for one in names)
    assert all(one.endswith(".pdf") for one in names) == name.endswith(".pdf")


def test_a_thousand_documents_of_one_name_are_numbered_in_linear_time() -> None:
    names = list(unpackable_names(["skjema.pdf"] * 20_000))
    assert names[-1] == "skjema (20000).pdf"


def calls(names: list[str]) -> int:
    """Count the calls in the module to make the names unpackable: its work, on any machine."""
    called = 0

    def count(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal called
        called += event == "call" and frame.f_code.co_filename == zip_names.__file__

    sys.setprofile(count)
    try:
        list(unpackable_names(names))
    finally:
        sys.setprofile(None)
    return called


@pytest.mark.parametrize(
    "name",
    [
        lambda _: "skjema.pdf",
        lambda number: "æ" * 200 + str(number),
        lambda number: "a" * 251 + f"{number // 2:04}",
        lambda number: "b/" * 400 + f"{number}/skjema.pdf",
    ],
    ids=["one name", "alike in their first 255 bytes", "alike when they are numbered", "deep folders"],
)
def test_ten_times_as_many_names_are_ten_times_the_work(name: Callable[[int], str]) -> None:
    few, many = (calls([name(number) for number in range(count)]) for count in (100, 1000))
    assert few > 100
    assert many < 12 * few


NAMES = st.text(min_size=1, max_size=20) | st.lists(st.text("aA. /:~", min_size=1, max_size=3)).map("/".join)


@given(st.lists(NAMES, max_size=20))
def test_any_names_unpack_inside_their_folder_and_apart(names: list[str]) -> None:
    taken = []
    for name in names:
        try:
            taken.append(check_document_name(name))
        except InvalidInput:
            continue
    paths = list(unpackable_names(taken))
    assert len({name.casefold() for name in paths}) == len(taken)
    folders = {name[:at].casefold() for name in paths for at, letter in enumerate(name) if letter == "/"}
    assert not folders & {name.casefold() for name in paths}
    for part in (part for name in paths for part in name.split("/")):
        assert part not in {"", ".", ".."}
        assert not set(part) & set('<>:"\\|?*\x00')
        assert not part.endswith((".", " "))


def first_free(names: list[str]) -> list[str]:
    """What the names become when every number is tried from the start."""
    paths: list[str] = []
    folders = {zip_names._fold(zip_names._folder(name[: at + 1])) for name in names for at in slashes(name)}
    taken: set[str] = set()
    for name in names:
        above, last = zip_names._split(name)
        for number in itertools.count(1):
            path = zip_names._folder(above) + zip_names._add_number(zip_names._safe(last), number)
            folded = zip_names._fold(path)
            if folded not in taken and f"{folded}/" not in folders:
                break
        taken.add(folded)
        paths.append(path)
    return paths


def slashes(name: str) -> list[int]:
    return [at for at, letter in enumerate(name) if letter == "/"]


LONG = st.builds("{}{}{}".format, st.sampled_from(["", "a" * 245, "æ" * 125]), st.text("aA12 ().", max_size=8), NAMES)


@given(st.lists(NAMES | LONG | st.sampled_from(["a", "a (2)", "a (3)", "A"]), max_size=30))
def test_a_duplicate_gets_the_first_free_number(names: list[str]) -> None:
    assert list(unpackable_names(names)) == first_free(names)


@pytest.mark.parametrize("tool", [["unzip", "-q"], ["bsdtar", "-xf"], ["7z", "x"]], ids=lambda tool: tool[0])
def test_folders_unpack_as_they_were_shared(tmp_path: Path, tool: list[str]) -> None:
    files = [("sak/vedtak.pdf", b"1"), ("sak/kart/øst.png", b"2"), ("les meg.txt", b"3")]
    (tmp_path / "alt.zip").write_bytes(packed(files))
    subprocess.run([*tool, "alt.zip"], cwd=tmp_path, check=True, capture_output=True, env={"LANG": "C.UTF-8"})
    assert {name: (tmp_path / name).read_bytes() for name, _ in files} == dict(files)


def test_opening_many_documents_asks_the_keyring_no_more_often_than_opening_one(stage: Stage) -> None:
    asked = []
    for count in (1, 300):
        share_id = published(stage, {"a.txt": b"a"})
        fill(stage.deps, share_id, count, size=100)
        keyring = CountingKeyring(stage.deps.keyring)
        content = downloads_content.open_archive(replace(stage.deps, keyring=keyring), person(OLA), share_id)
        assert len(content.sources.lengths) == count + 1
        asked.append(keyring.asked)
    assert asked[0] == asked[1]


def test_many_small_documents_leave_in_few_buffers_none_larger_than_a_step(stage: Stage) -> None:
    share_id = published(stage, {"a.txt": b"a" * 700_000})
    fill(stage.deps, share_id, 2_000, size=100)
    content = downloads_content.open_archive(stage.deps, person(OLA), share_id)
    for step in (part_reader.STEP, 128 * 1024):
        buffers = [bytes(b) for b in downloads_content.read_content(stage.deps, content, 0, content.length, step=step)]
        assert max(map(len, buffers)) <= step
        assert len(buffers) < 20
        with zipfile.ZipFile(io.BytesIO(b"".join(buffers))) as opened:
            assert opened.testzip() is None
            assert len(opened.namelist()) == 2_001


def test_a_document_of_many_gibibytes_is_not_opened_anew_for_each_piece_that_is_read(stage: Stage) -> None:
    share_id = published(stage, {"a.txt": b"a" * 1000, "b.txt": b"b"})
    content = downloads_content.open_archive(stage.deps, person(OLA), share_id)
    assert content.sources.open(0)[0] is content.sources.open(0)[0]
    assert content.sources.open(1)[0].length == 1
    assert content.sources.open(0)[0].length == 1000


def test_every_range_of_an_archive_is_that_part_of_it(stage: Stage) -> None:
    share_id = published(stage, FILES)
    content = downloads_content.open_archive(stage.deps, person(OLA), share_id)
    whole = b"".join(bytes(b) for b in downloads_content.read_content(stage.deps, content, 0, content.length))
    assert (len(whole), content.name, content.media_type) == (content.length, "dokumenter.zip", "application/zip")
    assert whole == packed(list(FILES.items()))
    borders, position = {0, len(whole)}, 0
    assert content.archive
    for piece, _, _ in content.archive.within(0, content.length):
        position += length_of(piece)
        borders |= {position - 1, position, position + 1}
    borders = {border for border in borders if 0 <= border <= len(whole)}
    for start in borders:
        for stop in borders:
            if start < stop:
                got = b"".join(bytes(b) for b in downloads_content.read_content(stage.deps, content, start, stop))
                assert got == whole[start:stop]
