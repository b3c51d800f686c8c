"""Cards of shares: the values that decide about access to a share, with a tag that binds them to the share.

Guarantees:
- A card opens only for its own share, under the key of its deployment.
- A card contains its values, so it can be read without the row.
- A card has only one encoding.

It contains random ids, times and codes, and nothing about persons or content.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from operator import attrgetter

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import frame
from deldokument.crypto.row_tags import TAG, decode_value, encode_value, is_row_tag, row_tag

SHARE_KIND = "share"
REMOVED = "removed"
_VERSION = b"\x01"
_LENGTH = 4


@dataclass(frozen=True, slots=True)
class ShareCard:
    """The values that decide about access to a share. Times are microseconds since 1970, in UTC.

    ``revision`` counts the recorded changes. ``sealed_change`` is a result of ``change_digest``. ``recipients``,
    ``documents`` and ``verdicts`` are results of ``texts_digest``. The last two are None for a draft that nobody has
    proposed, because its documents change with every upload.
    """

    tenant_id: str
    account_id: str
    audit_key_id: str
    member_id: str | None
    integration_id: str | None
    state: str
    changed_at: int
    expires_at: int | None
    published_at: int | None
    confidential: int
    frozen_at: int | None
    proposed_by: str | None
    undo_until: int | None
    undo_by: str | None
    exposed_to: str | None
    revision: int
    sealed_change: bytes | None
    recipients: bytes
    documents: bytes | None
    verdicts: bytes | None


_values_of = attrgetter(*(one.name for one in fields(ShareCard)))


def texts_digest(texts: Iterable[str]) -> bytes:
    """Return the SHA-256 of texts in any order: ids of recipients, or versions or verdicts of documents."""
    return hashlib.sha256(frame(*(each.encode() for each in sorted(texts)))).digest()


def document_version(document_id: str, manifest_hash: str) -> str:
    """Return the text for a document in exactly these bytes; with `REMOVED` in place of the hash, for its tombstone."""
    return f"{document_id}:{manifest_hash}"


def document_verdict(document_id: str, verdict_hash: str) -> str:
    """Return the text that stands for the verdict on a document, and for its release."""
    return f"{document_id}:{verdict_hash}"


def change_digest(sealed: bytes | None) -> bytes | None:
    """Return the SHA-256 of a sealed change; None if there is none."""
    return hashlib.sha256(sealed).digest() if sealed else None


def seal_card(key: bytes, share_id: str, card: ShareCard) -> bytes:
    """Return the card: version, framed values and tag. ``key`` is the ``row_key`` of the kind ``share``."""
    payload = _encode(card)
    return payload + row_tag(key, SHARE_KIND, share_id, [payload])


def is_card(key: bytes, share_id: str, card: ShareCard, sealed: bytes) -> bool:
    """Return whether ``sealed`` is this card of this share, as ``open_card`` would; compares in constant time."""
    return hmac.compare_digest(seal_card(key, share_id, card), sealed)


def open_card(key: bytes, share_id: str, sealed: bytes) -> ShareCard:
    """Return the values that ``seal_card`` sealed for this share.

    Raises: IntegrityError.
    """
    payload, tag = sealed[:-TAG], sealed[-TAG:]
    if not is_row_tag(key, SHARE_KIND, share_id, [payload], tag) or payload[:1] != _VERSION:
        raise IntegrityError
    try:
        card = ShareCard(*map(decode_value, _split_frames(payload[1:])))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise IntegrityError from None
    if _encode(card) != payload:
        raise IntegrityError
    return card


def _encode(card: ShareCard) -> bytes:
    return _VERSION + frame(*map(encode_value, _values_of(card)))


def _split_frames(encoded: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(encoded):
        begin = position + _LENGTH
        position = begin + int.from_bytes(encoded[position:begin], "big")
        yield encoded[begin:position]
