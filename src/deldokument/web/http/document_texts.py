"""Display texts of a document's type, of a name that contradicts its content, and of errors about documents.

Guarantees:
- The type is the one that inspection found. The name never decides it.
- Every media type has a text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from deldokument.domain.share import Verdict
from deldokument.services.shares.verdicts import Finding
from deldokument.web.http.i18n import _

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

DOCUMENT_ERRORS: Final = {
    "copy_missing": _("Choose the PDF with the signed agreement."),
    "copy_too_large": _("The PDF is larger than 20 MB. Choose a smaller one."),
    "copy_not_pdf": _("The file is not a PDF. Choose another."),
    "files_missing": _("Choose at least one file."),
    "files_unfinished": _("Wait until all files have been uploaded, or remove those that are missing."),
    "files_copying": _("Wait until all files have been copied, or remove those that are missing."),
    "documents_over": _("The share is over, so its documents can't be copied. Create the new share without them."),
    "files_infected": _("A virus was found in a file. Load the page again to see which, and remove it."),
    "files_unscanned": _("The files are waiting for the virus check. Try again in a few minutes."),
    "upgrade_unfinished": _("Documents can't be added while the service is being upgraded. Try again later."),
    "document_unconfirmed": _(
        "The document could not be checked for viruses. Open the page of the share, read the warning, and download it "
        "from there."
    ),
    "document_held": _(
        "The document could not be checked for viruses. The sender decides whether you can download it."
    ),
    "document_not_held": _("The document isn't held back any more. Load the page again."),
    "own_held_document": _("You share the document yourself. Another member of the account must release it."),
    "scan_policy": _("Choose something that is at least as strict as the operator's rule."),
    "document_infected": _("A virus was found in the document, and it can't be downloaded. Contact the sender."),
    "scanner": _("The service doesn't answer right now. Try again in a few minutes."),
    "inspection_running": _("The document is being made ready. Try again in a moment."),
    "inspection_refused": _("Something is wrong with the document, and it can't be downloaded. Contact the sender."),
    "full_numbers_missing": _("The account doesn't give full numbers to the system."),
    "report_unknown": _("The file is not the report of a share as JSON."),
    "program_request": _("The address is not one that a program has made. Start the program again."),
    "program_code_refused": _("The code can be used once, within a minute, by the program that asked for it."),
    "program_token_refused": _("The program has no access to the documents any more. Start it again, and approve it."),
    "program_limit": _("You have approved programs very many times. Wait %(wait_seconds)s, and try again."),
}
"""Texts of the errors about documents, their inspection, programs that receive them, and reports, by code."""

_OOXML: Final = "application/vnd.openxmlformats-officedocument."
_ODF: Final = "application/vnd.oasis.opendocument."
_KINDS: Final = {
    "application/octet-stream": _UNKNOWN,
    "application/x-ole-storage": _UNKNOWN,  # until 0.2.0
    "application/pdf": _PDF,
    _OOXML + "wordprocessingml.document": _WORD,
    "application/msword": _WORD,
    _OOXML + "spreadsheetml.sheet": _EXCEL,
    "application/vnd.ms-excel": _EXCEL,
    _OOXML + "presentationml.presentation": _POWERPOINT,
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
_FAMILIES: Final = {"image": _IMAGE, "audio": _("Sound"), "video": _("Video"), "text": _TEXT}
# Unambiguous extensions. A zip counts as an Office document too: the parts that show it may come late in the file.
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
    return _KINDS.get(media_type) or _FAMILIES.get(media_type.partition("/")[0], _OTHER)


def other_ending(name: str, media_type: str) -> str:
    """Return the name's extension if it stands for another type than the content's; empty otherwise."""
    _, dot, ending = name.lower().rpartition(".")
    expected = _EXPECTED.get(ending) if dot else None
    return ending if expected and kind_of(media_type) not in expected else ""


def common_verdict(findings: Iterable[Finding | None]) -> Verdict | None:
    """Return the verdict shared by all released documents; None if they differ or none is released."""
    verdicts = {finding.verdict for finding in findings if finding and finding.is_released}
    return verdicts.pop() if len(verdicts) == 1 else None
