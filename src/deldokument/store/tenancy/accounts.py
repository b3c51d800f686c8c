"""Accounts in a table, and the accounts from which a person or an organisation may share.

Guarantees:
- A record is read back equal to the written one.
- Lists by name are in Norwegian order on both databases, independent of their collation.
"""

from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from operator import add
from types import SimpleNamespace
from typing import Any, Self, TypeVar

from sqlalchemy import Row, and_, exists, func, or_, select, update

from deldokument.domain.errors import Conflict
from deldokument.domain.shares.share import ShareState
from deldokument.domain.tenants.tenancy import Account, AccountRules, Contact, Integration, Member
from deldokument.store.engine.expressions import InList, is_current, total
from deldokument.store.engine.statements import (
    ByKey,
    Statements,
    by_key,
    param,
    plain_fields,
    plain_values,
    prefix_columns,
)
from deldokument.store.tables.outbox import notice_count, outbox
from deldokument.store.tables.shares import (
    document,
    is_available,
    is_draft,
    is_pending,
    is_published,
    is_unerased,
    may_have_key,
    recipient,
    share,
)
from deldokument.store.tables.tags import ACCOUNT_TAGS
from deldokument.store.tables.tenancy import account, is_living, is_to_be_ended, member, tenant
from deldokument.store.tenancy.tenants import CONTACT_COLUMNS, TENANT_COLUMNS, Tenants, by_name, must_be_intact


@dataclass(frozen=True, slots=True)
class AccountUsage:
    """Counts of an account. ``stored_bytes`` counts announced documents whose keys are not destroyed."""

    members: int = 0
    drafts: int = 0
    open_shares: int = 0
    documents: int = 0
    stored_bytes: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*map(add, astuple(self), astuple(other)))


_Sharer = TypeVar("_Sharer", Member, Integration)
_OWN_COLUMNS = [*account.c, ACCOUNT_TAGS.newest.label("newest_of_account")]
ACCOUNT_COLUMNS = [*_OWN_COLUMNS, *TENANT_COLUMNS]
"""The columns that `Accounts.keep` needs, of a query for another row with its account and tenant."""

_NAMES = [column.name for column in _OWN_COLUMNS]
_WIDTH = len(_OWN_COLUMNS)
_PLAIN = plain_fields(Account, "rules", "intact")
_PLAIN_RULES = plain_fields(AccountRules, "contact", "standard", "longest")
_all = select(*_OWN_COLUMNS)
_by_id = by_key(_all, account.c.id)
# Accounts are read with their tenants, which are nearly always needed next.
_one, _few = (
    query.add_columns(*TENANT_COLUMNS).join_from(account, tenant, isouter=True) for query in (_by_id.one, _by_id.few)
)
_with_tenant = ByKey(_one, _few, _by_id.many)
_of_tenant = _all.where(account.c.tenant_id == param("key"))
_write = update(account).where(account.c.id == param("key"))
_erase_cost_codes = update(notice_count).where(notice_count.c.account_id == param("key")).values(cost_code="")
_erase_cost_codes_of_notices = update(outbox).where(outbox.c.tenant_id == param("key")).values(cost_code="")
_save = _write.where(account.c.revision == param("known"))
_may_hold = and_(share.c.account_id == param("key"), is_unerased, may_have_key)
_count_members = select(func.count(member.c.id)).where(member.c.account_id == param("key"), is_living)
_stored = select(total(document.c.length)).join_from(document, share)
_held = select(total(share.c.byte_count)).where(_may_hold)
_is_unpublished = share.c.state.in_([ShareState.DRAFT, ShareState.ABANDONED])
# From the documents of drafts, which are few, because the account may have many shares.
_waiting = select(total(document.c.length)).where(
    is_pending, exists().where(share.c.id == document.c.share_id, _may_hold)
)
_stored_bytes = select(
    _held.scalar_subquery() + _stored.where(_may_hold, _is_unpublished).scalar_subquery() + _waiting.scalar_subquery()
)
_contents = select(
    _count_members.scalar_subquery(),
    select(func.count(share.c.id)).where(_may_hold, is_draft).scalar_subquery(),
    select(func.count(share.c.id)).where(_may_hold, is_available).scalar_subquery(),
    select(func.count(document.c.id)).join_from(document, share).where(_may_hold).scalar_subquery(),
    _stored.where(_may_hold).scalar_subquery(),
)
_spent = (
    _all.join_from(account, tenant)
    .where(is_to_be_ended, account.c.deleted_at <= param("horizon"))
    .where(account.c.frozen_at.is_(None), tenant.c.frozen_at.is_(None), is_current(account.c.tenant_id))
    .order_by(account.c.deleted_at)
    .limit(param("most"))
)

