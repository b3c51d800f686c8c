"""Model of a share's bytes: uploads by compare-and-set, the end of the share, destruction of its key, and sweeping.

A step is one transaction, or one call of the keyring or the store, as the use cases make them. A byte is a stored
object of its own. A process may die before any step, and the answer to a commit may be lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from tests.model.explorer import Step

LENGTH = 2
ENDED = ("refused", "acknowledged", "served", "unknown", "dead", "done")


class Writer(NamedTuple):
    """A request that sends one byte at the offset that it has asked for."""

    at: str = "ask"
    offset: int = 0
    object: int = 0


class Reader(NamedTuple):
    """A download of the first byte."""

    at: str = "decide"
    was_open: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """The database, the store, the keyring, the actors, and the answers to clients."""

    writers: tuple[tuple[str, Writer], ...] = ()
    readers: tuple[tuple[str, Reader], ...] = ()
    ender: str = ""
    worker: str = ""
    sweeps: bool = False
    state: str = "draft"
    rows: tuple[int, ...] = ()
    finished: bool = False
    stored: frozenset[int] = frozenset()
    old: frozenset[int] = frozenset()
    garbage: frozenset[int] = frozenset()
    key: bool = True
    noted: bool = False
    released: bool = False
    locked: bool = False
    objects: int = 0
    acknowledged: tuple[int, ...] = ()
    token_is_over: bool = False
    committed_after_the_end: bool = False
    served_after_the_end: bool = False
    days: int = 0
    deaths: int = 0
    lost_answers: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """Faults of variants of the code, each of which an invariant must find."""

    writes_without_comparing: bool = False
    commits_after_the_deadline: bool = False
    commits_after_the_end: bool = False
    notes_before_destroying: bool = False
    destroys_keys_of_open_shares: bool = False
    deletes_after_an_unknown_commit: bool = False


Steps = Iterator[Step[Share]]
_Own = TypeVar("_Own")


def steps(rules: Rules, state: Share) -> Steps:
    """Yield every step that an actor may take."""
    for name, writer in state.writers:
        if writer.at not in ENDED:
            for action, after, own in _writer_steps(rules, state, writer):
                yield Step(name, action, replace(after, writers=_with(after.writers, name, own)))
    for name, reader in state.readers:
        if reader.at not in ENDED:
            for action, after, own in _reader_steps(state, reader):
                yield Step(name, action, replace(after, readers=_with(after.readers, name, own)))
    if state.ender and not state.locked and state.state in ("draft", "available"):
        after = {"discard": "abandoned", "withdraw": "withdrawn"}[state.ender]
        yield Step("ender", state.ender, replace(state, state=after, ender=""))
    yield from _worker_steps(rules, state)
    yield from _sweeper_steps(state)


def _with(actors: tuple[tuple[str, _Own], ...], name: str, own: _Own) -> tuple[tuple[str, _Own], ...]:
    return tuple((other, own if other == name else one) for other, one in actors)


def _writer_steps(rules: Rules, state: Share, writer: Writer) -> Iterator[tuple[str, Share, Writer]]:
    offset = len(state.rows)
    if writer.at == "ask":
        if state.state != "draft" or state.finished or state.token_is_over:
            yield "read", state, writer._replace(at="refused")
        else:
            yield "read", state, writer._replace(at="look", offset=offset)
    elif writer.at == "look":
        accepted = state.state == "draft" and not state.finished and not state.token_is_over
        yield "read", state, writer._replace(at="key" if accepted and offset == writer.offset else "refused")
    elif writer.at == "key":
        yield "key", state, writer._replace(at="store" if state.key else "refused")
    elif writer.at == "store":
        newest = state.objects + 1
        yield (
            "store",
            replace(state, objects=newest, stored=state.stored | {newest}),
            writer._replace(at="move", object=newest),
        )
    elif writer.at == "move" and not state.locked:
        yield from _moves(rules, state, writer)
    elif writer.at == "drop":
        yield "delete", replace(state, stored=state.stored - {writer.object}), writer._replace(at="refused")
    elif writer.at == "compact":
        yield "read", _acknowledge(state, writer), writer._replace(at="acknowledged")
    if state.deaths:
        yield "dies", replace(state, deaths=state.deaths - 1), writer._replace(at="dead")


def _moves(rules: Rules, state: Share, writer: Writer) -> Iterator[tuple[str, Share, Writer]]:
    permitted = (
        (state.state == "draft" or rules.commits_after_the_end)
        and (not state.token_is_over or rules.commits_after_the_deadline)
        and not state.finished
    )
    if not permitted or (len(state.rows) != writer.offset and not rules.writes_without_comparing):
        yield "write", state, writer._replace(at="drop")
        return
    rows = (*state.rows[: writer.offset], writer.object)
    late = state.committed_after_the_end or state.state != "draft"
    after = replace(state, rows=rows, finished=len(rows) == LENGTH, committed_after_the_end=late)
    if after.finished:
        yield "write", _acknowledge(after, writer), writer._replace(at="acknowledged")
    else:
        yield "write", after, writer._replace(at="compact")
    if state.lost_answers:
        stored = after.stored - {writer.object} if rules.deletes_after_an_unknown_commit else after.stored
        lost = replace(after, lost_answers=state.lost_answers - 1, stored=stored)
        yield "write loses its answer", lost, writer._replace(at="unknown")


def _acknowledge(state: Share, writer: Writer) -> Share:
    """Acknowledge the offset after the writer's byte."""
    upto = writer.offset + 1
    acknowledged = (
        state.acknowledged if len(state.acknowledged) >= upto else (*state.rows[: writer.offset], writer.object)
    )
    return replace(state, acknowledged=acknowledged)


