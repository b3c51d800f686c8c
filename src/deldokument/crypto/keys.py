"""Keys: random generation, derivation for one purpose, and encryption of small values.

Guarantees:
- Two purposes or two contexts never share a derived key.
- A sealed value opens only with its key and associated data.
- No key shows in a `repr`.

Does not know where keys are stored or when they are destroyed; the keyring does.

Sources: HKDF, RFC 5869 (SHA-256); AES-256-GCM, NIST SP 800-38D. Its nonces are random and have 96 bits, hence at most
2**32 encryptions under one key (section 8.3).
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
    """Purpose of a derived key. The value enters the derivation; each comment names the input key and the context."""

    DATA = "data"  # Share key; document id.
    MANIFEST = "manifest"  # Share key; document id.
    INSPECTION = "inspection"  # Share key; document id.
    SCAN = "scan"  # Share key; document id.
    MESSAGE = "message"  # Share key; share id.
    GRANT = "grant"  # Share key or audit key; share id.
    FIELDS = "fields"  # Audit key, or any key given to fields.py; no context.
    LOOKUP = "lookup"  # As FIELDS.
    INTEGRITY = "integrity"  # Integrity key; kind of row.


class Key(bytes):
    """A key that caches the keys derived from it without a context, for its own lifetime."""

    def __init__(self, _: bytes) -> None:
        self.derived: dict[Purpose, bytes] = {}

    def __repr__(self) -> str:
        """Return a text without any part of the key."""
        return "Key(…)"


def new_key() -> bytes:
    """Return a random 256-bit key from the operating system."""
    return os.urandom(KEY)


def frame(*fields: bytes) -> bytes:
    """Return the fields joined unambiguously: no other list of fields gives the same bytes.

    A length prefix (uint32, big-endian) precedes each field.
    """
    return b"".join([len(item).to_bytes(4, "big") + item for item in fields])


_INFOS = {purpose: frame(KEY_LABEL, purpose.value.encode()) for purpose in Purpose}


def derive(key: bytes, purpose: Purpose, *context: bytes) -> bytes:
    """Return the 32-byte key for one purpose and context under a 32-byte `key`.

    HKDF-SHA256 without salt (RFC 5869, 3.1), because the input key is already uniform. info = framed(label, purpose,
    *context).
    Raises: ValueError if `key` has another length.
    """
    _require_key(key)
    if context or not isinstance(key, Key):
        return _derive(key, _INFOS[purpose] + frame(*context))
    if purpose not in key.derived:
        key.derived[purpose] = _derive(key, _INFOS[purpose])
    return key.derived[purpose]


def _derive(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY, salt=None, info=info).derive(key)


def seal(key: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    """Seal the whole `plaintext` with AES-256-GCM.

    The result is version (1 byte) || random nonce (12) || ciphertext || tag (16), 29 bytes longer than the plaintext.
    Raises: ValueError unless `key` is 32 bytes.
    """
    _require_key(key)
    nonce = os.urandom(_NONCE)
    return SEALED_VERSION + nonce + AESGCM(key).encrypt(nonce, plaintext, associated_data)


def open_sealed(key: bytes, sealed: bytes, associated_data: bytes) -> bytes:
    """Return the plaintext that `seal` encrypted under the same key and associated data.

    Raises: IntegrityError otherwise.
    """
    _require_key(key)
    return _open(AESGCM(key), sealed, associated_data)


def _open(cipher: AESGCM, sealed: bytes, associated_data: bytes) -> bytes:
    if sealed[:1] != SEALED_VERSION or len(sealed) < 1 + _NONCE + _TAG:
        raise IntegrityError
    try:
        return cipher.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], associated_data)
    except InvalidTag:
        raise IntegrityError from None


class KeyWrapper(Protocol):
    """Wrapper of the keyring's entries: a root key in memory, or an HSM or service that never reveals its key.

    Wraps many entries at a time, by id, so that a remote service needs only one request.
    """

    @property
    def key_id(self) -> str:
        """Id of the root key. It is stored with every entry, so that a rotation finds the entries still to re-wrap."""
        ...

    def wrap_all(self, secrets: Mapping[str, bytes]) -> dict[str, bytes]:
        """Seal entries' keys, each bound to its entry's id and to this root key."""
        ...

    def unwrap_all(self, wrapped: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the keys that `wrap_all` sealed for these entries.

        Raises: IntegrityError if one does not open.
        """
        ...


@dataclass(frozen=True, slots=True)
class RootKey:
    """A root key held in memory; satisfies `KeyWrapper`.

    Raises: ValueError unless `key` is 32 bytes and `key_id` is not empty.
    """

    key_id: str
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _require_key(self.key)
        if not self.key_id:
            raise ValueError("a root key needs an id")

    def wrap(self, entry_id: str, secret: bytes) -> bytes:
        """Seal an entry's key, bound to the entry's id and this root key's id."""
        return seal(self.key, secret, entry_data(self.key_id, entry_id))

    def wrap_all(self, secrets: Mapping[str, bytes]) -> dict[str, bytes]:
        """Apply `wrap` to each entry."""
        return {entry_id: self.wrap(entry_id, secret) for entry_id, secret in secrets.items()}

    def unwrap_all(self, wrapped: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the keys that `wrap` sealed for these entries.

        Raises: IntegrityError if one does not open.
        """
        cipher = AESGCM(self.key)
        return {one: _open(cipher, sealed, entry_data(self.key_id, one)) for one, sealed in wrapped.items()}


def entry_data(root_key_id: str, entry_id: str) -> bytes:
    """Return the associated data of a keyring entry, which binds it to its own id and its root key's id."""
    return frame(ENTRY_LABEL, root_key_id.encode(), entry_id.encode())


def _require_key(key: bytes) -> None:
    if len(key) != KEY:
        raise ValueError("a key is 32 bytes")
