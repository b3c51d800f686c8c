"""The audit trail in tables: a hash chain with its head for each tenant.

Guarantees:
- The events of a chain have consecutive numbers and are linked in that order.
- Each event has a tag, so that verification detects forged events.
- Chains do not wait for each other.
- Changed events and a missing tail are detected.
- Verification needs constant memory for a trail of any length.
- All queries for events use an index.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import merge
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    func,
    insert,
    literal,
    select,
    tuple_,
    type_coerce,
    union,
    update,
)

from deldokument.domain.audit import NAMING_DOCUMENTS, REVISING, AuditEvent, EventKind
from deldokument.domain.chain import BEGINNING, ChainCheck, Fault, Flaw, Link, Mark, check_chain
from deldokument.domain.errors import Broken
from deldokument.store.audit.audit_heads import chain_ends, has_event, lock_heads
from deldokument.store.audit.checkpoints import Checkpoints
from deldokument.store.audit.event_rows import StoredEvent, chained_event, is_own, link_of, stored_event
from deldokument.store.engine.column_types import UtcMicros
from deldokument.store.engine.statements import Statements, param
from deldokument.store.tables.audit import (
    audit_checkpoint,
    audit_event,
    audit_head,
)

Place = tuple[datetime, int]
"""Position of an event in the order of a search: time, then number."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A filter for the events of one chain, at or after ``since`` and before ``until``. None: no restriction.

    ``subject_ids`` are the ids of one person; an empty tuple matches nothing.
    """

    chain: str
    since: datetime | None = None
    until: datetime | None = None
    kind: EventKind | None = None
    share_id: str | None = None
    subject_ids: tuple[str, ...] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the filter matches every event of the chain."""
        return self == EventFilter(self.chain)


_STEP = 1000

_event = audit_event.c
_place = tuple_(_event.at, _event.number)
_key, _most = param("key"), param("most")

_head = select(audit_head).where(audit_head.c.chain == _key)
_move_head = update(audit_head).where(audit_head.c.chain == _key).values(number=param("moved_to"), hash=param("link"))
_append = insert(audit_event)

_events = select(audit_event).order_by(_event.at.desc(), _event.chain.desc(), _event.number.desc()).limit(_most)
_events_of_share = (
    select(audit_event)
    .where(_event.share_id == param("share"))
    .order_by(_event.at.desc(), _event.number.desc())
    .limit(_most)
)
_following = (
    select(audit_event)
    .where(_event.chain == _key, _event.number > param("after"), _event.number <= param("last"))
    .order_by(_event.number)
    .limit(_most)
)
# Times as stored: an invalid time must not hide the event's other columns.
_microseconds = type_coerce(_event.at, BigInteger).label("microseconds")
_links = (
    select(*(_microseconds if column is _event.at else column for column in _event))
    .where(_event.chain == _key, _event.number > param("after"))
    .order_by(_event.number)
    .limit(_most)
)

_chains = union(select(_event.chain), select(audit_head.c.chain), select(audit_checkpoint.c.chain)).order_by("chain")


