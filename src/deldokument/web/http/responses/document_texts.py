"""Display texts of a document's type, and the check for a name that contradicts it.

Guarantees:
- The type is detected by the inspection, never by the name.
- Every media type has a text.
"""

from collections.abc import Iterable
from typing import Final

from deldokument.domain.shares.share import Verdict
from deldokument.services.shares.scans.verdicts import Finding
from deldokument.web.http.responses.i18n import _

_PDF: Final = _("PDF")
_WORD: Final = _("Word document")
_EXCEL: Final = _("Excel workbook")
_POWERPOINT: Final = _("PowerPoint presentation")
_ODT: Final = _("OpenDocument text")
_ODS: Final = _("OpenDocument spreadsheet")
_ODP: Final = _("OpenDocument presentation")
_IMAGE: Final = _("Image")
_EMAIL: Final = _("E-mail message")
_WEB_PAGE: Final = _("Web page")
_TEXT: Final = _("Text")
_ZIP: Final = _("Zip file")
_PACKED: Final = _("Packed file")
_PROGRAM: Final = _("Program")
_OTHER: Final = _("Other type")
_UNKNOWN: Final = _("Unknown type")

_OOXML: Final = "application/vnd.openxmlformats-officedocument."
_ODF: Final = "application/vnd.oasis.opendocument."
_KINDS: Final = {
    "application/octet-stream": _UNKNOWN,
    "application/pdf": _PDF,
    "application/msword": _WORD,
    "application/vnd.ms-excel": _EXCEL,
    "application/vnd.ms-powerpoint": _POWERPOINT,
    _ODF + "text": _ODT,
    _ODF + "spreadsheet": _ODS,
    _ODF + "presentation": _ODP,
    "application/rtf": _TEXT,
    "application/json": _TEXT,
    "application/xml": _TEXT,
    "message/rfc822": _EMAIL,
    "application/vnd.ms-outlook": _EMAIL,
    "text/html": _WEB_PAGE,
    "image/svg+xml": _IMAGE,
    "application/zip": _ZIP,
    **dict.fromkeys(
        (
            "application/gzip",
            "application/vnd.rar",
            "application/x-7z-compressed",
            "application/x-gzip",
            "application/x-rar-compressed",
            "application/x-tar",
            "application/x-xz",
        ),
        _PACKED,
    ),
    **dict.fromkeys(
        (
            "application/vnd.microsoft.portable-executable",
            "application/x-executable",
            "application/x-iso9660-appimage",
            "application/x-msi",
            "application/x-sharedlib",
            "application/x-shellscript",
        ),
        _PROGRAM,
    ),
}
# Documents, templates and their siblings, with and without macros.
_OFFICE: Final = {
    _OOXML + "wordprocessingml.": _WORD,
    "application/vnd.ms-word.": _WORD,
    _OOXML + "spreadsheetml.": _EXCEL,
    "application/vnd.ms-excel.": _EXCEL,
    _OOXML + "presentationml.": _POWERPOINT,
    "application/vnd.ms-powerpoint.": _POWERPOINT,
}
_FAMILIES: Final = {"image": _IMAGE, "audio": _("Sound"), "video": _("Video"), "text": _TEXT}
# Unambiguous extensions. A zip may also be an Office document, because the parts that identify it may come late in the
# file.
_EXPECTED: Final = {
    "pdf": {_PDF},
    "docx": {_WORD, _ZIP},
    "xlsx": {_EXCEL, _ZIP},
    "pptx": {_POWERPOINT, _ZIP},
    "odt": {_ODT, _ZIP},
    "ods": {_ODS, _ZIP},
    "odp": {_ODP, _ZIP},
    "zip": {_ZIP},
    **{ending: {_IMAGE} for ending in ("gif", "jpeg", "jpg", "png", "tif", "tiff", "webp")},
}


def kind_of(media_type: str) -> str:
    """Return the msgid of the type's name."""
    office = next((kind for beginning, kind in _OFFICE.items() if media_type.startswith(beginning)), None)
    return office or _KINDS.get(media_type) or _FAMILIES.get(media_type.partition("/")[0], _OTHER)


def other_ending(name: str, media_type: str) -> str:
    """Return the name's extension if it stands for another type than the content's; empty otherwise."""
    _, dot, ending = name.lower().rpartition(".")
    expected = _EXPECTED.get(ending) if dot else None
    return ending if expected and kind_of(media_type) not in expected else ""


def common_verdict(findings: Iterable[Finding | None]) -> Verdict | None:
    """Return the verdict shared by all released documents; None if they differ or none is released."""
    verdicts = {finding.verdict for finding in findings if finding and finding.is_released}
    return verdicts.pop() if len(verdicts) == 1 else None
