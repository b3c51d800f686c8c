"""Scan policies: what the operator may set, what a tenant may add, and what nobody can release."""

import pytest

from deldokument.domain.shares.scan_policy import (
    CHOICES,
    DEFAULT_POLICY,
    Handling,
    handling_of,
    is_stricter,
    parse_policy,
    stricter_policy,
    written_policy,
)
from deldokument.domain.shares.share import Verdict


@pytest.mark.parametrize("verdict", [Verdict.INFECTED, Verdict.ERROR])
def test_no_policy_releases_malware_or_what_failed_its_integrity_check(verdict: Verdict) -> None:
    assert handling_of(dict.fromkeys(Verdict, Handling.RELEASED), Verdict.CLEAN) is Handling.RELEASED
    assert handling_of(DEFAULT_POLICY, verdict) is Handling.REFUSED
    for handling in CHOICES:
        with pytest.raises(ValueError, match="VERDICT=HANDLING"):
            parse_policy(f"{verdict}={handling}")
        assert handling_of(stricter_policy(DEFAULT_POLICY, f"{verdict}={handling}"), verdict) is Handling.REFUSED


def test_the_operator_sets_single_verdicts_and_the_defaults_apply_to_the_rest() -> None:
    given = parse_policy(" encrypted = held , stale=released,")
    assert given == {**DEFAULT_POLICY, Verdict.ENCRYPTED: Handling.HELD, Verdict.STALE: Handling.RELEASED}
    assert parse_policy("") == DEFAULT_POLICY


@pytest.mark.parametrize("text", ["encrypted", "encrypted=refused", "clean=held", "unknown=held", "encrypted=x"])
def test_a_policy_with_an_unknown_word_is_no_policy(text: str) -> None:
    with pytest.raises(ValueError, match="VERDICT=HANDLING"):
        parse_policy(text)


@pytest.mark.parametrize("least", CHOICES)
@pytest.mark.parametrize("own", CHOICES)
def test_a_tenants_policy_can_only_be_stricter(least: Handling, own: Handling) -> None:
    policy = stricter_policy({Verdict.STALE: least, Verdict.ENCRYPTED: least}, written_policy({Verdict.STALE: own}))
    assert policy == {Verdict.STALE: own if is_stricter(own, least) else least, Verdict.ENCRYPTED: least}


def test_a_handling_of_a_later_version_holds() -> None:
    assert stricter_policy(DEFAULT_POLICY, "stale=quarantined")[Verdict.STALE] is Handling.HELD
