"""Tenants (public bodies), and the limits that they set; their accounts, members, administrators and integrations.

Identifiers of persons exist here only sealed and as keyed hashes. This layer has no keys to open them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from deldokument.domain.characters import belongs_in_text, is_blank
from deldokument.domain.errors import Conflict, InvalidInput

BREACH_CONTACT_LENGTH = 200
_ON_BEHALF_OF = re.compile(r"[A-Za-z0-9._-]{0,100}")


@dataclass(frozen=True, slots=True)
class Contact:
    """Contact for recipients: shown on the pages of a share and after its end."""

    telephone: str = ""
    email: str = ""
    hours: str = ""


End = datetime | timedelta
"""The end of a share: an instant, or a period that counts from now."""


def instant_of(end: End, now: datetime) -> datetime:
    """Return the end of a share as an instant; ``end`` may be a period from ``now``."""
    return now + end if isinstance(end, timedelta) else end


@dataclass(frozen=True, slots=True)
class PeriodRule:
    """Permitted availability of a share: shortest, standard and longest period."""

    shortest: timedelta = timedelta(hours=1)
    standard: timedelta = timedelta(days=30)
    longest: timedelta = timedelta(days=90)

    def check(self, end: End, now: datetime) -> None:
        """Raise InvalidInput unless the period from ``now`` to the end satisfies the rule."""
        period = end if isinstance(end, timedelta) else end - now
        if period <= timedelta():
            raise InvalidInput("expires_at", "expiry_in_the_past")
        if period < self.shortest:
            raise InvalidInput("expires_at", "period_too_short", hours=int(self.shortest / timedelta(hours=1)))
        if period > self.longest:
            raise InvalidInput("expires_at", "period_too_long", longest_seconds=int(self.longest.total_seconds()))


@dataclass(frozen=True, slots=True)
class Tenant:
    """A public body that is registered with the service (kunde).

    ``on_behalf_of``: its name at ID-porten, if logins for it run under its name instead of the operator's.
    ``breach_contact``: the contact in a breach notification. ``scan_policy``: where it is stricter than the operator's
    (`shares.scan_policy`). ``revision`` counts changes. ``intact``: False if the stored row is damaged; then its shares
    cannot be opened, and nothing is shared. ``behind``: its chain lacks events, because an older database was restored.
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
    breach_contact: str = ""
    scan_policy: str = ""
    revision: int = field(default=1, compare=False)
    intact: bool = True
    behind: bool = field(default=False, compare=False)

    @property
    def is_in_use(self) -> bool:
        """Whether it has taken the service into use and not left it. A frozen tenant is still in use."""
        return self.activated_at is not None and self.ended_at is None


class NoticeChannel(StrEnum):
    """How a notice to a recipient is delivered. The first two fall back on the other medium."""

    EMAIL_FIRST = "email_first"
    SMS_FIRST = "sms_first"
    SMS_ONLY = "sms_only"


@dataclass(frozen=True, slots=True)
class AccountRules:
    """Rules that administrators set for an account; None or an empty value means the tenant's rule.

    - ``quota``: in bytes.
    - ``four_eyes``: a second member approves before a share is published.
    - ``notify``: recipients are sent notices, unless the sharer decides otherwise.
    - ``notice_channel``, ``sms_sender`` and ``sms_cost_code``: delivery of these notices.
    - ``name_tenant``: notices name the tenant although the share is confidential.
    - ``full_numbers``: systems that share get recipients' full numbers back in KS' interface, and in reports.
    - ``undo_window``: how long a publication on the pages can be undone. Notices wait until then.
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
    full_numbers: bool = False
    name_tenant: bool = False
    notice_channel: NoticeChannel = NoticeChannel.EMAIL_FIRST
    undo_window: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account, to which shares belong (konto).

    - ``closed_at``: nothing new is shared from it; existing shares stay.
    - ``deleted_at``: nothing in it is accessible. After the period UNDO its shares end, at ``ended_at``.
    - ``frozen_at``: the operator has stopped it.
    - ``revision``: counts changes, so that a concurrent change is detected.
    - ``intact``: False if the stored row is damaged; then its shares cannot be opened, and nothing is shared.
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
    intact: bool = True

    @property
    def is_open(self) -> bool:
        """Whether new shares may be created from it."""
        return self.closed_at is None and self.deleted_at is None and self.frozen_at is None

    def contact(self, tenant: Tenant) -> Contact:
        """Return the contact for recipients: the account's own, or the tenant's if it has none."""
        return tenant.contact if self.rules.contact == Contact() else self.rules.contact

    def period(self, tenant: Tenant) -> PeriodRule:
        """Return the permitted period of its shares: its own limits, within the tenant's."""
        longest = min(self.rules.longest or tenant.period.longest, tenant.period.longest)
        standard = min(self.rules.standard or tenant.period.standard, longest)
        return PeriodRule(min(tenant.period.shortest, longest), standard, longest)

    def can_be_restored(self, now: datetime) -> bool:
        """Return whether its deletion can still be undone."""
        return self.deleted_at is not None and self.ended_at is None and now < self.deleted_at + UNDO


