"""What the operator does for all tenants: making them, and seeing how far each has come.

Promises that a tenant is an organisation that Enhetsregisteret knows, under the name that it has there, and that it is
never without an administrator. Who is an operator is the edges' business (``Who.OPERATOR``, the command line's shell).
"""

from __future__ import annotations

from dataclasses import dataclass

from deldokument.domain.accounts import check_contact
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput
from deldokument.domain.identifiers import OrganizationNumber, PersonIdentifier, parse_organization
from deldokument.domain.share import new_id
from deldokument.domain.tenancy import Administrator, Contact, Tenant
from deldokument.services.directory import Office, check_person, directory_key, seal_person
from deldokument.services.onboarding import new_tenant
from deldokument.services.ports import RegisteredOrganization, World
from deldokument.services.repositories import found
from deldokument.services.trail import record, subject_told_of


@dataclass(frozen=True, slots=True)
class TenantSummary:
    """A tenant with how many administer it and how many accounts it has (deleted ones not counted)."""

    tenant: Tenant
    administrators: int
    accounts: int


def register_tenant(
    world: World,
    *,
    organization_number: str,
    contact: Contact,
    number: str,
    name: str,
    person: PersonIdentifier | None,
) -> Tenant:
    """A tenant that has yet to take the service into use, with its first administrator (``number``, ``name``).

    Raises InvalidFields (also for an organisation that does not exist any more), Conflict when it is a tenant already,
    Unavailable when Enhetsregisteret does not answer.
    """
    organization, tidy, chosen, name = _checked(world, organization_number, contact, number, name)
    tenant = new_tenant(OrganizationNumber(organization.number), organization.name, tidy)
    sealed = seal_person(directory_key(world), Office.ADMINISTRATOR, new_id(), chosen, name)
    administrator = Administrator(
        sealed.id, tenant.id, sealed.lookup_hash, sealed.sealed_identifier, sealed.sealed_name
    )
    with world.database.write() as tx:
        if tx.tenancies.tenant_by_number(organization.number) is not None:
            raise Conflict("tenant_exists")
        tx.tenancies.add_tenant(tenant)
        tx.tenancies.add_administrator(administrator)
        record(world, tx, EventKind.TENANT_CREATED, tenant_id=tenant.id, person=person)
        added = EventKind.ADMINISTRATOR_ADDED
        holder = subject_told_of(world, tx, tenant.id, chosen.value)
        record(world, tx, added, tenant_id=tenant.id, person=person, administrator=administrator.id, holder=holder)
    return tenant


def _checked(
    world: World, organization_number: str, contact: Contact, number: str, name: str
) -> tuple[RegisteredOrganization, Contact, PersonIdentifier, str]:
    """All that was typed, as it is kept. Raises InvalidFields with all that is wrong."""
    errors: list[InvalidInput] = []
    organization, tidy, chosen = None, None, None
    try:
        organization = registered_organization(world, organization_number)
    except InvalidInput as error:
        errors.append(error)
    try:
        tidy = check_contact(contact)
    except InvalidFields as error:
        errors += error.errors
    try:
        chosen = check_person(world, number, name)
    except (InvalidInput, InvalidFields) as error:
        errors += error.errors if isinstance(error, InvalidFields) else [error]
    if organization is None or tidy is None or chosen is None:
        raise InvalidFields(errors)
    return organization, tidy, *chosen


def registered_organization(world: World, organization_number: str) -> RegisteredOrganization:
    """The organisation as Enhetsregisteret has it. Raises InvalidInput, or Unavailable."""
    number = parse_organization(organization_number, field="organization_number")
    found = world.register.find(number)
    if found is None:
        raise InvalidInput("organization_number", "organization_unknown", number=number.grouped)
    if found.status == "deleted":
        raise InvalidInput("organization_number", "organization_deleted", name=found.name)
    return found


def list_tenants(world: World) -> list[TenantSummary]:
    """All tenants, by name."""
    with world.database.read() as tx:
        return [
            TenantSummary(
                tenant,
                len(tx.tenancies.administrators(tenant.id)),
                sum(account.deleted_at is None for account in tx.tenancies.accounts_of_tenant(tenant.id)),
            )
            for tenant in tx.tenancies.tenants()
        ]


def show_tenant(world: World, tenant_id: str) -> Tenant:
    """Raises NotFound."""
    with world.database.read() as tx:
        return found(tx.tenancies.tenant(tenant_id), "tenant")
