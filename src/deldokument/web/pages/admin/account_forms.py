"""Form of an account's rules: conversion between form fields and rules, and the differences between two sets of rules.

Guarantees:
- Stored rules pass through the form unchanged.
- Gigabytes may have a decimal comma or point.
- All faults are reported at once.

The limits of the rules are in `domain.tenants.accounts`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

from deldokument.domain.errors import Faults, InvalidInput
from deldokument.domain.tenants.accounts import GIGABYTE, MAX_UNDO_MINUTES, check_rules
from deldokument.domain.tenants.tenancy import AccountRules, Contact, NoticeChannel, PeriodRule
from deldokument.web.http.responses.errors import FieldErrors
from deldokument.web.http.responses.i18n import Translator, _

Typed = Mapping[str, str]
_Value = TypeVar("_Value")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_UNITS = {"days": DAY, "hours": HOUR}
_COUNT = re.compile(r"[0-9]{1,6}")
_GIGABYTES = re.compile(r"[0-9]{1,12}([.,][0-9]{1,9})?")
CHOICE, STORED, MINE = "choose-", "stored", "mine"


RULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "telephone": (_("Telephone"), ("telephone",)),
    "email": (_("E-mail"), ("email",)),
    "hours": (_("Opening hours"), ("hours",)),
    "standard": (_("Usual period"), ("standard", "standard_unit")),
    "longest": (_("Longest period"), ("longest", "longest_unit")),
    "confidential": (_("Confidential content"), ("confidential",)),
    "undo_window": (_("Time to undo"), ("undo_window",)),
    "quota": (_("Quota"), ("quota",)),
    "four_eyes": (_("Approval by another member"), ("four_eyes",)),
    "notify": (_("Notices to recipients"), ("notify",)),
    "notice_channel": (_("E-mail or text message"), ("notice_channel",)),
    "name_tenant": (_("The organisation's name in notices"), ("name_tenant",)),
    "sms_sender": (_("Sender's name"), ("sms_sender",)),
    "sms_cost_code": (_("Cost code"), ("sms_cost_code",)),
    "full_numbers": (_("Full numbers for systems"), ("full_numbers",)),
}
"""Each rule: its label, and the form fields that contain it."""
CHANNELS = {
    NoticeChannel.EMAIL_FIRST: _("E-mail first, a text message if there is no e-mail address"),
    NoticeChannel.SMS_FIRST: _("Text message first, an e-mail if there is no telephone number"),
    NoticeChannel.SMS_ONLY: _("Text message only"),
}

FIELDS = tuple(field for _words, fields in RULES.values() for field in fields)


@dataclass(frozen=True, slots=True)
class Difference:
    """Rule on which two administrators differ, with both values in words."""

    rule: str
    label: str
    mine: str
    stored: str


def as_typed(rules: AccountRules, translator: Translator) -> dict[str, str]:
    """Return the form fields filled in with these rules."""
    standard, standard_unit = _count(rules.standard)
    longest, longest_unit = _count(rules.longest)
    return {
        "telephone": rules.contact.telephone,
        "email": rules.contact.email,
        "hours": rules.contact.hours,
        "standard": standard,
        "standard_unit": standard_unit,
        "longest": longest,
        "longest_unit": longest_unit,
        "confidential": _yes_no(rules.confidential),
        "undo_window": "" if rules.undo_window is None else str(rules.undo_window // _MINUTE),
        "quota": gigabytes(rules.quota, translator),
        "four_eyes": _yes_no(rules.four_eyes),
        "notify": _yes_no(rules.notify),
        "notice_channel": rules.notice_channel.value,
        "name_tenant": _yes_no(rules.name_tenant),
        "sms_sender": rules.sms_sender,
        "sms_cost_code": rules.sms_cost_code,
        "full_numbers": _yes_no(rules.full_numbers),
    }


def _count(period: timedelta | None) -> tuple[str, str]:
    if period is None:
        return "", "days"
    unit = "hours" if period % DAY else "days"
    return str(int(period / _UNITS[unit])), unit


def _yes_no(yes: bool) -> str:
    return "yes" if yes else "no"


def gigabytes(count: int | None, translator: Translator) -> str:
    """Return a number of gigabytes like «0,5», with as many decimals as needed."""
    if count is None:
        return ""
    text = f"{Decimal(count) / GIGABYTE:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if translator.language == "en" else text.replace(".", ",")


def typed_rules(fields: Typed) -> dict[str, str]:
    """Return a form's fields for rules; absent ones are empty."""
    return {field: fields.get(field, "") for field in FIELDS}


