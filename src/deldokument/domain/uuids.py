"""Ids as UUIDs, for those outside who keep them so: 128 bits are 128 bits, and this is another spelling of them.

Promises that there and back is the same id. No version is set in it, for no bit is to spare.
"""

from __future__ import annotations

import base64
import uuid

_HEX = 32


def uuid_of(own_id: str) -> str:
    """The UUID of an id of ours, whichever of our two spellings it has (see share.new_id and share.new_document_id)."""
    raw = bytes.fromhex(own_id) if len(own_id) == _HEX else base64.urlsafe_b64decode(own_id + "==")
    return str(uuid.UUID(bytes=raw))


def id_of(text: str) -> str:
    """The id that a UUID stands for. Raises ValueError for what is no UUID."""
    return base64.urlsafe_b64encode(uuid.UUID(text).bytes).rstrip(b"=").decode("ascii")


def document_id_of(text: str) -> str:
    """The id of a document that a UUID stands for. Raises ValueError for what is no UUID."""
    return uuid.UUID(text).hex
