"""Names and rules of accounts.

Guarantees:
- No two accounts of a tenant have names that look the same.
- Accepted rules are within the tenant's limits, normalised, and fit to be shown to recipients.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import chain, count

from deldokument.domain.characters import without_joiners
from deldokument.domain.errors import InvalidFields, InvalidInput
from deldokument.domain.tenants.tenancy import NAME_LENGTHS, AccountRules, Contact, PeriodRule, tidy_words

TELEPHONE_LENGTH = 30
EMAIL_LENGTH = 254
HOURS_LENGTH = 100
COST_CODE_LENGTH = 50
GIGABYTE = 10**9
MAX_UNDO_MINUTES = 60
_MINUTE = timedelta(minutes=1)
_QUOTA = range(GIGABYTE // 10, 1_000_000 * GIGABYTE + 1)
_TELEPHONE = re.compile(r"\+?[0-9][0-9 ()-]+")
_EMAIL = re.compile(r"[^\s@<>,;:\"?&]+@[^\s@<>,;:\"?&]+\.[^\s@<>,;:\"?&.]+")
# Letters that every telephone can show in a sender's name (GSM 03.38, basic table).
_LETTERS = "A-Za-zÆØÅæøåÄÖÑÜäöñüàèéùìòÇÉß"
_SMS_SENDER = re.compile(rf"[{_LETTERS}0-9]{{2,11}}")


def same_name(one: str, other: str) -> bool:
    """Return whether two names look the same to people.

    Ignores letter case, spacing, Unicode normalisation and invisible joiners.
    """
    return _key(one) == _key(other)


def _key(name: str) -> str:
    folded = unicodedata.normalize("NFKC", without_joiners(tidy_words(name))).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def spent_name(name: str, deleted_on: date, taken: Collection[str]) -> str:
    """Return a name for an ended account, such as «Byggesak (slettet 2026-11-25)».

    This frees the old name. A number is added if the new one is in ``taken``.
    """
    marks = chain([f"{deleted_on}"], (f"{deleted_on}, {number}" for number in count(2)))
    names = (_append_mark(name, mark) for mark in marks)
    return next(marked for marked in names if not any(same_name(marked, other) for other in taken))


def _append_mark(name: str, mark: str) -> str:
    ending = f" (slettet {mark})"
    return name[: NAME_LENGTHS[-1] - len(ending)].rstrip() + ending


def check_rules(rules: AccountRules, limits: PeriodRule) -> AccountRules:
    """Return the rules with their texts normalised. ``limits`` are the tenant's.

    Raises: InvalidFields with all faults.
    """
    contact = _tidy(rules.contact)
    sender, cost_code = tidy_words(rules.sms_sender), tidy_words(rules.sms_cost_code)
    tidy = replace(rules, contact=contact, sms_sender=sender, sms_cost_code=cost_code)
    faults = [*_contact_faults(contact), *_period_faults(tidy, limits), *_quota_faults(tidy), *_sms_faults(tidy)]
    if rules.undo_window not in (None, *(number * _MINUTE for number in range(MAX_UNDO_MINUTES + 1))):
        faults.append(InvalidInput("undo_window", "undo_window_range", longest=MAX_UNDO_MINUTES))
    if faults:
        raise InvalidFields(faults)
    return tidy


def check_contact(contact: Contact) -> Contact:
    """Return the contact details with their texts normalised.

    Raises: InvalidFields with all faults.
    """
    tidy = _tidy(contact)
    if faults := list(_contact_faults(tidy)):
        raise InvalidFields(faults)
    return tidy


def _tidy(contact: Contact) -> Contact:
    return Contact(*(tidy_words(text) for text in _contact(contact)))


def _contact(contact: Contact) -> tuple[str, str, str]:
    return contact.telephone, contact.email, contact.hours


def _contact_faults(contact: Contact) -> Iterator[InvalidInput]:
    telephone, email, hours = _contact(contact)
    if telephone and not (len(telephone) <= TELEPHONE_LENGTH and _TELEPHONE.fullmatch(telephone)):
        yield InvalidInput("telephone", "telephone_malformed")
    if email and not (len(email) <= EMAIL_LENGTH and _EMAIL.fullmatch(email) and email.isprintable()):
        yield InvalidInput("email", "email_malformed")
    yield from _text_faults("hours", hours, HOURS_LENGTH)


def _text_faults(field: str, text: str, longest: int) -> Iterator[InvalidInput]:
    if len(text) > longest:
        yield InvalidInput(field, "text_too_long", longest=longest, length=len(text))
    elif not text.isprintable():
        yield InvalidInput(field, "text_control_characters")


def _period_faults(rules: AccountRules, limits: PeriodRule) -> Iterator[InvalidInput]:
    hours = int(limits.shortest / timedelta(hours=1))
    for field, period in (("standard", rules.standard), ("longest", rules.longest)):
        if period is not None and not limits.shortest <= period <= limits.longest:
            yield InvalidInput(field, "account_period", hours=hours, days=limits.longest.days)
        elif field == "longest" and period is not None and period < 2 * limits.shortest:
            # Otherwise the sharer could not choose an end between the shortest and the longest period.
            yield InvalidInput(field, "longest_too_short", hours=2 * hours)
    if rules.standard and rules.longest and rules.standard > rules.longest:
        yield InvalidInput("standard", "standard_beyond_longest")


def _quota_faults(rules: AccountRules) -> Iterator[InvalidInput]:
    if rules.quota is not None and rules.quota not in _QUOTA:
        yield InvalidInput("quota", "quota_range")


def _sms_faults(rules: AccountRules) -> Iterator[InvalidInput]:
    if rules.sms_sender and not _SMS_SENDER.fullmatch(rules.sms_sender):
        yield InvalidInput("sms_sender", "sms_sender_malformed")
    yield from _text_faults("sms_cost_code", rules.sms_cost_code, COST_CODE_LENGTH)
