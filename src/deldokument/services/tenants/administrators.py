"""Who configures a tenant: naming administrators, and removing them.

Promises that a tenant that has an administrator always has one, also when two remove each other at once, and that who
is removed is out at the next request, and stands in the trail as long as anybody does. Being an administrator makes
nobody a member of an account, and the other way round.
"""

from __future__ import annotations

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, found
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.share import new_id
from deldokument.domain.tenancy import Administrator
from deldokument.ports.dependencies import World
from deldokument.services.audit.recording import record, subject_told_of
from deldokument.services.encryption import Field, identifier_hash, open_field
from deldokument.services.people import (
    Office,
    PersonView,
    by_name,
    check_person,
    directory_key,
    seal_person,
    view_person,
)


def add_administrator(
    world: World, *, tenant_id: str, number: str, name: str, person: PersonIdentifier | None = None
) -> PersonView:
    """Let a person configure the tenant. ``person`` is the administrator who asks, None for an operator.

    Raises InvalidInput or InvalidFields, NotFound, or Conflict: the person is one already, or the tenant has been
    forgotten, and whoever were named then never would be. Before that it may need one, though it has ended.
    """
    chosen, tidy = check_person(world, number, name)
    key = directory_key(world)
    sealed = seal_person(key, Office.ADMINISTRATOR, new_id(), chosen, tidy)
    administrator = Administrator(
        sealed.id, tenant_id, sealed.lookup_hash, sealed.sealed_identifier, sealed.sealed_name
    )
    with world.database.write() as tx:
        found(tx.tenancies.lock_tenant(tenant_id), "tenant")
        if tx.tenures.tenure(tenant_id).names_erased_at is not None:
            raise Conflict("service_ended")
        tx.tenancies.add_administrator(administrator)
        record(
            world,
            tx,
            EventKind.ADMINISTRATOR_ADDED,
            tenant_id=tenant_id,
            person=person,
            administrator=administrator.id,
            holder=subject_told_of(world, tx, tenant_id, chosen.value),
        )
    return view_person(key, Office.ADMINISTRATOR, administrator)


def list_administrators(world: World, *, tenant_id: str) -> list[PersonView]:
    """The tenant's administrators by name, numbers masked. Raises NotFound."""
    key = directory_key(world)
    with world.database.read() as tx:
        found(tx.tenancies.tenant(tenant_id), "tenant")
        administrators = tx.tenancies.administrators(tenant_id)
    return by_name(view_person(key, Office.ADMINISTRATOR, administrator) for administrator in administrators)


def administrator_of(world: World, *, tenant_id: str, person: PersonIdentifier) -> str | None:
    """The id under which the person administers the tenant."""
    lookup_hash = identifier_hash(directory_key(world), person)
    with world.database.read() as tx:
        administrations = tx.tenancies.administrations(lookup_hash)
    return next((administrator.id for administrator in administrations if administrator.tenant_id == tenant_id), None)


def remove_administrator(
    world: World, *, tenant_id: str, administrator_id: str, person: PersonIdentifier | None = None
) -> None:
    """End a person's right to configure the tenant. Raises NotFound, or Conflict for the last one."""
    with world.database.write() as tx:
        # Locked before they are counted: of two who remove each other, the second counts what the first has left.
        found(tx.tenancies.lock_tenant(tenant_id), "tenant")
        living = {administrator.id: administrator for administrator in tx.tenancies.administrators(tenant_id)}
        removed = found(living.get(administrator_id), "administrator")
        if len(living) == 1:
            raise Conflict("last_administrator")
        number = open_field(
            directory_key(world), removed.sealed_identifier, Field.ADMINISTRATOR_NUMBER, administrator_id
        )
        tx.tenancies.remove_administrator(administrator_id)
        record(
            world,
            tx,
            EventKind.ADMINISTRATOR_REMOVED,
            tenant_id=tenant_id,
            person=person,
            administrator=administrator_id,
            holder=subject_told_of(world, tx, tenant_id, number),
        )
