"""What an upload takes, and that its parts stay few however small and odd its requests are."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deldokument.crypto.stream import FULL_PART_PLAINTEXT
from deldokument.domain.errors import Conflict, InvalidInput, TooLarge
from deldokument.domain.shares.upload import (
    FULL_PART,
    MAX_LENGTH,
    MAX_PARTIALS,
    Part,
    Upload,
    check_length,
    check_new_partial,
    join,
    remaining_for_partials,
    tail_to_merge,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
UPLOAD = Upload("u", "d", "s", "m", 100, 40, b"", NOW)
MIB = 2**20
WHOLE = replace(UPLOAD, offset=0)


def partial(name: str, length: int, *, start: int | None = None, offset: int | None = None) -> Upload:
    """A partial upload of WHOLE, with all its bytes unless an offset is given."""
    return replace(
        WHOLE,
        id=name,
        length=length,
        offset=length if offset is None else offset,
        token_hash=None,
        partial_of=WHOLE.id,
        start=start,
    )


def test_bytes_are_taken_at_the_offset_up_to_the_length() -> None:
    UPLOAD.check_append(40, 60)
    UPLOAD.check_append(40, 0)
    UPLOAD.check_append(40, None)


@pytest.mark.parametrize("offset", [0, 39, 41, 100, 2**62])
def test_bytes_at_another_offset_are_refused_with_the_right_one(offset: int) -> None:
    with pytest.raises(Conflict) as caught:
        UPLOAD.check_append(offset, 1)
    assert (caught.value.code, caught.value.params) == ("upload_offset", {"expected": 40})


def test_bytes_beyond_the_length_are_refused_before_the_first_of_them() -> None:
    with pytest.raises(TooLarge) as caught:
        UPLOAD.check_append(40, 61)
    assert (caught.value.code, caught.value.params) == ("upload_beyond_length", {"length": 100})


def test_a_finished_upload_accepts_nothing() -> None:
    finished = replace(UPLOAD, offset=100, finished_at=NOW)
    assert finished.is_finished
    assert not UPLOAD.is_finished
    with pytest.raises(Conflict, match="upload_finished"):
        finished.check_append(100, 0)


@pytest.mark.parametrize("length", [0, 1, MAX_LENGTH])
def test_a_document_has_zero_bytes_to_five_gibibytes(length: int) -> None:
    assert check_length(length) == length


def test_a_document_over_five_gibibytes_is_refused() -> None:
    with pytest.raises(TooLarge) as caught:
        check_length(MAX_LENGTH + 1)
    assert (caught.value.code, caught.value.params) == ("document_too_large", {"longest": MAX_LENGTH})


def test_a_negative_length_is_refused() -> None:
    with pytest.raises(InvalidInput, match="length_negative"):
        check_length(-1)


class Simulated:
    """An upload of which only the lengths of its parts are kept; merges once after each request, as uploading does."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.length = 0
        self.rewritten = 0
        self.most = 0

    def request(self, length: int, *, finished: bool = True) -> None:
        """A request of so many bytes; one that is killed leaves its full parts, unmerged."""
        stop = self.length + length
        while self.length < stop:
            if not finished and stop - self.length < FULL_PART_PLAINTEXT:
                break
            self._add(min(FULL_PART_PLAINTEXT, stop - self.length))
        if finished:
            self._merge()
        self.most = max(self.most, len(self.parts) - self.length // (8 * MIB))

    def _add(self, length: int) -> None:
        self.parts.append(Part(str(self.length), "u", self.length, length, b""))
        self.length += length

    def _merge(self) -> None:
        old = tail_to_merge(self.parts)
        if not old:
            return
        at = self.parts.index(old[0])
        assert self.parts[at : at + len(old)] == list(old)
        assert len(old) > 1
        merged = replace(old[0], length=old[-1].stop - old[0].offset)
        self.rewritten += merged.length
        self.parts[at : at + len(old)] = [merged]


def test_there_is_nothing_to_merge_where_there_are_no_parts_or_full_ones_only() -> None:
    full = [Part(str(n), "u", n * FULL_PART, FULL_PART, b"") for n in range(3)]
    assert tail_to_merge([]) == ()
    assert tail_to_merge(full[:1]) == ()
    assert tail_to_merge(full) == ()


def test_small_parts_before_a_full_one_go_with_it() -> None:
    lengths = (FULL_PART, 5, 3, FULL_PART, FULL_PART, 1)
    parts = [Part(str(n), "u", sum(lengths[:n]), length, b"") for n, length in enumerate(lengths)]
    assert [part.length for part in tail_to_merge(parts)] == [5, 3, FULL_PART]


SIZES = st.one_of(
    st.integers(1, 5),
    st.integers(1, 5000),
    st.integers(1, MIB),
    st.integers(FULL_PART - 10, FULL_PART_PLAINTEXT + 10),
    st.integers(1, 64 * MIB),
)


@given(st.lists(st.tuples(SIZES, st.booleans()), min_size=1, max_size=40), st.integers(1, 25))
@example([(1, True), (FULL_PART_PLAINTEXT + 1, True)], 25)
@example([(FULL_PART - 1, True)], 25)
@example([(4**n, True) for n in range(11, -1, -1)], 4)
def test_the_parts_stay_few_for_requests_of_any_size(requests: list[tuple[int, bool]], times: int) -> None:
    upload = Simulated()
    for length, finished in requests * times:
        upload.request(length, finished=finished)
    assert upload.most <= 16
    assert sum(part.length for part in upload.parts) == upload.length


@pytest.mark.parametrize("size", [1, 3, 1000, 65536, MIB, 5 * MIB, FULL_PART - 1, FULL_PART_PLAINTEXT + 1])
def test_a_byte_is_rewritten_a_bounded_number_of_times(size: int) -> None:
    upload = Simulated()
    for _ in range(20_000 if size < MIB else 500):
        upload.request(size)
    assert upload.rewritten <= 24 * upload.length


def test_a_partial_upload_is_one_and_a_whole_one_is_not() -> None:
    assert partial("a", 10).is_partial
    assert not WHOLE.is_partial


@pytest.mark.parametrize(
    ("whole", "there", "length", "start", "code"),
    [
        (replace(WHOLE, offset=100, finished_at=NOW), 0, 10, None, "upload_finished"),
        (replace(WHOLE, offset=1), 0, 10, None, "upload_begun_whole"),
        (WHOLE, 0, 101, None, "upload_beyond_length"),
        (WHOLE, 0, 50, 51, "upload_beyond_length"),
        (WHOLE, MAX_PARTIALS, 1, None, "too_many_partials"),
    ],
)
def test_a_partial_upload_that_has_no_place_in_the_document_is_refused(
    whole: Upload, there: int, length: int, start: int | None, code: str
) -> None:
    with pytest.raises((Conflict, TooLarge), match=code):
        check_new_partial(whole, [partial(str(n), 1) for n in range(there)], length, start)


def test_a_client_that_lost_an_answer_may_announce_the_same_piece_again() -> None:
    check_new_partial(WHOLE, [partial(str(n), 50, offset=0) for n in range(MAX_PARTIALS - 1)], 50, 50)


def test_partial_uploads_together_stay_within_the_declared_length() -> None:
    assert remaining_for_partials(WHOLE, []) == 100
    assert remaining_for_partials(WHOLE, [partial("a", 100, offset=30), partial("b", 100, offset=70)]) == 0


def test_partial_uploads_are_joined_in_the_order_given() -> None:
    joined = join(WHOLE, [partial("b", 30), partial("c", 0), partial("a", 70, start=30)])
    assert [(one.id, one.start) for one in joined] == [("b", 0), ("c", 30), ("a", 30)]


@pytest.mark.parametrize(
    "partials",
    [
        [],
        [partial("a", 99)],
        [partial("a", 60), partial("b", 60)],
        [partial("a", 50), partial("a", 50)],
        [partial("a", 50), partial("b", 50, offset=49)],
        [partial("a", 50, start=50), partial("b", 50, start=0)],
        [partial("a", 40), partial("b", 60, start=41)],
    ],
    ids=["none", "too few", "too many", "one twice", "one unfinished", "swapped", "a gap"],
)
def test_partial_uploads_that_are_not_the_whole_document_in_order_are_not_joined(partials: list[Upload]) -> None:
    with pytest.raises(Conflict, match="partials_differ"):
        join(WHOLE, partials)
