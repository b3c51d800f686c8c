"""The deletion record (sletteprotokoll): a tenant's end and the deletion after it, proven by the event log.

Guarantees:
- Figures and times are from authentic events. If the tables differ, an alarm is raised.
- A key counts as destroyed only by an event.
"""

from dataclasses import dataclass, fields
from datetime import datetime

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import require
from deldokument.domain.tenants.offboarding import DeletionState, TenantTotals
from deldokument.domain.tenants.tenancy import Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import EncryptedColumn, find_key, open_field, tenant_key_id
from deldokument.store.audit.audit import EventFilter
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction

_STEP = 1000
_TOTALS = [field.name for field in fields(TenantTotals)]


@dataclass(frozen=True, slots=True)
class DeletionRecord:
    """A record of the deletion after the end: figures and times.

    ``ended_by`` is empty if no name is kept. ``names_until`` is when names and identifiers are or were erased.
    ``is_proven``: tables and events agree. Otherwise one of them was changed outside the service.
    """

    tenant: Tenant
    ended_at: datetime
    ended_by: str
    state: DeletionState
    held: TenantTotals
    destroyed_keys: int
    keys_destroyed_at: datetime | None
    contents_deleted_at: datetime | None
    names_until: datetime
    is_proven: bool


def deletion_record(deps: Dependencies, *, tenant_id: str) -> DeletionRecord:
    """Return the deletion record in its present state. Raises: NotFound if the tenant has not ended."""
    with deps.database.read() as tx:
        tenant = require(tx.tenants.get(tenant_id), "tenant")
        ended_at = require(tenant.ended_at, "end")
        tenure = tx.tenant_lifecycle.get(tenant_id)
        ended = _newest(tx, tenant_id, EventKind.TENANT_ENDED)
        recorded = _newest(tx, tenant_id, EventKind.DELETION_RECORDED)
        forgotten = _newest(tx, tenant_id, EventKind.TENANT_FORGOTTEN)
        number = int(((recorded and recorded.details) or {}).get("destroyed_keys", 0))
        last = _newest(tx, tenant_id, EventKind.SHARE_KEY_DESTROYED) if number else None
    recorded_times = _at(ended), _at(recorded), _at(forgotten), last is not None
    is_proven = tenant.intact and recorded_times == (
        ended_at,
        tenure.contents_deleted_at,
        tenure.names_erased_at,
        number > 0,
    )
    if not is_proven:
        deps.damage.report(DamagedRow("tenure", tenant_id))
    key = find_key(deps.keyring, tenant_key_id(tenant_id))
    return DeletionRecord(
        tenant=tenant,
        ended_at=ended_at,
        ended_by=open_field(key, tenure.sealed_ended_by, EncryptedColumn.ENDED_BY, tenant_id) if key else "",
        state=_state(recorded, forgotten),
        held=_totals(ended),
        destroyed_keys=number,
        keys_destroyed_at=_at(last),
        contents_deleted_at=_at(recorded),
        names_until=_at(forgotten) or ended_at + tenant.retention,
        is_proven=is_proven,
    )


def destroyed_keys(deps: Dependencies, tx: Transaction, tenant_id: str) -> int | None:
    """Return the number of shares whose key was destroyed after the end, according to events.

    None, with an alarm, if a share of the tenant has no such event, or if the end is not proven.
    """
    tenant = tx.tenants.get(tenant_id)
    if tenant is None or not tenant.intact or tenant.ended_at is None:
        return None
    first = _first_destroyed(tx, tenant_id)
    unproven = [share_id for share_id in tx.tenant_lifecycle.share_ids(tenant_id) if share_id not in first]
    for share_id in unproven:
        deps.damage.report(DamagedRow("share", share_id))
    return None if unproven else sum(at >= tenant.ended_at for at in first.values())


def _first_destroyed(tx: Transaction, tenant_id: str) -> dict[str | None, datetime]:
    """Return, by share, the time when its key was first destroyed, from authentic events."""
    found, last = dict[str | None, datetime](), None
    wanted, end = EventFilter(tenant_id, kind=EventKind.SHARE_KEY_DESTROYED), tx.audit.head(tenant_id).number
    while stored := tx.audit.oldest(wanted, after=last, last_number=end, limit=_STEP):
        for one in stored:
            if tx.audit.are_own([one]):
                found.setdefault(one.event.share_id, one.event.at)
        last = stored[-1].event.at, stored[-1].number
    return found


def _newest(tx: Transaction, tenant_id: str, kind: EventKind) -> AuditEvent | None:
    """Return the newest event of the kind, if it is authentic."""
    found = tx.audit.newest(EventFilter(tenant_id, kind=kind), before=None, limit=1)
    return found[0].event if found and tx.audit.are_own(found) else None


def _at(event: AuditEvent | None) -> datetime | None:
    return event.at if event else None


def _state(recorded: AuditEvent | None, forgotten: AuditEvent | None) -> DeletionState:
    if recorded is None:
        return DeletionState.UNDER_WAY
    return DeletionState.NAMES_ERASED if forgotten else DeletionState.CONTENTS_DELETED


def _totals(ended: AuditEvent | None) -> TenantTotals:
    details = (ended and ended.details) or {}
    return TenantTotals(**{name: int(details.get(name, 0)) for name in _TOTALS})