def _reader_steps(state: Share, reader: Reader) -> Iterator[tuple[str, Share, Reader]]:
    is_open = state.state == "available"
    if reader.at == "decide":
        # One transaction decides, and reads the document and its keys. Without the share key it is decided again, and
        # the share must have ended.
        at = ("fetch" if state.key else "decide") if is_open else "refuse"
        yield "read", state, Reader(at, is_open)
    elif reader.at == "refuse" and not state.locked:
        yield "write", state, reader._replace(at="refused")
    elif reader.at == "fetch":
        has_object = bool(state.rows) and state.rows[0] in state.stored
        late = state.served_after_the_end or not reader.was_open
        yield (
            "fetch",
            replace(state, served_after_the_end=late),
            reader._replace(at="served" if has_object else "refused"),
        )


def _worker_steps(rules: Rules, state: Share) -> Steps:
    for action, after, at in _rounds(rules, state):
        yield Step("worker", action, replace(after, worker=at))
    if state.deaths and state.worker not in ("", "begin", "done"):
        # Another worker begins; the database has rolled back what was not committed.
        yield Step("worker", "dies", replace(state, worker="begin", locked=False, deaths=state.deaths - 1))


def _rounds(rules: Rules, state: Share) -> Iterator[tuple[str, Share, str]]:
    is_due = state.state in ("abandoned", "withdrawn") and not state.noted
    is_due = is_due or (rules.destroys_keys_of_open_shares and not state.noted)
    if state.worker == "begin" and not state.locked:
        # Ends by time come first: here are none.
        yield "write", replace(state, locked=True), "commit no end by time"
    elif state.worker == "commit no end by time":
        yield "commit", replace(state, locked=False), "early"
    elif state.worker == "early" and not state.locked:
        noted = state.noted or (is_due and rules.notes_before_destroying)
        yield "write", replace(state, locked=True, noted=noted), "destroy" if is_due else "commit nothing"
    elif state.worker == "destroy":
        yield "destroy", replace(state, key=False), "commit"
    elif state.worker == "commit":
        yield "commit", replace(state, locked=False, noted=True), "release"
    elif state.worker == "commit nothing":
        yield "commit", replace(state, locked=False), "release"
    elif state.worker == "release" and not state.locked:
        parts = frozenset(state.rows) if state.noted and not state.released else frozenset[int]()
        after = replace(state, garbage=state.garbage | parts, released=state.noted)
        yield "write", after, "collect"
    elif state.worker == "collect":
        yield "read", state, "delete" if state.garbage else "done"
    elif state.worker == "delete":
        yield "delete", replace(state, stored=state.stored - state.garbage), "forget"
    elif state.worker == "forget" and not state.locked:
        yield "write", replace(state, garbage=frozenset()), "done"


def _sweeper_steps(state: Share) -> Steps:
    if state.days:
        later = replace(state, old=state.stored, token_is_over=True, days=state.days - 1)
        yield Step("time", "a day passes", later)
    if state.sweeps and not state.locked:
        known = frozenset(state.rows) | state.garbage
        swept = replace(state, stored=state.stored - (state.old - known), sweeps=False)
        yield Step("sweeper", "sweep", swept)


def _keeps_what_it_acknowledged(state: Share) -> bool:
    """Acknowledged rows exist, and their objects are stored, until the share has ended."""
    acknowledged = state.acknowledged
    is_kept = state.rows[: len(acknowledged)] == acknowledged and set(acknowledged) <= state.stored
    return is_kept or state.state in ("abandoned", "withdrawn")


def _one_wins(state: Share) -> bool:
    """Writers that were acknowledged wrote at different offsets."""
    offsets = [writer.offset for _, writer in state.writers if writer.at == "acknowledged"]
    return len(set(offsets)) == len(offsets)


INVARIANTS = {
    "nothing acknowledged is lost": _keeps_what_it_acknowledged,
    "of two writers at one offset one wins": _one_wins,
    "no byte is committed after the end": lambda state: not state.committed_after_the_end,
    "no byte leaves after the end": lambda state: not state.served_after_the_end,
    "a key is noted as destroyed only when it is": lambda state: not (state.noted and state.key),
    "no key of an open share is destroyed": lambda state: state.key or state.state in ("abandoned", "withdrawn"),
    "no row refers to a missing object while the key exists": lambda state: (
        set(state.rows) <= state.stored or state.noted
    ),
}
