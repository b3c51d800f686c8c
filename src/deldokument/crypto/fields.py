"""Encrypted database fields (texts, small files, identifiers), and keyed hashes for lookups.

Guarantees:
- A sealed value opens only in the column and record for which it was sealed.
- Its length reveals only the number of 64-byte blocks that the content fills.
- Equal identifiers can be found without being decrypted.

Callers pass identifiers in their canonical form.
"""

import hmac
from collections.abc import Iterable, Sequence
from functools import lru_cache

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import Purpose, derive, frame, open_sealed, seal

FIELD_LABEL = b"deldokument/field/1"
LOOKUP_LABEL = b"deldokument/lookup/1"
BLOCK = 64
_LENGTH = 4


def seal_bytes(key: bytes, content: bytes, label: str, record_id: bytes) -> bytes:
    """Seal `content` (any length) for one column (`label`, such as "recipient.identifier") of one record.

    `key` is 32 bytes, usually an audit key. The encryption key is derived from it. Raises: ValueError if `key` has
    another length.
    """
    framed_content = len(content).to_bytes(_LENGTH, "big") + content
    padded = framed_content + bytes(-len(framed_content) % BLOCK)
    return seal(derive(key, Purpose.FIELDS), padded, _bound_to(label, record_id))


def open_bytes(key: bytes, sealed: bytes, label: str, record_id: bytes) -> bytes:
    """Return the content sealed under this key for this column and record.

    Raises: IntegrityError.
    """
    padded = open_sealed(derive(key, Purpose.FIELDS), sealed, _bound_to(label, record_id))
    end = _LENGTH + int.from_bytes(padded[:_LENGTH], "big")
    # A content has only one padded form: the fewest whole blocks, padded with zeros.
    if len(padded) != end + -end % BLOCK or any(padded[end:]):
        raise IntegrityError
    return padded[_LENGTH:end]


def seal_text(key: bytes, text: str, label: str, record_id: bytes) -> bytes:
    """Seal a text as `seal_bytes` does."""
    return seal_bytes(key, text.encode(), label, record_id)


def open_text(key: bytes, sealed: bytes, label: str, record_id: bytes) -> str:
    """Return a text as `open_bytes` does.

    Raises: IntegrityError also if the content is not UTF-8.
    """
    try:
        return open_bytes(key, sealed, label, record_id).decode()
    except UnicodeDecodeError:
        raise IntegrityError from None


def lookup_hash(key: bytes, kind: str, identifier: str) -> bytes:
    """Return the 32-byte hash for finding records by this identifier of this kind.

    HMAC-SHA256 (RFC 2104) under a key derived from the 32-byte `key`. There are few enough identifiers to try them all,
    so the hash hides them only while `key` is secret. Raises: ValueError if `key` has another length.
    """
    [[only]] = lookup_hashes([key], [(kind, identifier)])
    return only


def lookup_hashes(keys: Iterable[bytes], identifiers: Sequence[tuple[str, str]]) -> list[list[bytes]]:
    """Return, for each key, the `lookup_hash` of each kind and identifier."""
    messages = [frame(LOOKUP_LABEL, kind.encode(), identifier.encode()) for kind, identifier in identifiers]
    derived = [derive(key, Purpose.LOOKUP) for key in keys]
    return [[hmac.digest(key, message, "sha256") for message in messages] for key in derived]


def _bound_to(label: str, record_id: bytes) -> bytes:
    return _column(label) + frame(record_id)


@lru_cache(maxsize=100)
def _column(label: str) -> bytes:
    return frame(FIELD_LABEL, label.encode())
