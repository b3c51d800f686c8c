"""Model of the keyring: two nodes create one entry, one destroys it, and the root key is rotated, each step by step.

A step is one call of the store or of the root keys, as `adapters.keys.keyring` makes them. A key is a number, and so is
a root key. A node may die before any step, and one call of a store may fail.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from tests.model.explorer import Step

TRIES = 3
"""How often a node begins to create an entry."""


class Entry(NamedTuple):
    """The stored entry: a key under a root key."""

    root: int
    key: int


class Node(NamedTuple):
    """A node's position in its call, and what it remembers."""

    at: str = "read"
    tries: int = 0
    entry: Entry | None = None
    root: int = 0
    is_own: bool = False
    matches: bool = False


class Rotator(NamedTuple):
    """The rotation's position."""

    at: str = "begin"
    target: int = 0
    batch: Entry | None = None


@dataclass(frozen=True, slots=True)
class Keyring:
    """The state: the store, the root keys, the actors, and what nodes have returned or destroyed."""

    nodes: tuple[tuple[str, Node], ...]
    rotator: Rotator
    destroyers: int
    entry: Entry | None = None
    named: int = 1
    oldest: int = 1
    newest: int = 1
    created: int = 0
    returned: frozenset[int] = frozenset()
    destroyed: frozenset[int] = frozenset()
    failures: int = 0
    deaths: int = 0
    rotations: int = 1


@dataclass(frozen=True, slots=True)
class Rules:
    """Variants of the code. ``adds_atomically``: the store compares the named root key in `add` (SQLite, PostgreSQL).

    The others are faults, each of which an invariant must find.
    """

    adds_atomically: bool = True
    removes_after_any_error: bool = False
    returns_without_following: bool = False
    reseals_without_comparing: bool = False
    retires_too_early: bool = False


Steps = Iterator[Step[Keyring]]


def exists(state: Keyring, root: int) -> bool:
    """Return whether a root key exists."""
    return state.oldest <= root <= state.newest


def steps(rules: Rules, state: Keyring) -> Steps:
    """Yield every step that an actor may take."""
    for name, node in state.nodes:
        if node.at in ("returned", "failed", "dead"):
            continue
        for action, after, own in _node_steps(rules, state, node):
            nodes = tuple((other, own if other == name else one) for other, one in state.nodes)
            yield Step(name, action, replace(after, nodes=nodes))
        if state.deaths:
            nodes = tuple((other, Node("dead") if other == name else one) for other, one in state.nodes)
            yield Step(name, "dies", replace(state, nodes=nodes, deaths=state.deaths - 1))
    if state.destroyers:
        gone = {state.entry.key} if state.entry else set[int]()
        after = replace(state, entry=None, destroyers=state.destroyers - 1)
        yield Step(
            "destroyer", "remove", replace(after, destroyed=state.destroyed | gone, returned=state.returned - gone)
        )
    yield from _rotator_steps(rules, state)


_NodeSteps = Iterator[tuple[str, Keyring, Node]]


def _node_steps(rules: Rules, state: Keyring, node: Node) -> _NodeSteps:
    yield from _CREATION[node.at](rules, state, node)
    if state.failures and node.at.startswith("follow") and node.at != "follow_named":
        failed = replace(state, failures=state.failures - 1)
        removes = rules.removes_after_any_error and node.is_own
        yield f"{_call(node.at)} fails", failed, node._replace(at="remove" if removes else "failed")


def _call(at: str) -> str:
    """Return the call that a position stands for."""
    return at.split("_")[1]


def _read(_: Rules, state: Keyring, node: Node) -> _NodeSteps:
    at = "open" if state.entry else "root"
    yield "read", state, node._replace(at=at, entry=state.entry, is_own=False)


def _open(rules: Rules, state: Keyring, node: Node) -> _NodeSteps:
    assert node.entry is not None
    if not exists(state, node.entry.root):
        yield "named", state, node._replace(at="read_again")
    elif rules.returns_without_following:
        yield from _returning("named", state, node)
    else:
        yield "named", state, node._replace(at="follow_root")


def _read_again(_: Rules, state: Keyring, node: Node) -> _NodeSteps:
    assert node.entry is not None
    if state.entry is None:
        yield "read", state, node._replace(at="root", entry=None)
    else:
        is_stuck = state.entry.root == node.entry.root
        yield "read", state, node._replace(at="failed" if is_stuck else "open", entry=state.entry)


def _root(_: Rules, state: Keyring, node: Node) -> _NodeSteps:
    yield "root", state, node._replace(at="named", root=state.named)


def _named(_: Rules, state: Keyring, node: Node) -> _NodeSteps:
    yield "named", state, node._replace(at="add" if exists(state, node.root) else "root_again")


def _root_again(_: Rules, state: Keyring, node: Node) -> _NodeSteps:
    yield "root", state, node._replace(at="failed" if state.named == node.root else "root")


