"""Claims about tags and cards: valid for one row with all its values, and for nothing else."""

from dataclasses import replace

import pytest

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import new_key
from deldokument.crypto.row_tags import RowValue, decode_value, encode_value, is_row_tag, row_key, row_tag
from deldokument.crypto.share_cards import ShareCard, change_digest, is_card, open_card, seal_card, texts_digest

KEY = bytes(range(32))
VALUES: list[RowValue] = ["account", b"hash", 17, True, None, ""]
CARD = ShareCard(
    tenant_id="tenant",
    account_id="account",
    audit_key_id="audit:tenant:2026-03",
    member_id="kari",
    integration_id=None,
    state="available",
    changed_at=1,
    expires_at=2,
    published_at=1,
    confidential=1,
    frozen_at=None,
    proposed_by=None,
    undo_until=None,
    undo_by=None,
    exposed_to=None,
    revision=2,
    sealed_change=change_digest(b"sealed"),
    recipients=texts_digest(["ola"]),
    documents=texts_digest([]),
    verdicts=texts_digest([]),
)


def test_a_tag_is_valid_for_its_row_only() -> None:
    key = row_key(KEY, "member")
    tag = row_tag(key, "member", "id", VALUES)
    assert len(tag) == 32
    assert is_row_tag(key, "member", "id", VALUES, tag)
    assert not is_row_tag(row_key(new_key(), "member"), "member", "id", VALUES, tag)
    assert not is_row_tag(row_key(KEY, "operator"), "operator", "id", VALUES, tag)
    assert not is_row_tag(key, "member", "other", VALUES, tag)
    assert not is_row_tag(key, "member", "id", VALUES, b"")
    for place, value in enumerate(VALUES):
        assert not is_row_tag(key, "member", "id", [*VALUES[:place], f"{value}x", *VALUES[place + 1 :]], tag)


@pytest.mark.parametrize("value", ["", "søker", "17", b"", b"s", 0, 17, -1, None])
def test_a_value_is_read_as_it_was_written(value: RowValue) -> None:
    assert decode_value(encode_value(value)) == value


def test_no_two_values_are_written_alike() -> None:
    values: list[RowValue] = ["", "i1", "1", b"", b"1", 1, 0, None]
    assert len({encode_value(value) for value in values}) == len(values)


def test_a_card_opens_for_its_share_only() -> None:
    key = row_key(KEY, "share")
    sealed = seal_card(key, "share", CARD)
    assert open_card(key, "share", sealed) == CARD
    assert is_card(key, "share", CARD, sealed)
    assert not is_card(key, "share", replace(CARD, revision=3), sealed)
    for stranger, share_id, stored in (
        (row_key(new_key(), "share"), "share", sealed),
        (key, "other", sealed),
        (key, "share", sealed[:-1]),
        (key, "share", b""),
    ):
        assert not is_card(stranger, share_id, CARD, stored)
        with pytest.raises(IntegrityError):
            open_card(stranger, share_id, stored)


def test_the_digest_of_recipients_has_no_order_and_every_id() -> None:
    assert texts_digest(["a", "b"]) == texts_digest(["b", "a"])
    assert len({texts_digest(ids) for ids in ([], ["ab"], ["a", "b"], ["a"], ["a", "a"])}) == 5
