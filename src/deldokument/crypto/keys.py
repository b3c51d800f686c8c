"""Keys: drawn at random, derived for one purpose each, and used to seal small things whole.

Promises that two purposes or two contexts never share a derived key, that a sealed value opens only with the
key and the associated data it was sealed with, and that no key shows in a `repr`. Deliberately does not know
where keys are kept or when they are destroyed; the keyring does.

Sources: HKDF, RFC 5869 (SHA-256); AES-256-GCM, NIST SP 800-38D, with random 96-bit nonces, hence at most 2**32
sealings under one key (section 8.3).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from deldokument.crypto.errors import IntegrityError

KEY = 32
KEY_LABEL = b"deldokument/key/1"
ENTRY_LABEL = b"deldokument/keyring-entry/1"
SEALED_VERSION = b"\x01"
_NONCE = 12
_TAG = 16


class Purpose(StrEnum):
    """What a derived key is for. Its value enters the derivation; the context that goes with it stands beside it."""

    DATA = "data"  # share key; document id
    MANIFEST = "manifest"  # share key; document id
    INSPECTION = "inspection"  # share key; document id
    MESSAGE = "message"  # share key; share id
    FIELDS = "fields"  # audit key (or any key given to fields.py); no context
    LOOKUP = "lookup"  # as FIELDS


def new_key() -> bytes:
    """A fresh random 256-bit key from the operating system."""
    return os.urandom(KEY)


def framed(*fields: bytes) -> bytes:
    """Fields joined so that no other list of fields gives the same bytes.

    Each stands behind its length as uint32, big-endian.
    """
    return b"".join([len(item).to_bytes(4, "big") + item for item in fields])


_INFOS = {purpose: framed(KEY_LABEL, purpose.value.encode()) for purpose in Purpose}


def derive(key: bytes, purpose: Purpose, *context: bytes) -> bytes:
    """The 32-byte key for one purpose and context under a 32-byte `key`; ValueError on another length.

    HKDF-SHA256 without salt (RFC 5869, 3.1: the input key is already uniform) and with
    info = framed(label, purpose, *context).
    """
    _require_key(key)
    info = _INFOS[purpose] + framed(*context)
    return HKDF(algorithm=SHA256(), length=KEY, salt=None, info=info).derive(key)


def seal(key: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    """Seal `plaintext` whole with AES-256-GCM; ValueError unless `key` is 32 bytes.

    The outcome is version (1 byte) || random nonce (12) || ciphertext || tag (16), 29 bytes longer than it was.
    """
    _require_key(key)
    nonce = os.urandom(_NONCE)
    return SEALED_VERSION + nonce + AESGCM(key).encrypt(nonce, plaintext, associated_data)


def open_sealed(key: bytes, sealed: bytes, associated_data: bytes) -> bytes:
    """The plaintext that `seal` was given under the same key and associated data; IntegrityError otherwise."""
    _require_key(key)
    if sealed[:1] != SEALED_VERSION or len(sealed) < 1 + _NONCE + _TAG:
        raise IntegrityError
    try:
        return AESGCM(key).decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], associated_data)
    except InvalidTag:
        raise IntegrityError from None


class KeyWrapper(Protocol):
    """Seals and opens keyring entries: a root key in memory, or a device or service that never hands its key out.

    Many at a time, by entry ids: a service is asked once for all of them.
    """

    @property
    def key_id(self) -> str:
        """Which root key this is; stored beside every entry so that a rotation knows what is left to re-wrap."""
        ...

    def wrap_all(self, secrets: Mapping[str, bytes]) -> dict[str, bytes]:
        """Seal entries' keys, each bound to its entry's id and to this root key."""
        ...

    def unwrap_all(self, wrapped: Mapping[str, bytes]) -> dict[str, bytes]:
        """The keys that `wrap_all` was given for these entries; IntegrityError when one does not open."""
        ...


@dataclass(frozen=True, slots=True)
class RootKey:
    """A root key held in memory; satisfies `KeyWrapper`. ValueError unless `key` is 32 bytes and `key_id` is given."""

    key_id: str
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _require_key(self.key)
        if not self.key_id:
            raise ValueError("a root key needs an id")

    def wrap(self, entry_id: str, secret: bytes) -> bytes:
        """Seal an entry's key, bound to the entry's id and this root key's id."""
        return seal(self.key, secret, entry_data(self.key_id, entry_id))

    def unwrap(self, entry_id: str, wrapped: bytes) -> bytes:
        """The key that `wrap` was given for this entry; IntegrityError otherwise."""
        return open_sealed(self.key, wrapped, entry_data(self.key_id, entry_id))

    def wrap_all(self, secrets: Mapping[str, bytes]) -> dict[str, bytes]:
        """`wrap`, many times."""
        return {entry_id: self.wrap(entry_id, secret) for entry_id, secret in secrets.items()}

    def unwrap_all(self, wrapped: Mapping[str, bytes]) -> dict[str, bytes]:
        """`unwrap`, many times."""
        return {entry_id: self.unwrap(entry_id, sealed) for entry_id, sealed in wrapped.items()}


def entry_data(root_key_id: str, entry_id: str) -> bytes:
    """The associated data of a keyring entry: it opens under its own id and root key's id only."""
    return framed(ENTRY_LABEL, root_key_id.encode(), entry_id.encode())


def _require_key(key: bytes) -> None:
    if len(key) != KEY:
        raise ValueError("a key is 32 bytes")
