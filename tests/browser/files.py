"""Files to share, made of noise that never repeats, and what they add up to."""

import hashlib
import random
import zipfile
from pathlib import Path

_BLOCK = 1_000_000


def noise(path: Path, length: int, seed: int = 1) -> Path:
    """A file of ``length`` bytes. Two with the same seed begin alike; no two megabytes of one are the same."""
    block = random.Random(seed).randbytes(_BLOCK)
    with path.open("wb") as file:
        for number in range(0, length, _BLOCK):
            piece = number.to_bytes(8, "big") + block[8:]
            file.write(piece[: length - number])
    return path


def sha256(path: Path) -> str:
    """As hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_in_zip(path: Path) -> dict[str, str]:
    """Name by name."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                # Reading to the end also checks the CRC-32.
                found[name] = hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]
    return found
