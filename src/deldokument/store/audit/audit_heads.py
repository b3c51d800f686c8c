"""Heads of the event log's chains, to which the next events are linked.

Guarantees:
- Transactions that record events of the same chain run one after the other.
- A tampered head, or an event inserted after it, is reported. Events can still be recorded.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, func, select

from deldokument.domain.chain import BEGINNING, Mark
from deldokument.store.engine.expressions import InList
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.engine.statements import Statements, param
from deldokument.store.tables.audit import audit_event, audit_head

_STEP = 1000
_MOST_EVENTS = 2**53
"""No chain has so many events. A head with a larger number would soon leave none for the next event."""

_event = audit_event.c
_key = param("key")
_beyond = select(func.min(_event.number)).where(_event.chain == audit_head.c.chain, _event.number > audit_head.c.number)
_heads = (
    select(*audit_head.c, _beyond.scalar_subquery().label("beyond"))
    .where(InList(audit_head.c.chain, "keys"))
    .order_by(audit_head.c.chain)
)
_ends = select(*audit_head.c, _event.hash.label("found")).join(
    audit_event, and_(_event.chain == audit_head.c.chain, _event.number == audit_head.c.number)
)
_marks = select(_event.chain, _event.number, _event.hash).where(_event.chain == _key)
_last = _marks.where(_event.number < param("before")).order_by(_event.number.desc()).limit(1)
_marked = _marks.where(_event.number == param("marked"))
_following = _marks.where(_event.number > param("after")).order_by(_event.number).limit(_STEP)


def lock_heads(work: Statements, chains: Sequence[str]) -> dict[str, Mark]:
    """Return the heads, locked, and created if missing. Concurrent transactions that create or lock them wait here.

    ``chains`` must be in order, so that no two transactions deadlock. A chain is created together with its tenant, in a
    transaction that records events of no other chain.
    """
    heads = _lock(work, chains)
    missing = [chain for chain in chains if chain not in heads]
    if not missing:
        return heads
    for chain in missing:
        work.insert_once(audit_head, {"chain": chain, "number": BEGINNING.number, "hash": BEGINNING.hash})
    return _lock(work, chains)


def chain_ends(work: Statements) -> dict[str, Mark]:
    """Return the heads whose event exists, in one query for all chains."""
    return {row.chain: Mark(row.number, row.hash) for row in work.rows(_ends) if row.found == row.hash}


def has_event(work: Statements, chain: str, mark: Mark) -> bool:
    """Return whether the chain contains an event with this number and hash."""
    row = work.first(_marked, {"key": chain, "marked": mark.number})
    return row is not None and Mark(row.number, row.hash) == mark


def _lock(work: Statements, chains: Sequence[str]) -> dict[str, Mark]:
    return {
        row.chain: _end_of_chain(work, row) for row in work.rows_in_batches(work.with_row_locks(_heads), "keys", chains)
    }


def _end_of_chain(work: Statements, row: Row[Any]) -> Mark:
    """Return the mark that the next event follows: the head, or if that is invalid, the last event before a gap."""
    # The schema's owner can admit NULL.
    head = Mark(-1 if row.number is None else row.number, row.hash or b"")
    is_plausible = 0 <= head.number < _MOST_EVENTS and len(head.hash) == len(BEGINNING.hash)
    if is_plausible and row.beyond != head.number + 1:
        return head
    work.damage.report(DamagedRow("audit_head", row.chain))
    last = work.first(_last, {"key": row.chain, "before": min(max(head.number, 0) + 1, _MOST_EVENTS)})
    end = Mark(last.number, last.hash) if last else BEGINNING
    while following := work.rows(_following, {"key": row.chain, "after": end.number}):
        for one in following:
            if one.number != end.number + 1:
                return end
            end = Mark(one.number, one.hash)
    return end
