"""Harmless samples that a working malware scanner must report.

They are built at run time, so that scanners do not report a file of this program.
"""

import io
import zipfile
from functools import cache
from typing import Final

TEST_VIRUS: Final = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""The EICAR test file, which all engines report as malware."""
_DEPTH: Final = 101
"""One level more than the most that ClamAV can be set to unpack."""
_CENTRAL: Final = b"PK\x01\x02"


def _archive(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _build_encrypted_zip() -> bytes:
    """Return a zip whose only entry is marked as encrypted, in its local header and in the directory."""
    archive = bytearray(_archive("a.txt", bytes(range(64))))
    archive[6] |= 1
    archive[archive.index(_CENTRAL) + 8] |= 1
    return bytes(archive)


ENCRYPTED_ARCHIVE: Final = _build_encrypted_zip()


@cache
def too_deep_archive() -> bytes:
    """Return a zip in a zip, and so on, deeper than any engine unpacks."""
    content = b"text"
    for _ in range(_DEPTH):
        content = _archive("a.zip", content)
    return content