_drafts_of = (
    select(share.c.id)
    .where(is_draft, may_have_key, share.c.account_id == param("key"))
    .where(or_(share.c.member_id == param("sharer"), share.c.integration_id == param("sharer")))
    .limit(param("most"))
)
_count_drafts = select(func.count()).select_from(_drafts_of.subquery())


_audit_key_ids = (
    select(share.c.audit_key_id, share.c.account_id).where(is_unerased, share.c.account_id == param("key")).distinct()
)
_shared_with = (
    select(recipient.c.lookup_hash, share.c.account_id)
    .join_from(recipient, share)
    .where(InList(recipient.c.lookup_hash, "keys"), is_published, share.c.account_id == param("account"))
    .distinct()
)


class Accounts:
    """Repository of accounts, including deleted ones."""

    def __init__(self, work: Statements) -> None:
        self._work = work
        self._tenants = Tenants(work)

    def add(self, account: Account) -> None:
        """Insert the account.

        Raises: Conflict if the tenant has an account of exactly that name; services refuse similar names.
        """
        if not self._work.insert_once(ACCOUNT_TAGS.table, self.columns_of(account)):
            raise Conflict("account_name_taken")

    def get(self, account_id: str) -> Account | None:
        """Return the account with the id."""
        return self.by_ids([account_id]).get(account_id)

    def by_ids(self, account_ids: Collection[str]) -> dict[str, Account]:
        """Return the accounts that exist, in the order of the ids."""
        return self._work.records_by_key(_with_tenant, account_ids, self._read)

    def keep(self, values: Sequence[Any]) -> None:
        """Cache an account and its tenant, which were read with another row. ``values``: of ``ACCOUNT_COLUMNS``."""
        row = SimpleNamespace(**dict(zip(_NAMES, values[:_WIDTH], strict=True)))
        if row.id is not None:
            self._work.keep(_with_tenant, row.id, self._account(row))
            self._tenants.keep(values[_WIDTH:])

    def lock(self, account_id: str) -> Account | None:
        """Return the account, its row locked until the transaction ends; None if it is missing or damaged.

        Also used for the quota.
        """
        row = self._work.lock_one(_by_id, account_id)
        found = self._account(row) if row else None
        return found if found and found.intact else None

    def save(self, account: Account) -> Account:
        """Write the account as its next revision, and return that.

        Raises: Conflict("account_name_taken"); Conflict("changed_meanwhile") if ``revision`` is not the stored one;
        Broken for a damaged account.
        """
        must_be_intact(account)
        saved = replace(account, revision=account.revision + 1)
        values = self.columns_of(saved) | {"key": account.id, "known": account.revision}
        try:
            with self._work.connection.begin_nested():
                written = self._work.count(_save, values)
        except Conflict:
            raise Conflict("account_name_taken") from None
        if written == 0:
            raise Conflict("changed_meanwhile")
        return saved

    def of_tenant(self, tenant_id: str) -> list[Account]:
        """Return all accounts of the tenant by name, including deleted ones."""
        return sorted(map(self._account, self._work.rows(_of_tenant, {"key": tenant_id})), key=by_name)

    def stored_bytes(self, account_id: str) -> int:
        """Return the account's stored bytes, from the totals of published shares and the documents of drafts."""
        return int(self._work.rows(_stored_bytes, {"key": account_id})[0][0])

    def usage(self, account_id: str) -> AccountUsage:
        """Return the account's present usage."""
        return AccountUsage(*list(self._work.rows(_contents, {"key": account_id})[0]))

    def count_drafts(self, account_id: str, sharer_id: str, at_most: int) -> int:
        """Count the account's drafts of a member or an integration, up to ``at_most``."""
        values = {"key": account_id, "sharer": sharer_id, "most": at_most}
        return int(self._work.rows(_count_drafts, values)[0][0])

    def audit_key_ids(self, account_id: str) -> list[str]:
        """Return the audit keys of the account's shares that are not erased."""
        return [row[0] for row in self._work.rows(_audit_key_ids, {"key": account_id})]

    def shared_with(self, account_id: str, lookup_hashes: Collection[bytes]) -> set[bytes]:
        """Return those of the hashes that belong to a recipient of a published share of the account."""
        return {row[0] for row in self._work.rows_in_batches(_shared_with, "keys", lookup_hashes, account=account_id)}

    def accounts_to_end(self, deleted_by: datetime, limit: int) -> list[Account]:
        """Return accounts deleted by ``deleted_by`` whose end is not recorded, unless they or their tenant are frozen.

        The rows are locked; concurrent workers get different accounts.
        """
        passed_over: set[str] = set()
        while True:
            # A damaged account must not stop the others from ending.
            query = self._work.skip_locked(_spent.where(account.c.id.not_in(passed_over)), ACCOUNT_TAGS.table)
            values = {"horizon": deleted_by, "most": limit} | self._work.held
            found = [self._account(row) for row in self._work.rows(query, values)]
            damaged = {one.id for one in found if not one.intact}
            if not damaged:
                return found
            passed_over |= damaged

    def _read(self, row: Row[Any]) -> Account:
        if len(row) > _WIDTH:
            self._tenants.keep(row[_WIDTH:])
        return self._account(row)

    def _account(self, row: Row[Any] | SimpleNamespace) -> Account:
        read = _account(row)
        return replace(read, intact=ACCOUNT_TAGS.is_intact(self._work, _values(read), row.tag, row.newest_of_account))

    def columns_of(self, account: Account) -> dict[str, Any]:
        """Return the columns of the account with its tag."""
        return ACCOUNT_TAGS.with_tag(self._work, _values(account))


