"""Which part of a change waits for another person: everything that is not listed as one person's."""

from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

import pytest

from deldokument.domain.errors import existing
from deldokument.domain.shares.text_fields import TEXT_FIELDS
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.approvals.change_records import Change, ProposedChange, open_change, seal_change
from deldokument.services.shares.recipients.recipients import CheckedRecipient
from tests.support.stage.changes import change_of
from tests.support.stage.stage import NOON, OLA, Stage, person

END = NOON + timedelta(days=10)
VALUES: dict[str, list[Any]] = {
    "texts": [{"title": "Vedtak"}, {"message": "Hei"}, {"message": ""}, {"reference": "2026/1"}, {"reference": ""}],
    "confidential": [True, False],
    "expires_at": [END - timedelta(days=1), END + timedelta(days=1)],
    "labels": [{"recipient": "Søker"}],
    "added": [{person(OLA): CheckedRecipient("", "Søker", confirmed=True)}],
    "documents": [("document",)],
}
"""Values that change something, for every field."""
FREE: list[tuple[str, Any]] = [
    ("texts", {"reference": "2026/1"}),
    ("texts", {"reference": ""}),
    ("confidential", True),
    ("expires_at", END - timedelta(days=1)),
    ("labels", {"recipient": "Søker"}),
]
"""The changes that every member makes at once, under any rules of the account."""
CORRECTIONS: list[tuple[str, Any]] = [
    ("texts", {"title": "Vedtak"}),
    ("texts", {"message": "Hei"}),
    ("texts", {"message": ""}),
    ("expires_at", END + timedelta(days=1)),
]
"""The changes that every member makes at once without four eyes."""
EACH = [(name, value) for name, values in VALUES.items() for value in values]
NOTHING = Change()


def test_every_field_of_a_change_is_examined_here() -> None:
    assert VALUES.keys() == {field.name for field in fields(Change)}
    assert {name for texts in VALUES["texts"] for name in texts} == TEXT_FIELDS.keys()


@pytest.mark.parametrize("four_eyes", [True, False])
@pytest.mark.parametrize("is_sharer", [True, False])
@pytest.mark.parametrize(("name", "value"), EACH)
def test_a_change_waits_for_another_person_unless_it_is_listed(
    name: str, value: Any, is_sharer: bool, four_eyes: bool
) -> None:
    change = replace(NOTHING, **{name: value})
    assert not change.is_empty
    listed = FREE if four_eyes else FREE + CORRECTIONS
    is_alone = (name, value) in listed or (is_sharer and not four_eyes)
    divided = change.divide(END, is_sharer=is_sharer, four_eyes=four_eyes)
    assert divided == ((change, NOTHING) if is_alone else (NOTHING, change))
    assert change.entry == (NOTHING if (name, value) in FREE + CORRECTIONS else change)


@pytest.mark.parametrize(("name", "value"), [one for one in EACH if one not in FREE])
def test_the_other_person_approves_all_that_waits(stage: Stage, name: str, value: Any) -> None:
    together, share_id = replace(NOTHING, **{name: value}), stage.publish(OLA)
    with stage.deps.database.read() as tx:
        share = existing(tx.shares.get(share_id))
    share_key = existing_key(stage.deps.keyring, share_key_id(share.id))
    proposed = ProposedChange(together, "proposer", NOON, {one: f"hash of {one}" for one in together.documents})
    sealed = seal_change(share_key, share.id, proposed)
    opened = open_change(share_key, replace(share, sealed_change=sealed))
    assert opened == proposed


@pytest.mark.parametrize(("name", "value"), EACH)
def test_a_later_change_adds_to_an_earlier_one(name: str, value: Any) -> None:
    change = replace(NOTHING, **{name: value})
    assert NOTHING.with_later(change) == change.with_later(NOTHING) == change.with_later(change) == change


def test_of_two_values_the_later_counts_and_lists_are_joined() -> None:
    earlier = change_of(title="Vedtk", message="Hei", documents=("a", "b"), labels={"x": "1", "y": "1"})
    later = change_of(title="Vedtak", documents=("b", "c"), labels={"y": "2"})
    joined = change_of(title="Vedtak", message="Hei", documents=("a", "b", "c"), labels={"x": "1", "y": "2"})
    assert earlier.with_later(later) == joined


def test_only_the_texts_that_recipients_see_wait_for_a_second_person() -> None:
    change = change_of(title="Vedtak", reference="2026/1")
    divided = change.divide(END, is_sharer=True, four_eyes=True)
    assert divided == (change_of(reference="2026/1"), change_of(title="Vedtak"))


def test_a_field_that_nobody_has_listed_waits_for_the_one_who_shared_and_a_second_person() -> None:
    @dataclass(frozen=True, slots=True, repr=False)
    class Wider(Change):
        new: str | None = None

    change = Wider(new="value", texts={"reference": "2026/1"})
    waits = Wider(texts={"reference": "2026/1"}), Wider(new="value")
    assert change.divide(END, is_sharer=False, four_eyes=False) == waits
    assert change.divide(END, is_sharer=False, four_eyes=True) == waits
    assert change.divide(END, is_sharer=True, four_eyes=True) == waits
    assert change.divide(END, is_sharer=True, four_eyes=False) == (change, Wider())
    assert change.entry == Wider(new="value")
