"""Media types: told by the bytes alone, and never an error."""

import bz2
import gzip
import io
import lzma
import os
import struct
import tarfile
import zipfile

import pytest
from docx import Document
from hypothesis import given
from hypothesis import strategies as st

from deldokument.adapters.media_types import PuremagicMediaTypes

OOXML = "application/vnd.openxmlformats-officedocument."
ODF = "application/vnd.oasis.opendocument."
OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
INSTALLER = bytes.fromhex("84100c0000000000c000000000000046")

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


class Pipe(io.RawIOBase):
    """Takes bytes in order only, as a socket does: zip then writes sizes after each entry."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        self.taken += bytes(piece)  # type: ignore[call-overload]
        return len(bytes(piece))  # type: ignore[call-overload]


def package(*names: str, stream: bool = False) -> bytes:
    """A zip with entries of these names; of «mimetype=…» the content is what follows."""
    out: io.BytesIO | Pipe = Pipe() if stream else io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        for name, _, content in (entry.partition("=") for entry in names):
            stored = zipfile.ZIP_STORED if content else zipfile.ZIP_DEFLATED
            archive.writestr(name, content or "<innhold/>" * 40, compress_type=stored)
    return bytes(out.taken) if isinstance(out, Pipe) else out.getvalue()


def compound(*streams: str, class_id: bytes = bytes(16), directory: int = 1, shift: int = 9) -> bytes:
    """The head of an OLE file whose directory is in that sector."""
    header = OLE_MAGIC + bytes(22) + struct.pack("<H", shift) + bytes(16) + struct.pack("<I", directory)
    entries = [_entry("Root Entry", 5, class_id), *(_entry(name, 2, bytes(16)) for name in streams)]
    return header.ljust((directory + 1) << shift, b"\0") + b"".join(entries).ljust(1 << shift, b"\0")


def _entry(name: str, kind: int, class_id: bytes) -> bytes:
    coded = name.encode("utf-16-le")
    return struct.pack("<64sHB13x16s32x", coded, len(coded) + 2, kind, class_id)


MACROS = "application/vnd.ms-%s.macroenabled.12"
OFFICE = {
    "docx": (OOXML + "wordprocessingml.document", OOXML + "wordprocessingml.document.main+xml"),
    "dotx": (OOXML + "wordprocessingml.template", OOXML + "wordprocessingml.template.main+xml"),
    "docm": (MACROS % "word.document", "application/vnd.ms-word.document.macroEnabled.main+xml"),
    "dotm": (MACROS % "word.template", "application/vnd.ms-word.template.macroEnabledTemplate.main+xml"),
    "xlsx": (OOXML + "spreadsheetml.sheet", OOXML + "spreadsheetml.sheet.main+xml"),
    "xltx": (OOXML + "spreadsheetml.template", OOXML + "spreadsheetml.template.main+xml"),
    "xlsm": (MACROS % "excel.sheet", "application/vnd.ms-excel.sheet.macroEnabled.main+xml"),
    "xltm": (MACROS % "excel.template", "application/vnd.ms-excel.template.macroEnabled.main+xml"),
    "xlsb": (MACROS % "excel.sheet.binary", "application/vnd.ms-excel.sheet.binary.macroEnabled.main"),
    "xlam": (MACROS % "excel.addin", "application/vnd.ms-excel.addin.macroEnabled.main+xml"),
    "pptx": (OOXML + "presentationml.presentation", OOXML + "presentationml.presentation.main+xml"),
    "potx": (OOXML + "presentationml.template", OOXML + "presentationml.template.main+xml"),
    "ppsx": (OOXML + "presentationml.slideshow", OOXML + "presentationml.slideshow.main+xml"),
    "pptm": (MACROS % "powerpoint.presentation", "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml"),
    "potm": (MACROS % "powerpoint.template", "application/vnd.ms-powerpoint.template.macroEnabled.main+xml"),
    "ppsm": (MACROS % "powerpoint.slideshow", "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml"),
    "ppam": (MACROS % "powerpoint.addin", "application/vnd.ms-powerpoint.addin.macroEnabled.main+xml"),
}
"""The type of each file of Office, and what it declares for its main part."""
FOLDERS = {"do": "word", "xl": "xl", "po": "ppt", "pp": "ppt"}


def office(main_type: str, *names: str, stream: bool = False, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The package of an Office file that declares this type for its main part, after the type of an embedded one."""
    out: io.BytesIO | Pipe = Pipe() if stream else io.BytesIO()
    declared = (
        f'<Types><Override PartName="/e.xlsx" ContentType="{OOXML}spreadsheetml.sheet"/>'
        f'<Override PartName="/e" ContentType="application/vnd.ms-other.main+xml"/>'
        f'<Override PartName="/main" ContentType="{main_type}"/></Types>'
    )
    with zipfile.ZipFile(out, "w", compression) as archive:  # type: ignore[arg-type]
        archive.writestr("[Content_Types].xml", declared)
        for name in names:
            archive.writestr(name, "<innhold/>")
    return bytes(out.taken) if isinstance(out, Pipe) else out.getvalue()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("ending", OFFICE)
