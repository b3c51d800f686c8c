"""The audit trail in tables: a chain of events for each tenant with its head, seals, and subjects that can be erased.

Promises that the events of a chain get consecutive numbers and are linked in that order, that chains do not wait for
each other, that a missing tail is noticed as well as a changed event, that verifying needs no more memory for a long
trail than for a short one, and that what is asked of events is answered from an index, however many there are.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from heapq import merge
from itertools import chain as joined
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Table,
    bindparam,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
    union,
    update,
)

from deldokument.adapters.sql.column_types import EPOCH, UtcMicros
from deldokument.adapters.sql.statements import InList, RowMapper, Statements, param
from deldokument.adapters.sql.tables.audit import audit_certificate, audit_event, audit_head, audit_seal, audit_subject
from deldokument.adapters.sql.tables.tenancy import account, administrator, is_living, member, operator
from deldokument.domain.audit import NO_TENANT, AuditEvent, EventContent, EventKind
from deldokument.domain.chain import BEGINNING, ChainCheck, Fault, Flaw, Link, Mark, Seal, check_chain
from deldokument.domain.errors import Broken
from deldokument.ports.repositories.audit import EventFilter, Place, RegisteredName, StoredEvent, Subject

_SUBJECT = RowMapper(Subject, audit_subject)
_SEAL = RowMapper(Seal, audit_seal)
_STEP = 1000

_event = audit_event.c
_place = tuple_(_event.at, _event.number)
_key, _most = param("key"), param("most")

_head = select(audit_head.c.number, audit_head.c.hash).where(audit_head.c.chain == _key)
_heads = select(audit_head).where(InList(audit_head.c.chain, "keys")).order_by(audit_head.c.chain)
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
# Times as they are stored: one that is no time must not stand in the way of telling which event it is.
_microseconds = type_coerce(_event.at, BigInteger).label("microseconds")
_links = (
    select(*(_microseconds if column is _event.at else column for column in _event))
    .where(_event.chain == _key, _event.number > param("after"))
    .order_by(_event.number)
    .limit(_most)
)

_chains = union(select(_event.chain), select(audit_head.c.chain), select(audit_seal.c.chain)).order_by("chain")
_seals = select(*_SEAL.columns).order_by(audit_seal.c.number).limit(_most)
_seals = _seals.where(audit_seal.c.chain == _key, audit_seal.c.number > param("after"))
_last_seal = select(*_SEAL.columns).where(audit_seal.c.chain == _key).order_by(audit_seal.c.number.desc()).limit(1)
_seal_of_head = (
    select(audit_seal).where(audit_seal.c.chain == audit_head.c.chain).order_by(audit_seal.c.number.desc()).limit(1)
)
_sealed_number = _seal_of_head.with_only_columns(audit_seal.c.number).scalar_subquery()
_sealed_at = _seal_of_head.with_only_columns(audit_seal.c.sealed_at).scalar_subquery()
_unsealed = (
    select(audit_head.c.chain)
    .where(
        audit_head.c.number != func.coalesce(_sealed_number, 0),
        or_(
            _sealed_at.is_(None),
            _sealed_at <= bindparam("before", type_=UtcMicros()),
            # By a clock that had leapt ahead: until then nothing more would be sealed.
            _sealed_at > bindparam("now", type_=UtcMicros()),
        ),
    )
    .order_by(audit_head.c.chain)
)

_subject = select(*_SUBJECT.columns).where(
    audit_subject.c.audit_key_id == param("key"), audit_subject.c.lookup_hash == param("lookup_hash")
)
_subjects = select(*_SUBJECT.columns).where(InList(audit_subject.c.id, "keys"))


def _names(office: str, table: Table) -> Select[Any]:
    columns = (literal(office), table.c.id, table.c.lookup_hash, table.c.sealed_name)
    return select(*columns).where(InList(table.c.lookup_hash, "hashes"))


_names_of_offices = (
    _names("member", member).join(account).where(is_living, account.c.tenant_id == param("tenant")),
    _names("administrator", administrator).where(administrator.c.tenant_id == param("tenant")),
    _names("operator", operator),
)


class SqlAudit:
    """See ports.repositories.audit.Audit."""

    def __init__(self, work: Statements) -> None:
        self._work = work
        self._waiting: list[AuditEvent] = []

    def append(self, event: AuditEvent) -> None:
        """The event is written when the transaction ends. Raises Broken in a transaction that only reads."""
        if not self._work.writing:
            raise Broken("an event in a transaction that only reads")
        self._waiting.append(event)

    def flush(self) -> None:
        """Write what was appended: last in the transaction, for it serialises the writers of a chain."""
        if not self._waiting:
            return
        by_chain, rows = attrgetter("chain"), []
        events = sorted(self._waiting, key=by_chain)
        heads = self._locked_heads([chain for chain, _ in groupby(events, by_chain)])
        for event in events:
            last = heads[event.chain]
            number = last.number + 1
            link = event.link(number, last.hash)
            rows.append(_values(event) | {"chain": event.chain, "number": number, "previous": last.hash, "hash": link})
            heads[event.chain] = Mark(number, link)
        self._work.run(_append, rows)
        moved = [{"key": chain, "moved_to": last.number, "link": last.hash} for chain, last in heads.items()]
        self._work.run(_move_head, moved)
        self._waiting.clear()

    def _locked_heads(self, chains: Sequence[str]) -> dict[str, Mark]:
        """The heads, made before the first events; who makes or locks one at the same time waits here.

        In the order of their keys, so that no two transactions wait for each other. What makes a chain begins with
        a tenant, and tells of nothing else.
        """
        heads = self._lock_heads(chains)
        missing = [chain for chain in chains if chain not in heads]
        if not missing:
            return heads
        for chain in missing:
            self._work.insert_once(audit_head, {"chain": chain, "number": BEGINNING.number, "hash": BEGINNING.hash})
        return self._lock_heads(chains)

    def _lock_heads(self, chains: Sequence[str]) -> dict[str, Mark]:
        rows = self._work.batched(self._work.locked(_heads), "keys", chains)
        return {row.chain: Mark(row.number, row.hash) for row in rows}

    def events(self, *, share_id: str | None = None, limit: int = 1000) -> list[tuple[int, AuditEvent]]:
        """The newest, the oldest of them first. Raises Broken for one that was tampered beyond reading."""
        query = _events if share_id is None else _events_of_share
        values = {"most": limit} | ({} if share_id is None else {"share": share_id})
        return [(stored.number, stored.event) for stored in reversed(self._stored(query, values))]

    def newest(self, wanted: EventFilter, *, before: Place | None, limit: int) -> list[StoredEvent]:
        """The newest first; ``before`` continues."""
        if before and (wanted.until is None or before[0] < wanted.until):
            bounds = [*_since(wanted), _place < _as_place(before)]
        else:
            bounds = [*_since(wanted), *_until(wanted)]
        return self._find(wanted, bounds, limit, newest_first=True)

    def oldest(self, wanted: EventFilter, *, after: Place | None, last_number: int, limit: int) -> list[StoredEvent]:
        """The oldest first, none with a higher number; ``after`` continues."""
        if after and (wanted.since is None or after[0] >= wanted.since):
            bounds = [*_until(wanted), _place > _as_place(after)]
        else:
            bounds = [*_since(wanted), *_until(wanted)]
        return self._find(wanted, [*bounds, _event.number <= last_number], limit, newest_first=False)

    def _find(
        self, wanted: EventFilter, bounds: list[ColumnElement[bool]], limit: int, *, newest_first: bool
    ) -> list[StoredEvent]:
        """A person may have several subjects: what each has comes in order from the index, and is merged."""
        order = (_event.at.desc(), _event.number.desc()) if newest_first else (_event.at, _event.number)
        found = [
            self._stored(query.where(*bounds).order_by(*order).limit(_most), {"most": limit})
            for query in _wanted(wanted)
        ]
        in_order = merge(*found, key=lambda stored: (stored.event.at, stored.number), reverse=newest_first)
        return list(islice(in_order, limit))

    def following(self, chain: str, *, after: int, last_number: int, limit: int) -> list[StoredEvent]:
        """A chain by its numbers."""
        return self._stored(_following, {"key": chain, "after": after, "last": last_number, "most": limit})

    def head(self, chain: str) -> Mark:
        """The last event of a chain."""
        row = self._work.first(_head, {"key": chain})
        return Mark(row.number, row.hash) if row else BEGINNING

    def chains(self) -> list[str]:
        """The keys of all chains of which there is an event, a head or a seal."""
        return [row.chain for row in self._work.rows(_chains)]

    def verify(self) -> Fault | None:
        """The first fault in any chain, or None. Seals are held against the chain; who signed them is not asked."""
        return next(filter(None, map(self._verify, self.chains())), None)

    def _verify(self, chain: str) -> Fault | None:
        seals = (seal.mark for seal in self._every_seal(chain))
        return check_chain(ChainCheck(chain), self._every_link(chain, 0), seals, self.head(chain))

    def verify_since(self, chain: str, mark: Mark) -> Fault | None:
        """As ``verify`` for one chain from a mark on, the marked event itself included."""
        links = self._every_link(chain, mark.number - 1) if mark.number else iter(())
        marked = next(links, None)
        if mark.number and (marked is None or marked.number != mark.number):
            return Fault(chain, mark.number, Flaw.MISSING)
        if marked and Mark(marked.number, marked.hash) != mark:
            return Fault(chain, mark.number, Flaw.REWRITTEN)
        return check_chain(
            ChainCheck(chain, mark, mark.number), self._every_link(chain, mark.number), (), self.head(chain)
        )

    def unsealed(self, sealed_before: datetime, now: datetime) -> list[str]:
        """Chains whose head is not what was sealed last, and whose last seal is none, older, or of a time to come."""
        values = {"before": sealed_before, "now": now}
        return [row.chain for row in self._work.rows(_unsealed, values)]

    def add_seal(self, seal: Seal) -> None:
        """Raises Conflict when another worker has sealed the same event."""
        self._work.run(insert(audit_seal), _SEAL.values(seal))

    def last_seal(self, chain: str) -> Seal | None:
        """The one of the highest number."""
        return _SEAL.one(self._work.first(_last_seal, {"key": chain}))

    def seals(self, chain: str, *, after: int, limit: int) -> list[Seal]:
        """By number."""
        return _SEAL.all(self._work.rows(_seals, {"key": chain, "after": after, "most": limit}))

    def keep_certificate(self, fingerprint: str, certificate: bytes) -> None:
        """Once is enough."""
        self._work.insert_once(audit_certificate, {"fingerprint": fingerprint, "certificate": certificate})

    def certificates(self) -> dict[str, bytes]:
        """All that have been kept, by fingerprint."""
        return {row.fingerprint: row.certificate for row in self._work.rows(select(audit_certificate))}

    def subject(self, audit_key_id: str, lookup_hash: bytes) -> Subject | None:
        """In a transaction that writes, nobody else looks for the same one, to add it, before this one ends."""
        values = {"key": audit_key_id, "lookup_hash": lookup_hash}
        found = self._work.first(_subject, values)
        if found is None:
            self._work.advisory_lock("subject", audit_key_id, lookup_hash)
            found = self._work.first(_subject, values)
        return _SUBJECT.one(found)

    def add_subject(self, subject: Subject) -> None:
        """Raises Conflict when the key has a subject of that hash."""
        self._work.run(insert(audit_subject), _SUBJECT.values(subject))

    def subjects(self, subject_ids: Collection[str]) -> list[Subject]:
        """Those that have not been erased."""
        return _SUBJECT.all(self._work.batched(_subjects, "keys", subject_ids))

    def registered(self, tenant_id: str, lookup_hashes: Collection[bytes]) -> list[RegisteredName]:
        """Who acts for the tenant, or operates the service, among the persons with these hashes."""
        of_members, of_administrators, of_operators = _names_of_offices
        rows = joined(
            self._work.batched(of_members, "hashes", lookup_hashes, tenant=tenant_id),
            self._work.batched(of_administrators, "hashes", lookup_hashes, tenant=tenant_id),
            self._work.batched(of_operators, "hashes", lookup_hashes),
        )
        return [RegisteredName(row[0], row.id, row.lookup_hash, row.sealed_name) for row in rows]

    def _stored(self, query: Select[Any], values: dict[str, Any]) -> list[StoredEvent]:
        try:
            return [
                StoredEvent(row.number, row.previous, row.hash, _event_of(row))
                for row in self._work.rows(query, values)
            ]
        except (ValueError, AttributeError, OverflowError) as error:
            raise Broken(f"audit trail: {type(error).__name__}") from None

    def _every_link(self, chain: str, after: int) -> Iterator[Link]:
        while rows := self._work.rows(_links, {"key": chain, "after": after, "most": _STEP}):
            yield from (Link(row.number, row.previous, row.hash, _content_of(row)) for row in rows)
            after = rows[-1].number

    def _every_seal(self, chain: str) -> Iterator[Seal]:
        after = 0
        while seals := self.seals(chain, after=after, limit=_STEP):
            yield from seals
            after = seals[-1].number


def _since(wanted: EventFilter) -> list[ColumnElement[bool]]:
    return [] if wanted.since is None else [_event.at >= wanted.since]


def _until(wanted: EventFilter) -> list[ColumnElement[bool]]:
    return [] if wanted.until is None else [_event.at < wanted.until]


def _wanted(wanted: EventFilter) -> list[Select[Any]]:
    """One query for each subject, else one, without order and bounds.

    The most telling condition is the one that an index is to answer; it is not left to the database to guess which
    that is: without figures of its own it takes a kind for rarer than a person. For the same reason each bound stands
    once: with two of a kind it takes a day for rarer than a kind.
    """
    query = select(audit_event)
    if wanted.kind is not None:
        query = query.where(_event.kind == wanted.kind.value)
    if wanted.share_id is None and wanted.subject_ids is None:
        return [query.where(_event.chain == wanted.chain)]
    query = query.where(_unindexed(_event.chain) == wanted.chain)
    if wanted.share_id is None:
        return [query.where(_event.subject_id == subject) for subject in wanted.subject_ids or ()]
    if wanted.subject_ids is not None:
        query = query.where(_unindexed(_event.subject_id).in_(wanted.subject_ids))
    return [query.where(_event.share_id == wanted.share_id)]


def _unindexed(column: ColumnElement[str]) -> ColumnElement[str]:
    """The column's value in a form that no index has."""
    return func.coalesce(column, "")


def _as_place(place: Place) -> ColumnElement[Any]:
    return tuple_(literal(place[0], UtcMicros()), literal(place[1], BigInteger()))


def _values(event: AuditEvent) -> dict[str, Any]:
    return {
        "at": event.at,
        "kind": event.kind.value,
        "share_id": event.share_id,
        "subject_id": event.subject_id,
        "details": json.dumps(dict(event.details)) if event.details else None,
    }


def _event_of(row: Row[Any]) -> AuditEvent:
    details = json.loads(row.details) if row.details else None
    tenant = None if row.chain == NO_TENANT else row.chain
    return AuditEvent(row.at, EventKind(row.kind), tenant, row.share_id, row.subject_id, details)


def _content_of(row: Row[Any]) -> EventContent | None:
    """What the event says, whether or not this program knows its kind; None when it cannot be read."""
    try:
        at = EPOCH + timedelta(microseconds=row.microseconds)
        details = json.loads(row.details) if row.details else {}
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    return at.isoformat(timespec="microseconds"), row.kind, row.share_id, row.subject_id, details
