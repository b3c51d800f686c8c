"""Members of accounts: registration, lists, search, removal, and the accounts that a sharer may use.

Guarantees:
- A person has at most one membership in an account.
- A member added by command can share once an administrator of the tenant has confirmed it.
- Numbers are shown only masked.
- An account of another tenant is reported as not found.
- A removal takes effect with the next request, also for running uploads.

Import of many members is in services.accounts.member_import.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import NotFound, existing, require
from deldokument.domain.identifiers import Consumer, PersonIdentifier, Sharer, parse_person
from deldokument.domain.shares.share import new_id
from deldokument.domain.tenants.tenancy import Account, Member, Tenant, must_be_in_use
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import EncryptedColumn, identifier_hash, open_field
from deldokument.services.people import (
    StaffRole,
    administration_of,
    check_person,
    directory_key,
    members_of,
    sealed_person,
    view_person,
)
from deldokument.store.transaction import Transaction

PAGE = 100


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member as shown to people; name and number are empty once erased."""

    id: str
    name: str
    masked: str
    added_at: datetime
    used_at: datetime | None
    removed_at: datetime | None
    acts_from: datetime | None
    """None while the member waits for confirmation."""
    absent_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class MemberList:
    """One page of an account's members, last added first; ``next`` continues, None at the end.

    ``waiting``: on every page, the first of the members who wait for confirmation.
    """

    account: Account
    count: int
    members: tuple[MemberView, ...]
    waiting: tuple[MemberView, ...]
    next: tuple[datetime, str] | None


def add_member(
    deps: Dependencies,
    *,
    tenant_id: str,
    account_id: str,
    number: str,
    name: str,
    person: PersonIdentifier | None = None,
) -> MemberView:
    """Register a person as a member. ``person`` is the acting administrator, None for a command.

    Raises: InvalidInput or InvalidFields; NotFound; Conflict if the tenant is not in use or the person is a member
    already.
    """
    chosen, tidy = check_person(deps, number, name)
    key = directory_key(deps)
    member = sealed_member(key, account_id, new_id(), chosen, tidy, deps.clock.now(), waits=person is None)
    with deps.database.write() as tx:
        locked_account(tx, tenant_id, account_id)
        tx.members.add(member)
        record_about_member(deps, tx, EventKind.MEMBER_ADDED, tenant_id, member, person)
    return view_member(key, member)


def sealed_member(
    key: bytes, account_id: str, member_id: str, person: PersonIdentifier, name: str, now: datetime, *, waits: bool
) -> Member:
    """Return the record of a checked person with a normalised name. ``waits``: an administrator must confirm it."""
    fields = sealed_person(key, StaffRole.MEMBER, member_id, person, name)
    return Member(account_id=account_id, added_at=now, acts_from=None if waits else now, **fields)


def record_about_member(
    deps: Dependencies,
    tx: Transaction,
    kind: EventKind,
    tenant_id: str,
    member: Member,
    person: PersonIdentifier | None,
) -> None:
    """Record what happened to the member, and who did it."""
    account_id = member.account_id
    record_event(deps, tx, kind, tenant_id=tenant_id, person=person, account=account_id, member=member.id)


def view_member(key: bytes, member: Member) -> MemberView:
    """Return the member with the name decrypted and the number masked."""
    view = view_person(key, StaffRole.MEMBER, member)
    times = member.added_at, member.used_at, member.removed_at, member.acts_from, member.absent_since
    return MemberView(view.id, view.name, view.masked, *times)


def account_of(tx: Transaction, tenant_id: str, account_id: str) -> Account:
    """Return the tenant's account. Raises: NotFound, also if it is deleted or damaged."""
    account = require(tx.accounts.get(account_id), "account")
    if account.tenant_id != tenant_id or account.deleted_at is not None or not account.intact:
        raise NotFound("account")
    return account


def account_in_use(tx: Transaction, tenant_id: str, account_id: str) -> Account:
    """Return the tenant's account for adding members. Raises: NotFound; Conflict if the tenant is not in use."""
    account = account_of(tx, tenant_id, account_id)
    must_be_in_use(existing(tx.tenants.get(tenant_id)))
    return account


def locked_account(tx: Transaction, tenant_id: str, account_id: str) -> Account:
    """Return the account as ``account_in_use`` does, with tenant and account locked.

    The locks make offboarding see every member added before it, and an import match its preview.
    """
    tx.tenants.lock(tenant_id)
    tx.accounts.lock(account_id)
    return account_in_use(tx, tenant_id, account_id)


def list_members(
    deps: Dependencies, *, tenant_id: str, account_id: str, before: tuple[datetime, str] | None = None
) -> MemberList:
    """Return a page of the account's living members. Raises: NotFound."""
    key = directory_key(deps)
    with deps.database.read() as tx:
        account = account_of(tx, tenant_id, account_id)
        count = tx.members.count(account_id)
        members = tx.members.of_account(account_id, before=before, limit=PAGE + 1)
        waiting = tx.members.waiting(account_id, PAGE)
    last = members[PAGE - 1] if len(members) > PAGE else None
    views = tuple(view_member(key, member) for member in members[:PAGE])
    unconfirmed = tuple(view_member(key, member) for member in waiting)
    return MemberList(account, count, views, unconfirmed, (last.added_at, last.id) if last else None)


def find_member(deps: Dependencies, *, tenant_id: str, account_id: str, number: str) -> MemberView | None:
    """Return the living member with that number.

    Raises: InvalidInput if it is not a valid number; NotFound for the account.
    """
    person = parse_person(number, allow_synthetic=deps.config.allow_synthetic, field="number")
    key = directory_key(deps)
    with deps.database.read() as tx:
        account_of(tx, tenant_id, account_id)
        member = tx.members.by_hash(account_id, identifier_hash(key, person))
    return view_member(key, member) if member else None


