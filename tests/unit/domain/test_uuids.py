"""Ids as UUIDs: another spelling of the same 128 bits."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deldokument.domain.shares.share import new_document_id, new_id
from deldokument.domain.uuids import document_id_of, id_of, uuid_of


@given(st.binary(min_size=16, max_size=16))
def test_converting_an_id_back_gives_the_same_id(raw: bytes) -> None:
    text = str(uuid.UUID(bytes=raw))
    assert uuid_of(id_of(text)) == text
    assert uuid_of(document_id_of(text)) == text


def test_our_ids_come_back() -> None:
    share_id, document_id = new_id(), new_document_id()
    assert id_of(uuid_of(share_id)) == share_id
    assert document_id_of(uuid_of(document_id)) == document_id


@pytest.mark.parametrize("text", ["", "x", "12345678-1234-1234-1234", "zzzzzzzz-1234-1234-1234-123456789abc"])
def test_an_invalid_uuid_is_refused(text: str) -> None:
    for read in (id_of, document_id_of):
        with pytest.raises(ValueError, match=r"badly formed|invalid literal"):
            read(text)
