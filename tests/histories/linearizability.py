"""Linearizability checker: whether concurrent operations took effect one at a time, each between call and return.

The algorithm is Wing and Gong's search with Lowe's memory of visited states. A history is linearizable if the history
of each object is (Herlihy and Wing), so objects are checked one by one.

An operation with an unknown outcome may have taken effect at any time after its call, or never. An example is a request
to a killed node.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

UNKNOWN: Final = "unknown"
"""Output of an operation whose outcome the client does not know."""
State = Hashable
Specification = Callable[[Any, "Operation"], Iterable[State]]
"""Returns the states that an object may have after an operation with that output; none if it cannot have it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a client on an object, with the instants of call and return on one clock."""

    key: str
    name: str
    value: Any
    output: Any
    called: int
    returned: int

    @property
    def is_known(self) -> bool:
        """Whether the client knows the outcome."""
        return self.output != UNKNOWN


@dataclass(frozen=True, slots=True)
class Violation:
    """An object whose history is not linearizable: the longest part of it that is, and the operations after it."""

    key: str
    linearized: tuple[Operation, ...]
    stuck_at: tuple[Operation, ...]
    state: State


def violations(history: Iterable[Operation], start: State, specification: Specification) -> list[Violation]:
    """Check every object by itself; ``start`` is the state of each before its first operation."""
    by_key: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in history:
        by_key[operation.key].append(operation)
    found = (_violation(one, start, specification) for one in by_key.values())
    return [one for one in found if one is not None]


def _violation(operations: Sequence[Operation], start: State, specification: Specification) -> Violation | None:
    ordered = sorted(operations, key=lambda one: one.called)
    everything = sum(1 << place for place, one in enumerate(ordered) if one.is_known)
    deepest: tuple[int, tuple[int, ...], State] = (-1, (), start)
    visited: set[tuple[int, State]] = {(0, start)}
    pending: list[tuple[int, State, tuple[int, ...]]] = [(0, start, ())]
    while pending:
        done, state, order = pending.pop()
        if done & everything == everything:
            return None
        if len(order) > deepest[0]:
            deepest = (len(order), order, state)
        for place in _minimal(ordered, done):
            for after in specification(state, ordered[place]):
                if after == state and not ordered[place].is_known:
                    # It may be left out instead. To try both would double the states with each such operation.
                    continue
                seen = (done | 1 << place, after)
                if seen not in visited:
                    visited.add(seen)
                    pending.append((*seen, (*order, place)))
    _, order, state = deepest
    taken = sum(1 << place for place in order)
    stuck = tuple(ordered[place] for place in _minimal(ordered, taken))
    return Violation(ordered[0].key, tuple(ordered[place] for place in order), stuck, state)


def _minimal(ordered: Sequence[Operation], done: int) -> list[int]:
    """Return the operations that may come next: those called before any other remaining one had returned."""
    candidates: list[int] = []
    first_return: int | None = None
    for place, one in enumerate(ordered):
        if done >> place & 1:
            continue
        if first_return is not None and one.called > first_return:
            break
        candidates.append(place)
        if one.is_known and (first_return is None or one.returned < first_return):
            first_return = one.returned
    return [place for place in candidates if first_return is None or ordered[place].called <= first_return]
