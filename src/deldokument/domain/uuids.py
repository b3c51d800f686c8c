"""Ids as UUIDs, for external systems that require that: another encoding of the same 128 bits.

Guarantees:
- A conversion and its inverse return the same id.

The UUID has no version field, because all 128 bits are in use.
"""

import base64
import uuid

_HEX = 32


def uuid_of(own_id: str) -> str:
    """Return the UUID of an id of ours, in either encoding (see share.new_id and share.new_document_id)."""
    raw = bytes.fromhex(own_id) if len(own_id) == _HEX else base64.urlsafe_b64decode(own_id + "==")
    return str(uuid.UUID(bytes=raw))


def id_of(text: str) -> str:
    """Return the id that a UUID encodes.

    Raises: ValueError if the text is not a UUID.
    """
    return base64.urlsafe_b64encode(uuid.UUID(text).bytes).rstrip(b"=").decode("ascii")


def document_id_of(text: str) -> str:
    """Return the document id that a UUID encodes.

    Raises: ValueError if the text is not a UUID.
    """
    return uuid.UUID(text).hex
