"""Small files of the kinds that a tenant keeps, true enough to be recognised by their content."""

import io
import subprocess
import zipfile

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< >>\nendobj\ntrailer\n%%EOF\n"


def zipped(*entries: tuple[str, str]) -> bytes:
    """A zip of texts, in order, not compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


ODT = zipped(("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", "<office/>"))
DOCX = zipped(("[Content_Types].xml", "<Types/>"), ("word/document.xml", "<w:document/>"))


def text_of(pdf: bytes) -> str:
    """What stands in a PDF, as `pdftotext` of poppler-utils reads it."""
    command = ["pdftotext", "-q", "-layout", "-", "-"]
    return subprocess.run(command, input=pdf, stdout=subprocess.PIPE, check=True).stdout.decode()
