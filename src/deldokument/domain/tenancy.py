"""Who shares: tenants (the public bodies), their accounts, members and administrators, and the limits they set.

Identifiers of persons stand here only sealed and as keyed hashes; what opens them is not known in this layer.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from deldokument.domain.errors import Conflict, InvalidInput

_ON_BEHALF_OF = re.compile(r"[A-Za-z0-9._-]{0,100}")


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom a recipient may ask: shown on the pages of a share and after its end."""

    telephone: str = ""
    email: str = ""
    hours: str = ""


@dataclass(frozen=True, slots=True)
class PeriodRule:
    """How long a share may be available."""

    shortest: timedelta = timedelta(hours=1)
    standard: timedelta = timedelta(days=30)
    longest: timedelta = timedelta(days=90)

    def check(self, expires_at: datetime, now: datetime, *, field: str = "expires_at") -> None:
        """Raise InvalidInput unless the period from ``now`` to ``expires_at`` is within the rule."""
        if expires_at <= now:
            raise InvalidInput(field, "expiry_in_the_past")
        if expires_at - now < self.shortest:
            raise InvalidInput(field, "period_too_short", hours=int(self.shortest / timedelta(hours=1)))
        if expires_at - now > self.longest:
            raise InvalidInput(field, "period_too_long", longest_seconds=int(self.longest.total_seconds()))


@dataclass(frozen=True, slots=True)
class Tenant:
    """A public body that has taken the service into use (kunde).

    ``on_behalf_of``: what ID-porten knows it by, where logins for it are in its name and not in the operator's.
    """

    id: str
    organization_number: str
    name: str
    contact: Contact
    period: PeriodRule
    ask_archived: bool
    retention: timedelta
    activated_at: datetime | None
    frozen_at: datetime | None = None
    ended_at: datetime | None = None
    on_behalf_of: str = ""

    @property
    def is_in_use(self) -> bool:
        """Whether it has taken the service into use and not left it. A frozen tenant still has."""
        return self.activated_at is not None and self.ended_at is None


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What administrators decide for an account; what is None or empty is as for the tenant.

    ``quota`` in bytes. ``four_eyes``: a second member approves before a share is published. ``notify``: whether
    recipients are sent notices, unless the sharer says otherwise; ``sms_sender`` and ``sms_cost_code`` are theirs.
    """

    contact: Contact = Contact()
    standard: timedelta | None = None
    longest: timedelta | None = None
    confidential: bool = True
    quota: int | None = None
    four_eyes: bool = False
    notify: bool = False
    sms_sender: str = ""
    sms_cost_code: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Where shares belong (konto).

    ``closed_at``: nothing new is shared from it, what is shared stays. ``deleted_at``: nobody reaches anything of it;
    after UNDO its shares end, and ``ended_at`` notes that they have. ``frozen_at``: the operator has stopped it.
    ``revision`` counts its changes, so that two who change it at once are told.
    """

    id: str
    tenant_id: str
    name: str
    rules: AccountRules = AccountRules()
    revision: int = 1
    closed_at: datetime | None = None
    deleted_at: datetime | None = None
    frozen_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may be shared from."""
        return self.closed_at is None and self.deleted_at is None and self.frozen_at is None

    def contact(self, tenant: Tenant) -> Contact:
        """Whom recipients may ask: the account's own contact, or the tenant's when it has none."""
        return tenant.contact if self.rules.contact == Contact() else self.rules.contact

    def period(self, tenant: Tenant) -> PeriodRule:
        """How long its shares may be available: its own limits, within the tenant's."""
        longest = min(self.rules.longest or tenant.period.longest, tenant.period.longest)
        standard = min(self.rules.standard or tenant.period.standard, longest)
        return PeriodRule(min(tenant.period.shortest, longest), standard, longest)

    def can_be_restored(self, now: datetime) -> bool:
        """Whether its deletion can still be undone."""
        return self.deleted_at is not None and self.ended_at is None and now < self.deleted_at + UNDO


UNDO = timedelta(hours=24)
"""How long the deletion of an account can be undone."""


@dataclass(frozen=True, slots=True)
class Member:
    """A person who may share from an account (bruker på konto).

    ``removed_at`` ends that at once. ``erased_at``: number, name and hash are gone, and only what refers to the
    membership still knows it.
    """

    id: str
    account_id: str
    lookup_hash: bytes
    sealed_identifier: bytes
    sealed_name: bytes
    added_at: datetime
    used_at: datetime | None = None
    removed_at: datetime | None = None
    erased_at: datetime | None = None


class IntegrationRights(StrEnum):
    """What a fagsystem may do in an account: see its shares with receipts, or also share as a member does."""

    READ = "read"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Integration:
    """A fagsystem that may use an account through the API, known by its Maskinporten consumer's organisation number.

    ``password_hash`` is the SHA-256 of its password for KS' interface, None while it has none.
    ``archive_confirmed_at``: since when the tenant vouches that whatever the system shares is in its archive.
    """

    id: str
    account_id: str
    organization_number: str
    name: str
    added_at: datetime
    removed_at: datetime | None = None
    rights: IntegrationRights = IntegrationRights.SHARE
    used_at: datetime | None = None
    password_hash: bytes | None = None
    archive_confirmed_at: datetime | None = None

    @property
    def may_share(self) -> bool:
        """As a member does; otherwise it may only see."""
        return self.rights is IntegrationRights.SHARE


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who runs the service for all tenants (driftsansvarlig); may not read documents."""

    id: str
    lookup_hash: bytes
    sealed_identifier: bytes
    sealed_name: bytes


@dataclass(frozen=True, slots=True)
class Administrator:
    """A person who configures a tenant (lokal administrator); may not read documents."""

    id: str
    tenant_id: str
    lookup_hash: bytes
    sealed_identifier: bytes
    sealed_name: bytes


def tidy_words(text: str) -> str:
    """A single line without surrounding or doubled white space; each letter as one sign, however it was typed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


NAME_LENGTHS = range(2, 201)


def check_name(name: str, *, field: str = "name") -> str:
    """The name without surrounding or doubled white space; 2 to 200 printable characters, any letters."""
    tidy = tidy_words(name)
    if len(tidy) not in NAME_LENGTHS:
        raise InvalidInput(field, "name_length", shortest=NAME_LENGTHS.start, longest=NAME_LENGTHS.stop - 1)
    if not tidy.isprintable():
        raise InvalidInput(field, "name_characters")
    return tidy


_AFTER_Z = str.maketrans({"æ": "{", "ä": "{", "ø": "|", "ö": "|", "å": "}"})


def norwegian_order(name: str) -> str:
    """What names are sorted by: æ, ø, å after z; capitals do not matter."""
    return name.casefold().translate(_AFTER_Z)


def check_on_behalf_of(value: str) -> str:
    """What ID-porten is to be told to know a tenant by; empty for nothing. Raises InvalidInput."""
    if not _ON_BEHALF_OF.fullmatch(value):
        raise InvalidInput("on_behalf_of", "on_behalf_of")
    return value


def must_be_in_use(tenant: Tenant) -> None:
    """Raises Conflict unless the tenant has taken the service into use and not left it."""
    must_not_have_ended(tenant)
    if tenant.activated_at is None:
        raise Conflict("not_in_use")


def must_not_have_ended(tenant: Tenant) -> None:
    """Raises Conflict: whoever has left makes no agreements."""
    if tenant.ended_at is not None:
        raise Conflict("service_ended")
