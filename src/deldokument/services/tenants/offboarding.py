"""Offboarding: ends the service for a tenant, for good.

    offboard_tenant      blocks new work; withdraws open shares, abandons drafts, removes members and integrations
    (retention           destroys keys, deletes ciphertext, erases names when their time is up)
    complete_deletions   records that no keys and objects are left, which completes the deletion record
    forget_tenants       after the retention period: erases members, administrators, contacts, the tenant's agreements
                         and assessments, its audit keys; frees its number for a new registration
    destroy_tenant_keys  destroys the key of such a tenant again if it was restored

Guarantees:
- A tenant ends once, even with concurrent requests, and the end cannot be undone.
- The record is complete only if no content is left, and events prove the destruction of every share's key.
- Other tenants are not affected.
- Administrators keep their access until they are erased, to fetch the export and the record.
"""

from dataclasses import asdict, replace
from datetime import datetime

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, existing, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.tenants.accounts import same_name
from deldokument.domain.tenants.offboarding import TenantTotals, spent_number
from deldokument.domain.tenants.tenancy import Contact, Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.agreements.impact_assessment import acting_name
from deldokument.services.audit.recording import record_at
from deldokument.services.encryption import (
    AUDIT_PREFIX,
    TENANT_KEY_PREFIX,
    EncryptedColumn,
    seal_field,
    tenant_key_id,
)
from deldokument.services.tenants.deletion_record import destroyed_keys
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction

_BATCH = 20
_TENANT_KEY = "tenant_key"
"""The kind of a tenant key in an alarm."""


def holdings_of(deps: Dependencies, *, tenant_id: str) -> TenantTotals:
    """Return the totals of the tenant's data, which an end would delete. Raises: NotFound."""
    with deps.database.read() as tx:
        require(tx.tenants.get(tenant_id), "tenant")
        return tx.tenant_lifecycle.totals(tenant_id, deps.clock.now())


def offboard_tenant(
    deps: Dependencies, *, tenant_id: str, typed_name: str, person: PersonIdentifier | None = None
) -> Tenant:
    """End the service for the tenant now. Idempotent.

    A tenant that was never activated can end, too, because it has an administrator, and perhaps agreements.

    Raises:
    - NotFound
    - InvalidInput if ``typed_name`` is not the tenant's name
    - Conflict if the tenant or one of its accounts is frozen: nothing frozen may be deleted
    """
    with deps.database.write() as tx:
        tenant = require(tx.tenants.lock(tenant_id), "tenant")
        if tenant.ended_at is not None:
            return tenant
        _must_not_be_frozen(tx, tenant)
        if not same_name(typed_name, tenant.name):
            raise InvalidInput("typed_name", "tenant_name_differs")
        now = deps.clock.now()
        held = tx.tenant_lifecycle.totals(tenant_id, now)
        ended = replace(tenant, ended_at=now)
        tx.tenants.save(ended)
        tx.tenant_lifecycle.close_shares(tenant_id, now)
        tx.tenant_lifecycle.remove_everybody(tenant_id, now)
        key = deps.keyring.create(tenant_key_id(tenant_id))
        name = seal_field(key, acting_name(deps, tx, tenant_id, person), EncryptedColumn.ENDED_BY, tenant_id)
        tx.tenant_lifecycle.save(replace(tx.tenant_lifecycle.get(tenant_id), sealed_ended_by=name))
        record_at(deps, tx, now, EventKind.TENANT_ENDED, asdict(held), tenant_id=tenant_id, person=person)
    return ended


def _must_not_be_frozen(tx: Transaction, tenant: Tenant) -> None:
    living = [account for account in tx.accounts.of_tenant(tenant.id) if account.ended_at is None]
    if tenant.frozen_at is not None or any(account.frozen_at is not None for account in living):
        raise Conflict("end_while_frozen")


