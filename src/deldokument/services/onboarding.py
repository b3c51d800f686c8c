"""Making tenants.

Promises that names are tidy and numbers checked. The operator's command line calls it; who may call it is the command
line's business.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from deldokument.domain.accounts import check_contact
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput
from deldokument.domain.identifiers import OrganizationNumber, parse_organization
from deldokument.domain.share import new_id
from deldokument.domain.tenancy import Contact, PeriodRule, Tenant, check_name, check_on_behalf_of
from deldokument.services.ports import World
from deldokument.services.repositories import found
from deldokument.services.trail import record

STANDARD_RETENTION = timedelta(days=365)


def new_tenant(number: OrganizationNumber, name: str, contact: Contact) -> Tenant:
    """A tenant as it begins: with the standard rules, and the service not in use."""
    return Tenant(
        id=new_id(),
        organization_number=number.value,
        name=check_name(name),
        contact=contact,
        period=PeriodRule(),
        ask_archived=True,
        retention=STANDARD_RETENTION,
        activated_at=None,
    )


def create_tenant(world: World, *, organization_number: str, name: str, contact: Contact) -> Tenant:
    """A tenant that has yet to take the service into use. Raises InvalidInput, or Conflict when the number is taken."""
    tenant = new_tenant(parse_organization(organization_number, field="organization_number"), name, contact)
    with world.database.write() as tx:
        if tx.tenancies.tenant_by_number(tenant.organization_number) is not None:
            raise Conflict("tenant_exists")
        tx.tenancies.add_tenant(tenant)
        record(world, tx, EventKind.TENANT_CREATED, tenant_id=tenant.id)
    return tenant


def change_tenant_rules(
    world: World,
    *,
    tenant_id: str,
    longest_days: int | None = None,
    ask_archived: bool | None = None,
    on_behalf_of: str | None = None,
    contact: Contact | None = None,
) -> Tenant:
    """Set the tenant's longest period, whether sharers must confirm that the original is archived, the name that logins
    for it are in at the provider, and whom recipients may ask; what is None stays. Raises InvalidInput, InvalidFields
    or NotFound.
    """
    if on_behalf_of is not None:
        check_on_behalf_of(on_behalf_of)
    if longest_days is not None and not 1 <= longest_days <= 90:
        raise InvalidInput("longest_days", "period_rule", shortest=1, longest=90)
    given = {"ask_archived": ask_archived, "on_behalf_of": on_behalf_of, "contact": contact and check_contact(contact)}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    with world.database.write() as tx:
        # Locked before it is read: all of it is written, also whether it has been stopped or has ended.
        tenant = found(tx.tenancies.lock_tenant(tenant_id), "tenant")
        changed = replace(tenant, **changes, period=_period(tenant.period, longest_days))
        if changed != tenant:
            tx.tenancies.save_tenant(changed)
            record(world, tx, EventKind.TENANT_RULES_CHANGED, tenant_id=tenant_id)
    return changed


def _period(present: PeriodRule, longest_days: int | None) -> PeriodRule:
    if longest_days is None:
        return present
    longest = timedelta(days=longest_days)
    return PeriodRule(present.shortest, min(PeriodRule().standard, longest), longest)