def show_member(deps: Dependencies, *, tenant_id: str, account_id: str, member_id: str) -> tuple[Account, MemberView]:
    """Return a member of the account, living or removed. Raises: NotFound."""
    key = directory_key(deps)
    with deps.database.read() as tx:
        account = account_of(tx, tenant_id, account_id)
        return account, view_member(key, _member_of(tx, account_id, member_id))


def mark_absent(
    deps: Dependencies,
    *,
    tenant_id: str,
    account_id: str,
    member_id: str,
    absent: bool,
    person: PersonIdentifier | None = None,
) -> None:
    """Mark a living member as absent, or as present again. Repeating the call changes nothing. Raises: NotFound."""
    with deps.database.write() as tx:
        account_of(tx, tenant_id, account_id)
        member = _member_of(tx, account_id, member_id)
        if tx.members.mark_absent(member_id, deps.clock.now() if absent else None):
            kind = EventKind.MEMBER_ABSENT if absent else EventKind.MEMBER_PRESENT
            record_about_member(deps, tx, kind, tenant_id, member, person)


def confirm_members(
    deps: Dependencies, *, tenant_id: str, account_id: str, member_ids: Collection[str], person: PersonIdentifier
) -> int:
    """Confirm waiting members, so that they can share. Return their number. ``person`` is the acting administrator.

    Raises: NotFound.
    """
    with deps.database.write() as tx:
        account_of(tx, tenant_id, account_id)
        require(administration_of(deps, tx, person, tenant_id), "administrator")
        chosen = [_member_of(tx, account_id, member_id) for member_id in member_ids]
        confirmed = [member for member in chosen if tx.members.confirm(member.id, deps.clock.now())]
        for member in confirmed:
            record_about_member(deps, tx, EventKind.MEMBER_CONFIRMED, tenant_id, member, person)
    return len(confirmed)


def remove_member(
    deps: Dependencies, *, tenant_id: str, account_id: str, member_id: str, person: PersonIdentifier | None = None
) -> None:
    """End a membership immediately, or reject a waiting member.

    Idempotent. Raises: NotFound.
    """
    with deps.database.write() as tx:
        account_of(tx, tenant_id, account_id)
        member = _member_of(tx, account_id, member_id)
        if tx.members.remove(member_id, deps.clock.now()):
            record_about_member(deps, tx, EventKind.MEMBER_REMOVED, tenant_id, member, person)


def _member_of(tx: Transaction, account_id: str, member_id: str) -> Member:
    member = require(tx.members.get(member_id), "member")
    if member.account_id != account_id:
        raise NotFound("member")
    return member


@dataclass(frozen=True, slots=True)
class Membership:
    """A sharer's right to an account, with its tenant and the sharer's own name there.

    For a person it comes from a member, for an organisation's system from an integration: either ``member_id`` or
    ``integration_id`` is set.

    - ``reads_only``: the sharer may only read.
    - ``archive_confirmed``: the system's shares count as archived by default.
    - ``acts_from``: since when the person can share from it. ``used_at``: when the member last shared.
    - ``is_absent``: an administrator has marked the member as absent.
    """

    account: Account
    tenant: Tenant
    name: str
    member_id: str | None = None
    integration_id: str | None = None
    reads_only: bool = False
    archive_confirmed: bool = False
    acts_from: datetime | None = None
    used_at: datetime | None = None
    is_absent: bool = False

    @property
    def id(self) -> str:
        """The id of the member or of the integration."""
        return self.member_id or self.integration_id or ""


def memberships(deps: Dependencies, sharer: Sharer) -> list[Membership]:
    """Return the memberships of the person or the system."""
    with deps.database.read() as tx:
        return memberships_in(deps, tx, sharer)


def memberships_in(deps: Dependencies, tx: Transaction, sharer: Sharer) -> list[Membership]:
    """Return the same as ``memberships``, as the transaction sees it."""
    return _memberships_of_consumer(tx, sharer) if isinstance(sharer, Consumer) else _personal(deps, tx, sharer)


def _personal(deps: Dependencies, tx: Transaction, person: PersonIdentifier) -> list[Membership]:
    key = directory_key(deps)
    living = members_of(deps, tx, person)
    tenants = tx.tenants.by_ids({account.tenant_id for _, account in living})
    return [
        Membership(
            account,
            tenants[account.tenant_id],
            open_field(key, member.sealed_name, EncryptedColumn.MEMBER_NAME, member.id),
            member_id=member.id,
            acts_from=member.acts_from,
            used_at=member.used_at,
            is_absent=not member.is_present,
        )
        for member, account in living
    ]


def _memberships_of_consumer(tx: Transaction, consumer: Consumer) -> list[Membership]:
    living = tx.integrations.of_organization(consumer.organization.value)
    tenants = tx.tenants.by_ids({account.tenant_id for _, account in living})
    return [
        Membership(
            account,
            tenants[account.tenant_id],
            integration.name,
            integration_id=integration.id,
            reads_only=not integration.may_share,
            archive_confirmed=integration.archive_confirmed_at is not None,
        )
        for integration, account in living
    ]


def membership_in(deps: Dependencies, tx: Transaction, sharer: Sharer, account_id: str) -> Membership:
    """Return the sharer's membership in the account. Raises: NotFound, also if the account belongs to others."""
    mine = (one for one in memberships_in(deps, tx, sharer) if one.account.id == account_id)
    return require(next(mine, None), "not a member of the account")
