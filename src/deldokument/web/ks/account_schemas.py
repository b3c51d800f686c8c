"""Conversion between KS' objects and ours.

Guarantees:
- Every field that KS requires is present.
- A field for which we have no value is absent.
- Ids are UUIDs.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deldokument.domain.errors import InvalidInput
from deldokument.domain.shares.statistics import DocumentCounts
from deldokument.domain.tenants.tenancy import Account, AccountRules
from deldokument.domain.uuids import uuid_of
from deldokument.services.accounts.members import Membership

Shape = dict[str, Any]


def sms_settings(account: Account) -> Shape:
    """Return a SmsVarslingKonfig."""
    rules = account.rules
    given = {"avsendernavn": rules.sms_sender, "konteringskode": rules.sms_cost_code}
    filled = {name: value for name, value in given.items() if value}
    return {"aktivert": rules.notify, **filled, "kontoId": uuid_of(account.id)}


def available_account(membership: Membership) -> Shape:
    """Return a BrukerKontoRespons, without kommunenummer, which is not stored."""
    return {
        "kontoId": uuid_of(membership.account.id),
        "navn": membership.account.name,
        "fiksOrgNavn": membership.tenant.name,
        "fiksOrgId": uuid_of(membership.tenant.id),
        "varslingkonto": sms_settings(membership.account),
    }


def named_account(account: Account) -> Shape:
    """Return a KontoRespons."""
    return {"kontoId": uuid_of(account.id), "navn": account.name}


def account_statistics(account: Account, counts: DocumentCounts) -> Shape:
    """Return a KontoStatistikk."""
    return {
        "kontoId": uuid_of(account.id),
        "antallMetadata": counts.named,
        "antallDokumenter": counts.stored,
        "antallSlettet": counts.destroyed,
        "totalStorrelse": counts.stored_length,
        "ukryptertStorrelse": counts.length,
    }


def account_summary(account: Account, counts: DocumentCounts) -> Shape:
    """Return a KontoSummary."""
    return {
        **named_account(account),
        "statistikk": account_statistics(account, counts),
        "smsVarslingKonfig": sms_settings(account),
    }


def with_sms(rules: AccountRules, wanted: Mapping[str, Any]) -> AccountRules:
    """Return the rules with the settings of an AktiverSmsVarslingRequest. Raises: InvalidInput."""
    sender = text_of(wanted, "avsendernavn")
    if not sender:
        raise InvalidInput("avsendernavn", "field_missing")
    return replace(rules, notify=True, sms_sender=sender, sms_cost_code=text_of(wanted, "konteringskode"))


def text_of(body: Mapping[str, Any], name: str) -> str:
    """Return a text field of a body; empty if it is absent or null. Raises: InvalidInput for another type."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(name, "field_malformed")
    return value
