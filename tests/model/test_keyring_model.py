"""No interleaving of nodes, a destruction and a rotation loses a key or brings one back."""

from dataclasses import replace
from functools import partial

import pytest

from tests.model.explorer import Violated, explore
from tests.model.keyring_model import INVARIANTS, Keyring, Node, Rotator, Rules, steps

pytestmark = pytest.mark.once

TWO = (("first", Node()), ("second", Node()))
ONE = TWO[:1]
SCENARIOS = {
    "two nodes and a rotation": Keyring(TWO, Rotator(), 0, failures=1),
    "two nodes and a rotation that die": Keyring(TWO, Rotator(), 0, deaths=1),
    "a node and two rotations": Keyring(ONE, Rotator(), 0, deaths=1, failures=1, rotations=2),
    "a node, a destruction and a rotation": Keyring(ONE, Rotator(), 1, deaths=1, failures=1),
    "two nodes and a destruction": Keyring(TWO, Rotator(), 1, deaths=1, failures=1, rotations=0),
}


@pytest.mark.parametrize("adds_atomically", [True, False])
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_key_is_lost_and_none_comes_back(name: str, adds_atomically: bool) -> None:
    explored = explore(SCENARIOS[name], partial(steps, Rules(adds_atomically=adds_atomically)), INVARIANTS)
    assert len(explored.origins) > 100


@pytest.mark.parametrize(
    ("fault", "scenario", "invariant"),
    [
        (Rules(removes_after_any_error=True), "two nodes and a rotation", "a key that was returned is not lost"),
        (
            Rules(adds_atomically=False, returns_without_following=True),
            "two nodes and a rotation that die",
            "a key that was returned is not lost",
        ),
        (
            Rules(reseals_without_comparing=True),
            "a node, a destruction and a rotation",
            "a destroyed key never comes back",
        ),
        (Rules(retires_too_early=True), "a node and two rotations", "a key that was returned is not lost"),
    ],
)
def test_a_fault_in_the_rules_is_found(fault: Rules, scenario: str, invariant: str) -> None:
    with pytest.raises(Violated) as found:
        explore(SCENARIOS[scenario], partial(steps, fault), INVARIANTS)
    assert found.value.invariant.startswith(invariant)
    explore(SCENARIOS[scenario], partial(steps, replace(fault, **_without_faults())), INVARIANTS)


def _without_faults() -> dict[str, bool]:
    sound = Rules()
    return {name: getattr(sound, name) for name in Rules.__slots__ if name != "adds_atomically"}
