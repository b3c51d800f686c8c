"""A receipt against the bytes that were sent: ranges come in any order, any number of times."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deldokument.domain.shares.share import Receipt
from deldokument.services.downloads.delivery import merge_receipt

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LENGTH = 40
RANGES = st.lists(st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)).filter(lambda r: r[0] < r[1]), max_size=60)


def delivered(ranges: list[tuple[int, int]], length: int, most: int) -> list[Receipt]:
    """The receipt after each of the ranges, with at most ``most`` of them kept."""
    receipts: list[Receipt] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deldokument.services.downloads.delivery.MAX_RANGES", most)
        for number, sent in enumerate(ranges):
            at = NOON + timedelta(seconds=number)
            fresh = Receipt("share", "document", "recipient", "subject", at, at)
            receipts.append(merge_receipt(receipts[-1] if receipts else None, fresh, [sent], length))
    return receipts


def bytes_of(ranges: tuple[tuple[int, int], ...]) -> set[int]:
    return {byte for one in ranges for byte in range(*one)}


@given(RANGES, st.integers(1, 5))
def test_no_byte_is_claimed_that_was_not_sent_and_the_receipt_is_bounded(
    ranges: list[tuple[int, int]], most: int
) -> None:
    for number, receipt in enumerate(delivered(ranges, LENGTH, most), 1):
        assert bytes_of(receipt.covered) <= bytes_of(tuple(ranges[:number]))
        assert len(receipt.covered) <= most
        if receipt.completed_at:
            assert bytes_of(tuple(ranges[:number])) == set(range(LENGTH))


@given(st.permutations(range(24)), st.integers(0, 24))
def test_a_document_is_whole_when_every_byte_was_sent_in_any_order(order: list[int], cut: int) -> None:
    ranges = [(byte, byte + 1) for byte in order]
    ranges[cut:cut] = [(max(order[0] - 1, 0), order[0] + 1)]
    receipts = delivered(ranges, 24, most=13)
    whole = [bytes_of(tuple(ranges[:number])) == set(range(24)) for number in range(1, len(ranges) + 1)]
    assert [receipt.completed_at is not None for receipt in receipts] == whole


@example([0, 2, 4, 6, 1, 3, 5, 7])
@given(st.permutations(range(8)))
def test_above_the_limit_what_was_dropped_must_be_sent_again(order: list[int]) -> None:
    once = [(byte, byte + 1) for byte in order]
    for receipt in delivered([*once, *sorted(once)], 8, most=2)[-1:]:
        assert receipt.covered == ((0, 8),)
        assert receipt.completed_at


@given(RANGES)
def test_a_completed_document_stays_completed(ranges: list[tuple[int, int]]) -> None:
    receipts = delivered([(0, LENGTH), *ranges], LENGTH, most=1)
    assert all(earlier.completed_at == later.completed_at == NOON for earlier, later in pairwise(receipts))
