"""Texts and what is filled into them, what changed between two, and when a newer one wants a signature."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from deldokument.domain.errors import InvalidInput, Unavailable
from deldokument.domain.tenants.agreement import (
    GRACE,
    PLACEHOLDERS,
    AgreementKind,
    AgreementText,
    Change,
    ChangeKind,
    OperatorDetails,
    SignatureState,
    changes,
    digest,
    escape,
    merge,
    needs_signature,
    version_key,
)

PUBLISHED = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
OPERATOR = OperatorDetails("Del dokument", "310240001", "avtaler@eksempel.example", "Eksempel IKS")
VALUES = OPERATOR.values("Prøve kommune", "213640003", "post@prove.example")
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
HOSTILE = ["*x*", "# x", "1. x", "- x", "[a](javascript:alert(1))", "<script>x</script>", "`x`", "a|b", "\\", "&lt;"]


def shown(markdown: str) -> str:
    """What a reader sees of Markdown, as HTML within one paragraph."""
    return str(MARKDOWN.render(markdown))


def test_every_placeholder_is_filled_in() -> None:
    text = " ".join(f"{{{{{name}}}}}" for name in sorted(PLACEHOLDERS))
    values = OPERATOR.values("Prøve kommune", "213640003", "post@prove.example")
    assert values.keys() == PLACEHOLDERS
    assert shown(merge(text, values)) == (
        "<p>Eksempel IKS Del dokument 310240001 avtaler@eksempel.example "
        "post@prove.example Prøve kommune 213640003</p>\n"
    )


def test_a_text_that_asks_for_something_unknown_is_refused() -> None:
    for text in ("{{tenant_nmae}}", "{{ tenant_name }}", "{{}}", "{{tenant\nname}}"):
        with pytest.raises(InvalidInput) as caught:
            merge(text, VALUES)
        assert (caught.value.field, caught.value.code) == ("text", "placeholder_unknown")


def test_a_value_that_no_text_may_ask_for_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        merge("{{tenant_name}}", VALUES | {"price": "1"})
    assert caught.value.params == {"name": "price"}


@pytest.mark.parametrize("value", ["", " \n"])
def test_a_value_that_is_missing_or_empty_is_named_for_the_operator(value: str) -> None:
    with pytest.raises(Unavailable) as caught:
        merge("{{operator_name}} {{return_address}}", VALUES | {"return_address": value})
    assert (caught.value.code, caught.value.detail) == ("agreement_incomplete", "no value for return_address")
    with pytest.raises(Unavailable):
        merge("{{tenant_name}}", {})


def test_what_a_text_does_not_ask_for_may_be_missing() -> None:
    assert merge("{{tenant_name}}", {"tenant_name": "Os"}) == "Os"
    assert merge("No placeholder: { }", {}) == "No placeholder: { }"


def test_a_value_that_looks_like_a_placeholder_is_not_filled_in() -> None:
    merged = merge("{{tenant_name}}", VALUES | {"tenant_name": "{{operator_name}}"})
    assert shown(merged) == "<p>{{operator_name}}</p>\n"
    assert "{{" not in merged


@pytest.mark.parametrize("name", HOSTILE)
def test_a_value_is_plain_text_even_if_it_looks_like_markdown(name: str) -> None:
    plain = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert shown(merge("{{tenant_name}}", {"tenant_name": name})) == f"<p>{plain}</p>\n"


@given(st.text(min_size=1))
def test_no_value_makes_markup_in_a_paragraph_or_a_table(name: str) -> None:
    tags = re.compile(r"<[^>]*>")
    words = " ".join(name.split()) or "x"
    paragraph = shown(escape(words))
    assert tags.findall(paragraph) == ["<p>", "</p>"]
    table = shown(f"| a | b |\n|---|---|\n| {escape(words)} | c |\n")
    assert len(tags.findall(table)) == len(tags.findall(shown("| a | b |\n|---|---|\n| x | c |\n")))


def test_a_value_is_one_line_without_marks_that_cannot_be_seen() -> None:
    assert escape("a\n\n# b\u2028c\td") == "a \\# b c d"
    assert escape("می\u200cخواهم Sam\u00adarbeid") == "می\u200cخواهم Sam\u00adarbeid"
    assert escape("a\u202eb\x00c\ud800") == "a�b�c�"


def test_the_title_of_a_text_is_its_first_heading() -> None:
    text = AgreementText(AgreementKind.MAIN, "1.0", "> template\n\n## Not this\n\n# Hovedavtale \n\n# Later\n")
    assert text.title == "Hovedavtale"


def test_a_digest_is_sha_256_of_the_text() -> None:
    assert digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest("å") != digest("a\u030a")


def test_versions_are_ordered_by_their_numbers() -> None:
    ordered = ["0.9", "1.0", "1.0.1", "1.2", "1.9", "1.10", "2.0"]
    assert sorted(reversed(ordered), key=version_key) == ordered
    assert version_key("1.0") == version_key("1.0.0")


@pytest.mark.parametrize(
    "version", ["", "1", "1.", "1.01", "1.0.0.0", "v1.0", "1.0 ", "1.0\n", "1.-1", "1.٣", "1.99999"]
)
def test_an_invalid_version_is_refused(version: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        version_key(version)
    assert (caught.value.field, caught.value.code) == ("version", "version_malformed")


def test_an_unchanged_text_has_no_change_however_its_lines_are_broken() -> None:
    old = "# T\n\nOne two\nthree.\n\n- a\n- b\n"
    found = changes(old, "# T\nOne\ntwo three.\n\n\n- a\n- b")
    assert [change.kind for change in found] == [ChangeKind.SAME] * 4
    assert [change.paragraph for change in found] == ["# T", "One two three.", "- a", "- b"]


def test_a_removed_paragraph_comes_before_its_replacement() -> None:
    assert changes("A\n\nB\n\nC", "A\n\nX\n\nC\n\nD") == [
        Change(ChangeKind.SAME, "A"),
        Change(ChangeKind.REMOVED, "B"),
        Change(ChangeKind.ADDED, "X"),
        Change(ChangeKind.SAME, "C"),
        Change(ChangeKind.ADDED, "D"),
    ]


def test_one_item_and_one_row_change_alone() -> None:
    old = "1. a\n2. b\n\n| h | i |\n|---|:--|\n| 1 | 2 |\n| 3 | 4 |\n"
    found = changes(old, old.replace("2. b", "2. c").replace("| 3 | 4 |", "| 3 | 5 |"))
    assert [change.paragraph for change in found if change.kind is ChangeKind.ADDED] == ["2. c", "| 3 | 5 |"]
    assert [change.paragraph for change in found if change.kind is ChangeKind.REMOVED] == ["2. b", "| 3 | 4 |"]


@given(*[st.lists(st.sampled_from(["a", "b", "# c", "- d", "| e |", ""]), max_size=12)] * 2)
def test_both_texts_can_be_read_out_of_the_changes(old: list[str], new: list[str]) -> None:
    found = changes("\n\n".join(old), "\n\n".join(new))
    without = {kind: [c.paragraph for c in found if c.kind is not kind] for kind in ChangeKind}
    assert without[ChangeKind.ADDED] == [line for line in old if line]
    assert without[ChangeKind.REMOVED] == [line for line in new if line]


def state(signed: str, current: str, now: datetime) -> SignatureState:
    return needs_signature(signed, current, PUBLISHED, now).state


@pytest.mark.parametrize("signed", ["1.10", "1.11", "2.0"])
def test_the_current_version_or_a_later_one_is_current_for_ever(signed: str) -> None:
    need = needs_signature(signed, "1.10", PUBLISHED, PUBLISHED + timedelta(days=9999))
    assert (need.state, need.deadline) == (SignatureState.CURRENT, None)


def test_a_newer_version_is_due_until_the_deadline_and_overdue_from_it() -> None:
    deadline = PUBLISHED + GRACE
    for now, expected in [
        (PUBLISHED - INSTANT, SignatureState.CURRENT),
        (PUBLISHED, SignatureState.DUE),
        (deadline - INSTANT, SignatureState.DUE),
        (deadline, SignatureState.OVERDUE),
    ]:
        assert state("1.9", "1.10", now) is expected
    assert needs_signature("1.9", "1.10", PUBLISHED, PUBLISHED).deadline == deadline
    assert needs_signature("1.9", "1.10", PUBLISHED, deadline).deadline == deadline


def test_a_new_version_must_be_signed_within_90_days() -> None:
    assert timedelta(days=90) == GRACE
