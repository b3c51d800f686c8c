"""The committed vectors are what the format says, and the product gives each of them its stated result."""

import hashlib
import json
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from deldokument.crypto import fields, grants, keys, manifest, row_tags, share_cards, stream
from deldokument.crypto.errors import IntegrityError
from tests.vectors import format_reference as reference
from tests.vectors import generate

HERE = Path(__file__).parent


def committed(file: str) -> list[Any]:
    vectors = json.loads((HERE / file).read_text(encoding="utf-8"))
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def unhex(vector: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


@pytest.mark.parametrize("file", generate.FILES)
def test_the_generator_gives_exactly_the_committed_file(file: str) -> None:
    assert (HERE / file).read_text(encoding="utf-8") == generate.rendered(file)


@pytest.mark.parametrize("file", generate.FILES)
def test_every_vector_has_a_name_of_its_own(file: str) -> None:
    names = [vector["name"] for vector in generate.FILES[file]()]
    assert len(set(names)) == len(names)


def stored_part(vector: dict[str, Any]) -> bytes:
    """The stored bytes as a stranger would make them from the vector alone."""
    data_key, header = unhex(vector, "data_key", "stream_header")
    if "plaintext" in vector:
        content = bytes.fromhex(vector["plaintext"])
    else:
        content = bytes(i % 251 for i in range(vector["plaintext_pattern_length"]))
    associated_data = reference.part_associated_data(*map(bytes.fromhex, vector["sealed_for"]))
    sealed = reference.seal_part(data_key, associated_data, header, content, tuple(vector["flags"]))
    stored = generate.change(sealed, vector["changes"])
    assert len(stored) == vector["stored_length"]
    assert hashlib.sha256(stored).hexdigest() == vector["stored_sha256"]
    assert stored.hex() == vector.get("stored", stored.hex())
    return stored


def read_part(vector: dict[str, Any], stored: bytes) -> bytes:
    data_key, header = unhex(vector, "data_key", "manifest_header")
    associated_data = stream.part_associated_data(*map(bytes.fromhex, vector["read_as"]))
    reader = stream.PartReader(data_key, associated_data, header, vector["plaintext_length"])
    start, stop = vector["read"]
    begin, end = reader.segments_for(start, stop)
    return bytes(reader.decrypt(stored[begin:end], start, stop))


@pytest.mark.parametrize("vector", committed("parts.json"))
def test_a_part_gives_its_stated_result(vector: dict[str, Any]) -> None:
    stored = stored_part(vector)
    if vector["result"] == "integrity_error":
        with pytest.raises(IntegrityError):
            read_part(vector, stored)
    else:
        assert hashlib.sha256(read_part(vector, stored)).hexdigest() == vector["opened_sha256"]


@pytest.mark.parametrize("vector", committed("sealed.json"))
def test_a_sealed_value_gives_its_stated_result(vector: dict[str, Any]) -> None:
    key, sealed, associated_data = unhex(vector, "key", "sealed", "associated_data")
    if vector["result"] == "integrity_error":
        with pytest.raises(IntegrityError):
            keys.open_sealed(key, sealed, associated_data)
    else:
        assert keys.open_sealed(key, sealed, associated_data).hex() == vector["plaintext"]


@pytest.mark.parametrize("vector", committed("manifests.json"))
def test_a_manifest_gives_its_stated_result(vector: dict[str, Any]) -> None:
    share_key, document_id, sealed, encoded = unhex(vector, "share_key", "document_id", "sealed", "encoded")
    if vector["result"] == "integrity_error":
        with pytest.raises(IntegrityError):
            manifest.open_manifest(share_key, document_id, sealed)
    else:
        opened = manifest.open_manifest(share_key, document_id, sealed)
        assert manifest.encode_manifest(opened) == encoded
        assert manifest.manifest_hash(opened).hex() == vector["manifest_hash"]


@pytest.mark.parametrize("vector", committed("inspections.json"))
def test_an_inspection_record_gives_its_stated_result(vector: dict[str, Any]) -> None:
    share_key, sealed, encoded = unhex(vector, "share_key", "sealed", "manifest")
    inspected = manifest.decode_manifest(encoded)
    if vector["result"] == "integrity_error":
        with pytest.raises(IntegrityError):
            manifest.open_inspection(share_key, inspected, sealed)
    else:
        record = manifest.open_inspection(share_key, inspected, sealed)
        assert (record.verdict, record.media_type) == ("clean", "application/pdf")


@pytest.mark.parametrize("vector", committed("fields.json"))
def test_a_sealed_field_gives_its_stated_result(vector: dict[str, Any]) -> None:
    key, sealed, record_id = unhex(vector, "key", "sealed", "record_id")
    if vector["result"] == "integrity_error":
        with pytest.raises(IntegrityError):
            fields.open_text(key, sealed, vector["label"], record_id)
    else:
        assert fields.open_text(key, sealed, vector["label"], record_id) == vector["text"]


@pytest.mark.parametrize("vector", committed("lookups.json"))
def test_a_lookup_hash_is_the_stated_one(vector: dict[str, Any]) -> None:
    hashed = fields.lookup_hash(bytes.fromhex(vector["key"]), vector["kind"], vector["identifier"])
    assert hashed.hex() == vector["hash"]


@pytest.mark.parametrize("vector", committed("grants.json"))
def test_a_grant_gives_its_stated_result(vector: dict[str, Any]) -> None:
    key, sealed = unhex(vector, "key", "sealed")
    place = grants.GrantPlace(*vector["place"])
    if vector["result"] == "integrity_error":
        with pytest.raises(IntegrityError):
            grants.open_grant(key, place, sealed)
    else:
        said = grants.Grant(vector["kind"], vector["identifier"], vector["confirmed"])
        assert grants.open_grant(key, place, sealed) == said


@pytest.mark.parametrize("vector", committed("keyring.json"))
def test_a_keyring_entry_gives_its_stated_result(vector: dict[str, Any]) -> None:
    root_key, wrapped = unhex(vector, "root_key", "wrapped")
    root = keys.RootKey(vector["key_id"], root_key)
    if vector["result"] == "integrity_error":
        with pytest.raises(IntegrityError):
            root.unwrap_all({vector["entry_id"]: wrapped})
    else:
        [secret] = root.unwrap_all({vector["entry_id"]: wrapped}).values()
        assert secret.hex() == vector["secret"]


@pytest.mark.parametrize("vector", committed("derivations.json"))
def test_a_derived_key_is_the_stated_one(vector: dict[str, Any]) -> None:
    context = [bytes.fromhex(item) for item in vector["context"]]
    derived = keys.derive(bytes.fromhex(vector["key"]), keys.Purpose(vector["purpose"]), *context)
    assert derived.hex() == vector["derived"]


def test_the_format_document_lists_every_vector_with_its_result() -> None:
    document = (HERE.parents[1] / "docs" / "format.md").read_text(encoding="utf-8")
    for file, vectors in generate.FILES.items():
        for vector in vectors():
            if "claim" in vector:
                row = f"| {file} | {vector['name']} | {vector['claim']} | {vector['result']} |"
                assert row in document, row


def values_of(vector: dict[str, Any]) -> list[Any]:
    return [bytes.fromhex(one["bytes"]) if isinstance(one, dict) else one for one in vector["values"]]


@pytest.mark.parametrize("vector", committed("rows.json"))
def test_a_tag_gives_its_stated_result(vector: dict[str, Any]) -> None:
    integrity_key, tag = unhex(vector, "integrity_key", "tag")
    key = row_tags.row_key(integrity_key, vector["kind"])
    is_valid = row_tags.is_row_tag(key, vector["kind"], vector["id"], values_of(vector), tag)
    assert is_valid is (vector["result"] == "ok")


@pytest.mark.parametrize("vector", committed("cards.json"))
def test_a_card_gives_its_stated_result(vector: dict[str, Any]) -> None:
    integrity_key, sealed = unhex(vector, "integrity_key", "sealed")
    key = row_tags.row_key(integrity_key, "share")
    if vector["result"] == "integrity_error":
        with pytest.raises(IntegrityError):
            share_cards.open_card(key, vector["share_id"], sealed)
    else:
        card = share_cards.open_card(key, vector["share_id"], sealed)
        assert list(astuple(card)) == values_of(vector)
        assert share_cards.seal_card(key, vector["share_id"], card) == sealed
