"""Accounts: what they may be called, what administrators may decide for them, and what follows from it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from deldokument.domain.errors import InvalidFields
from deldokument.domain.tenants.accounts import check_rules, same_name, spent_name
from deldokument.domain.tenants.tenancy import UNDO, Account, AccountRules, Contact, PeriodRule, Tenant

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TENANT = Tenant(
    id="tenant",
    organization_number="310240001",
    name="Eksempel kommune",
    contact=Contact("22 00 00 00", "post@eksempel.example", "9-15"),
    period=PeriodRule(),
    ask_archived=True,
    retention=timedelta(days=365),
    activated_at=NOW,
)
ACCOUNT = Account("account", TENANT.id, "Byggesak")


def with_rules(**rules: Any) -> Account:
    return replace(ACCOUNT, rules=AccountRules(**rules))


def faults(limits: PeriodRule = TENANT.period, **rules: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidFields) as caught:
        check_rules(AccountRules(**rules), limits)
    return [(error.field, error.code) for error in caught.value.errors]


def test_an_account_is_open_until_it_is_closed_deleted_or_frozen() -> None:
    assert ACCOUNT.is_open
    for field in ("closed_at", "deleted_at", "frozen_at"):
        assert not replace(ACCOUNT, **{field: NOW}).is_open


def test_recipients_ask_the_account_and_where_it_has_no_contact_the_tenant() -> None:
    assert ACCOUNT.contact(TENANT) == TENANT.contact
    own = Contact("55 00 00 00")
    assert with_rules(contact=own).contact(TENANT) == own


def test_periods_are_the_tenants_until_the_account_has_its_own() -> None:
    assert ACCOUNT.period(TENANT) == TENANT.period
    own = with_rules(standard=7 * DAY, longest=14 * DAY)
    assert own.period(TENANT) == PeriodRule(HOUR, 7 * DAY, 14 * DAY)


def test_a_shorter_longest_period_shortens_the_standard_one() -> None:
    assert with_rules(longest=14 * DAY).period(TENANT) == PeriodRule(HOUR, 14 * DAY, 14 * DAY)


def test_a_tenant_that_becomes_stricter_later_wins_over_its_accounts() -> None:
    stricter = replace(TENANT, period=PeriodRule(HOUR, DAY, 2 * DAY))
    assert with_rules(standard=30 * DAY, longest=60 * DAY).period(stricter) == PeriodRule(HOUR, 2 * DAY, 2 * DAY)


def test_a_longest_period_is_never_shorter_than_the_shortest() -> None:
    assert with_rules(longest=HOUR / 2).period(TENANT) == PeriodRule(HOUR / 2, HOUR / 2, HOUR / 2)


def test_a_deletion_can_be_undone_for_just_24_hours_and_not_after_the_end_is_noted() -> None:
    deleted = replace(ACCOUNT, deleted_at=NOW)
    assert not ACCOUNT.can_be_restored(NOW)
    assert deleted.can_be_restored(NOW)
    assert deleted.can_be_restored(NOW + UNDO - timedelta(microseconds=1))
    assert not deleted.can_be_restored(NOW + UNDO)
    assert not replace(deleted, ended_at=NOW).can_be_restored(NOW)


@pytest.mark.parametrize(
    "alike",
    ["byggesak", "BYGGESAK", "  Byggesak ", "Ｂｙｇｇｅｓａｋ"],
)
def test_names_that_people_take_for_the_same_are_the_same(alike: str) -> None:
    assert same_name("Byggesak", alike)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Plan  og\tbygg", "plan og bygg"),
        ("Ålesund", "A\u030alesund"),
        ("ČEAHPPI Đ Ŋ", "čeahppi đ ŋ"),
        ("Straße", "STRASSE"),
        ("Plan\u00a0bygg", "plan bygg"),
        ("Bygge\u00adsak", "Bygge\u200csak"),
    ],
)
def test_names_that_differ_in_typing_only_are_the_same(one: str, other: str) -> None:
    assert same_name(one, other)


@pytest.mark.parametrize("other", ["Byggesak 2", "Bygge sak", "Byggesák", ""])
def test_other_names_are_others(other: str) -> None:
    assert not same_name("Byggesak", other)


def test_an_ended_account_gets_a_name_that_nobody_has() -> None:
    on = date(2026, 11, 25)
    assert spent_name("Byggesak", on, []) == "Byggesak (slettet 2026-11-25)"
    taken = ["Byggesak", "BYGGESAK (slettet 2026-11-25)"]
    assert spent_name("Byggesak", on, taken) == "Byggesak (slettet 2026-11-25, 2)"
    taken.append("Byggesak (slettet 2026-11-25, 2)")
    assert spent_name("Byggesak", on, taken) == "Byggesak (slettet 2026-11-25, 3)"


def test_a_long_name_is_cut_so_that_the_mark_fits() -> None:
    name = spent_name("x" * 200, date(2026, 11, 25), [])
    assert len(name) == 200
    assert name.endswith("x (slettet 2026-11-25)")
    assert spent_name(f"{'x' * 178} {'y' * 21}", date(2026, 11, 25), []) == f"{'x' * 178} (slettet 2026-11-25)"


def test_a_refusal_names_the_limit() -> None:
    limits = PeriodRule(3 * HOUR, 7 * DAY, 14 * DAY)
    wrong = AccountRules(Contact(hours="x" * 101), longest=4 * HOUR, undo_window=61 * HOUR / 60)
    with pytest.raises(InvalidFields) as caught:
        check_rules(wrong, limits)
    assert {error.field: error.params for error in caught.value.errors} == {
        "hours": {"longest": 100, "length": 101},
        "longest": {"hours": 6},
        "undo_window": {"longest": 60},
    }


def test_a_contact_may_be_as_long_as_the_longest() -> None:
    longest = Contact("1" * 30, f"{'a' * 249}@b.no", "x" * 100)
    assert check_rules(AccountRules(longest), TENANT.period).contact == longest


def test_accepted_rules_are_normalised() -> None:
    contact = Contact(" +47  22 00 00 00 ", " bygg@eksempel.example\n", "  kl. 9\u00a0–15 ")
    given = AccountRules(contact, HOUR, 90 * DAY, False, 10**8, True, True, " Eksempel1 ", "  47  11 ")
    assert check_rules(given, TENANT.period) == AccountRules(
        Contact("+47 22 00 00 00", "bygg@eksempel.example", "kl. 9 –15"),
        HOUR,
        90 * DAY,
        False,
        10**8,
        True,
        True,
        "Eksempel1",
        "47 11",
    )


def test_no_rules_of_its_own_are_rules_too() -> None:
    assert check_rules(AccountRules(), TENANT.period) == AccountRules()


@pytest.mark.parametrize(
    "telephone", ["ring oss", "javascript:alert(1)", "1" * 31, "22 00 00 00,22 00 00 01", "1", "+"]
)
def test_a_telephone_number_that_nobody_can_ring_is_refused(telephone: str) -> None:
    assert faults(contact=Contact(telephone)) == [("telephone", "telephone_malformed")]


@pytest.mark.parametrize(
    "email",
    ["post", "post@", "@eksempel.example", "a b@c.no", "a@b@c.no", "post@eksempel", "a@b.no?bcc=x@y.no",
     "a@b.no,c@d.no", "a\u202e@b.no", f"{'a' * 250}@b.no", "post@b.no."],
)  # fmt: skip
def test_an_address_that_no_mail_reaches_is_refused(email: str) -> None:
    assert faults(contact=Contact(email=email)) == [("email", "email_malformed")]


def test_opening_hours_have_a_maximum_length_and_no_control_characters() -> None:
    assert faults(contact=Contact(hours="x" * 101)) == [("hours", "text_too_long")]
    assert faults(contact=Contact(hours="9\u202e15")) == [("hours", "text_control_characters")]
    assert check_rules(AccountRules(Contact(hours="x" * 100)), TENANT.period)


@pytest.mark.parametrize("period", [timedelta(), HOUR - timedelta(seconds=1), 90 * DAY + timedelta(seconds=1), -DAY])
def test_periods_are_within_an_hour_and_ninety_days(period: timedelta) -> None:
    assert ("standard", "account_period") in faults(standard=period)
    assert ("longest", "account_period") in faults(longest=period)


def test_periods_are_within_the_tenants() -> None:
    limits = PeriodRule(HOUR, 7 * DAY, 14 * DAY)
    assert check_rules(AccountRules(standard=14 * DAY, longest=14 * DAY), limits)
    with pytest.raises(InvalidFields) as caught:
        check_rules(AccountRules(longest=15 * DAY), limits)
    (error,) = caught.value.errors
    assert (error.field, error.params) == ("longest", {"hours": 1, "days": 14})


def test_a_longest_period_leaves_an_end_to_choose() -> None:
    assert faults(longest=2 * HOUR - timedelta(seconds=1)) == [("longest", "longest_too_short")]
    assert check_rules(AccountRules(standard=HOUR, longest=2 * HOUR), TENANT.period)


def test_a_standard_period_is_no_longer_than_the_longest() -> None:
    assert faults(standard=8 * DAY, longest=7 * DAY) == [("standard", "standard_beyond_longest")]


@pytest.mark.parametrize("quota", [0, -1, 10**8 - 1, 10**15 + 1])
def test_a_quota_has_a_least_and_a_greatest_value(quota: int) -> None:
    assert faults(quota=quota) == [("quota", "quota_range")]


@pytest.mark.parametrize("seconds", [-60, 30, 61 * 60])
def test_a_publication_is_undone_for_whole_minutes_and_at_most_an_hour(seconds: int) -> None:
    assert faults(undo_window=timedelta(seconds=seconds)) == [("undo_window", "undo_window_range")]
    for allowed in (None, timedelta(), timedelta(hours=1)):
        assert check_rules(AccountRules(undo_window=allowed), TENANT.period).undo_window == allowed


@pytest.mark.parametrize("sender", ["AB", "Eksempel", "Ås1", "x2345678901", "Grünerløk", "ÆØÅ", "110vest", "22000000"])
def test_a_senders_name_in_a_message_has_the_letters_that_every_telephone_shows(sender: str) -> None:
    assert check_rules(AccountRules(sms_sender=sender), TENANT.period).sms_sender == sender


@pytest.mark.parametrize("sender", ["A", "x23456789012", "4722000000000", "Eks kom", "Eks-kom", "Čeahppi", "+47AB"])
def test_other_senders_names_are_refused(sender: str) -> None:
    assert faults(sms_sender=sender) == [("sms_sender", "sms_sender_malformed")]


def test_a_cost_code_has_a_maximum_length_and_no_control_characters() -> None:
    assert faults(sms_cost_code="4" * 51) == [("sms_cost_code", "text_too_long")]
    assert faults(sms_cost_code="4\x007") == [("sms_cost_code", "text_control_characters")]


def test_all_faults_are_reported_at_once() -> None:
    wrong = faults(contact=Contact("x", "x"), standard=timedelta(), quota=0, sms_sender="1", sms_cost_code="\u202e")
    assert [field for field, _ in wrong] == ["telephone", "email", "standard", "quota", "sms_sender", "sms_cost_code"]
