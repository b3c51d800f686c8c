"""Root key in a file; during a rotation, in two files.

Guarantees:
- A root key comes only from a file that nobody but its owner may read.
- There is always one whole file of the root key.

During a rotation the new key is in a file with the suffix ``.new`` beside the old one, which it replaces at
the end. Does not know what is encrypted under the root key.
"""

import binascii
import hashlib
import os
import stat
from base64 import b64decode, b64encode
from pathlib import Path

from deldokument.adapters.durable_files import draft_beside, sync_directory, write_new
from deldokument.adapters.private_files import is_open_to_others
from deldokument.crypto.keys import KEY, RootKey, new_key
from deldokument.domain.errors import Conflict, Unavailable


class FileRootKeys:
    """The port `RootKeys` on files, which are read at the start, and again if a name is unknown."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fresh = path.with_name(path.name + ".new")
        self._keys = self._load_keys()

    def ids(self) -> list[str]:
        """Return the names of the root keys, the newest last."""
        self._keys = self._load_keys()
        return list(self._keys)

    def find_root_key(self, root_key_id: str) -> RootKey:
        """Return the root key with that name."""
        if root_key_id not in self._keys:
            self._keys = self._load_keys()
        try:
            return self._keys[root_key_id]
        except KeyError:
            held = ", ".join(self._keys)
            raise Unavailable("keyring", detail=f"{self._path} holds {held}, not {root_key_id}") from None

    def add(self) -> None:
        """Create another root key, beside the first."""
        create_root_key(self._fresh)

    def retire(self, kept: str) -> str:
        """Replace the old root key's file with that of the kept one."""
        if self._fresh.exists() and load_root_key(self._fresh).key_id == kept:
            self._fresh.replace(self._path)
            sync_directory(self._path.parent)
        self._keys = self._load_keys()
        return f"destroy every copy of the root key that {self._path} held before"

    def close(self) -> None:
        """Discard the keys."""
        self._keys = {}

    def _load_keys(self) -> dict[str, RootKey]:
        # Read the new file first: if it replaces the other one in between, both reads find the new key.
        fresh = self._fresh_key()
        key = load_root_key(self._path)
        return {key.key_id: key} | fresh

    def _fresh_key(self) -> dict[str, RootKey]:
        try:
            key = load_root_key(self._fresh)
        except Unavailable:
            if self._fresh.exists():
                raise
            return {}
        return {key.key_id: key}


def load_root_key(path: Path) -> RootKey:
    """Return the root key in a file: 32 bytes as base64 or as 64 hex digits, with optional surrounding white space.

    Raises: Unavailable if the file cannot be read, others than its owner can read it, or its content is
    invalid.
    """
    key = _decode_key(read_private(path))
    if key is None:
        raise Unavailable("keyring", detail=f"{path} does not hold 32 bytes as base64 or hex")
    return _root_key(key)


def read_private(path: Path) -> bytes:
    """Return the content of a short file, without surrounding white space.

    Raises: Unavailable unless only its owner may read it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024).strip()
    except OSError as error:
        raise Unavailable("keyring", detail=f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise Unavailable("keyring", detail=f"{path} is not a regular file")
    if is_open_to_others(path, mode):
        raise Unavailable("keyring", detail=f"{path} is open to others than its owner: chmod 600")
    return text


def create_root_key(path: Path) -> RootKey:
    """Create a root key in a file that is whole, durable and readable by its owner only.

    Raises: Conflict if the file exists; Unavailable if it cannot be written.
    """
    key, draft = new_key(), draft_beside(path)
    try:
        write_new(draft, b64encode(key) + b"\n")
        try:
            path.hardlink_to(draft)
        finally:
            draft.unlink()
        sync_directory(path.parent)
    except FileExistsError:
        raise Conflict("root_key_exists", detail=str(path)) from None
    except OSError as error:
        raise Unavailable("keyring", detail=f"{path}: {error.strerror}") from None
    return _root_key(key)


def _root_key(key: bytes) -> RootKey:
    """Return a root key whose id is a digest of it, so the id does not depend on where the file is."""
    return RootKey("file-" + hashlib.sha256(b"deldokument/root-key-id/1" + key).hexdigest()[:16], key)


def _decode_key(text: bytes) -> bytes | None:
    try:
        key = bytes.fromhex(text.decode("ascii")) if len(text) == 2 * KEY else b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == KEY else None
