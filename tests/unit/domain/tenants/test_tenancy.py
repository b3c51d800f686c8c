"""The limits that a tenant sets, and the names of accounts and people."""

from datetime import UTC, datetime, timedelta

import pytest

from deldokument.domain.errors import InvalidInput
from deldokument.domain.tenants.tenancy import PeriodRule, check_name, check_on_behalf_of

NOW = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
RULE = PeriodRule()


@pytest.mark.parametrize("period", [timedelta(hours=1), timedelta(days=30), timedelta(days=90)])
def test_a_period_within_the_rule_is_taken_both_ends_included(period: timedelta) -> None:
    RULE.check(NOW + period, NOW)
    RULE.check(period, NOW)


@pytest.mark.parametrize(
    ("period", "code", "params"),
    [
        (timedelta(), "expiry_in_the_past", {}),
        (timedelta(days=-1), "expiry_in_the_past", {}),
        (timedelta(microseconds=1), "period_too_short", {"hours": 1}),
        (timedelta(minutes=59, seconds=59), "period_too_short", {"hours": 1}),
        (timedelta(days=90, microseconds=1), "period_too_long", {"longest_seconds": 90 * 86400}),
        (timedelta(days=36500), "period_too_long", {"longest_seconds": 90 * 86400}),
    ],
)
def test_a_period_outside_the_rule_is_refused_with_the_limit(
    period: timedelta, code: str, params: dict[str, int]
) -> None:
    for end in (NOW + period, period):
        with pytest.raises(InvalidInput) as caught:
            RULE.check(end, NOW)
        assert (caught.value.field, caught.value.code, caught.value.params) == ("expires_at", code, params)


@pytest.mark.parametrize("name", ["Byggesak", "Áile Ánne Sárá Ŋuorggán", "Čeahppi Đorđe Ŧ Ž", "O'Brien-Åsen", "Øy"])
def test_a_name_may_have_any_letters(name: str) -> None:
    assert check_name(name) == name


def test_a_name_is_kept_without_surrounding_and_doubled_spaces() -> None:
    assert check_name("  Kari \u00a0\n Lunde\t") == "Kari Lunde"


def test_a_letter_is_one_sign_however_it_was_typed() -> None:
    assert check_name("A\u030alesund, C\u030ceahppi") == "Ålesund, Čeahppi"


@pytest.mark.parametrize("name", ["", "  ", "K", "A\u030a", "x" * 201])
def test_a_name_that_is_too_short_or_too_long_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_name(name)
    assert (caught.value.code, caught.value.params) == ("name_length", {"shortest": 2, "longest": 200})


@pytest.mark.parametrize("name", ["می\u200cخواهم", "Sam\u00adarbeid", "\U0001f468\u200d\U0001f469 AS"])
def test_a_name_keeps_the_invisible_characters_that_writing_needs(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["Kari\x00Lunde", "Kari\u202eLunde", "Kari\ud800Lunde", "Kari\x7f", "\u200b\u200b", "\u200d\u00ad", "\u3164\u3164"],
)
def test_a_name_with_a_character_that_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="name_characters"):
        check_name(name)


@pytest.mark.parametrize("name", ["", "eksempel_kommune-1.2", "x" * 100])
def test_a_login_on_behalf_of_a_tenant_has_a_plain_name(name: str) -> None:
    assert check_on_behalf_of(name) == name


@pytest.mark.parametrize("name", ["a b", "æ", "x" * 101, "a\n", "<b>"])
def test_another_name_for_logins_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_on_behalf_of(name)
    assert (caught.value.field, caught.value.code) == ("on_behalf_of", "on_behalf_of")