class Audit:
    """The events of the audit trail."""

    def __init__(self, work: Statements, checkpoints: Checkpoints) -> None:
        self._work = work
        self._checkpoints = checkpoints
        self._waiting: list[AuditEvent] = []

    def append(self, event: AuditEvent) -> None:
        """Write the event at the end of the transaction, linked to the last event of its chain.

        From that write on, transactions that append to the same chain wait for each other.

        Raises: Broken in a read transaction.
        """
        if not self._work.writing:
            raise Broken("an event in a transaction that only reads")
        self._waiting.append(event)

    def revise(self, share_id: str, revision: int, documents: bytes | None) -> bool:
        """Set the revision in the pending event that records a change of the share; return False if there is none.

        ``documents``: the digest for the events that name the documents.
        """
        about = [place for place, event in enumerate(self._waiting) if event.share_id == share_id]
        for place in about:
            if documents and self._waiting[place].kind in NAMING_DOCUMENTS:
                self._detail(place, versions=documents.hex())
        revising = [place for place in about if self._waiting[place].kind in REVISING]
        for place in revising[-1:]:
            self._detail(place, revision=revision)
        return bool(revising)

    def is_revised(self, share_id: str) -> bool:
        """Return whether a pending event records a change of the share."""
        return any(event.share_id == share_id and event.kind in REVISING for event in self._waiting)

    def _detail(self, place: int, **more: str | int) -> None:
        event = self._waiting[place]
        self._waiting[place] = replace(event, details={**(event.details or {}), **more})

    def flush(self) -> None:
        """Write the pending events. Called last in the transaction, because it serialises the writers of a chain."""
        if not self._waiting:
            return
        by_chain, rows = attrgetter("chain"), []
        events = sorted(self._waiting, key=by_chain)
        heads = lock_heads(self._work, [chain for chain, _ in groupby(events, by_chain)])
        for event in map(self._with_revision, events):
            last = heads[event.chain]
            number = last.number + 1
            link = event.link(number, last.hash)
            heads[event.chain] = Mark(number, link)
            rows.append(chained_event(self._work, event, last.hash, heads[event.chain]))
        self._work.run(_append, rows)
        moved = [{"key": chain, "moved_to": last.number, "link": last.hash} for chain, last in heads.items()]
        self._work.run(_move_head, moved)
        self._waiting.clear()

    def _with_revision(self, event: AuditEvent) -> AuditEvent:
        """Return the event with the revision of its row, if this transaction has written that row."""
        revision = self._work.revisions.get(event.row) if event.row else None
        return event if revision is None else replace(event, details={**(event.details or {}), "revision": revision})

    def events(self, *, share_id: str | None = None, limit: int = 1000) -> list[tuple[int, AuditEvent]]:
        """Return the newest events with their numbers, oldest first, of one share or of all chains.

        Raises: Broken for an event that is unreadable after tampering.
        """
        query = _events if share_id is None else _events_of_share
        values = {"most": limit} | ({} if share_id is None else {"share": share_id})
        return [(stored.number, stored.event) for stored in reversed(self._stored_events(query, values))]

    def newest(self, wanted: EventFilter, *, before: Place | None, limit: int) -> list[StoredEvent]:
        """Return the newest matching events, newest first; ``before`` continues."""
        if before and (wanted.until is None or before[0] < wanted.until):
            bounds = [*_since(wanted), _place < _as_place(before)]
        else:
            bounds = [*_since(wanted), *_until(wanted)]
        return self._find(wanted, bounds, limit, newest_first=True)

    def oldest(self, wanted: EventFilter, *, after: Place | None, last_number: int, limit: int) -> list[StoredEvent]:
        """Return the oldest matching events up to ``last_number``, oldest first; ``after`` continues."""
        if after and (wanted.since is None or after[0] >= wanted.since):
            bounds = [*_until(wanted), _place > _as_place(after)]
        else:
            bounds = [*_since(wanted), *_until(wanted)]
        return self._find(wanted, [*bounds, _event.number <= last_number], limit, newest_first=False)

    def _find(
        self, wanted: EventFilter, bounds: list[ColumnElement[bool]], limit: int, *, newest_first: bool
    ) -> list[StoredEvent]:
        """Query each subject separately, because an index returns its events in order; merge the results."""
        order = (_event.at.desc(), _event.number.desc()) if newest_first else (_event.at, _event.number)
        found = [
            self._stored_events(query.where(*bounds).order_by(*order).limit(_most), {"most": limit})
            for query in _event_queries(wanted)
        ]
        in_order = merge(*found, key=lambda stored: (stored.event.at, stored.number), reverse=newest_first)
        return list(islice(in_order, limit))

    def following(self, chain: str, *, after: int, last_number: int, limit: int) -> list[StoredEvent]:
        """Return events of a chain in the order of their numbers."""
        return self._stored_events(_following, {"key": chain, "after": after, "last": last_number, "most": limit})

    def are_own(self, events: Iterable[StoredEvent]) -> bool:
        """Return whether all these events are authentic as stored here; report the first that is not."""
        return all(is_own(self._work, stored) for stored in events)

    def head(self, chain: str) -> Mark:
        """Return the last event of a chain."""
        row = self._work.first(_head, {"key": chain})
        # The schema's owner can admit NULL.
        return Mark(row.number or 0, row.hash or b"") if row else BEGINNING

    def ends(self) -> dict[str, Mark]:
        """Return the head of each chain that still contains the head's event."""
        return chain_ends(self._work)

    def has(self, chain: str, mark: Mark) -> bool:
        """Return whether the chain contains an event with this number and hash."""
        return has_event(self._work, chain, mark)

    def chains(self) -> list[str]:
        """Return the keys of all chains that have an event, a head or a checkpoint."""
        return [row.chain for row in self._work.rows(_chains)]

    def verify(self, chain: str | None = None) -> Fault | None:
        """Return the first fault in any chain, or in this one; None if there is none.

        Checkpoints are compared with the chain; their signatures are not verified.
        """
        chains = self.chains() if chain is None else [chain]
        return next(filter(None, map(self._verify, chains)), None)

    def _verify(self, chain: str) -> Fault | None:
        return self._verify_rest(ChainCheck(chain))

    def verify_since(self, chain: str, mark: Mark) -> Fault | None:
        """Verify one chain as ``verify`` does, from a mark on, the marked event included."""
        if mark == BEGINNING:
            return self._verify(chain)
        marked = next(iter(self._links(chain, mark.number - 1, 1)), None)
        if marked is None or marked.number != mark.number:
            return Fault(chain, mark.number, Flaw.MISSING)
        if marked.hash != mark.hash:
            return Fault(chain, mark.number, Flaw.REWRITTEN)
        return self._verify_rest(ChainCheck(chain, Mark(mark.number - 1, marked.previous), mark.number))

    def _verify_rest(self, check: ChainCheck) -> Fault | None:
        """Verify ``_STEP`` events at a time with their checkpoints, at the end also the head."""
        while not check.is_complete:
            links = self._links(check.chain, check.last.number, _STEP)
            checkpoints = (checkpoint.mark for checkpoint in self._checkpoints.every(check.chain, check.confirmed))
            if fault := check_chain(check, links, checkpoints, self.head(check.chain) if len(links) < _STEP else None):
                return fault
        return None

    def _stored_events(self, query: Select[Any], values: dict[str, Any]) -> list[StoredEvent]:
        try:
            return [stored_event(row) for row in self._work.rows(query, values)]
        except (ValueError, AttributeError, OverflowError) as error:
            raise Broken(f"audit trail: {type(error).__name__}") from None

    def _links(self, chain: str, after: int, limit: int) -> list[Link]:
        rows = self._work.rows(_links, {"key": chain, "after": after, "most": limit})
        return [link_of(self._work, row) for row in rows]


