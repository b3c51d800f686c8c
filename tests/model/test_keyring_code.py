"""The keyring takes the steps of its model: each trace is run through it on a real file, call by call."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deldokument.adapters.keys.keyring import SealedEntry, SealedKeyring, rotate_root
from deldokument.adapters.keys.sqlite import SqliteStore
from deldokument.domain.errors import Unavailable
from tests.fakes.root_keys import MemoryRootKeys
from tests.model.bridge import Actor, Death, Gated
from tests.model.explorer import Trace, explore
from tests.model.keyring_model import INVARIANTS, Entry, Keyring, Rules, steps
from tests.model.test_keyring_model import SCENARIOS
from tests.support.deployment.memory import folder_in_memory

pytestmark = pytest.mark.once

ID = "audit:tenant:2026-11"
_NODE = (
    {"read": "read", "root": "root", "add": "add", "reseal": "reseal", "remove": "remove"},
    {"find_root_key": "named"},
)
_ROTATION = ({"turn": "turn", "reseal": "reseal"}, {"retire": "retire"})
_RANDOM_TRACES = 12


class Listing:
    """A store whose passes over entries under other root keys wait for their grant."""

    def __init__(self, inner: Any, actor: Actor) -> None:
        self._inner, self._actor = inner, actor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def under_others(self, root_key_id: str) -> Iterator[list[SealedEntry]]:
        self._actor.gate("list")
        yield from self._inner.under_others(root_key_id)


class Replay:
    """Real actors over one file, and what the model's numbers stand for."""

    def __init__(self, path: Path, start: Keyring) -> None:
        self.roots = MemoryRootKeys()
        self._path = path
        self._store = SqliteStore(path, "root-1")
        self._keys: dict[int, bytes] = {}
        self.actors = {name: Actor(name, self._create) for name, _ in start.nodes}
        for actor in self.actors.values():
            actor.start()
        self._rotation: Actor | None = None
        self._rotations = 0

    def close(self) -> None:
        for actor in (*self.actors.values(), *([self._rotation] if self._rotation else [])):
            actor.end()
        self._store.close()

    def _create(self, actor: Actor) -> bytes:
        with closing(SqliteStore(self._path, "")) as store:
            keyring = SealedKeyring(Gated(store, actor, _NODE[0]), Gated(self.roots, actor, _NODE[1]))
            actor.is_gated = True
            return keyring.create(ID)

    def _rotate(self, actor: Actor) -> None:
        with closing(SqliteStore(self._path, "")) as store:
            gated = Listing(Gated(store, actor, _ROTATION[0]), actor)
            keyring = SealedKeyring(gated, Gated(self.roots, actor, _ROTATION[1]))
            actor.is_gated = True
            rotate_root(keyring)

    def take(self, actor: str, action: str) -> None:
        """Take a step of the model."""
        if actor == "destroyer":
            self._store.remove([ID])
        elif actor == "rotator":
            self._take_in_rotation(action)
        elif action == "dies":
            self.actors[actor].end()
        else:
            call, fails, _ = action.partition(" fails")
            self.actors[actor].grant(call, Unavailable("keyring") if fails else None)

    def _take_in_rotation(self, action: str) -> None:
        if action == "choose":
            assert self._rotation is None or self._rotation.ended
            self._rotation = Actor("rotator", self._rotate)
            self._rotation.start()
            return
        assert self._rotation is not None
        if action == "dies":
            self._rotation.end()
        else:
            self._rotation.grant(action)

    def compare(self, state: Keyring) -> None:
        """Check that the file and the root keys are as in the model."""
        assert self._store.root() == f"root-{state.named}"
        assert self.roots.ids() == [f"root-{number}" for number in range(state.oldest, state.newest + 1)]
        stored = self._store.read([ID])
        assert [Entry(int(one.root_key_id.removeprefix("root-")), self._number(one)) for one in stored] == (
            [state.entry] if state.entry else []
        )
        for name, node in state.nodes:
            self._compare_node(self.actors[name], node.at, node.entry)

    def _number(self, entry: SealedEntry) -> int:
        """Return the model's number of a stored key."""
        key = self.roots.find_root_key(entry.root_key_id).unwrap_all({entry.id: entry.sealed})[entry.id]
        return next((number for number, known in self._keys.items() if known == key), 0) or self._learn(key)

    def _learn(self, key: bytes) -> int:
        self._keys[len(self._keys) + 1] = key
        return len(self._keys)

    def _compare_node(self, actor: Actor, at: str, entry: Entry | None) -> None:
        assert actor.ended == (at in ("returned", "failed", "dead")), (actor, at)
        if at == "returned":
            assert entry is not None
            assert actor.result == self._keys[entry.key]
        elif at == "failed":
            assert isinstance(actor.error, Unavailable)
        elif at == "dead":
            assert isinstance(actor.error, Death)


def run(start: Keyring, trace: Trace[Keyring]) -> None:
    with ExitStack() as stack:
        replay = Replay(stack.enter_context(folder_in_memory()) / "keyring.sqlite3", start)
        stack.callback(replay.close)
        replay.compare(start)
        for step in trace:
            replay.take(step.actor, step.action)
            replay.compare(step.after)


def sampled(names: Collection[str]) -> Iterator[tuple[str, Keyring, Trace[Keyring]]]:
    for name in names:
        explored = explore(SCENARIOS[name], partial(steps, Rules()), INVARIANTS)
        for trace in explored.sample(_RANDOM_TRACES, seed=26):
            yield name, SCENARIOS[name], trace


def test_the_keyring_takes_the_steps_of_its_model() -> None:
    taken = set()
    for _, start, trace in sampled(SCENARIOS):
        run(start, trace)
        taken |= {str(step) for step in trace}
    # Every kind of transition was compared.
    assert len(taken) > 20


def test_a_step_that_the_keyring_does_not_take_is_found() -> None:
    start = SCENARIOS["two nodes and a rotation"]
    explored = explore(start, partial(steps, Rules(returns_without_following=True)), INVARIANTS)
    wrong = [trace for trace in explored.sample(5, seed=1) if any(step.actor == "second" for step in trace)]
    assert not all(_fits(start, trace) for trace in wrong)


def _fits(start: Keyring, trace: Trace[Keyring]) -> bool:
    try:
        run(start, trace)
    except AssertionError:
        return False
    return True
