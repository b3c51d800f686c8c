"""Numbers of persons and organisations: in any pasted form one person is one recipient, and nothing reveals the
number."""

from contextlib import nullcontext

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum.no import orgnr

from deldokument.domain.errors import InvalidInput
from deldokument.domain.identifiers import (
    OrganizationNumber,
    PersonIdentifier,
    mask_digits,
    parse_identifier,
    parse_organization,
    parse_person,
    split_pasted,
)

OLA = "21879498012"
SAMPLES_FROM_2032 = ("02013299997", "30108299920", "30108299939")
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
FIRST = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
SECOND = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)


def with_control_digits(nine: str, remainder: int) -> str | None:
    """The number whose first control digit leaves ``remainder``, or None when a control digit would be ten."""
    first = (remainder - sum(int(d) * w for d, w in zip(nine, FIRST, strict=False))) % 11
    ten = f"{nine}{first}"
    second = -sum(int(d) * w for d, w in zip(ten, SECOND, strict=False)) % 11
    return f"{ten}{second}" if first < 10 and second < 10 else None


@st.composite
def persons(draw: st.DrawFn, remainders: tuple[int, ...] = (0, 1, 2, 3)) -> str:
    """Well-formed numbers of any kind and any offset of the month."""
    day = draw(st.integers(1, 28)) + draw(st.sampled_from((0, 40)))
    month = draw(st.integers(1, 12)) + draw(st.sampled_from((0, 40, 65, 80)))
    nine = f"{day:02}{month:02}{draw(st.integers(0, 99)):02}{draw(st.integers(0, 999)):03}"
    number = with_control_digits(nine, draw(st.sampled_from(remainders)))
    assume(number is not None)
    return str(number)


def refused(text: str, *, allow_synthetic: bool = True) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse_person(text, allow_synthetic=allow_synthetic)
    assert caught.value.field == "person"
    return caught.value.code


@pytest.mark.parametrize("number", SAMPLES_FROM_2032)
def test_the_official_samples_of_numbers_from_2032_are_taken(number: str) -> None:
    assert parse_person(number, allow_synthetic=False) == PersonIdentifier(number, "foedselsnummer")


def test_a_number_with_wrong_control_digits_is_refused() -> None:
    assert refused("01017012345") == "person_number_unknown"


@pytest.mark.parametrize("offset", [40, 65, 80])
def test_a_synthetic_number_is_taken_where_it_is_allowed_and_nowhere_else(offset: int) -> None:
    number = next(n for i in range(999) if (n := with_control_digits(f"15{7 + offset:02}90{i:03}", 0)))
    assert parse_person(number, allow_synthetic=True).kind == "foedselsnummer"
    assert refused(number, allow_synthetic=False) == "person_number_synthetic"


def test_a_day_over_forty_makes_a_d_number() -> None:
    number = next(n for i in range(999) if (n := with_control_digits(f"558790{i:03}", 0)))
    assert parse_person(number, allow_synthetic=True).kind == "d_nummer"


@pytest.mark.parametrize("date", ["0087", "3287", "3082", "7287", "0180", "0193", "0113", "0100", "0153"])
def test_a_date_that_does_not_exist_is_refused_with_any_control_digits(date: str) -> None:
    number = next(n for i in range(999) if (n := with_control_digits(f"{date}90{i:03}", 0)))
    assert refused(number) == "person_number_unknown"


@pytest.mark.parametrize(
    "written",
    [
        f" {OLA}\n",
        f"{OLA[:6]} {OLA[6:]}",
        f"{OLA[:6]}-{OLA[6:]}",
        f"{OLA[:6]}.{OLA[6:]}",
        f"{OLA[:6]}\u00a0{OLA[6:]}",
        f"{OLA[:6]}\u2009{OLA[6:]}",
        f"\u200f{OLA}\u200e",
        f"\u202e{OLA}\u202c",
        f"\ufeff{OLA[:6]}\u200b{OLA[6:]}",
        f"{OLA[:6]}\u00ad{OLA[6:]}",
        OLA.translate(FULL_WIDTH),
        " ".join(OLA),
    ],
)
def test_one_person_is_one_identifier_however_the_number_is_written(written: str) -> None:
    assert parse_person(written, allow_synthetic=True).value == OLA


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "person_number_missing"),
        (" \u200f-. ", "person_number_missing"),
        ("Ola Nordmann", "number_not_digits"),
        (OLA[:-1] + "x", "number_not_digits"),
        ("٢" * 11, "number_not_digits"),
        (OLA[:-1], "person_number_length"),
        (OLA + "0", "person_number_length"),
    ],
)
def test_what_cannot_be_a_number_is_refused_with_the_rule_it_breaks(text: str, code: str) -> None:
    assert refused(text) == code


@given(persons())
def test_every_well_formed_number_is_taken(number: str) -> None:
    assert parse_person(number, allow_synthetic=True).value == number


@given(persons(remainders=(4, 5, 6, 7, 8, 9, 10)))
def test_a_first_control_digit_outside_the_rule_is_refused(number: str) -> None:
    assert refused(number) == "person_number_unknown"


