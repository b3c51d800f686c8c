"""No interleaving of writers, readers, the end of a share and the worker loses a byte or lets one out after the end."""

from functools import partial

import pytest

from tests.model.explorer import Violated, explore
from tests.model.share_model import INVARIANTS, Reader, Rules, Share, Writer, steps

pytestmark = pytest.mark.once

_OPEN = Share(state="available", rows=(1,), finished=True, stored=frozenset({1}), objects=1, acknowledged=(1,))
TWO = (("first", Writer()), ("second", Writer()))
READER = (("reader", Reader()),)
SCENARIOS = {
    "two writers": Share(TWO, lost_answers=1, deaths=1),
    "two writers, a day and a sweep": Share(TWO, sweeps=True, days=1, deaths=1),
    "a writer, a discarded draft and the worker": Share(
        TWO[:1], ender="discard", worker="begin", lost_answers=1, deaths=1
    ),
    "two writers and a discarded draft": Share(TWO, ender="discard"),
    "a reader, a withdrawal and the worker": Share(
        **{name: getattr(_OPEN, name) for name in ("state", "rows", "finished", "stored", "objects", "acknowledged")},
        readers=READER,
        ender="withdraw",
        worker="begin",
        deaths=1,
    ),
    "an open share, the worker and a sweep": Share(
        **{name: getattr(_OPEN, name) for name in ("state", "rows", "finished", "stored", "objects", "acknowledged")},
        readers=READER,
        worker="begin",
        sweeps=True,
        days=1,
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_lost_and_nothing_leaves_after_the_end(name: str) -> None:
    explored = explore(SCENARIOS[name], partial(steps, Rules()), INVARIANTS)
    assert len(explored.origins) > 30


@pytest.mark.parametrize(
    ("fault", "scenario", "invariant"),
    [
        (Rules(writes_without_comparing=True), "two writers", "nothing acknowledged is lost"),
        (
            Rules(commits_after_the_deadline=True),
            "two writers, a day and a sweep",
            "no row refers to a missing object while the key exists",
        ),
        (
            Rules(commits_after_the_end=True),
            "a writer, a discarded draft and the worker",
            "no byte is committed after the end",
        ),
        (
            Rules(notes_before_destroying=True),
            "a reader, a withdrawal and the worker",
            "a key is noted as destroyed only when it is",
        ),
        (
            Rules(destroys_keys_of_open_shares=True),
            "an open share, the worker and a sweep",
            "no key of an open share is destroyed",
        ),
        (
            Rules(deletes_after_an_unknown_commit=True),
            "two writers",
            "no row refers to a missing object while the key exists",
        ),
    ],
)
def test_a_fault_in_the_rules_is_found(fault: Rules, scenario: str, invariant: str) -> None:
    with pytest.raises(Violated) as found:
        explore(SCENARIOS[scenario], partial(steps, fault), INVARIANTS)
    assert found.value.invariant == invariant
