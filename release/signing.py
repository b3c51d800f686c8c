"""Checksums of all artefacts, and one signature over them (ECDSA P-256, SHA-256, base64).

Both `openssl` and `cosign` verify this form of signature, without a network (docs/releasing.md).
"""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Final

from release.provenance import digest

CHECKSUMS: Final = "SHA256SUMS"
SIGNATURE: Final = "SHA256SUMS.sig"


def write_checksums(folder: Path) -> None:
    """Write the checksums of all files of a folder, as `sha256sum --check` reads them."""
    paths = sorted(path for path in folder.iterdir() if path.name not in (CHECKSUMS, SIGNATURE))
    (folder / CHECKSUMS).write_text("".join(f"{digest(path)}  {path.name}\n" for path in paths), "utf-8")


def sign(folder: Path, key: Path) -> None:
    """Sign the checksums of a folder. Raises: CalledProcessError if the key is no usable private key."""
    words = ["openssl", "dgst", "-sha256", "-sign", str(key), str(folder / CHECKSUMS)]
    signature = subprocess.run(words, check=True, capture_output=True).stdout
    (folder / SIGNATURE).write_text(base64.b64encode(signature).decode() + "\n", "utf-8")
