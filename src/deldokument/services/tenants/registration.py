"""Registration of tenants, and changes of their settings.

Guarantees:
- Names are normalised, and numbers are checked.
- No command can change the contact address of a tenant that has signed: e-mail about administrators goes there.

Does not check that the caller is an operator: `web` and `cli` do.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Faults, InvalidFields, InvalidInput, Unavailable, existing, require
from deldokument.domain.identifiers import OrganizationNumber, PersonIdentifier, parse_organization
from deldokument.domain.shares.share import new_id
from deldokument.domain.shares.typed_texts import check_text
from deldokument.domain.tenants.accounts import check_contact
from deldokument.domain.tenants.tenancy import (
    BREACH_CONTACT_LENGTH,
    Contact,
    PeriodRule,
    Tenant,
    check_name,
    check_on_behalf_of,
    must_not_have_ended,
)
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.registers import RegisteredOrganization
from deldokument.services.audit.recording import record_event
from deldokument.services.people import check_person, has_signed
from deldokument.services.tenants.administrators import insert_administrator

STANDARD_RETENTION = timedelta(days=365)


def new_tenant(number: OrganizationNumber, name: str, contact: Contact) -> Tenant:
    """Return a new tenant with the standard rules, not activated."""
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


def create_tenant(deps: Dependencies, *, organization_number: str, name: str, contact: Contact) -> Tenant:
    """Create a tenant, not activated. Raises: InvalidInput, or Conflict if the number is taken."""
    tenant = new_tenant(parse_organization(organization_number, field="organization_number"), name, contact)
    with deps.database.write() as tx:
        if tx.tenants.by_number(tenant.organization_number) is not None:
            raise Conflict("tenant_exists")
        tx.tenants.add(tenant)
        record_event(deps, tx, EventKind.TENANT_CREATED, tenant_id=tenant.id)
    return tenant


def change_tenant_rules(
    deps: Dependencies,
    *,
    tenant_id: str,
    longest_days: int | None = None,
    ask_archived: bool | None = None,
    on_behalf_of: str | None = None,
    contact: Contact | None = None,
) -> Tenant:
    """Change a tenant's settings; None leaves a setting unchanged.

    The settings are the longest period, whether archiving must be confirmed, the name for logins on behalf of the
    tenant, and the contact for recipients.

    Raises: InvalidInput, InvalidFields or NotFound; Conflict for another e-mail address of a tenant that has signed.
    """
    if on_behalf_of is not None:
        check_on_behalf_of(on_behalf_of)
    if longest_days is not None and not 1 <= longest_days <= 90:
        raise InvalidInput("longest_days", "period_rule", shortest=1, longest=90)
    given = {"ask_archived": ask_archived, "on_behalf_of": on_behalf_of, "contact": contact and check_contact(contact)}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    with deps.database.write() as tx:
        # Locked before it is read: the whole row is written, including whether it is frozen or has ended.
        tenant = require(tx.tenants.lock(tenant_id), "tenant")
        changes["period"] = _period(tenant.period, longest_days)
        changed = replace(tenant, **changes)
        if changed.contact.email != tenant.contact.email and has_signed(tx, tenant):
            raise Conflict("administrator_decides")
        if changed != tenant:
            tx.tenants.save(changed)
            names = sorted(name for name in changes if getattr(tenant, name) != getattr(changed, name))
            record_event(deps, tx, EventKind.TENANT_RULES_CHANGED, tenant_id=tenant_id, changed=",".join(names))
    return changed


def name_breach_contact(deps: Dependencies, *, tenant_id: str, contact: str, person: PersonIdentifier) -> None:
    """Set the contact for breach notifications; empty: remove it. Raises: InvalidInput, NotFound or Conflict."""
    checked = check_text(contact, BREACH_CONTACT_LENGTH, field="breach_contact")
    _change(deps, tenant_id, person, "breach_contact", lambda _tenant: checked)


def change_email(deps: Dependencies, *, tenant_id: str, email: str, person: PersonIdentifier) -> None:
    """Change the contact address. ``person`` is the acting administrator. Raises: InvalidFields, NotFound or Conflict.

    It is mandatory, because e-mail about an administrator whom nobody can confirm goes there.
    """
    checked = _with_email(Contact(email=email)).email
    _change(deps, tenant_id, person, "contact", lambda tenant: replace(tenant.contact, email=checked))


def _with_email(contact: Contact) -> Contact:
    """Return the contact as `check_contact` does. Raises: InvalidFields, also if it has no e-mail address."""
    tidy = check_contact(contact)
    if not tidy.email:
        raise InvalidFields([InvalidInput("email", "field_missing")])
    return tidy


def _change(
    deps: Dependencies, tenant_id: str, person: PersonIdentifier, name: str, value: Callable[[Tenant], object]
) -> None:
    """Change one setting on behalf of an administrator. Raises: NotFound; Conflict if the tenant has ended."""
    with deps.database.write() as tx:
        tenant = require(tx.tenants.lock(tenant_id), "tenant")
        must_not_have_ended(tenant)
        changed = replace(tenant, **{name: value(tenant)})  # type: ignore[arg-type]
        if changed != tenant:
            tx.tenants.save(changed)
            kind = EventKind.TENANT_RULES_CHANGED
            record_event(deps, tx, kind, tenant_id=tenant_id, person=person, changed=name)


def _period(present: PeriodRule, longest_days: int | None) -> PeriodRule:
    if longest_days is None:
        return present
    longest = timedelta(days=longest_days)
    return PeriodRule(present.shortest, min(PeriodRule().standard, longest), longest)


@dataclass(frozen=True, slots=True)
class TenantSummary:
    """A tenant with its numbers of administrators and of accounts, without deleted ones."""

    tenant: Tenant
    administrators: int
    accounts: int


def register_tenant(
    deps: Dependencies,
    *,
    organization_number: str,
    contact: Contact,
    number: str,
    name: str,
    person: PersonIdentifier | None,
) -> Tenant:
    """Create a tenant, not activated, with its first administrator (``number``, ``name``), who may sign for it.

    Raises:
    - InvalidFields, also for an organisation that is bankrupt or no longer exists
    - Conflict if the organisation is a tenant already
    - Unavailable if Enhetsregisteret does not answer
    """
    organization, tidy, checked = _check_input(deps, organization_number, contact, number, name)
    tenant = new_tenant(OrganizationNumber(organization.number), organization.name, tidy)
    with deps.database.write() as tx:
        if tx.tenants.by_number(organization.number) is not None:
            raise Conflict("tenant_exists")
        tx.tenants.add(tenant)
        record_event(deps, tx, EventKind.TENANT_CREATED, tenant_id=tenant.id, person=person)
        insert_administrator(deps, tx, tenant.id, checked, person, None)
    return tenant


def _check_input(
    deps: Dependencies, organization_number: str, contact: Contact, number: str, name: str
) -> tuple[RegisteredOrganization, Contact, tuple[PersonIdentifier, str]]:
    """Return the checked input in its stored form. Raises: InvalidFields with all errors."""
    faults = Faults()
    organization = faults.unless(lambda: registered_organization(deps, organization_number), None)
    tidy = faults.unless(lambda: _with_email(contact), None)
    chosen = faults.unless(lambda: check_person(deps, number, name), None)
    faults.raise_any()
    return existing(organization), existing(tidy), existing(chosen)


def registered_organization(deps: Dependencies, organization_number: str) -> RegisteredOrganization:
    """Return the organisation as registered in Enhetsregisteret. Raises: InvalidInput or Unavailable."""
    number = parse_organization(organization_number, field="organization_number")
    found = deps.register.find(number)
    if found is None:
        raise InvalidInput("organization_number", "organization_unknown", number=number.grouped)
    if found.status in {"deleted", "bankrupt"}:
        raise InvalidInput("organization_number", f"tenant_organization_{found.status}", name=found.name)
    return found


def is_winding_up(deps: Dependencies, tenant: Tenant) -> bool:
    """Return whether the tenant is being wound up, according to Enhetsregisteret; False if it does not answer."""
    try:
        found = deps.register.find(OrganizationNumber(tenant.organization_number))
    except Unavailable:
        return False
    return found is not None and found.is_winding_up


def list_tenants(deps: Dependencies) -> list[TenantSummary]:
    """Return all tenants, by name."""
    with deps.database.read() as tx:
        return [
            TenantSummary(
                tenant,
                len(tx.staff.administrators(tenant.id)),
                sum(account.deleted_at is None for account in tx.accounts.of_tenant(tenant.id)),
            )
            for tenant in tx.tenants.all()
        ]


def show_tenant(deps: Dependencies, tenant_id: str) -> Tenant:
    """Return the tenant. Raises: NotFound."""
    with deps.database.read() as tx:
        return require(tx.tenants.get(tenant_id), "tenant")
