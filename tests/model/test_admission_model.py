"""No order of attempts lets anybody in whom the one who shared does not want, and no member does it alone."""

from dataclasses import replace
from functools import partial

import pytest

from tests.model.admission_model import INVARIANTS, TITLE, Rules, Sharing, steps
from tests.model.explorer import Violated, explore

pytestmark = pytest.mark.once

_SHARED = Sharing(items=("recipient",), acts=frozenset({"absence", "membership"}))
_DRAFT = Sharing(
    state="draft", published_by=("", ""), earlier=frozenset(), acts=frozenset({"absence", "membership", "handover"})
)
SCENARIOS = {
    "a recipient": _SHARED,
    "a document, and Kari leaves": replace(_SHARED, items=("document",), acts=frozenset({"removal", "membership"})),
    "less confidential, shared by a system": replace(
        _SHARED, author="system", published_by=("system", ""), items=("openness",)
    ),
    "a recipient and a correction, with four eyes": replace(_SHARED, items=("recipient", TITLE), four_eyes=True),
    "a draft": _DRAFT,
    "a draft, and Kari leaves": replace(_DRAFT, acts=frozenset({"removal", "membership", "handover"})),
    "a draft, with four eyes, and a recipient": replace(
        _DRAFT, four_eyes=True, items=("recipient",), acts=frozenset({"membership", "handover"})
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_nobody_gets_in_whom_the_one_who_shared_does_not_want(name: str) -> None:
    explored = explore(SCENARIOS[name], partial(steps, Rules()), INVARIANTS)
    assert len(explored.origins) > 30


_LETS_IN, _TWO, _PUBLISHES, _GIVES, _CONFIRMED = INVARIANTS


@pytest.mark.parametrize(
    ("fault", "scenario", "invariant"),
    [
        (Rules(any_member_lets_in=True), "a recipient", _LETS_IN),
        (Rules(own_approval_counts=True), "less confidential, shared by a system", _LETS_IN),
        (Rules(own_approval_counts=True), "a draft, with four eyes, and a recipient", _TWO),
        (Rules(later_members_approve=True), "a document, and Kari leaves", _LETS_IN),
        (Rules(others_approve_beside_the_sharer=True), "a recipient", _LETS_IN),
        (Rules(a_correction_covers_the_rest=True), "a recipient and a correction, with four eyes", _LETS_IN),
        (Rules(one_sharer_is_enough=True), "a recipient and a correction, with four eyes", _TWO),
        (Rules(any_member_publishes=True), "a draft", _PUBLISHES),
        (Rules(any_member_hands_over=True), "a draft", _GIVES),
        (Rules(those_who_wait_share=True), "a recipient", _CONFIRMED),
        (Rules(drafts_go_to_those_who_wait=True), "a draft", _CONFIRMED),
    ],
)
def test_a_fault_in_the_rules_is_found(fault: Rules, scenario: str, invariant: str) -> None:
    with pytest.raises(Violated) as found:
        explore(SCENARIOS[scenario], partial(steps, fault), INVARIANTS)
    assert found.value.invariant == invariant
