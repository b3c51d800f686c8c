"""Administrators, who configure a tenant: adding, listing and removing them.

Guarantees:
- A tenant with an administrator always keeps one, even if two remove each other at once.
- A removed administrator has no access from the next request on. The audit trail keeps the person as long as any other.
- Administrators are not members of accounts, and members are not administrators, unless they are added as both.
"""

from __future__ import annotations

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.share import new_id
from deldokument.domain.tenancy import Administrator
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.audit.recording import mentioned_subject, record_event
from deldokument.services.encryption import EncryptedColumn, open_field
from deldokument.services.people import (
    PersonView,
    StaffRole,
    administration_of,
    by_name,
    check_person,
    directory_key,
    sealed_person,
    view_person,
)


def add_administrator(
    deps: Dependencies, *, tenant_id: str, number: str, name: str, person: PersonIdentifier | None = None
) -> PersonView:
    """Let a person configure the tenant. ``person`` is the administrator who asks, None for an operator.

    A tenant that has ended may still need an administrator, but a forgotten one gets none: that name would never be
    erased.

    Raises: InvalidInput, InvalidFields or NotFound; Conflict if the person is one already, or the tenant is forgotten.
    """
    chosen, tidy = check_person(deps, number, name)
    with deps.database.write() as tx:
        require(tx.tenants.lock(tenant_id), "tenant")
        if tx.tenant_lifecycle.get(tenant_id).names_erased_at is not None:
            raise Conflict("service_ended")
        administrator = insert_administrator(deps, tx, tenant_id, (chosen, tidy), person)
    return view_person(directory_key(deps), StaffRole.ADMINISTRATOR, administrator)


def insert_administrator(
    deps: Dependencies,
    tx: Transaction,
    tenant_id: str,
    checked: tuple[PersonIdentifier, str],
    person: PersonIdentifier | None,
) -> Administrator:
    """Store a checked number and name as an administrator. Raises: Conflict if the person is one already."""
    fields = sealed_person(directory_key(deps), StaffRole.ADMINISTRATOR, new_id(), *checked)
    administrator = Administrator(tenant_id=tenant_id, **fields)
    tx.staff.add_administrator(administrator)
    _record(deps, tx, EventKind.ADMINISTRATOR_ADDED, administrator, checked[0].value, person)
    return administrator


def _record(
    deps: Dependencies,
    tx: Transaction,
    kind: EventKind,
    administrator: Administrator,
    number: str,
    person: PersonIdentifier | None,
) -> None:
    tenant_id, holder = administrator.tenant_id, mentioned_subject(deps, tx, administrator.tenant_id, number)
    record_event(deps, tx, kind, tenant_id=tenant_id, person=person, administrator=administrator.id, holder=holder)


def list_administrators(deps: Dependencies, *, tenant_id: str) -> list[PersonView]:
    """Return the tenant's administrators by name, numbers masked. Raises: NotFound."""
    key = directory_key(deps)
    with deps.database.read() as tx:
        require(tx.tenants.get(tenant_id), "tenant")
        administrators = tx.staff.administrators(tenant_id)
    return by_name(view_person(key, StaffRole.ADMINISTRATOR, administrator) for administrator in administrators)


def administrator_of(deps: Dependencies, *, tenant_id: str, person: PersonIdentifier) -> str | None:
    """Return the id under which the person administers the tenant, or None."""
    with deps.database.read() as tx:
        own = administration_of(deps, tx, person, tenant_id)
    return own.id if own else None


def remove_administrator(
    deps: Dependencies, *, tenant_id: str, administrator_id: str, person: PersonIdentifier | None = None
) -> None:
    """End a person's right to configure the tenant. Raises: NotFound, or Conflict for the last administrator."""
    with deps.database.write() as tx:
        # Locked before they are counted: of two who remove each other, the second sees the removal by the first.
        require(tx.tenants.lock(tenant_id), "tenant")
        living = {administrator.id: administrator for administrator in tx.staff.administrators(tenant_id)}
        removed = require(living.get(administrator_id), "administrator")
        if len(living) == 1:
            raise Conflict("last_administrator")
        number = open_field(
            directory_key(deps), removed.sealed_identifier, EncryptedColumn.ADMINISTRATOR_NUMBER, administrator_id
        )
        tx.staff.remove_administrator(administrator_id)
        _record(deps, tx, EventKind.ADMINISTRATOR_REMOVED, removed, number, person)