@given(persons(), st.integers(0, 10), st.integers(1, 9))
def test_every_error_in_a_single_digit_is_caught(number: str, place: int, step: int) -> None:
    wrong = number[:place] + str((int(number[place]) + step) % 10) + number[place + 1 :]
    assert refused(wrong) == "person_number_unknown"


@given(persons(), st.integers(0, 9))
def test_every_swap_of_two_neighbouring_digits_is_caught(number: str, place: int) -> None:
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assume(swapped != number)
    assert refused(swapped) == "person_number_unknown"


def test_a_persons_number_shows_in_no_representation() -> None:
    person = parse_person(OLA, allow_synthetic=True)
    for shown in (repr(person), str(person), f"{person}", f"{[person]}", "%s" % person):  # noqa: UP031
        assert OLA[6:] not in shown
        assert OLA not in shown
    assert person.masked == f"{OLA[:6]} *****"


@given(st.from_regex(r"[0-9]{9}", fullmatch=True))
def test_organisation_numbers_are_those_of_the_standard_library_of_numbers(digits: str) -> None:
    wellformed = orgnr.is_valid(digits) and digits[0] != "0"
    refusal = nullcontext() if wellformed else pytest.raises(InvalidInput, match="organization_number_unknown")
    with refusal:
        assert parse_organization(digits).value == digits


@given(st.integers(10_000_000, 99_999_999))
def test_every_organisation_number_with_its_control_digit_is_taken(eight: int) -> None:
    nine = next((f"{eight}{d}" for d in range(10) if orgnr.is_valid(f"{eight}{d}")), None)
    assume(nine is not None)
    assert parse_organization(str(nine)).value == nine


def test_an_organisation_number_is_shown_in_groups_and_taken_in_groups() -> None:
    assert parse_organization("312 824 450").grouped == "312 824 450"
    assert parse_organization("312.824.450") == OrganizationNumber("312824450")


@pytest.mark.parametrize(
    ("text", "code"),
    [("31282445", "organization_number_length"), ("312824451", "organization_number_unknown")],
)
def test_a_wrong_organisation_number_is_refused(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_organization(text)
    assert (caught.value.code, caught.value.field) == (code, "organization")


def test_an_organisation_number_does_not_begin_with_zero() -> None:
    number = next(f"0{i:08}" for i in range(999, 2000) if orgnr.is_valid(f"0{i:08}"))
    with pytest.raises(InvalidInput, match="organization_number_unknown"):
        parse_organization(number)


def test_the_kind_of_a_recipient_follows_from_the_length_of_the_number() -> None:
    assert isinstance(parse_identifier(OLA, allow_synthetic=True), PersonIdentifier)
    assert isinstance(parse_identifier("312 824 450", allow_synthetic=True), OrganizationNumber)
    with pytest.raises(InvalidInput) as caught:
        parse_identifier("1234567890", allow_synthetic=True)
    assert (caught.value.code, caught.value.field, caught.value.params) == (
        "recipient_number_length",
        "recipients",
        {"digits": 10},
    )


SEPARATORS = (
    "\n",
    "\r\n",
    " ",
    "\t",
    ", ",
    ",",
    "; ",
    ";",
    " | ",
    "\u00a0",
    "\u2028",
    " / ",
    "\n\n",
    ":",
    "(",
    ")",
    '"',
    " \u2022 ",
)


@given(
    st.lists(
        st.sampled_from([OLA, f"{OLA[:6]} {OLA[6:]}", "312824450", "312 824 450", f"{OLA[:6]}-{OLA[6:]}"]), max_size=8
    ),
    st.lists(st.sampled_from(SEPARATORS), min_size=9, max_size=9),
)
def test_a_pasted_list_is_split_at_any_separators(numbers: list[str], separators: list[str]) -> None:
    pasted = "".join(separator + number for separator, number in zip(separators, numbers, strict=False))
    parsed = [parse_identifier(text, allow_synthetic=True) for text in split_pasted(pasted)]
    assert parsed == [parse_identifier(number, allow_synthetic=True) for number in numbers]


@given(st.text(max_size=200))
def test_no_part_of_a_pasted_text_is_only_white_space(pasted: str) -> None:
    assert all(text.strip() for text in split_pasted(pasted))


def test_an_invalid_number_stays_as_it_was_pasted_so_that_it_can_be_shown() -> None:
    assert split_pasted("Ola, 21879498012x; 1234567890123") == ["Ola", "21879498012x", "1234567890123"]


@pytest.mark.parametrize(
    ("typed", "masked"),
    [
        ("", ""),
        ("Ola", "Ola"),
        ("123456", "123456"),
        ("1234567", "123456*"),
        (OLA, f"{OLA[:6]}*****"),
        (f"{OLA[:6]} {OLA[6:]}", f"{OLA[:6]} *****"),
        ("12a34-56b78 x", "12a34-56b** x"),
    ],
)
def test_of_a_typed_number_only_six_digits_are_shown(typed: str, masked: str) -> None:
    assert mask_digits(typed) == masked
