"""docs/format.md done a second time, as plainly as possible, without the product's code.

Promises nothing about speed: it exists so that golden vectors and round trips are checked against something that was
written from the document. Salts and nonces are arguments here; the product draws its own.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEGMENT, HEADER, TAG = 262144, 40, 16


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869 with SHA-256, one block of output."""
    extracted = hmac.digest(salt or bytes(32), key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def framed(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def derive(key: bytes, purpose: bytes, *context: bytes) -> bytes:
    return hkdf(key, b"", framed(b"deldokument/key/1", purpose, *context))


def part_associated_data(document_id: bytes, part_id: bytes) -> bytes:
    return b"deldokument/part/1" + document_id + part_id


def segments(plaintext: bytes) -> list[bytes]:
    """Plaintext cut as the format cuts it; an empty part has one empty segment."""
    first = SEGMENT - HEADER - TAG
    cut = [plaintext[:first]]
    cut += [plaintext[at : at + SEGMENT - TAG] for at in range(first, len(plaintext), SEGMENT - TAG)]
    return cut


def seal_part(
    data_key: bytes, associated_data: bytes, header: bytes, plaintext: bytes, flags: tuple[int, ...] = ()
) -> bytes:
    """The stored bytes of a part; `flags` overrides the segments' last-segment flags, for vectors that must fail."""
    cipher = AESGCM(hkdf(data_key, header[1:33], associated_data))
    cut = segments(plaintext)
    flags = flags or (0,) * (len(cut) - 1) + (1,)
    sealed = [
        cipher.encrypt(header[33:40] + index.to_bytes(4, "big") + bytes([flag]), segment, None)
        for index, (segment, flag) in enumerate(zip(cut, flags, strict=True))
    ]
    return header + b"".join(sealed)


def seal(key: bytes, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    return b"\x01" + nonce + AESGCM(key).encrypt(nonce, plaintext, associated_data)


def encode_manifest(
    document_id: bytes, length: int, parts: list[tuple[bytes, int, int, bytes]], version: int = 1, count: int = -1
) -> bytes:
    """`version` and `count` may lie, for vectors that must fail."""
    count = len(parts) if count < 0 else count
    encoded = bytes([version]) + document_id + length.to_bytes(8, "big") + count.to_bytes(4, "big")
    for part_id, offset, size, header in parts:
        encoded += part_id + offset.to_bytes(8, "big") + size.to_bytes(8, "big") + header
    return encoded


def seal_manifest(share_key: bytes, nonce: bytes, document_id: bytes, encoded: bytes) -> bytes:
    key = derive(share_key, b"manifest", document_id)
    return seal(key, nonce, encoded, framed(b"deldokument/manifest/1", document_id))


def encode_inspection(
    manifest: bytes, sha256: bytes, crc32: int, media_type: bytes, verdict: bytes, version: int = 1
) -> bytes:
    """`manifest` is the encoded manifest that was read."""
    head = bytes([version]) + hashlib.sha256(manifest).digest() + sha256 + crc32.to_bytes(4, "big")
    return head + len(media_type).to_bytes(2, "big") + len(verdict).to_bytes(2, "big") + media_type + verdict


def seal_inspection(share_key: bytes, nonce: bytes, document_id: bytes, encoded: bytes) -> bytes:
    key = derive(share_key, b"inspection", document_id)
    return seal(key, nonce, encoded, framed(b"deldokument/inspection/1", document_id))


def pad(text: bytes) -> bytes:
    padded = len(text).to_bytes(4, "big") + text
    while len(padded) % 64:
        padded += b"\x00"
    return padded


def seal_field(key: bytes, nonce: bytes, padded: bytes, label: bytes, record_id: bytes) -> bytes:
    return seal(derive(key, b"fields"), nonce, padded, framed(b"deldokument/field/1", label, record_id))


def lookup_hash(key: bytes, kind: bytes, identifier: bytes) -> bytes:
    return hmac.digest(derive(key, b"lookup"), framed(b"deldokument/lookup/1", kind, identifier), "sha256")


def seal_grant(key: bytes, nonce: bytes, ids: tuple[bytes, bytes, bytes, bytes], encoded: bytes) -> bytes:
    """`ids` are those of tenant, account, share and recipient."""
    return seal(derive(key, b"grant", ids[2]), nonce, encoded, framed(b"deldokument/grant/1", b"share", *ids))


def wrap_entry(root_key: bytes, nonce: bytes, key_id: bytes, entry_id: bytes, secret: bytes) -> bytes:
    return seal(root_key, nonce, secret, framed(b"deldokument/keyring-entry/1", key_id, entry_id))


def encode_value(value: str | bytes | int | None) -> bytes:
    if value is None:
        return b""
    if isinstance(value, str):
        return b"s" + value.encode()
    return b"b" + value if isinstance(value, bytes) else b"i" + str(int(value)).encode()


def row_tag(integrity_key: bytes, kind: bytes, row_id: bytes, values: list[str | bytes | int | None]) -> bytes:
    key = derive(integrity_key, b"integrity", kind)
    return hmac.digest(key, framed(b"deldokument/row/1", kind, row_id, *map(encode_value, values)), "sha256")


def card_payload(values: list[str | bytes | int | None], version: int = 1) -> bytes:
    """`version` may lie, for vectors that must fail."""
    return bytes([version]) + framed(*map(encode_value, values))


def seal_card(integrity_key: bytes, share_id: bytes, payload: bytes) -> bytes:
    return payload + row_tag(integrity_key, b"share", share_id, [payload])


def recipients_digest(ids: list[bytes]) -> bytes:
    return hashlib.sha256(framed(*sorted(ids))).digest()


def documents_digest(present: dict[bytes, bytes], removed: list[bytes]) -> bytes:
    """`present`: the sealed manifest of each document."""
    versions = [document + b":" + hashlib.sha256(sealed).hexdigest().encode() for document, sealed in present.items()]
    return hashlib.sha256(framed(*sorted([*versions, *(document + b":removed" for document in removed)]))).digest()


def verdicts_digest(present: dict[bytes, tuple[bytes, bytes]]) -> bytes:
    """`present`: the inspection record and the release of each document, as they are sealed; empty if there is none."""
    verdicts = [document + b":" + _verdict_hash(*sealed) for document, sealed in present.items()]
    return hashlib.sha256(framed(*sorted(verdicts))).digest()


def _verdict_hash(inspection: bytes, release: bytes) -> bytes:
    if not inspection:
        return b""
    return hashlib.sha256(hashlib.sha256(inspection).digest() + release).hexdigest().encode()
