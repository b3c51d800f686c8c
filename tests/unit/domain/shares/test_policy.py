"""Who may do what: every combination of a share's state, the person's claim and what Altinn said has its line here."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from deldokument.domain.shares.policy import (
    CONFIDENTIAL_MAIL,
    ORDINARY_MAIL,
    POST_ARKIV,
    AccessRule,
    Allowed,
    Claim,
    Decision,
    Denied,
    Reason,
    hold_reason,
    may_copy,
    may_manage,
    may_open,
    may_share,
    may_upload,
)
from deldokument.domain.shares.share import Recipient, Share, ShareState
from deldokument.domain.tenants.tenancy import Account, Contact, PeriodRule, Tenant

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DRAFT = Share("s", "t", "a", "m", ShareState.DRAFT, NOW, NOW, "audit:t:2026-11")
OPEN = replace(DRAFT, state=ShareState.AVAILABLE, published_at=NOW, expires_at=NOW + timedelta(days=1))
SHARES: dict[str, Share | None] = {
    "unknown": None,
    "draft": DRAFT,
    "abandoned": replace(DRAFT, state=ShareState.ABANDONED),
    "open": OPEN,
    "ordinary": replace(OPEN, confidential=False),
    "past": replace(OPEN, expires_at=NOW),
    "ended": replace(OPEN, state=ShareState.ENDED),
    "withdrawn": replace(OPEN, state=ShareState.WITHDRAWN),
    "erased": replace(OPEN, state=ShareState.ENDED, erased_at=NOW),
}
PERSON, FJELL = (Recipient(i, "s", kind, b"", b"") for i, kind in (("r1", "person"), ("r2", "organization")))
CLAIMS: dict[str, Claim] = {
    "stranger": Claim(),
    "named": Claim(named=(PERSON,)),
    "archive": Claim(represented=((FJELL, frozenset({POST_ARKIV, "dagl"})),)),
    "secret-mail": Claim(represented=((FJELL, frozenset({CONFIDENTIAL_MAIL})),)),
    "mail": Claim(represented=((FJELL, frozenset({ORDINARY_MAIL})),)),
    "accountant": Claim(represented=((FJELL, frozenset({"regnskapsforer", "dagl"})),)),
    "named+mail": Claim(named=(PERSON,), represented=((FJELL, frozenset({ORDINARY_MAIL})),)),
    "both": Claim(named=(PERSON,), represented=((FJELL, frozenset({POST_ARKIV})),)),
}
# Claims that are sufficient for a confidential and for an ordinary share, with the recipients for whom they act.
GROUNDS: dict[str, tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]] = {
    "stranger": ((), ()),
    "named": ((("r1", "named"),), (("r1", "named"),)),
    "archive": ((("r2", POST_ARKIV),), (("r2", POST_ARKIV),)),
    "secret-mail": ((("r2", CONFIDENTIAL_MAIL),), (("r2", CONFIDENTIAL_MAIL),)),
    "mail": ((), (("r2", ORDINARY_MAIL),)),
    "accountant": ((), ()),
    "named+mail": ((("r1", "named"),), (("r1", "named"), ("r2", ORDINARY_MAIL))),
    "both": ((("r1", "named"), ("r2", POST_ARKIV)), (("r1", "named"), ("r2", POST_ARKIV))),
}


STOPS = (None, Reason.BEHIND, Reason.OVER, Reason.FROZEN, Reason.DELETED)


def expected(share: str, claim: str, stop: Reason | None, *, rights_known: bool) -> Decision:
    """The table in words: what is not published does not exist; without ground it does not exist; the end; the stop."""
    silent = None if rights_known else Denied(Reason.RIGHTS_UNKNOWN)
    if share == "unknown":
        return silent or Denied(Reason.UNKNOWN_SHARE)
    if share in {"draft", "abandoned", "erased"}:
        return silent or Denied(Reason.NOT_PUBLISHED)
    grounds = GROUNDS[claim][share == "ordinary"]
    if not grounds and claim == "stranger":
        return silent or Denied(Reason.NOT_NAMED)
    if not grounds:
        missing = {"open": CONFIDENTIAL_MAIL, "ordinary": ORDINARY_MAIL}.get(share)
        return silent or Denied(Reason.INSUFFICIENT_RIGHTS, (("r2", missing),) if missing and not stop else ())
    if share not in {"open", "ordinary"} or stop is Reason.OVER:
        return Denied(Reason.OVER, grounds=grounds)
    return Denied(stop) if stop else Allowed(grounds)


@pytest.mark.parametrize("rights_known", [True, False])
@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize(("share", "claim"), list(product(SHARES, CLAIMS)))
def test_every_combination_of_share_and_claim_has_its_expected_answer(
    share: str, claim: str, stop: Reason | None, rights_known: bool
) -> None:
    asked = replace(CLAIMS[claim], rights_known=rights_known)
    decision = may_open(SHARES[share], asked, NOW, stop=stop)
    assert decision == expected(share, claim, stop, rights_known=rights_known)


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("share", SHARES)
def test_with_altinn_silent_a_stranger_gets_one_answer_for_every_share(share: str, stop: Reason | None) -> None:
    assert may_open(SHARES[share], Claim(rights_known=False), NOW, stop=stop) == Denied(Reason.RIGHTS_UNKNOWN)


@pytest.mark.parametrize("share", SHARES)
def test_a_stop_reveals_nothing_to_a_stranger(share: str) -> None:
    answers = {may_open(SHARES[share], Claim(), NOW, stop=stop) for stop in STOPS}
    assert len(answers) == 1


def test_nobody_gets_a_ground_from_rights_that_the_rule_does_not_name() -> None:
    rule = AccessRule(frozenset({"x"}), frozenset({"x", "y"}))
    assert rule.sufficient({"z", POST_ARKIV}, confidential=False) is None
    assert rule.sufficient({"y"}, confidential=True) is None
    assert rule.sufficient({"y", "x"}, confidential=False) == "x"


def test_the_right_to_ask_for_is_the_least_that_suffices_and_can_be_given() -> None:
    assert AccessRule().choose_right(confidential=True) == CONFIDENTIAL_MAIL
    assert AccessRule().choose_right(confidential=False) == ORDINARY_MAIL
    assert AccessRule(frozenset({POST_ARKIV, "komab"})).choose_right(confidential=True) == POST_ARKIV
    assert AccessRule(frozenset()).choose_right(confidential=True) is None
    assert AccessRule(frozenset({"a"}), frozenset({"a", "b"})).choose_right(confidential=False) == "b"


def test_where_no_right_suffices_none_is_said_to_be_missing() -> None:
    claim = replace(CLAIMS["mail"], rule=AccessRule(frozenset(), frozenset()))
    assert may_open(OPEN, claim, NOW, stop=None) == Denied(Reason.INSUFFICIENT_RIGHTS)


@pytest.mark.parametrize(
    ("share", "accounts", "decision"),
    [
        ("unknown", {"a"}, Denied(Reason.UNKNOWN_SHARE)),
        ("draft", {"a"}, Allowed()),
        ("draft", {"b"}, Denied(Reason.NOT_MEMBER)),
        ("draft", set(), Denied(Reason.NOT_MEMBER)),
        ("open", {"a", "b"}, Allowed()),
        ("withdrawn", {"a"}, Allowed()),
        ("erased", {"a"}, Denied(Reason.NOT_MEMBER)),
    ],
)
def test_members_of_the_account_manage_its_shares_until_they_are_erased(
    share: str, accounts: set[str], decision: Decision
) -> None:
    assert may_manage(SHARES[share], accounts) == decision


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("accounts", [["a"], ["b"], []])
@pytest.mark.parametrize("share", SHARES)
def test_bytes_are_taken_for_a_living_draft_of_the_members_account_only(
    share: str, accounts: list[str], stop: Reason | None
) -> None:
    decision = may_upload(SHARES[share], accounts, NOW, stop=stop, is_pending=False)
    if share == "unknown":
        assert decision == Denied(Reason.UNKNOWN_SHARE)
    elif accounts != ["a"]:
        assert decision == Denied(Reason.NOT_MEMBER)
    elif share != "draft":
        assert decision == Denied(Reason.OVER)
    else:
        assert decision == (Denied(stop) if stop else Allowed())


@pytest.mark.parametrize("stop", [None, Reason.FROZEN])
def test_bytes_of_a_pending_document_are_taken_beside_a_share_until_its_end(stop: Reason | None) -> None:
    before, after = NOW, NOW + timedelta(days=1)
    assert may_upload(OPEN, ["a"], before, stop=stop, is_pending=True) == (Denied(stop) if stop else Allowed())
    assert may_upload(OPEN, ["b"], before, stop=stop, is_pending=True) == Denied(Reason.NOT_MEMBER)
    assert may_upload(OPEN, ["a"], after, stop=stop, is_pending=True) == Denied(Reason.OVER)


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("accounts", [["a"], ["b"], []])
@pytest.mark.parametrize("sharer_id", ["m", "colleague", ""])
@pytest.mark.parametrize("share", SHARES)
def test_documents_are_copied_only_by_the_one_who_shared_and_only_while_recipients_can_open_the_share(
    share: str, sharer_id: str, accounts: list[str], stop: Reason | None
) -> None:
    decision = may_copy(SHARES[share], accounts, sharer_id, NOW, stop=stop)
    if share == "unknown":
        assert decision == Denied(Reason.UNKNOWN_SHARE)
    elif accounts != ["a"] or share == "erased":
        assert decision == Denied(Reason.NOT_MEMBER)
    elif sharer_id != "m":
        assert decision == Denied(Reason.NOT_SHARER)
    elif share in {"draft", "abandoned"}:
        assert decision == Denied(Reason.NOT_PUBLISHED)
    elif share in {"past", "ended", "withdrawn"}:
        assert decision == Denied(Reason.OVER)
    else:
        assert decision == (Denied(stop) if stop else Allowed())


TENANT = Tenant("t", "310240001", "Eksempel kommune", Contact(), PeriodRule(), True, timedelta(days=365), NOW)
ACCOUNT = Account("a", "t", "Byggesak")
STATES = {"as usual": {}, "frozen": {"frozen_at": NOW}, "deleted": {"deleted_at": NOW}, "closed": {"closed_at": NOW}}


@pytest.mark.parametrize("share", [None, DRAFT, replace(DRAFT, frozen_at=NOW)], ids=["none", "draft", "frozen draft"])
@pytest.mark.parametrize("state", ["as usual", "frozen", "deleted", "closed", "closed+frozen", "deleted+frozen"])
@pytest.mark.parametrize("tenant_frozen", [False, True])
def test_a_share_is_stopped_or_closed_for_these_reasons(tenant_frozen: bool, state: str, share: Share | None) -> None:
    tenant = replace(TENANT, frozen_at=NOW if tenant_frozen else None)
    account = ACCOUNT
    for word in state.split("+"):
        account = replace(account, **STATES[word])
    frozen = tenant_frozen or "frozen" in state or bool(share and share.frozen_at)
    stop = Reason.FROZEN if frozen else Reason.DELETED if "deleted" in state else None
    assert hold_reason(tenant, account, share) == stop
    closed = Denied(Reason.CLOSED) if "closed" in state else Allowed()
    assert may_share(tenant, account, share) == (Denied(stop) if stop else closed)


def test_an_open_share_of_a_tenant_that_has_ended_is_over() -> None:
    assert hold_reason(replace(TENANT, ended_at=NOW), replace(ACCOUNT, frozen_at=NOW), OPEN) is Reason.OVER
