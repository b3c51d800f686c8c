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


def account_of(row: Row[Any]) -> Account:
    """The account of a row."""
    contact = Contact(row.contact_telephone, row.contact_email, row.contact_hours)
    return Account(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        rules=AccountRules(
            contact=contact,
            standard=row.period_standard,
            longest=row.period_longest,
            confidential=row.confidential,
            quota=row.quota,
            four_eyes=row.four_eyes,
            notify=row.notify,
            sms_sender=row.sms_sender,
            sms_cost_code=row.sms_cost_code,
        ),
        revision=row.revision,
        closed_at=row.closed_at,
        deleted_at=row.deleted_at,
        frozen_at=row.frozen_at,
        ended_at=row.ended_at,
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
