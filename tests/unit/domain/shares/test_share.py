"""A share's states and instants, its texts and file names, and the ranges of its receipts."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deldokument.domain.errors import InvalidInput
from deldokument.domain.shares.byte_ranges import covers, largest_ranges, merge_ranges
from deldokument.domain.shares.share import (
    CLOSED,
    Document,
    Progress,
    Receipt,
    ReceiptState,
    Share,
    ShareState,
    document_counts,
    new_document_id,
    new_id,
    progress_of,
)
from deldokument.domain.shares.typed_texts import (
    FILE_NAME_LENGTH,
    PATH_LENGTH,
    archive_name,
    check_document_name,
    check_file_name,
    check_text,
)

NOW = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
DRAFT = Share("s", "t", "a", "m", ShareState.DRAFT, NOW, NOW, "audit:t:2026-10")
PUBLISHED = replace(DRAFT, state=ShareState.AVAILABLE, published_at=NOW, expires_at=NOW + timedelta(hours=1))

BLANK = ["\u200b", "\ufeff", "\u200d\u200c", "\u00ad", "\u3164", "\u2800\ufe0f", "\u202e", "\U000e0101"]


def test_a_share_is_open_until_its_end_and_not_at_its_end() -> None:
    assert PUBLISHED.expires_at is not None
    assert PUBLISHED.is_open_at(PUBLISHED.expires_at - INSTANT)
    assert not PUBLISHED.is_open_at(PUBLISHED.expires_at)
    assert not PUBLISHED.is_over_at(PUBLISHED.expires_at - INSTANT)
    assert PUBLISHED.is_over_at(PUBLISHED.expires_at)


def test_a_share_is_past_half_from_the_middle_of_its_period_and_a_draft_never() -> None:
    middle = NOW + timedelta(minutes=30)
    assert PUBLISHED.is_past_half(middle)
    assert not PUBLISHED.is_past_half(middle - INSTANT)
    assert not DRAFT.is_past_half(middle)


def test_a_discarded_draft_can_be_restored_by_who_discarded_it_until_its_key_or_its_time_is_gone() -> None:
    discarded = replace(DRAFT, state=ShareState.ABANDONED, undo_until=NOW, undo_by="m")
    assert discarded.can_be_restored(NOW - INSTANT, "m")
    assert not discarded.can_be_restored(NOW, "m")
    assert not discarded.can_be_restored(NOW - INSTANT, "n")
    for gone in (
        replace(discarded, key_destroyed_at=NOW),
        replace(discarded, undo_until=None),
        replace(discarded, state=ShareState.WITHDRAWN),
    ):
        assert not gone.can_be_restored(NOW - INSTANT, "m")


def test_a_draft_is_neither_open_nor_over() -> None:
    assert not DRAFT.is_open_at(NOW)
    assert not DRAFT.is_over_at(NOW + timedelta(days=1000))


@pytest.mark.parametrize(
    ("draft", "lifetime"),
    [
        (DRAFT, timedelta(days=7)),
        (replace(DRAFT, proposed_by="m"), timedelta(days=7)),
        (replace(DRAFT, member_id=None, integration_id="i"), timedelta(hours=24)),
        (replace(DRAFT, member_id=None, integration_id="i", proposed_by="i"), timedelta(days=7)),
    ],
)
def test_a_draft_is_stale_soon_from_a_day_before_it_is_deleted(draft: Share, lifetime: timedelta) -> None:
    assert draft.stale_at == NOW + lifetime
    warned_at = NOW + lifetime - timedelta(days=1)
    assert draft.is_stale_soon(warned_at)
    assert not draft.is_stale_soon(warned_at - INSTANT)
    assert not replace(draft, state=ShareState.ABANDONED).is_stale_soon(warned_at)


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_a_closed_share_is_never_open_though_its_end_lies_ahead(state: ShareState) -> None:
    assert not replace(PUBLISHED, state=state).is_open_at(NOW)
    assert replace(PUBLISHED, state=state).is_over_at(NOW)


def test_a_published_share_without_an_end_is_not_open() -> None:
    assert not replace(PUBLISHED, expires_at=None).is_open_at(NOW)


def test_a_document_is_complete_once_its_last_byte_is_in() -> None:
    document = Document("d", "s", b"", 1, 1)
    assert not document.is_complete
    assert document.complete(b"sealed", NOW).is_complete


def test_ids_hold_128_random_bits() -> None:
    assert len({new_id() for _ in range(1000)} | {new_document_id() for _ in range(1000)}) == 2000
    assert len(new_id()) == 22
    assert all(name[0].isalnum() and name[-1].isalnum() for name in (new_id() for _ in range(1000)))
    assert len(bytes.fromhex(new_document_id())) == 16


def test_a_text_is_kept_as_written_without_surrounding_white_space() -> None:
    assert (
        check_text("  {{7*7}} <b>Æ \U0001f600</b> =cmd|'x' ", 100, field="title")
        == "{{7*7}} <b>Æ \U0001f600</b> =cmd|'x'"
    )
    assert check_text("a\r\nb\tc\n", 10, field="message", lines=True) == "a\nb\tc"


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\tb", "a\x00b", "a\x7fb", "a\x85b", "a\x9bb", "a\ud800b"])
def test_a_text_of_one_line_has_no_control_characters_and_no_half_surrogates(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_text(text, 100, field="title")
    assert (caught.value.field, caught.value.code) == ("title", "text_control_characters")


@pytest.mark.parametrize("text", ["a\x00b", "a\x1b[31m", "a\rb", "a\ud800"])
def test_a_text_of_several_lines_has_no_other_control_characters(text: str) -> None:
    with pytest.raises(InvalidInput, match="text_control_characters"):
        check_text(text, 100, field="message", lines=True)


@pytest.mark.parametrize("text", BLANK)
def test_a_text_of_invisible_characters_alone_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_text(f" {text} ", 100, field="title")
    assert (caught.value.field, caught.value.code) == ("title", "text_blank")
    assert check_text(f"a{text}", 100, field="title") == f"a{text}"


def test_a_text_may_be_left_empty() -> None:
    assert check_text(" \u00a0\u2003", 100, field="title") == ""


def test_a_text_may_be_as_long_as_its_limit_and_not_longer() -> None:
    assert check_text("x" * 10, 10, field="title") == "x" * 10
    with pytest.raises(InvalidInput) as caught:
        check_text("x" * 11, 10, field="title")
    assert (caught.value.code, caught.value.params) == ("text_too_long", {"longest": 10, "length": 11})


@given(st.text(max_size=60))
def test_every_text_that_is_taken_can_be_written_as_utf_8(text: str) -> None:
    with suppress(InvalidInput):
        check_text(text, 50, field="message", lines=True).encode()


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("vedtak.pdf", "vedtak.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\kari\\søknad.docx", "søknad.docx"),
        ("mappe/under/fil.txt", "fil.txt"),
        (" a b.txt ", "a b.txt"),
        ("a\r\nb\x00c\x1b.txt", "abc.txt"),
        ("a\x85b\ud800.txt", "ab.txt"),
        ("faktura\u202efdp.exe", "faktura\u202efdp.exe"),
        ("=cmd|'/c calc'!A1.csv", "c calc'!A1.csv"),
        (".htaccess", ".htaccess"),
        ("\U0001f600 æøå 東京.txt", "\U0001f600 æøå 東京.txt"),
        ("x" * FILE_NAME_LENGTH, "x" * FILE_NAME_LENGTH),
        ("¯\\_(ツ)_.txt", "¯\\_(ツ)_.txt"),
        ("a\\b.txt", "a\\b.txt"),
        ("\x00C:\\a\\ b.txt", "b.txt"),
        ("\\\\server\\deling\\b.txt", "b.txt"),
        ("C:\\a/b\\c.txt", "c.txt"),
        ("می\u200cخواهم.pdf", "می\u200cخواهم.pdf"),
        ("12\u00a0000\u202fkr sam\u00adarbeid \U0001f468\u200d\U0001f469.txt",) * 2,
    ],
)
def test_a_file_name_is_its_last_component_without_control_characters(given_name: str, kept: str) -> None:
    assert check_file_name(given_name) == kept


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/", "C:\\a\\..", "\x00\x1f", "\ud800", "C:\\", *BLANK])
def test_a_file_needs_a_name(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_file_name(name)
    assert (caught.value.field, caught.value.code) == ("documents", "file_name_missing")


def test_a_file_name_has_a_longest_length() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_file_name("x" * (FILE_NAME_LENGTH + 1))
    assert (caught.value.code, caught.value.params) == ("file_name_too_long", {"longest": FILE_NAME_LENGTH})


@given(st.text(max_size=40))
def test_no_file_name_keeps_a_path_or_breaks_a_line(name: str) -> None:
    try:
        kept = check_file_name(name)
    except InvalidInput:
        return
    assert not set(kept) & set("/\r\n\x00")
    assert check_file_name(kept) == kept
    kept.encode()


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("vedtak.pdf", "vedtak.pdf"),
        ("sak/kart/øst.png", "sak/kart/øst.png"),
        (" sak / kart.png ", "sak/kart.png"),
        ("bla\u030a/e\u0301.txt", "bl\u00e5/\u00e9.txt"),
        ("a/\x00b\n/c", "a/b/c"),
        ("a\\..\\b/c\\d.txt", "a\\..\\b/c\\d.txt"),
    ],
)
def test_the_path_in_a_shared_folder_is_part_of_a_documents_name(given_name: str, kept: str) -> None:
    assert check_document_name(given_name) == kept


@pytest.mark.parametrize(
    "path", ["/etc/x", "../x", "a/../x", "a//x", "./x", "a/ .. /x", "C:/x", "C:\\a\\x", "\\\\server\\x", "C:\\a/b\\x"]
)
def test_a_path_out_of_its_folder_is_cut_to_its_last_component(path: str) -> None:
    assert check_document_name(path) == "x"


def test_a_path_has_a_longest_length() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_document_name("a/" * (PATH_LENGTH // 2) + "x")
    assert (caught.value.code, caught.value.params) == ("file_name_too_long", {"longest": PATH_LENGTH})


@example("x/a\x01\u030a")
@given(st.lists(st.text("aå\u030a.: \\\x01\ud800", max_size=4), max_size=5).map("/".join))
def test_no_documents_name_leads_out_of_its_folder(name: str) -> None:
    try:
        kept = check_document_name(name)
    except InvalidInput:
        return
    assert not {"", ".", ".."} & set(kept.split("/"))
    assert check_document_name(kept) == kept
    kept.encode()


RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


@given(RANGES)
def test_merged_ranges_cover_the_same_bytes_with_gaps_between_them(ranges: list[tuple[int, int]]) -> None:
    merged = merge_ranges(ranges)
    assert {b for r in merged for b in range(*r)} == {b for r in ranges for b in range(*r)}
    assert all(start < stop for start, stop in merged)
    assert all(before[1] < after[0] for before, after in pairwise(merged))


@given(RANGES, RANGES)
def test_merging_again_and_in_another_order_gives_the_same(
    some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    assert merge_ranges([*merge_ranges(some), *others]) == merge_ranges([*others, *some])


@given(RANGES, st.integers(0, 60))
def test_a_document_has_been_had_when_every_byte_of_it_has(ranges: list[tuple[int, int]], length: int) -> None:
    within = [(start, min(stop, length)) for start, stop in ranges]
    assert covers(merge_ranges(within), length) == ({b for r in within for b in range(*r)} == set(range(length)))


@given(RANGES, st.integers(1, 6))
def test_the_largest_ranges_are_kept_and_nothing_is_added(ranges: list[tuple[int, int]], most: int) -> None:
    merged = merge_ranges(ranges)
    kept = largest_ranges(merged, most)
    assert list(kept) == sorted(set(kept) & set(merged))
    assert len(kept) == min(most, len(merged))
    dropped = set(merged) - set(kept)
    assert max((stop - start for start, stop in dropped), default=0) <= min(
        stop - start for start, stop in kept or [(0, 99)]
    )


OPENED = Receipt("s", None, "r", "p", NOW, NOW)
PART_OF_A = Receipt("s", "a", "r", "p", NOW, NOW, ((0, 1),))
ALL_OF_A = replace(PART_OF_A, covered=((0, 9),), completed_at=NOW)
ALL_OF_B = replace(ALL_OF_A, document_id="b", subject_id="colleague")
CONFIRMED_A = replace(PART_OF_A, confirmed_at=NOW)
CONFIRMED_B = replace(ALL_OF_B, confirmed_at=NOW)


@pytest.mark.parametrize(
    ("receipts", "progress"),
    [
        ([], Progress.NONE),
        ([OPENED], Progress.OPENED),
        ([OPENED, PART_OF_A], Progress.STARTED),
        ([PART_OF_A, replace(PART_OF_A, document_id="b")], Progress.STARTED),
        ([ALL_OF_A], Progress.STARTED),
        ([ALL_OF_A, replace(PART_OF_A, document_id="b")], Progress.STARTED),
        ([ALL_OF_A, ALL_OF_B], Progress.SENT),
        ([ALL_OF_A, PART_OF_A, ALL_OF_B], Progress.SENT),
        ([CONFIRMED_A], Progress.STARTED),
        ([CONFIRMED_A, ALL_OF_B], Progress.SENT),
        ([CONFIRMED_A, CONFIRMED_B], Progress.RECEIVED),
    ],
)
def test_a_recipient_has_what_every_document_has_come_to(receipts: list[Receipt], progress: Progress) -> None:
    assert progress_of(receipts, ["a", "b"]) is progress


def test_a_share_without_documents_is_sent_to_nobody() -> None:
    assert progress_of([], []) is Progress.NONE


def test_documents_are_counted_once_for_all_persons_of_a_recipient() -> None:
    colleague = replace(ALL_OF_A, subject_id="colleague")
    assert document_counts([OPENED, ALL_OF_A, colleague, CONFIRMED_B]) == (2, 1)


@pytest.mark.parametrize(
    ("receipt", "state", "at"),
    [
        (replace(OPENED, completed_at=NOW), None, NOW),
        (PART_OF_A, ReceiptState.STARTED, NOW),
        (replace(ALL_OF_A, last_at=NOW + timedelta(hours=1)), ReceiptState.SENT, NOW),
        (replace(CONFIRMED_A, last_at=NOW + timedelta(hours=1)), ReceiptState.RECEIVED, NOW),
    ],
)
def test_a_receipt_says_how_far_a_document_has_come_and_since_when(
    receipt: Receipt, state: ReceiptState | None, at: datetime
) -> None:
    assert (receipt.state, receipt.state_at, receipt.is_sent) == (state, at, state not in {None, ReceiptState.STARTED})


def test_only_a_whole_document_that_no_proxy_took_is_sent_whole() -> None:
    assert replace(ALL_OF_A, direct=True).is_whole
    assert not replace(PART_OF_A, direct=True).is_whole
    assert not replace(OPENED, completed_at=NOW, direct=True).is_whole
    assert not ALL_OF_A.is_whole


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Byggesak Fjellveien 4", "Byggesak Fjellveien 4.zip"),
        ("", "dokumenter.zip"),
        (" ../.. ", "dokumenter.zip"),
        ("Sak 12/34: hva nå?", "Sak 12 34 hva nå.zip"),
        ("😀" * 100, "😀" * 60 + ".zip"),
        ("Vedtak.", "Vedtak.zip"),
    ],
)
def test_a_zip_is_named_after_its_share_as_every_system_can_store_it(title: str, name: str) -> None:
    assert archive_name(title) == name
    assert len(name.encode()) <= 255