def complete_deletions(deps: Dependencies) -> int:
    """Record for ended tenants that none of their contents is left; return the number of tenants."""
    with deps.database.read() as tx:
        counts = {one: destroyed_keys(deps, tx, one) for one in tx.tenant_lifecycle.emptied_tenants(_BATCH)}
    proven = {tenant_id: number for tenant_id, number in counts.items() if number is not None}
    if not proven:
        return 0
    now = deps.clock.now()
    with deps.database.write() as tx:
        # Checked again: another worker may have been faster.
        completed = proven.keys() & tx.tenant_lifecycle.emptied_tenants(_BATCH)
        for tenant_id in sorted(completed):
            tx.tenant_lifecycle.save(replace(tx.tenant_lifecycle.get(tenant_id), contents_deleted_at=now))
            details = {"destroyed_keys": proven[tenant_id]}
            record_at(deps, tx, now, EventKind.DELETION_RECORDED, details, tenant_id=tenant_id)
    return len(completed)


def forget_tenants(deps: Dependencies) -> int:
    """Erase the names and identifiers of tenants whose retention period after the end is over; return their number."""
    now = deps.clock.now()
    bare = _erase_subjects(deps, now)
    with deps.database.write() as tx:
        found = [tenant_id for tenant_id in tx.tenant_lifecycle.forgettable(now, _BATCH) if tenant_id in bare]
        # Locked from here on, so that an administrator who is added concurrently is refused.
        spent = {tenant_id: tenant for tenant_id in found if (tenant := tx.tenants.lock(tenant_id))}
        for tenant_id, tenant in spent.items():
            deps.keyring.destroy([tenant_key_id(tenant_id), *_audit_keys(deps, tenant_id)])
            tx.tenant_lifecycle.forget_people(tenant_id, now)
            kept = replace(tx.tenant_lifecycle.get(tenant_id), sealed_activated_by=b"", sealed_ended_by=b"")
            tx.tenant_lifecycle.save(replace(kept, names_erased_at=now))
            tx.tenants.save(_bare(tenant))
        for tenant_id in spent:
            record_at(deps, tx, now, EventKind.TENANT_FORGOTTEN, {}, tenant_id=tenant_id)
    return len(spent)


def _erase_subjects(deps: Dependencies, now: datetime) -> set[str]:
    """Erase the subjects of the tenants that can be forgotten; return those tenants' ids.

    This is committed before the audit keys, which are needed to find subjects, are destroyed. After a crash in between,
    the next round continues.
    """
    with deps.database.write() as tx:
        spent = tx.tenant_lifecycle.forgettable(now, _BATCH)
        for tenant_id in spent:
            for entry in _audit_keys(deps, tenant_id):
                tx.retention.erase_subjects(entry)
    return set(spent)


def _audit_keys(deps: Dependencies, tenant_id: str) -> list[str]:
    return deps.keyring.ids(f"{AUDIT_PREFIX}{tenant_id}:")


def _bare(tenant: Tenant) -> Tenant:
    """Return the tenant without contacts, and with a substitute for its number, which becomes free."""
    number = spent_number(tenant.organization_number, existing(tenant.ended_at))
    return replace(tenant, organization_number=number, contact=Contact(), breach_contact="")


def destroy_tenant_keys(deps: Dependencies) -> None:
    """Destroy restored tenant keys of forgotten tenants, and report each."""
    now, present = deps.clock.now(), deps.keyring.ids(TENANT_KEY_PREFIX)
    with deps.database.read() as tx:
        back = [one for one in present if _is_forgotten(tx, one.removeprefix(TENANT_KEY_PREFIX), now)]
    deps.keyring.destroy(back)
    for entry in back:
        deps.damage.report(DamagedRow(_TENANT_KEY, entry.removeprefix(TENANT_KEY_PREFIX)))


def _is_forgotten(tx: Transaction, tenant_id: str, now: datetime) -> bool:
    """Return whether the tenant's authenticated row proves that it has been forgotten after its retention period."""
    tenant = tx.tenants.get(tenant_id)
    if tenant is None or not tenant.intact or tenant.ended_at is None or now < tenant.ended_at + tenant.retention:
        return False
    return tx.tenant_lifecycle.get(tenant_id).names_erased_at is not None
