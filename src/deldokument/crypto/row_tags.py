"""Row tags: MACs of database rows whose columns decide about access.

Guarantees:
- A tag is valid only for the kind, the id and all values of its row.
- Two lists of values never give the same message: each value is encoded with its type and its length.

A tag has no age, so an older row with its tag is valid. To detect that, readers compare the row with the events about
it (store.engine.authenticated_rows).
"""

import hmac
from collections.abc import Sequence

from deldokument.crypto.keys import Purpose, derive, frame

ROW_LABEL = b"deldokument/row/1"
TAG = 32

RowValue = str | bytes | int | None
"""A value as the database stores it; a Boolean is an integer."""


def row_key(integrity_key: bytes, kind: str) -> bytes:
    """Return the key of the tags of one kind of rows, under the deployment's 32-byte integrity key."""
    return derive(integrity_key, Purpose.INTEGRITY, kind.encode())


def row_tag(key: bytes, kind: str, row_id: str, values: Sequence[RowValue]) -> bytes:
    """Return the 32-byte tag of a row: HMAC-SHA256 (RFC 2104) under its ``row_key``."""
    message = frame(ROW_LABEL, kind.encode(), row_id.encode(), *map(encode_value, values))
    return hmac.digest(key, message, "sha256")


def is_row_tag(key: bytes, kind: str, row_id: str, values: Sequence[RowValue], tag: bytes) -> bool:
    """Return whether ``tag`` is the tag of the row; compares in constant time."""
    return hmac.compare_digest(row_tag(key, kind, row_id, values), tag)


def encode_value(value: RowValue) -> bytes:
    """Return a value with a byte for its type: text, bytes or decimal number; nothing for NULL."""
    if value is None:
        return b""
    if isinstance(value, str):
        return b"s" + value.encode()
    return b"b" + value if isinstance(value, bytes) else b"i%d" % value


def decode_value(encoded: bytes) -> RowValue:
    """Return the value that ``encode_value`` encoded. Only for values whose tag was valid."""
    match encoded[:1]:
        case b"s":
            return encoded[1:].decode()
        case b"b":
            return encoded[1:]
        case b"i":
            return int(encoded[1:])
    return None