def test_each_file_of_office_has_the_type_that_it_declares(ending: str, compression: int, stream: bool) -> None:
    media_type, main_type = OFFICE[ending]
    main = f"{FOLDERS[ending[:2]]}/main.xml"
    assert guess(office(main_type, main, stream=stream, compression=compression)) == media_type


def test_content_types_that_cannot_be_read_leave_the_type_of_the_folder() -> None:
    head = office(OFFICE["docm"][1], "word/document.xml")
    at = head.index(b"[Content_Types].xml") + len(b"[Content_Types].xml")
    assert guess(head[:at] + b"\xff\xff\xff\xff" + head[at + 4 :]) == OFFICE["docx"][0]


@pytest.mark.parametrize("ending", ["docm", "xlsm", "pptm"])
def test_macros_are_known_by_their_part_where_the_content_types_come_late(ending: str) -> None:
    assert guess(package("_rels/.rels", f"{FOLDERS[ending[:2]]}/vbaProject.bin")) == OFFICE[ending][0]


def test_content_types_of_great_length_are_no_burden() -> None:
    bomb = office("x" * 50_000_000, "word/document.xml")
    assert guess(bomb[: 64 * 1024]) == OFFICE["docx"][0]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("names", "media_type"),
    [
        (["[Content_Types].xml", "_rels/.rels", "word/document.xml"], OOXML + "wordprocessingml.document"),
        (["_rels/.rels", "docProps/app.xml", "word/styles.xml"], OOXML + "wordprocessingml.document"),
        (["word/numbering.xml", "word/document.xml"], OOXML + "wordprocessingml.document"),
        (["docProps/app.xml", "xl/workbook.xml", "[Content_Types].xml"], OOXML + "spreadsheetml.sheet"),
        (["[Content_Types].xml", "ppt/presentation.xml"], OOXML + "presentationml.presentation"),
    ],
)
def test_an_office_document_is_no_zip(names: list[str], media_type: str, stream: bool) -> None:
    assert guess(package(*names, stream=stream)) == media_type


@pytest.mark.parametrize(
    "media_type", [ODF + "text", ODF + "spreadsheet", ODF + "presentation", "application/epub+zip"]
)
def test_a_package_that_says_its_type_is_what_it_says(media_type: str) -> None:
    assert guess(package(f"mimetype={media_type}", "META-INF/manifest.xml")) == media_type


def test_what_a_library_writes_for_word_is_a_word_document() -> None:
    written = io.BytesIO()
    Document().save(written)
    assert guess(written.getvalue()[: 64 * 1024]) == OOXML + "wordprocessingml.document"


@pytest.mark.parametrize(
    "names",
    [
        ["vedtak.pdf", "vedlegg/kart.pdf"],
        ["word/brev.txt", "xl/liste.csv"],
        ["mimetype=text/html", "index.html"],
        ["index.html", f"mimetype={ODF}text"],
    ],
)
def test_a_zip_of_files_is_a_zip(names: list[str]) -> None:
    assert guess(package(*names)) == "application/zip"


def test_an_office_package_of_another_kind_is_not_given_to_a_zip_program() -> None:
    assert guess(package("[Content_Types].xml", "visio/document.xml")) == "application/octet-stream"


def test_a_zip_is_known_by_the_entries_that_begin_in_the_head() -> None:
    whole = package("[Content_Types].xml", "word/document.xml")
    assert guess(whole[: whole.index(b"word/document.xml") + 40]) == OOXML + "wordprocessingml.document"
    assert guess(b"PK\x03\x04\x14\x00\x06\x00" + bytes(40)) == "application/zip"
    assert guess(b"PK\x03\x04") == "application/zip"


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (compound("1Table", "WordDocument"), "application/msword"),
        (compound("Workbook", directory=40), "application/vnd.ms-excel"),
        (compound("Book"), "application/vnd.ms-excel"),
        (compound("PowerPoint Document", directory=2, shift=12), "application/vnd.ms-powerpoint"),
        (compound("__nameid_version1.0", "__properties_version1.0"), "application/vnd.ms-outlook"),
        (compound("Property", class_id=INSTALLER), "application/x-msi"),
        (compound("EncryptedPackage"), "application/octet-stream"),
        (OLE_MAGIC + bytes(22) + b"\t\0" + bytes(16) + b"\xff" * 600, "application/octet-stream"),
        (compound("WordDocument", shift=11), "application/octet-stream"),
        (compound("WordDocument", directory=200)[: 64 * 1024], "application/octet-stream"),
        (OLE_MAGIC, "application/octet-stream"),
        (OLE_MAGIC + bytes(504), "application/octet-stream"),
    ],
)
def test_old_office_is_known_where_its_directory_is_at_hand_and_else_unknown(head: bytes, media_type: str) -> None:
    assert guess(head) == media_type


