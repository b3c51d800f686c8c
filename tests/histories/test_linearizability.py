"""The checker accepts what can have happened one after the other, and rejects everything else."""

import itertools
from random import Random
from typing import Any

import pytest

from tests.histories.linearizability import UNKNOWN, Operation, violations
from tests.histories.specifications import CONFLICT, Patch, Refused, ShareStatus, UploadState, share, upload

pytestmark = pytest.mark.once


def history(*rows: tuple[int, int, str, Any, Any]) -> list[Operation]:
    """Operations on one object: call, return, name, value and output."""
    return [Operation("one", name, value, output, called, returned) for called, returned, name, value, output in rows]


def is_linearizable(operations: list[Operation]) -> bool:
    start, specification = (
        (ShareStatus(), share) if {one.name for one in operations} & SHARE_WORDS else (UploadState(), upload)
    )
    return not violations(operations, start, specification)


SHARE_WORDS = {"publish", "withdraw", "look", "move_end", "see", "propose", "approve", "peek"}
A, B = Patch(0, b"a"), Patch(0, b"b")
GOOD = {
    "one after the other": history((1, 2, "patch", A, 1), (3, 4, "head", None, 1), (5, 6, "content", None, b"a")),
    "a read during a write sees either": history(
        (1, 9, "patch", A, 1), (2, 3, "head", None, 0), (4, 5, "head", None, 1)
    ),
    "one of two writers wins": history(
        (1, 5, "patch", A, 1), (2, 6, "patch", B, Refused(1)), (7, 8, "content", None, b"a")
    ),
    "an unknown write took effect": history((1, 2, "patch", A, UNKNOWN), (3, 4, "head", None, 1)),
    "an unknown write took no effect": history((1, 2, "patch", A, UNKNOWN), (3, 4, "head", None, 0)),
    "an unknown write takes effect late": history(
        (1, 2, "patch", A, UNKNOWN), (3, 4, "head", None, 0), (5, 6, "head", None, 1)
    ),
    "an unknown write took effect in part": history(
        (1, 2, "patch", Patch(0, b"abc"), UNKNOWN), (3, 4, "content", None, b"ab")
    ),
    "a share is withdrawn while somebody looks": history(
        (1, 2, "publish", "a", "ok"), (3, 6, "withdraw", None, "ok"), (4, 5, "look", None, "available"),
        (7, 8, "look", None, "withdrawn"), (9, 10, "withdraw", None, CONFLICT),
    ),
    "the end was moved by a request that broke off": history(
        (1, 2, "publish", "a", "ok"), (3, 4, "move_end", "b", UNKNOWN), (5, 6, "see", None, ("available", "b"))
    ),
    "the sharer lets in whom another proposed": history(
        (1, 2, "publish", "a", "ok"), (3, 4, "propose", None, UNKNOWN), (5, 8, "approve", None, "ok"),
        (6, 7, "peek", None, "missing"), (9, 10, "peek", None, "available"),
    ),
}  # fmt: skip
BAD = {
    "an acknowledged byte is lost": history((1, 2, "patch", A, 1), (3, 4, "head", None, 0)),
    "two writers win": history((1, 5, "patch", A, 1), (2, 6, "patch", B, 1)),
    "the loser's bytes are stored": history(
        (1, 5, "patch", A, 1), (2, 6, "patch", B, Refused(1)), (7, 8, "content", None, b"b")
    ),
    "an offset goes back": history(
        (1, 2, "patch", A, UNKNOWN), (3, 4, "head", None, 1), (5, 6, "head", None, 0)
    ),
    "a write is seen before it is sent": history((1, 2, "head", None, 1), (3, 4, "patch", A, 1)),
    "a write is refused at the right offset": history((1, 2, "patch", A, Refused(0))),
    "a refusal names a stale offset": history((1, 2, "patch", A, 1), (3, 4, "patch", A, Refused(0))),
    "an unknown write takes effect before its call": history((1, 2, "head", None, 1), (3, 4, "patch", A, UNKNOWN)),
    "bytes appear twice": history((1, 2, "patch", A, UNKNOWN), (3, 4, "content", None, b"aa")),
    "a byte leaves after the end": history(
        (1, 2, "publish", "a", "ok"), (3, 4, "withdraw", None, "ok"), (5, 6, "look", None, "available")
    ),
    "a share is withdrawn twice": history(
        (1, 2, "publish", "a", "ok"), (3, 6, "withdraw", None, "ok"), (4, 7, "withdraw", None, "ok")
    ),
    "an end that was moved is forgotten": history(
        (1, 2, "publish", "a", "ok"), (3, 4, "move_end", "b", "ok"), (5, 6, "see", None, ("available", "a"))
    ),
    "what was withdrawn comes back": history(
        (1, 2, "publish", "a", "ok"), (3, 4, "withdraw", None, UNKNOWN), (5, 6, "look", None, "withdrawn"),
        (7, 8, "look", None, "available"),
    ),
    "a proposal lets in": history(
        (1, 2, "publish", "a", "ok"), (3, 4, "propose", None, "ok"), (5, 6, "peek", None, "available")
    ),
    "a proposal is approved after the withdrawal": history(
        (1, 2, "publish", "a", "ok"), (3, 4, "propose", None, "ok"), (5, 6, "withdraw", None, "ok"),
        (7, 8, "approve", None, "ok"),
    ),
    "an approval is lost": history(
        (1, 2, "publish", "a", "ok"), (3, 4, "propose", None, "ok"), (5, 6, "approve", None, "ok"),
        (7, 8, "peek", None, "missing"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_can_have_happened_is_accepted(name: str) -> None:
    assert is_linearizable(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_have_happened_is_rejected(name: str) -> None:
    assert not is_linearizable(BAD[name])


def test_a_violation_names_the_object_and_the_operation_that_fits_nowhere() -> None:
    good = [Operation("other", "patch", A, 1, 1, 2)]
    [found] = violations([*good, *BAD["an acknowledged byte is lost"]], UploadState(), upload)
    assert found.key == "one"
    assert [one.name for one in found.linearized] == ["patch"]
    assert [(one.name, one.output) for one in found.stuck_at] == [("head", 0)]


def by_trying_every_order(operations: list[Operation]) -> bool:
    """Linearizability by definition: some order of some of the unknown and all other operations fits."""
    known = [one for one in operations if one.is_known]
    unknown = [one for one in operations if not one.is_known]
    chosen = (known + list(some) for n in range(len(unknown) + 1) for some in itertools.combinations(unknown, n))
    orders = (order for some in chosen for order in itertools.permutations(some))
    return any(_keeps_real_time(order) and _fits(order) for order in orders)


def _keeps_real_time(order: tuple[Operation, ...]) -> bool:
    return not any(
        later.is_known and later.returned < earlier.called for earlier, later in itertools.combinations(order, 2)
    )


def _fits(order: tuple[Operation, ...]) -> bool:
    states = {UploadState()}
    for one in order:
        states = {after for state in states for after in upload(state, one)}
    return bool(states)


def test_the_search_agrees_with_the_definition_on_random_histories() -> None:
    random, results = Random(26), []
    for _ in range(400):
        operations = _random_history(random)
        results.append(is_linearizable(operations))
        assert results[-1] == by_trying_every_order(operations)
    # Otherwise the comparison shows little.
    assert 100 < sum(results) < 300


def _random_history(random: Random) -> list[Operation]:
    rows = []
    for letter in (b"a", b"b", b"c", b"d"):
        called = random.randrange(8)
        times = (called, called + random.randrange(1, 8))
        offset = random.randrange(2)
        outputs = [offset + 1, offset + 1, offset + 1, Refused(1 - offset), UNKNOWN]
        rows.append(
            random.choice(
                [(*times, "patch", Patch(offset, letter), random.choice(outputs)), (*times, "head", None, offset)]
            )
        )
    return history(*rows)


def test_many_operations_with_unknown_outcomes_are_checked() -> None:
    operations = [Operation("one", "patch", Patch(number, b"xyz"), UNKNOWN, number, number + 1) for number in range(60)]
    operations += [Operation("one", "head", None, 3 * number, 100 + number, 100 + number) for number in range(1, 20)]
    assert violations(operations, UploadState(), upload) == []
    withdrawn = [Operation("one", "withdraw", None, UNKNOWN, number, number + 1) for number in range(2, 40)]
    published = Operation("one", "publish", "a", "ok", 0, 1)
    seen = Operation("one", "see", None, ("draft", ""), 90, 91)
    assert len(violations([published, *withdrawn, seen], ShareStatus(), share)) == 1


def test_a_long_history_of_overlapping_operations_is_checked() -> None:
    operations = []
    for number in range(200):
        sent, now = Patch(number, b"x"), 10 * number
        operations.append(Operation("one", "patch", sent, number + 1, now, now + 25))
        operations.append(Operation("one", "head", None, number, now - 5, now + 3))
        operations.append(Operation("one", "patch", sent, UNKNOWN, now, now + 20))
    assert violations(operations, UploadState(), upload) == []