def with_usable_accounts(work: Statements, sharers: Sequence[_Sharer]) -> list[tuple[_Sharer, Account]]:
    """Return each sharer with its account, by account name, if the tenant is in use and the account not deleted.

    Accounts that are damaged, or whose tenant is, are left out.

    It does not join with the sharers' table. In a new database these small tables have no statistics, and the planner
    would begin with all tenants, which took four milliseconds.
    """
    accounts = Accounts(work).by_ids({sharer.account_id for sharer in sharers})
    tenants = Tenants(work).by_ids({one.tenant_id for one in accounts.values()})
    in_use = {key for key, one in tenants.items() if one.intact and one.is_in_use}
    living = [one for one in accounts.values() if one.intact and one.deleted_at is None]
    usable = {one.id for one in living if one.tenant_id in in_use}
    pairs = [(sharer, accounts[sharer.account_id]) for sharer in sharers if sharer.account_id in usable]
    return sorted(pairs, key=lambda pair: by_name(pair[1]))


def erase_contacts(work: Statements, tenant_id: str) -> None:
    """Erase contacts, sender names and cost codes of a tenant's accounts. A damaged account stays damaged."""
    accounts = Accounts(work)
    for one in accounts.of_tenant(tenant_id):
        bare = replace(one, rules=replace(one.rules, contact=Contact(), sms_sender="", sms_cost_code=""))
        values = accounts.columns_of(bare) if one.intact else _values(bare)
        work.run(_write, values | {"key": one.id})
        work.run(_erase_cost_codes, {"key": one.id})
    work.run(_erase_cost_codes_of_notices, {"key": tenant_id})


def _account(row: Row[Any] | SimpleNamespace) -> Account:
    rules = AccountRules(
        contact=Contact(*plain_values(row, account, CONTACT_COLUMNS).values()),
        standard=row.period_standard,
        longest=row.period_longest,
        **plain_values(row, account, _PLAIN_RULES),
    )
    return Account(rules=rules, **plain_values(row, account, _PLAIN))


def _values(record: Account) -> dict[str, Any]:
    rules = record.rules
    periods = {"period_standard": rules.standard, "period_longest": rules.longest}
    plain = {name: getattr(record, name) for name in _PLAIN} | {name: getattr(rules, name) for name in _PLAIN_RULES}
    return plain | periods | prefix_columns("contact", rules.contact)