UNDO = timedelta(hours=24)
"""How long the deletion of an account can be undone."""


@dataclass(frozen=True, slots=True)
class Member:
    """A person who may share from an account (bruker på konto).

    ``lookup_hash`` finds all roles of the person, and ``role_hash`` proves this one. ``removed_at``: when the
    membership ended. ``erased_at``: when number, name and hash were erased; only references to the membership remain.
    ``absent_since``: an administrator has marked the member absent; others decide in the member's place. ``acts_from``:
    since when it gives rights; None while an administrator must confirm it. ``revision`` counts changes of
    ``absent_since``.
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
    role_hash: bytes = b""
    absent_since: datetime | None = None
    acts_from: datetime | None = None
    revision: int = field(default=1, compare=False)

    @property
    def is_present(self) -> bool:
        """Whether the member is on the account, and not marked absent."""
        return self.removed_at is None and self.absent_since is None

    def acts_at(self, now: datetime) -> bool:
        """Whether it gives its rights at that time."""
        return self.acts_from is not None and self.acts_from <= now

    def forget_name(self) -> Member:
        """Return the member without number, name and hashes."""
        return replace(self, lookup_hash=b"", sealed_identifier=b"", sealed_name=b"", role_hash=b"")


class IntegrationRights(StrEnum):
    """Rights of a fagsystem in an account: read its shares and receipts, or also share as a member does."""

    READ = "read"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Integration:
    """A fagsystem that may use an account through the API, known by its Maskinporten consumer's organisation number.

    ``password_hash`` is the SHA-256 of its password for KS' interface; None if it has none. ``archive_confirmed_at``:
    since when the tenant confirms that everything the system shares is in its archive. ``revision`` counts changes.
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
    revision: int = field(default=1, compare=False)

    @property
    def may_share(self) -> bool:
        """Whether it may share as a member does; otherwise it may only read."""
        return self.rights is IntegrationRights.SHARE


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who runs the service for all tenants (driftsansvarlig); may not read documents."""

    id: str
    lookup_hash: bytes
    sealed_identifier: bytes
    sealed_name: bytes
    role_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class Administrator:
    """A person who configures a tenant (lokal administrator); may not read documents.

    ``acts_from``: since when; None while the person waits for confirmation.
    """

    id: str
    tenant_id: str
    lookup_hash: bytes
    sealed_identifier: bytes
    sealed_name: bytes
    role_hash: bytes = b""
    acts_from: datetime | None = None

    def acts_at(self, now: datetime) -> bool:
        """Whether the person may configure the tenant at that time."""
        return self.acts_from is not None and self.acts_from <= now


def tidy_words(text: str) -> str:
    """Return the text on one line, without surrounding or doubled white space, normalised (NFC)."""
    return " ".join(unicodedata.normalize("NFC", text).split())


NAME_LENGTHS = range(2, 201)


def check_name(name: str, *, field: str = "name") -> str:
    """Return the name, as ``tidy_words`` does.

    Raises: InvalidInput unless it has 2 to 200 allowed characters, not all invisible.
    """
    tidy = tidy_words(name)
    if len(tidy) not in NAME_LENGTHS:
        raise InvalidInput(field, "name_length", shortest=NAME_LENGTHS.start, longest=NAME_LENGTHS.stop - 1)
    if not all(map(belongs_in_text, tidy)) or is_blank(tidy):
        raise InvalidInput(field, "name_characters")
    return tidy


_AFTER_Z = str.maketrans({"æ": "{", "ä": "{", "ø": "|", "ö": "|", "å": "}"})


def norwegian_order(name: str) -> str:
    """Return the sort key of a name: æ, ø, å after z, without regard to case."""
    return name.casefold().translate(_AFTER_Z)


def check_on_behalf_of(value: str) -> str:
    """Return the name under which ID-porten knows a tenant; empty for none.

    Raises: InvalidInput if it is malformed.
    """
    if not _ON_BEHALF_OF.fullmatch(value):
        raise InvalidInput("on_behalf_of", "on_behalf_of")
    return value


def must_be_in_use(tenant: Tenant) -> None:
    """Raise Conflict unless the tenant has taken the service into use and not left it."""
    must_not_have_ended(tenant)
    if tenant.activated_at is None:
        raise Conflict("not_in_use")


def must_not_have_ended(tenant: Tenant) -> None:
    """Raise Conflict if the tenant has left the service."""
    if tenant.ended_at is not None:
        raise Conflict("service_ended")
