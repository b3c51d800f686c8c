"""The root key that is a file, and while it gives way to another, two.

Promises that a root key comes from a file that its owner alone may read, and that there is always one whole file of
it. The new one of a rotation stands beside the old one with ``.new`` at the end of its name, and takes its place at the
end. Deliberately does not know what is sealed under it.
"""

from __future__ import annotations

import binascii
import hashlib
import os
import stat
from base64 import b64decode, b64encode
from pathlib import Path

from deldokument.adapters.durable_files import draft_beside, sync_directory, write_new
from deldokument.crypto.keys import KEY, RootKey, new_key
from deldokument.domain.errors import Conflict, Unavailable


class FileRootKeys:
    """Satisfies `RootKeys`. Read once, and again when a name is not known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fresh = path.with_name(path.name + ".new")
        self._keys = self._loaded()

    def ids(self) -> list[str]:
        """What they are called, the newest last."""
        self._keys = self._loaded()
        return list(self._keys)

    def named(self, root_key_id: str) -> RootKey:
        """The root key of that name."""
        if root_key_id not in self._keys:
            self._keys = self._loaded()
        try:
            return self._keys[root_key_id]
        except KeyError:
            held = ", ".join(self._keys)
            raise Unavailable("keyring", detail=f"{self._path} holds {held}, not {root_key_id}") from None

    def add(self) -> None:
        """Draw another, beside the first."""
        create_root_key(self._fresh)

    def retire(self, kept: str) -> str:
        """Put the one kept in the place of the other."""
        if self._fresh.exists() and load_root_key(self._fresh).key_id == kept:
            self._fresh.replace(self._path)
            sync_directory(self._path.parent)
        self._keys = self._loaded()
        return f"destroy every copy of the root key that {self._path} held before"

    def close(self) -> None:
        """Forget them."""
        self._keys = {}

    def _loaded(self) -> dict[str, RootKey]:
        # The new one first: it may take the other's place in between, and is then found in both.
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
    """The root key in a file: 32 bytes as base64 or as 64 hex digits, white space round it allowed.

    Raises Unavailable when the file cannot be read, may be read by others than its owner, or holds anything else.
    """
    key = _decoded(read_private(path))
    if key is None:
        raise Unavailable("keyring", detail=f"{path} does not hold 32 bytes as base64 or hex")
    return _root_key(key)


def read_private(path: Path) -> bytes:
    """A short file without the white space round it. Raises Unavailable unless it is its owner's alone."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024).strip()
    except OSError as error:
        raise Unavailable("keyring", detail=f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise Unavailable("keyring", detail=f"{path} is not a regular file")
    if mode & 0o077:
        raise Unavailable("keyring", detail=f"{path} is open to others than its owner: chmod 600")
    return text


def create_root_key(path: Path) -> RootKey:
    """Draw a root key and write it, whole, durable and for the owner alone. Raises Conflict when the file exists."""
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
    """Named by a digest of the key, so that an entry under another root key is known as such wherever files lie."""
    return RootKey("file-" + hashlib.sha256(b"deldokument/root-key-id/1" + key).hexdigest()[:16], key)


def _decoded(text: bytes) -> bytes | None:
    try:
        key = bytes.fromhex(text.decode("ascii")) if len(text) == 2 * KEY else b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == KEY else None
