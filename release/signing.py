"""Checksums of all artefacts, a signature over them (ECDSA P-256, SHA-256, base64), and a tag signed with the same key.

Both `openssl` and `cosign` verify the signature, and `git` the tag, without a network (docs/releasing.md).
"""

import base64
import subprocess
import tempfile
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


def tag(checkout: Path, version: str, key: Path) -> None:
    """Tag the checked-out commit as this version, signed; a tag that the key has signed there already is kept.

    Raises: CalledProcessError if there is another tag of this name, or the key is unusable.
    """
    name = f"v{version}"
    with tempfile.TemporaryDirectory(prefix="deldokument-tag-") as folder:
        # ssh-keygen reads this form of key only with its public part beside it.
        link = Path(folder) / "key"
        link.symlink_to(key.resolve())
        public = subprocess.run(["ssh-keygen", "-y", "-f", str(link)], check=True, capture_output=True).stdout
        link.with_suffix(".pub").write_bytes(public)
        if name in _git(checkout, "tag", "--points-at", "HEAD").split():
            signers = Path(folder) / "signers"
            signers.write_bytes(b"release " + public)
            _git(checkout, "-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-tag", name)
            return
        signed = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={link}", "tag", "--sign", "--message", name, name)
        _git(checkout, *signed)


def _git(checkout: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=checkout, check=True, stdout=subprocess.PIPE, text=True).stdout