def _add(rules: Rules, state: Keyring, node: Node) -> _NodeSteps:
    if state.entry or (rules.adds_atomically and state.named != node.root):
        tries = node.tries + 1
        yield "add", state, node._replace(at="failed" if tries == TRIES else "read", tries=tries)
    else:
        entry = Entry(node.root, state.created + 1)
        after = replace(state, entry=entry, created=entry.key)
        yield "add", after, node._replace(at="follow_root", entry=entry, is_own=True)


def _follow_root(_: Rules, state: Keyring, node: Node) -> _NodeSteps:
    yield "root", state, node._replace(at="follow_named", root=state.named)


def _follow_named(_: Rules, state: Keyring, node: Node) -> _NodeSteps:
    assert node.entry is not None
    if not exists(state, node.root):
        yield "named", state, node._replace(at="follow_root_again")
    elif node.entry.root == node.root:
        yield from _returning("named", state, node)
    else:
        yield "named", state, node._replace(at="follow_read")


def _follow_root_again(_: Rules, state: Keyring, node: Node) -> _NodeSteps:
    yield "root", state, node._replace(at="failed" if state.named == node.root else "follow_root")


def _follow_read(_: Rules, state: Keyring, node: Node) -> _NodeSteps:
    yield "read", state, node._replace(at="follow_reseal", matches=state.entry == node.entry)


def _follow_reseal(rules: Rules, state: Keyring, node: Node) -> _NodeSteps:
    assert node.entry is not None
    fresh = Entry(node.root, node.entry.key)
    writes = node.matches and (state.entry == node.entry or rules.reseals_without_comparing)
    after = replace(state, entry=fresh) if writes else state
    yield "reseal", after, node._replace(at="follow_root", entry=fresh)


def _remove(_: Rules, state: Keyring, node: Node) -> _NodeSteps:
    yield "remove", replace(state, entry=None), node._replace(at="failed")


def _returning(action: str, state: Keyring, node: Node) -> _NodeSteps:
    assert node.entry is not None
    key = node.entry.key
    # A key that was destroyed before its node returned it is destroyed, not lost.
    returned = state.returned | ({key} - state.destroyed)
    yield action, replace(state, returned=returned), node._replace(at="returned")


_CREATION = {
    "read": _read,
    "open": _open,
    "read_again": _read_again,
    "root": _root,
    "named": _named,
    "root_again": _root_again,
    "add": _add,
    "follow_root": _follow_root,
    "follow_named": _follow_named,
    "follow_root_again": _follow_root_again,
    "follow_read": _follow_read,
    "follow_reseal": _follow_reseal,
    "remove": _remove,
}


def _rotator_steps(rules: Rules, state: Keyring) -> Steps:
    rotator = state.rotator
    for action, after, own in _rotation(rules, state, rotator):
        yield Step("rotator", action, replace(after, rotator=own))
    if state.deaths and rotator.at not in ("begin", "done"):
        # The operator repeats the command, which continues with the newest root key.
        yield Step("rotator", "dies", replace(state, rotator=Rotator(), deaths=state.deaths - 1))


def _rotation(rules: Rules, state: Keyring, rotator: Rotator) -> Iterator[tuple[str, Keyring, Rotator]]:
    target = rotator.target
    if rotator.at == "begin" and (state.rotations or state.oldest < state.newest):
        is_new = state.oldest == state.newest
        newest, left = state.newest + is_new, state.rotations - is_new
        at = "list" if state.named == newest else "turn"
        yield "choose", replace(state, newest=newest, rotations=left), Rotator(at, newest)
    elif rotator.at == "turn":
        after = "retire" if rules.retires_too_early else "list"
        yield "turn", replace(state, named=target), rotator._replace(at=after)
    elif rotator.at == "list":
        other = state.entry if state.entry and state.entry.root != target else None
        if other:
            yield "list", state, rotator._replace(at="reseal", batch=other)
        else:
            yield "list", state, Rotator("retire", target)
    elif rotator.at == "reseal":
        assert rotator.batch is not None
        writes = state.entry == rotator.batch or rules.reseals_without_comparing
        fresh = Entry(target, rotator.batch.key)
        after_reseal = replace(state, entry=fresh) if writes else state
        # One more pass after the last change.
        yield "reseal", after_reseal, Rotator("list", target)
    elif rotator.at == "retire":
        yield "retire", replace(state, oldest=target), Rotator("begin" if state.rotations else "done")


def _opens(state: Keyring) -> bool:
    """Nothing returned is lost: the key is stored, under a root key that exists."""
    entry = state.entry
    return all(entry is not None and entry.key == key and exists(state, entry.root) for key in state.returned)


INVARIANTS = {
    "a key that was returned is not lost, also by a rotation": _opens,
    "a destroyed key never comes back": lambda state: state.entry is None or state.entry.key not in state.destroyed,
    "two nodes that create one entry return one key": lambda state: len(state.returned) <= 1,
}
