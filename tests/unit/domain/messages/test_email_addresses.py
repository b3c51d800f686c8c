"""Addresses fit into letters and SMTP commands as they stand, and a code is good for a while."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deldokument.domain.errors import InvalidInput
from deldokument.domain.messages.email_addresses import (
    CODE_LIFETIME,
    CODE_TRIES,
    CODES_A_DAY,
    NoticeAddress,
    NoticeChoices,
    check_address,
)

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LONG_DOMAIN = f"{'.'.join(['e' * 60] * 3)}.example"
"""With 63 characters before it, an address has the 254 that it may have."""


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("kari.lunde@eksempel.example", "kari.lunde@eksempel.example"),
        ("  Kari.Lunde@Eksempel.EXAMPLE\n", "Kari.Lunde@eksempel.example"),
        ("kari+del@under.eksempel.example", "kari+del@under.eksempel.example"),
        ("o'hara_1@x-y.example", "o'hara_1@x-y.example"),
        ("kari@blåbær.example", "kari@xn--blbr-roah.example"),
        (f"{'k' * 64}@eksempel.example", f"{'k' * 64}@eksempel.example"),
        (f"{'k' * 63}@{LONG_DOMAIN}", f"{'k' * 63}@{LONG_DOMAIN}"),
    ],
)
def test_an_address_is_kept_as_mail_servers_take_it(typed: str, kept: str) -> None:
    assert check_address(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "kari",
        "@eksempel.example",
        "kari@",
        "kari@eksempel",
        "kari@eksempel.",
        "kari@.example",
        "kari@eksempel..example",
        "kari@-eksempel.example",
        "kari@127.0.0.1",
        "kari@[127.0.0.1]",
        "kåre@eksempel.example",
        "kari lunde@eksempel.example",
        "kari@odd@eksempel.example",
        '"kari"@eksempel.example',
        "=?utf-8?q?kari?=@eksempel.example",
        ".kari@eksempel.example",
        "kari..lunde@eksempel.example",
        "kari@eksempel.example\r\nBcc: alle@eksempel.example",
        "Kari <kari@eksempel.example>",
        "kari@eksempel.example, odd@eksempel.example",
        "kari@eksempel.example>\r\nRCPT TO:<odd@eksempel.example",
        "kari\0@eksempel.example",
        f"{'k' * 65}@eksempel.example",
        f"{'k' * 64}@{LONG_DOMAIN}",
        f"kari@{'e' * 64}.example",
        f"kari@{'.'.join(['e' * 60] * 4)}.example",
    ],
)
def test_what_could_be_anything_but_one_address_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput) as error:
        check_address(typed)
    assert (error.value.field, error.value.code) == ("email", "email_malformed")


def test_a_code_is_good_for_half_an_hour() -> None:
    kept = NoticeAddress("a", b"hash").start_challenge("challenge", b"sealed", NOON)
    assert kept.awaits_code_at(NOON + CODE_LIFETIME - timedelta(seconds=1))
    assert not kept.awaits_code_at(NOON + CODE_LIFETIME)
    assert not kept.end_challenge().awaits_code_at(NOON)


def test_an_address_waits_for_its_code_until_it_is_settled() -> None:
    before = NoticeAddress("a", b"hash", b"confirmed", NOON, tries=3)
    waiting = before.start_challenge("challenge", b"sealed", NOON)
    assert waiting == replace(
        before,
        sealed_unconfirmed=b"sealed",
        challenge_id="challenge",
        challenged_at=NOON,
        tries=0,
        codes=1,
        codes_since=NOON,
    )
    assert replace(waiting, tries=2).end_challenge() == replace(before, tries=0, codes=1, codes_since=NOON)


def test_a_code_is_good_for_few_tries() -> None:
    kept = NoticeAddress("a", b"hash", challenge_id="challenge", challenged_at=NOON, tries=CODE_TRIES)
    assert not kept.awaits_code_at(NOON)
    assert kept.start_challenge("another", b"sealed", NOON).awaits_code_at(NOON)


def test_few_codes_are_sent_in_a_day() -> None:
    kept = NoticeAddress("a", b"hash")
    for number in range(CODES_A_DAY):
        at = NOON + timedelta(hours=number)
        assert kept.may_be_challenged_at(at)
        kept = kept.start_challenge(f"{number}", b"sealed", at)
    assert not kept.may_be_challenged_at(NOON + timedelta(hours=23))
    assert kept.may_be_challenged_at(NOON + timedelta(hours=24))
    assert kept.start_challenge("next", b"sealed", NOON + timedelta(hours=24)).codes == 1


def test_a_person_who_has_chosen_nothing_gets_all_notices() -> None:
    assert NoticeAddress("a", b"hash").choices == NoticeChoices()


def test_a_domain_that_shrinks_to_nothing_is_not_cut_to_another() -> None:
    soft_hyphens = "\u00ad" * 250
    assert check_address(f"kari@b\u00ad.no{soft_hyphens[:200]}") == "kari@b.no"
    with pytest.raises(InvalidInput):
        check_address(f"kari@b.no{soft_hyphens}.example")