def read_rules(typed: Typed, limits: PeriodRule) -> AccountRules:
    """Return the rules in a form; ``limits`` are the tenant's.

    Raises: InvalidFields with all faults.
    """
    faults = Faults()
    rules = AccountRules(
        contact=Contact(typed["telephone"], typed["email"], typed["hours"]),
        standard=faults.unless(lambda: _period(typed, "standard"), None),
        longest=faults.unless(lambda: _period(typed, "longest"), None),
        confidential=typed["confidential"] != "no",
        undo_window=faults.unless(lambda: _undo_window(typed, "undo_window"), None),
        quota=faults.unless(lambda: _quota(typed, "quota"), None),
        four_eyes=typed["four_eyes"] == "yes",
        notify=typed["notify"] == "yes",
        notice_channel=_channel(typed["notice_channel"]),
        name_tenant=typed["name_tenant"] == "yes",
        sms_sender=typed["sms_sender"],
        sms_cost_code=typed["sms_cost_code"],
        full_numbers=typed["full_numbers"] == "yes",
    )
    tidy = faults.unless(lambda: check_rules(rules, limits), rules)
    faults.errors.sort(key=lambda fault: FIELDS.index(fault.field))
    faults.raise_any()
    return tidy


def with_labels(errors: FieldErrors, translator: Translator) -> FieldErrors:
    """Return the errors for the page's summary: each with the label of its rule, since two may have the same text."""
    labels = {field: translator.text(label) for label, fields in RULES.values() for field in fields}
    return [(field, f"{labels[field]}: {text}" if field in labels else text) for field, text in errors]


def _channel(typed: str) -> NoticeChannel:
    return NoticeChannel(typed) if typed in set(NoticeChannel) else NoticeChannel.EMAIL_FIRST


def _period(typed: Typed, field: str) -> timedelta | None:
    text = "".join(typed[field].split())
    unit = _UNITS.get(typed[f"{field}_unit"], DAY)
    if not text:
        return None
    if not _COUNT.fullmatch(text):
        raise InvalidInput(field, "period_malformed")
    return int(text) * unit


def _undo_window(typed: Typed, field: str) -> timedelta | None:
    text = "".join(typed[field].split())
    if not text:
        return None
    if not _COUNT.fullmatch(text):
        raise InvalidInput(field, "undo_window_range", longest=MAX_UNDO_MINUTES)
    return int(text) * _MINUTE


def _quota(typed: Typed, field: str) -> int | None:
    text = "".join(typed[field].split())
    if not text:
        return None
    if not _GIGABYTES.fullmatch(text):
        raise InvalidInput(field, "quota_malformed")
    return int(Decimal(text.replace(",", ".")) * GIGABYTE)


def differences(mine: AccountRules, stored: AccountRules, translator: Translator) -> list[Difference]:
    """Return the rules that differ, in the order of the form."""
    own, others = in_words(mine, translator), in_words(stored, translator)
    return [
        Difference(rule, translator.text(label), own[rule], others[rule])
        for rule, (label, _fields) in RULES.items()
        if own[rule] != others[rule]
    ]


def in_words(rules: AccountRules, translator: Translator) -> dict[str, str]:
    """Return each rule in words, for comparison with another set."""
    none = translator.text(_("Not filled in"))
    yes, no = translator.text(_("Yes")), translator.text(_("No"))
    return {
        "telephone": rules.contact.telephone or none,
        "email": rules.contact.email or none,
        "hours": rules.contact.hours or none,
        "standard": period_words(rules.standard, translator) or none,
        "longest": period_words(rules.longest, translator) or none,
        "confidential": yes if rules.confidential else no,
        "undo_window": none if rules.undo_window is None else f"{rules.undo_window // _MINUTE} min",
        "quota": f"{gigabytes(rules.quota, translator)} GB" if rules.quota is not None else none,
        "four_eyes": yes if rules.four_eyes else no,
        "notify": yes if rules.notify else no,
        "notice_channel": translator.text(CHANNELS[rules.notice_channel]),
        "name_tenant": yes if rules.name_tenant else no,
        "sms_sender": rules.sms_sender or none,
        "sms_cost_code": rules.sms_cost_code or none,
        "full_numbers": yes if rules.full_numbers else no,
    }


def period_words(period: timedelta | None, translator: Translator) -> str:
    """Return a period like «7 dager» or «36 timer»; empty for None."""
    return translator.period(period) if period else ""


def with_choices(typed: Typed, choices: Typed, stored: Typed) -> dict[str, str]:
    """Return the typed fields, with the stored value of each rule for which the person chose that."""
    kept = dict(typed)
    for rule, (_words, fields) in RULES.items():
        if choices.get(CHOICE + rule) == STORED:
            kept |= {field: stored[field] for field in fields}
    return kept
