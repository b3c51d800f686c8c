"""Texts of a share in its row, each encrypted under the key that `domain.shares.text_fields` names for it."""

import json
from dataclasses import replace

from deldokument.domain.shares.share import CLOSED, Share
from deldokument.domain.shares.text_fields import ShareTexts, TextKey
from deldokument.services.encryption import EncryptedColumn, message_key, open_field, reference_hash, seal_field


def with_texts(audit_key: bytes, share_key: bytes, share: Share, texts: ShareTexts) -> Share:
    """Return the share with these texts, and with the hash for finding it by its reference."""
    lasting, passing = texts.of(TextKey.AUDIT), texts.of(TextKey.SHARE)
    return replace(
        share,
        sealed_audit_texts=_seal(audit_key, lasting, EncryptedColumn.AUDIT_TEXTS, share.id),
        sealed_share_texts=_seal(message_key(share_key, share.id), passing, EncryptedColumn.SHARE_TEXTS, share.id),
        reference_hash=reference_hash(audit_key, texts.reference),
    )


def open_texts(audit_key: bytes, share_key: bytes | None, share: Share) -> ShareTexts:
    """Return the texts. Texts under the share key are empty without that key, and when the share is closed.

    Raises: IntegrityError.
    """
    texts = _open(audit_key, share.sealed_audit_texts, EncryptedColumn.AUDIT_TEXTS, share.id)
    if share_key is not None and share.state not in CLOSED:
        key = message_key(share_key, share.id)
        texts |= _open(key, share.sealed_share_texts, EncryptedColumn.SHARE_TEXTS, share.id)
    return ShareTexts(**texts)


def open_title(audit_key: bytes, share: Share) -> str:
    """Return only the title. Raises: IntegrityError."""
    return open_texts(audit_key, None, share).title


def _seal(key: bytes, texts: dict[str, str], column: EncryptedColumn, share_id: str) -> bytes:
    content = json.dumps(texts, ensure_ascii=False, separators=(",", ":")) if texts else ""
    return seal_field(key, content, column, share_id)


def _open(key: bytes, sealed: bytes, column: EncryptedColumn, share_id: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads(open_field(key, sealed, column, share_id) or "{}")
    return texts
