"""Explicit-state explorer: visits every state that actors can reach, in every order of their steps.

The search is breadth-first, so a violated invariant comes with a shortest trace to it.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Generic, TypeVar

State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Step(Generic[State]):
    """One atomic step of an actor, and the state after it."""

    actor: str
    action: str
    after: State

    def __str__(self) -> str:
        return f"{self.actor}: {self.action}"


Trace = tuple[Step[State], ...]
Steps = Callable[[State], Iterable[Step[State]]]
Invariants = Mapping[str, Callable[[State], bool]]


class Violated(Exception, Generic[State]):
    """An invariant does not hold after a trace."""

    def __init__(self, invariant: str, trace: Trace[State]) -> None:
        super().__init__(f"{invariant}, after {'; '.join(map(str, trace))}")
        self.invariant = invariant
        self.trace = trace


@dataclass
class Explored(Generic[State]):
    """All reachable states, each with the step that first led to it and the state before."""

    start: State
    steps: Steps[State]
    origins: dict[State, tuple[State, Step[State]] | None] = field(default_factory=dict)
    transitions: int = 0

    def trace_to(self, state: State) -> Trace[State]:
        """Return a shortest trace to a state."""
        found: list[Step[State]] = []
        while (origin := self.origins[state]) is not None:
            state, step = origin
            found.append(step)
        return tuple(reversed(found))

    def each_kind(self) -> Iterator[Trace[State]]:
        """Yield a trace that ends with the first transition of each kind."""
        seen = set[str]()
        for state in self.origins:
            for step in self.steps(state):
                if str(step) not in seen:
                    seen.add(str(step))
                    yield (*self.trace_to(state), step)

    def sample(self, count: int, seed: int) -> list[Trace[State]]:
        """Return traces to an end: one through the first transition of each kind, and random ones."""
        random = Random(seed)
        return [self._completed(trace, random) for trace in (*self.each_kind(), *[()] * count)]

    def _completed(self, trace: Trace[State], random: Random) -> Trace[State]:
        state = trace[-1].after if trace else self.start
        while choices := list(self.steps(state)):
            step = random.choice(choices)
            trace, state = (*trace, step), step.after
        return trace


def explore(start: State, steps: Steps[State], invariants: Invariants[State]) -> Explored[State]:
    """Visit every reachable state. Raises: Violated with a shortest trace."""
    explored = Explored(start, steps, {start: None})
    pending = deque([start])
    while pending:
        state = pending.popleft()
        for name, holds in invariants.items():
            if not holds(state):
                raise Violated(name, explored.trace_to(state))
        for step in steps(state):
            explored.transitions += 1
            if step.after not in explored.origins:
                explored.origins[step.after] = (state, step)
                pending.append(step.after)
    return explored
