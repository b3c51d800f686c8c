"""What the product seals is, byte for byte, what the reference written from docs/format.md seals."""

import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deldokument.crypto import fields, grants, keys, manifest, row_tags, share_cards, stream
from deldokument.domain.errors import existing
from deldokument.domain.shares.share import Document
from tests.vectors import format_reference as reference

KEY, SHARE_KEY = bytes(range(32)), bytes(range(32, 64))
DOCUMENT, PART = bytes(range(16)), bytes(range(16, 32))
FIRST = stream.CAPACITY - stream.HEADER


def nonce_of(sealed: bytes) -> bytes:
    return sealed[1:13]


@pytest.mark.parametrize("length", [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + stream.CAPACITY, 700_000])
def test_parts_are_sealed_as_the_document_says(length: int) -> None:
    plaintext = bytes(i % 251 for i in range(length))
    associated_data = stream.part_associated_data(DOCUMENT, PART)
    encryptor = stream.PartEncryptor(KEY, associated_data)
    out = bytearray(stream.ciphertext_length(length))
    assert encryptor.encrypt_into(plaintext, out, last=True) == len(out)
    assert out == reference.seal_part(KEY, reference.part_associated_data(DOCUMENT, PART), encryptor.header, plaintext)


def test_manifests_and_records_are_sealed_as_the_document_says() -> None:
    header = bytes([40]) + bytes(39)
    document = manifest.Manifest(DOCUMENT, 9, (manifest.ManifestPart(PART, 0, 9, header),))
    encoded = reference.encode_manifest(DOCUMENT, 9, [(PART, 0, 9, header)])
    sealed = manifest.seal_manifest(SHARE_KEY, document)
    assert sealed == reference.seal_manifest(SHARE_KEY, nonce_of(sealed), DOCUMENT, encoded)
    record = manifest.InspectionRecord(
        manifest.manifest_hash(document), bytes(32), zlib.crc32(b"x"), "text/plain", "clean"
    )
    sealed = manifest.seal_inspection(SHARE_KEY, document, record)
    encoded = reference.encode_inspection(encoded, bytes(32), zlib.crc32(b"x"), b"text/plain", b"clean")
    assert sealed == reference.seal_inspection(SHARE_KEY, nonce_of(sealed), DOCUMENT, encoded)


@pytest.mark.parametrize("text", ["", "søker", "a" * 60, "a" * 61, "a" * 500])
def test_fields_are_sealed_as_the_document_says(text: str) -> None:
    sealed = fields.seal_text(KEY, text, "recipient.label", DOCUMENT)
    padded = reference.pad(text.encode())
    assert sealed == reference.seal_field(KEY, nonce_of(sealed), padded, b"recipient.label", DOCUMENT)


def test_grants_are_sealed_as_the_document_says() -> None:
    ids = ("tenant", "account", "share", "recipient")
    grant = grants.Grant("organization", "974760673", confirmed=False)
    sealed = grants.seal_grant(KEY, grants.GrantPlace(*ids), grant)
    place = (b"tenant", b"account", b"share", b"recipient")
    assert sealed == reference.seal_grant(KEY, nonce_of(sealed), place, b"\x01\x02\x00974760673")


def test_keyring_entries_are_sealed_as_the_document_says() -> None:
    wrapped = keys.RootKey("root-2026", KEY).wrap("share/1", SHARE_KEY)
    assert wrapped == reference.wrap_entry(KEY, nonce_of(wrapped), b"root-2026", b"share/1", SHARE_KEY)


def test_tags_and_cards_are_computed_as_the_document_says() -> None:
    values: list[row_tags.RowValue] = ["søker", b"\xff", 0, -1, True, None, "", b""]
    tag = row_tags.row_tag(row_tags.row_key(KEY, "upload"), "upload", "id", values)
    assert tag == reference.row_tag(KEY, b"upload", b"id", values)
    recipients = share_cards.texts_digest(["b", "a"])
    assert recipients == reference.recipients_digest([b"a", b"b"])
    document = Document("b", "share", b"", 0, 1).complete(b"sealed", datetime.now(UTC))
    versions = (
        share_cards.document_version("b", existing(document.manifest_hash)),
        share_cards.document_version("a", share_cards.REMOVED),
    )
    documents = share_cards.texts_digest(versions)
    assert documents == reference.documents_digest({b"b": b"sealed"}, [b"a"])
    inspected = replace(document, sealed_inspection=b"record", sealed_release=b"release").with_verdict_hash()
    waiting = replace(document, id="a").with_verdict_hash()
    verdicts = share_cards.texts_digest(
        share_cards.document_verdict(one.id, one.verdict_hash or "") for one in (inspected, waiting)
    )
    assert verdicts == reference.verdicts_digest({b"b": (b"record", b"release"), b"a": (b"", b"")})
    digests = share_cards.change_digest(b"sealed"), recipients, documents, verdicts
    texts = ("tenant", "account", "audit:tenant:2026-03", None, "integration", "draft")
    card = share_cards.ShareCard(*texts, 1, 2, None, 0, 3, "member", 4, "member", "integration", 0, *digests)
    sealed = share_cards.seal_card(row_tags.row_key(KEY, "share"), "share-id", card)
    payload = reference.card_payload([*texts, 1, 2, None, 0, 3, "member", 4, "member", "integration", 0, *digests])
    assert sealed == reference.seal_card(KEY, b"share-id", payload)
    assert share_cards.open_card(row_tags.row_key(KEY, "share"), "share-id", sealed) == card
