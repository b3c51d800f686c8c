"""How tenants and accounts, which are made of several parts, stand in their rows.

Promises that what was written comes back equal. Knows nothing of queries (see tenancies).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from deldokument.domain.tenancy import Account, AccountRules, Contact, PeriodRule, Tenant


def tenant_of(row: Row[Any]) -> Tenant:
    """The tenant of a row."""
    return Tenant(
        id=row.id,
        organization_number=row.organization_number,
        name=row.name,
        contact=Contact(row.contact_telephone, row.contact_email, row.contact_hours),
        period=PeriodRule(row.period_shortest, row.period_standard, row.period_longest),
        ask_archived=row.ask_archived,
        retention=row.retention,
        activated_at=row.activated_at,
        frozen_at=row.frozen_at,
        ended_at=row.ended_at,
        on_behalf_of=row.on_behalf_of,
    )


def tenant_values(record: Tenant) -> dict[str, Any]:
    """Column names with the tenant's values."""
    return {
        "id": record.id,
        "organization_number": record.organization_number,
        "name": record.name,
        "contact_telephone": record.contact.telephone,
        "contact_email": record.contact.email,
        "contact_hours": record.contact.hours,
        "period_shortest": record.period.shortest,
        "period_standard": record.period.standard,
        "period_longest": record.period.longest,
        "ask_archived": record.ask_archived,
        "retention": record.retention,
        "activated_at": record.activated_at,
        "frozen_at": record.frozen_at,
        "ended_at": record.ended_at,
        "on_behalf_of": record.on_behalf_of,
    }


def account_of(row: Row[Any], prefix: str = "") -> Account:
    """The account of a row whose columns' names begin with ``prefix``."""
    stored = row._mapping

    def column(name: str) -> Any:
        return stored[prefix + name]

    contact = Contact(column("contact_telephone"), column("contact_email"), column("contact_hours"))
    return Account(
        id=column("id"),
        tenant_id=column("tenant_id"),
        name=column("name"),
        rules=AccountRules(
            contact=contact,
            standard=column("period_standard"),
            longest=column("period_longest"),
            confidential=column("confidential"),
            quota=column("quota"),
            four_eyes=column("four_eyes"),
            notify=column("notify"),
            sms_sender=column("sms_sender"),
            sms_cost_code=column("sms_cost_code"),
        ),
        revision=column("revision"),
        closed_at=column("closed_at"),
        deleted_at=column("deleted_at"),
        frozen_at=column("frozen_at"),
        ended_at=column("ended_at"),
    )


def account_values(record: Account) -> dict[str, Any]:
    """Column names with the account's values."""
    return {
        "id": record.id,
        "tenant_id": record.tenant_id,
        "name": record.name,
        "contact_telephone": record.rules.contact.telephone,
        "contact_email": record.rules.contact.email,
        "contact_hours": record.rules.contact.hours,
        "period_standard": record.rules.standard,
        "period_longest": record.rules.longest,
        "confidential": record.rules.confidential,
        "quota": record.rules.quota,
        "four_eyes": record.rules.four_eyes,
        "notify": record.rules.notify,
        "sms_sender": record.rules.sms_sender,
        "sms_cost_code": record.rules.sms_cost_code,
        "revision": record.revision,
        "closed_at": record.closed_at,
        "deleted_at": record.deleted_at,
        "frozen_at": record.frozen_at,
        "ended_at": record.ended_at,
    }