@given(magic=st.sampled_from([b"PK\x03\x04", OLE_MAGIC]), rest=st.binary(max_size=2000))
def test_a_container_full_of_nonsense_has_a_media_type(magic: bytes, rest: bytes) -> None:
    assert "/" in guess(magic + rest)


@pytest.mark.parametrize("before", [b"", b"\r\n", b"\xef\xbb\xbf", b"\n" * 1024])
def test_a_pdf_may_begin_with_white_space(before: bytes) -> None:
    assert guess(before + b"%PDF-1.4\n1 0 obj") == "application/pdf"


@pytest.mark.parametrize("digits", ["0123456789", "01234567890123", "21879498012", "2026\n"])
def test_digits_alone_are_text(digits: str) -> None:
    assert guess(digits.encode()) == "text/plain"


@pytest.mark.parametrize("head", [b"", b"\x80\x81\x82\x83" * 9])
def test_an_unknown_type_is_bytes(head: bytes) -> None:
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


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo("brev.txt")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"Hei"))
    return out.getvalue()


KINDS = {
    "docx": (package("[Content_Types].xml", "_rels/.rels", "word/document.xml"), OOXML + "wordprocessingml.document"),
    "xlsx": (package("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"), OOXML + "spreadsheetml.sheet"),
    "pptx": (package("[Content_Types].xml", "ppt/presentation.xml"), OOXML + "presentationml.presentation"),
    "docx written as a stream": (
        package("_rels/.rels", "word/document.xml", stream=True),
        OOXML + "wordprocessingml.document",
    ),
    "xlsb": (package("[Content_Types].xml", "xl/workbook.bin"), MACROS % "excel.sheet.binary"),
    "odt": (package(f"mimetype={ODF}text", "content.xml"), ODF + "text"),
    "ods": (package(f"mimetype={ODF}spreadsheet", "content.xml"), ODF + "spreadsheet"),
    "odp": (package(f"mimetype={ODF}presentation", "content.xml"), ODF + "presentation"),
    "odg": (package(f"mimetype={ODF}graphics", "content.xml"), ODF + "graphics"),
    "epub": (package("mimetype=application/epub+zip", "META-INF/container.xml"), "application/epub+zip"),
    "doc": (compound("1Table", "WordDocument"), "application/msword"),
    "xls": (compound("Workbook"), "application/vnd.ms-excel"),
    "xls of Excel 5": (compound("Book"), "application/vnd.ms-excel"),
    "ppt": (compound("PowerPoint Document"), "application/vnd.ms-powerpoint"),
    "msg": (compound("__properties_version1.0"), "application/vnd.ms-outlook"),
    "msi": (compound("Property", class_id=INSTALLER), "application/x-msi"),
    "docx with a password": (compound("EncryptedPackage", "EncryptionInfo"), "application/octet-stream"),
    "vsdx": (package("[Content_Types].xml", "visio/document.xml"), "application/octet-stream"),
    "vsd": (compound("VisioDocument"), "application/octet-stream"),
    "zip": (package("vedtak.pdf", "kart.png"), "application/zip"),
    "empty zip": (b"PK\x05\x06" + bytes(18), "application/zip"),
    "gz": (gzip.compress(b"Hei"), "application/x-gzip"),
    "bz2": (bz2.compress(b"Hei"), "application/x-bzip2"),
    "xz": (lzma.compress(b"Hei"), "application/x-xz"),
    "tar": (_tar(), "application/x-tar"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24), "application/x-7z-compressed"),
    "rar": (b"Rar!\x1a\x07\x01\x00" + bytes(24), "application/vnd.rar"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
    "rtf": (rb"{\rtf1\ansi Hei}", "application/rtf"),
    "digits": (b"0123456789", "text/plain"),
    "txt": ("Hei på deg".encode(), "text/plain"),
    "csv": ("navn;år\nKari;1970\n".encode(), "text/plain"),
    "json": (b'{"sak": 1}', "text/plain"),
    "html": (b"<!DOCTYPE html><html>", "text/html"),
    "svg": (b"<svg xmlns=", "image/svg+xml"),
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "image/jpeg"),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/png"),
    "gif": (b"GIF89a\x01\x00\x01\x00", "image/gif"),
    "tiff": (b"II*\x00\x08\x00\x00\x00", "image/tiff"),
    "mp4": (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
    "mp3 with ID3v2.3": (b"ID3\x03\x00\x00\x00" + bytes(24), "audio/mpeg"),
    "mp3 with ID3v2.4": (b"ID3\x04\x00\x00\x00" + bytes(24), "audio/mpeg"),
    "exe": (b"MZ\x90\x00\x03\x00\x00\x00", "application/vnd.microsoft.portable-executable"),
    "random": (b"\x80\x81\x82\x83" * 9, "application/octet-stream"),
}


@pytest.mark.parametrize(("head", "media_type"), KINDS.values(), ids=KINDS)
def test_each_kind_of_file_has_the_type_that_its_program_opens(head: bytes, media_type: str) -> None:
    assert guess(head) == media_type
