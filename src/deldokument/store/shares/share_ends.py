"""Proof that shares are over. Without it the worker ends no share and destroys no key.

A row is no proof, because a writer of the database can set its state. These are proofs:
- a card as new as the authentic events: its end, its state, or the age of a draft
- a card of any age that says withdrawn or ended, because those states are final
- an authentic row of an ended tenant or account
- authentic events, for a share whose card is outdated or does not open

Guarantees:
- A share that is closed without proof is reported as damaged.
- A chain that is behind proves nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from deldokument.crypto.share_cards import SHARE_KIND, ShareCard
from deldokument.domain.audit import REVISING, AuditEvent, EventKind
from deldokument.domain.errors import existing
from deldokument.domain.shares.share import (
    CLOSED,
    DISCARD_GRACE,
    DRAFT_LIFETIME,
    SYSTEM_DRAFT_LIFETIME,
    Share,
    ShareState,
)
from deldokument.domain.tenants.tenancy import Account, Tenant
from deldokument.store.audit.event_rows import own_event
from deldokument.store.engine.column_types import EPOCH
from deldokument.store.engine.expressions import InList
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.engine.statements import Statements
from deldokument.store.shares.share_cards import SHARE, instant, opened_card
from deldokument.store.tables.audit import audit_event
from deldokument.store.tenancy.accounts import Accounts
from deldokument.store.tenancy.tenants import Tenants

_WIDTH = len(SHARE.columns)
_FINAL = frozenset({ShareState.WITHDRAWN, ShareState.ENDED})
_MOVING = frozenset({EventKind.DRAFT_CHANGED, EventKind.PROPOSAL_RETURNED})
"""Events with which a draft may have left the account that an older card names."""
_about = (
    select(audit_event)
    .where(InList(audit_event.c.share_id, "keys"), audit_event.c.kind.in_([kind.value for kind in REVISING]))
    .order_by(audit_event.c.share_id, audit_event.c.at, audit_event.c.number)
)


@dataclass(frozen=True, slots=True)
class _Facts:
    """Proven facts about a share.

    - ``ends_at``: its end, unless it is ended earlier
    - ``decided_at``: when its withdrawal, end or discarding became final; None if there was none
    """

    tenant_id: str
    account_id: str | None
    ends_at: datetime
    decided_at: datetime | None

    @property
    def holders(self) -> tuple[str, ...]:
        """The ids of the tenant and the account."""
        return (self.tenant_id, self.account_id) if self.account_id else (self.tenant_id,)


class ShareEnds:
    """The proofs in one transaction."""

    def __init__(self, work: Statements) -> None:
        self._work = work
        self._accounts = Accounts(work)
        self._tenants = Tenants(work)

    def over(self, rows: Sequence[Row[Any]], now: datetime, *, early: bool | None = None) -> list[Share]:
        """Return the shares that are over and cannot be restored, with their proven tenants.

        ``early``: True for shares that were ended before their time; False for the others. The rows begin with
        ``PROOF_COLUMNS``.
        """
        shares = [SHARE.make(row[:_WIDTH]) for row in rows]
        proven = self._proven_facts(rows)
        ended = self._ended_holders(proven.values())
        found = list[Share]()
        for share in shares:
            facts = proven.get(share.id)
            if facts is None or not _is_over(facts, now, ended):
                if share.state in CLOSED and (facts is None or facts.decided_at is None):
                    self._work.damage.report(DamagedRow(SHARE_KIND, share.id))
            elif facts.tenant_id not in self._work.behind and early in (None, not _is_due(facts, now, ended)):
                found.append(replace(share, tenant_id=facts.tenant_id))
        return found

    def unclaimed_ids(self, share_ids: Collection[str], now: datetime) -> set[str]:
        """Return the ids of deleted rows without an authentic event, or whose share is over by its events.

        The others are reported as damaged, because somebody has deleted their rows.
        """
        proven = {share_id: _by_events(events) for share_id, events in self._events(share_ids).items()}
        ended = self._ended_holders(proven.values())
        living = {share_id for share_id, facts in proven.items() if not _is_over(facts, now, ended)}
        for share_id in living:
            self._work.damage.report(DamagedRow(SHARE_KIND, share_id))
        return set(share_ids) - living

    def _proven_facts(self, rows: Sequence[Row[Any]]) -> dict[str, _Facts]:
        # The schema's owner can admit NULL.
        cards = {row.id: opened_card(self._work, row.id, row.card or b"") for row in rows}
        # The column is not authenticated, so it can only raise a doubt.
        doubtful = [row.id for row in rows if _is_outdated(cards[row.id], row.newest_revision or 0)]
        events = self._events(doubtful)
        found = {share_id: _of_share(card, events.get(share_id, [])) for share_id, card in cards.items()}
        return {share_id: facts for share_id, facts in found.items() if facts is not None}

    def _events(self, share_ids: Collection[str]) -> dict[str, list[AuditEvent]]:
        """Return the authentic events about changes of the shares, in their order."""
        found = defaultdict[str, list[AuditEvent]](list)
        for row in self._work.rows_in_batches(_about, "keys", share_ids):
            event = own_event(self._work, row)
            if event is not None:
                found[row.share_id].append(event)
        return found

    def _ended_holders(self, proven: Collection[_Facts]) -> set[str]:
        """Return the ids of the tenants and accounts that have ended according to authentic rows."""
        tenants = self._tenants.by_ids({facts.tenant_id for facts in proven}).values()
        accounts = self._accounts.by_ids({facts.account_id for facts in proven if facts.account_id}).values()
        holders: list[Tenant | Account] = [*tenants, *accounts]
        return {one.id for one in holders if one.intact and one.ended_at is not None}


def _is_over(facts: _Facts, now: datetime, ended: Collection[str]) -> bool:
    return (facts.decided_at is not None and facts.decided_at <= now) or _is_due(facts, now, ended)


def _is_due(facts: _Facts, now: datetime, ended: Collection[str]) -> bool:
    """Return whether the share is over by time, or with its tenant or account."""
    return facts.ends_at <= now or any(holder in ended for holder in facts.holders)


def _is_outdated(card: ShareCard | None, revision: int) -> bool:
    return card is None or card.revision < revision


def _of_share(card: ShareCard | None, events: Sequence[AuditEvent]) -> _Facts | None:
    newest = max(map(_revision_of, events), default=0)
    if card is not None and not _is_outdated(card, newest):
        return _by_card(card)
    facts = _by_events(events) if events else None
    if facts is None or card is None:
        return facts
    may_have_moved = any(event.kind in _MOVING and _revision_of(event) > card.revision for event in events)
    account_id = None if may_have_moved else card.account_id
    return replace(facts, account_id=account_id, decided_at=EPOCH if card.state in _FINAL else facts.decided_at)


def _revision_of(event: AuditEvent) -> int:
    return int((event.details or {}).get("revision", 0))


def _by_card(card: ShareCard) -> _Facts:
    if card.published_at is not None:
        ends_at = existing(instant(card.expires_at))
    else:
        is_system_draft = card.integration_id is not None and card.proposed_by is None
        ends_at = existing(instant(card.changed_at)) + (SYSTEM_DRAFT_LIFETIME if is_system_draft else DRAFT_LIFETIME)
    decided_at = (instant(card.undo_until) or EPOCH) if card.state == ShareState.ABANDONED else None
    return _Facts(card.tenant_id, card.account_id, ends_at, EPOCH if card.state in _FINAL else decided_at)


def _by_events(events: Sequence[AuditEvent]) -> _Facts:
    """Return the facts from the authentic events about one share."""
    until: datetime | None = None
    decided_at: datetime | None = None
    for event in events:
        match event.kind:
            case EventKind.SHARE_PUBLISHED | EventKind.EXPIRY_CHANGED:
                until = datetime.fromisoformat(str((event.details or {})["until"]))
            case EventKind.SHARE_UNPUBLISHED:
                until = None
            case EventKind.DRAFT_ABANDONED:
                decided_at = event.at + DISCARD_GRACE
            case EventKind.DRAFT_RESTORED:
                decided_at = None
            case EventKind.SHARE_WITHDRAWN:
                decided_at = EPOCH
            case EventKind.SHARE_ENDED:
                until = decided_at = EPOCH
    last = events[-1]
    return _Facts(last.chain, None, until or last.at + DRAFT_LIFETIME, decided_at)