def _since(wanted: EventFilter) -> list[ColumnElement[bool]]:
    return [] if wanted.since is None else [_event.at >= wanted.since]


def _until(wanted: EventFilter) -> list[ColumnElement[bool]]:
    return [] if wanted.until is None else [_event.at < wanted.until]


def _event_queries(wanted: EventFilter) -> list[Select[Any]]:
    """Return one query per subject, or a single one, without order and bounds.

    Only the most selective condition can use an index. The database would choose wrongly, because without statistics it
    assumes that a kind is rarer than a person. For the same reason each bound occurs once: with both bounds, it would
    assume that a day is rarer than a kind.
    """
    query = select(audit_event)
    if wanted.kind is not None:
        query = query.where(_event.kind == wanted.kind.value)
    if wanted.share_id is None and wanted.subject_ids is None:
        return [query.where(_event.chain == wanted.chain)]
    query = query.where(_without_index(_event.chain) == wanted.chain)
    if wanted.share_id is None:
        return [query.where(_event.subject_id == subject) for subject in wanted.subject_ids or ()]
    if wanted.subject_ids is not None:
        query = query.where(_without_index(_event.subject_id).in_(wanted.subject_ids))
    return [query.where(_event.share_id == wanted.share_id)]


def _without_index(column: ColumnElement[str]) -> ColumnElement[str]:
    """Return the column's value as an expression that no index covers."""
    return func.coalesce(column, "")


def _as_place(place: Place) -> ColumnElement[Any]:
    return tuple_(literal(place[0], UtcMicros()), literal(place[1], BigInteger()))
