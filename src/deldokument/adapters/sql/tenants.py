"""Tenants, accounts, members and administrators in tables.

Promises lists by name in Norwegian order on every database, whatever collations it was built with.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import BigInteger, and_, bindparam, cast, delete, func, literal_column, or_, select, union_all, update

from deldokument.adapters.sql.statements import InList, RowMapper, Statements, param
from deldokument.adapters.sql.tables import (
    account,
    administrator,
    document,
    integration,
    is_available,
    is_draft,
    is_living,
    is_living_integration,
    is_to_be_ended,
    is_unerased,
    may_have_key,
    member,
    operator,
    share,
    tenant,
)
from deldokument.adapters.sql.tenant_rows import account_of, account_values, tenant_of, tenant_values
from deldokument.domain.errors import Conflict
from deldokument.domain.tenancy import (
    Account,
    Administrator,
    Integration,
    Member,
    Operator,
    Tenant,
    norwegian_order,
)
from deldokument.ports.repositories.tenants import AccountContents, RoleIds

_MEMBER = RowMapper(Member, member)
_ADMINISTRATOR = RowMapper(Administrator, administrator)
_INTEGRATION = RowMapper(Integration, integration)
_OPERATOR = RowMapper(Operator, operator)
_Sharer = TypeVar("_Sharer", Member, Integration)

_tenants, _accounts = tenant, account
_tenant_columns = [column for column in tenant.c]
_tenants_by_id = select(*_tenant_columns).where(InList(tenant.c.id, "keys"))
_tenant_by_number = select(*_tenant_columns).where(tenant.c.organization_number == param("number"))
_save_tenant = update(tenant).where(tenant.c.id == param("key"))
_account_columns = [column for column in account.c]
_accounts_by_id = select(*_account_columns).where(InList(account.c.id, "keys"))
_accounts_of_tenant = select(*_account_columns).where(account.c.tenant_id == param("key"))
_save_account = update(account).where(account.c.id == param("key"), account.c.revision == param("known"))
_may_hold = and_(share.c.account_id == param("key"), is_unerased, may_have_key)
_count_members = select(func.count(member.c.id)).where(member.c.account_id == param("key"), is_living)
_stored = select(cast(func.coalesce(func.sum(document.c.length), 0), BigInteger)).join_from(document, share)
_contents = select(
    _count_members.scalar_subquery(),
    select(func.count(share.c.id)).where(_may_hold, is_draft).scalar_subquery(),
    select(func.count(share.c.id)).where(_may_hold, is_available).scalar_subquery(),
    select(func.count(document.c.id)).join_from(document, share).where(_may_hold).scalar_subquery(),
    _stored.where(_may_hold).scalar_subquery(),
)
_spent_accounts = (
    select(*_account_columns)
    .join_from(account, tenant)
    .where(is_to_be_ended, account.c.deleted_at <= param("horizon"))
    .where(account.c.frozen_at.is_(None), tenant.c.frozen_at.is_(None))
    .order_by(account.c.deleted_at)
    .limit(param("most"))
)
_member_by_id = select(*_MEMBER.columns).where(member.c.id == param("key"))
_member_by_hash = select(*_MEMBER.columns).where(
    member.c.account_id == param("key"), member.c.lookup_hash == param("lookup_hash"), is_living
)
_members_by_hashes = select(*_MEMBER.columns).where(
    member.c.account_id == param("key"), InList(member.c.lookup_hash, "hashes"), is_living
)
_members_of_account = (
    select(*_MEMBER.columns)
    .where(member.c.account_id == param("key"), is_living)
    .order_by(member.c.added_at.desc(), member.c.id.desc())
    .limit(param("most"))
)
_added = bindparam("added", type_=member.c.added_at.type)
_earlier_members = _members_of_account.where(
    member.c.added_at <= _added, or_(member.c.added_at < _added, member.c.id < param("before"))
)
_memberships = select(*_MEMBER.columns).where(member.c.lookup_hash == param("lookup_hash"), is_living)
_use_member = update(member).where(member.c.id == param("key")).values(used_at=param("now"))
_remove_member = update(member).where(member.c.id == param("key"), is_living).values(removed_at=param("now"))
_remove_members = update(member).where(member.c.account_id == param("key"), is_living).values(removed_at=param("now"))
_administrators = (
    select(*_ADMINISTRATOR.columns).where(administrator.c.tenant_id == param("key")).order_by(administrator.c.id)
)
_administrations = (
    select(*_ADMINISTRATOR.columns)
    .where(administrator.c.lookup_hash == param("lookup_hash"))
    .order_by(administrator.c.id)
)
_remove_administrator = delete(administrator).where(administrator.c.id == param("key"))
_integrations = select(*_INTEGRATION.columns).where(integration.c.account_id == param("key"), is_living_integration)
_integration_by_id = select(*_INTEGRATION.columns).where(integration.c.id == param("key"))
_integrations_of = select(*_INTEGRATION.columns).where(
    integration.c.organization_number == param("number"), is_living_integration
)
_save_integration = update(integration).where(integration.c.id == param("key"))
_use_integration = update(integration).where(integration.c.id == param("key")).values(used_at=param("now"))
_remove_integration = (
    update(integration).where(integration.c.id == param("key"), is_living_integration).values(removed_at=param("now"))
)
_operators = select(*_OPERATOR.columns).order_by(operator.c.id)
_operator = select(*_OPERATOR.columns).where(operator.c.lookup_hash == param("lookup_hash"))
_offices = union_all(
    select(literal_column("'member'").label("office"), member.c.id, member.c.account_id.label("place")).where(
        member.c.lookup_hash == param("lookup_hash"), is_living
    ),
    select(literal_column("'administrator'"), administrator.c.id, administrator.c.tenant_id).where(
        administrator.c.lookup_hash == param("lookup_hash")
    ),
    select(literal_column("'operator'"), operator.c.id, operator.c.id).where(
        operator.c.lookup_hash == param("lookup_hash")
    ),
).order_by("id")
_remove_operator = delete(operator).where(operator.c.id == param("key"))


class SqlTenancies:
    """See ports.repositories.tenants.Tenancies."""

    def __init__(self, work: Statements) -> None:
        self._work = work

    def add_tenant(self, tenant: Tenant) -> None:
        """Raises Conflict when a tenant has the organisation number."""
        if not self._work.insert_once(_tenants, tenant_values(tenant)):
            raise Conflict("tenant_exists")

    def tenant(self, tenant_id: str) -> Tenant | None:
        """By id."""
        return self.tenants_by_id([tenant_id]).get(tenant_id)

    def tenants_by_id(self, tenant_ids: Collection[str]) -> dict[str, Tenant]:
        """Those that there are, in the order of the ids."""
        return {row.id: tenant_of(row) for row in self._work.keyed(_tenants_by_id, tenant_ids)}

    def lock_tenant(self, tenant_id: str) -> Tenant | None:
        """By id, the row locked until the transaction ends."""
        row = self._work.first(self._work.locked(_tenants_by_id), {"keys": [tenant_id]})
        return tenant_of(row) if row else None

    def tenant_by_number(self, organization_number: str) -> Tenant | None:
        """By organisation number."""
        row = self._work.first(_tenant_by_number, {"number": organization_number})
        return tenant_of(row) if row else None

    def tenants(self) -> list[Tenant]:
        """All, by name."""
        return sorted(map(tenant_of, self._work.rows(select(*_tenant_columns))), key=_by_name)

    def save_tenant(self, tenant: Tenant) -> None:
        """Write all of it. Raises NotFound."""
        self._work.change(_save_tenant.values(tenant_values(tenant)), {"key": tenant.id}, "tenant")

    def add_account(self, account: Account) -> None:
        """Raises Conflict when the tenant has an account of that name."""
        if not self._work.insert_once(_accounts, account_values(account)):
            raise Conflict("account_name_taken")

    def account(self, account_id: str) -> Account | None:
        """By id."""
        return self.accounts_by_id([account_id]).get(account_id)

    def accounts_by_id(self, account_ids: Collection[str]) -> dict[str, Account]:
        """Those that there are, in the order of the ids."""
        return {row.id: account_of(row) for row in self._work.keyed(_accounts_by_id, account_ids)}

    def lock_account(self, account_id: str) -> Account | None:
        """By id, the row locked until the transaction ends."""
        row = self._work.first(self._work.locked(_accounts_by_id), {"keys": [account_id]})
        return account_of(row) if row else None

    def save_account(self, account: Account) -> Account:
        """Write it as the next revision, and return that. Raises Conflict."""
        saved = replace(account, revision=account.revision + 1)
        statement = _save_account.values(account_values(saved))
        try:
            with self._work.connection.begin_nested():
                written = self._work.count(statement, {"key": account.id, "known": account.revision})
        except Conflict:
            raise Conflict("account_name_taken") from None
        if written == 0:
            raise Conflict("changed_meanwhile")
        return saved

    def accounts_of_tenant(self, tenant_id: str) -> list[Account]:
        """All of them, deleted ones too, by name."""
        return sorted(map(account_of, self._work.rows(_accounts_of_tenant, {"key": tenant_id})), key=_by_name)

    def contents(self, account_id: str) -> AccountContents:
        """Counted now."""
        return AccountContents(*list(self._work.rows(_contents, {"key": account_id})[0]))

    def spent_accounts(self, deleted_by: datetime, limit: int) -> list[Account]:
        """Accounts deleted by then that are neither ended nor stopped, the first deleted first; held against others."""
        query = self._work.skip_locked(_spent_accounts, _accounts)
        return list(map(account_of, self._work.rows(query, {"horizon": deleted_by, "most": limit})))

    def add_member(self, member: Member) -> None:
        """Raises Conflict when the person is a living member of the account."""
        if not self._work.insert_once(_MEMBER.table, _MEMBER.values(member)):
            raise Conflict("member_exists")

    def member(self, member_id: str) -> Member | None:
        """By id, removed or not."""
        return _MEMBER.one(self._work.first(_member_by_id, {"key": member_id}))

    def member_by_hash(self, account_id: str, lookup_hash: bytes) -> Member | None:
        """The living membership of a person in the account."""
        return _MEMBER.one(self._work.first(_member_by_hash, {"key": account_id, "lookup_hash": lookup_hash}))

    def members_of_account(
        self, account_id: str, *, before: tuple[datetime, str] | None = None, limit: int = 1000
    ) -> list[Member]:
        """The living ones, last added first; ``before`` continues after that time and id."""
        values: dict[str, Any] = {"key": account_id, "most": limit}
        if before is None:
            return _MEMBER.all(self._work.rows(_members_of_account, values))
        added_at, member_id = before
        return _MEMBER.all(self._work.rows(_earlier_members, values | {"added": added_at, "before": member_id}))

    def members_by_hashes(self, account_id: str, lookup_hashes: Collection[bytes]) -> list[Member]:
        """The living memberships of many persons in the account, in no order."""
        return _MEMBER.all(self._work.batched(_members_by_hashes, "hashes", lookup_hashes, key=account_id))

    def count_members(self, account_id: str) -> int:
        """How many living ones there are."""
        return int(self._work.rows(_count_members, {"key": account_id})[0][0])

    def memberships(self, lookup_hash: bytes) -> list[tuple[Member, Account]]:
        """The living memberships of a person, accounts by name; only in tenants in use and accounts not deleted."""
        return self._reachable(_MEMBER.all(self._work.rows(_memberships, {"lookup_hash": lookup_hash})))

    def offices(self, lookup_hash: bytes) -> RoleIds:
        """Of a person, in one question."""
        found = self._work.rows(_offices, {"lookup_hash": lookup_hash})
        held = {row.office for row in found}
        tenant_ids = tuple(row.place for row in found if row.office == "administrator")
        return RoleIds("member" in held, tenant_ids, "operator" in held)

    def use_member(self, member_id: str, now: datetime) -> None:
        """Note that the member has shared something."""
        self._work.run(_use_member, {"key": member_id, "now": now})

    def remove_member(self, member_id: str, now: datetime) -> bool:
        """Whether there was a living membership to end."""
        return self._work.count(_remove_member, {"key": member_id, "now": now}) == 1

    def remove_members(self, account_id: str, now: datetime) -> None:
        """End every living membership in the account."""
        self._work.run(_remove_members, {"key": account_id, "now": now})

    def add_administrator(self, administrator: Administrator) -> None:
        """Raises Conflict when the person is an administrator of the tenant."""
        if not self._work.insert_once(_ADMINISTRATOR.table, _ADMINISTRATOR.values(administrator)):
            raise Conflict("administrator_exists")

    def administrators(self, tenant_id: str) -> list[Administrator]:
        """Of a tenant."""
        return _ADMINISTRATOR.all(self._work.rows(_administrators, {"key": tenant_id}))

    def administrations(self, lookup_hash: bytes) -> list[Administrator]:
        """Of a person."""
        return _ADMINISTRATOR.all(self._work.rows(_administrations, {"lookup_hash": lookup_hash}))

    def remove_administrator(self, administrator_id: str) -> bool:
        """Whether there was one to remove."""
        return self._work.count(_remove_administrator, {"key": administrator_id}) == 1

    def add_integration(self, integration: Integration) -> None:
        """Raises Conflict when the organisation has rights to the account already."""
        if not self._work.insert_once(_INTEGRATION.table, _INTEGRATION.values(integration)):
            raise Conflict("integration_exists")

    def integrations(self, account_id: str) -> list[Integration]:
        """The living ones, by name."""
        return sorted(_INTEGRATION.all(self._work.rows(_integrations, {"key": account_id})), key=_by_name)

    def integration(self, integration_id: str) -> Integration | None:
        """By id, removed or not."""
        return _INTEGRATION.one(self._work.first(_integration_by_id, {"key": integration_id}))

    def integrations_of(self, organization_number: str) -> list[tuple[Integration, Account]]:
        """The living ones of an organisation, accounts by name; only in tenants in use and accounts not deleted."""
        return self._reachable(_INTEGRATION.all(self._work.rows(_integrations_of, {"number": organization_number})))

    def save_integration(self, integration: Integration) -> None:
        """Write all of it. Raises NotFound."""
        values = _INTEGRATION.values(integration)
        self._work.change(_save_integration.values(values), {"key": integration.id}, "integration")

    def use_integration(self, integration_id: str, now: datetime) -> None:
        """Note that its system has shared something."""
        self._work.run(_use_integration, {"key": integration_id, "now": now})

    def remove_integration(self, integration_id: str, now: datetime) -> bool:
        """Whether there was a living one to end."""
        return self._work.count(_remove_integration, {"key": integration_id, "now": now}) == 1

    def add_operator(self, operator: Operator) -> None:
        """Raises Conflict when the person is an operator."""
        if not self._work.insert_once(_OPERATOR.table, _OPERATOR.values(operator)):
            raise Conflict("operator_exists")

    def operators(self) -> list[Operator]:
        """All."""
        return _OPERATOR.all(self._work.rows(_operators))

    def operator(self, lookup_hash: bytes) -> Operator | None:
        """By the hash of the person's number."""
        return _OPERATOR.one(self._work.first(_operator, {"lookup_hash": lookup_hash}))

    def remove_operator(self, operator_id: str) -> bool:
        """Whether there was one to remove."""
        return self._work.count(_remove_operator, {"key": operator_id}) == 1

    def _reachable(self, sharers: Sequence[_Sharer]) -> list[tuple[_Sharer, Account]]:
        """With their accounts, by name, where account and tenant are in use.

        Asked for one after the other, and not as a join: a database without figures on these small tables, as a young
        one is, began with all tenants and took four milliseconds.
        """
        accounts = self.accounts_by_id({sharer.account_id for sharer in sharers})
        tenants = self.tenants_by_id({one.tenant_id for one in accounts.values()})
        usable = {key for key, one in accounts.items() if one.deleted_at is None and tenants[one.tenant_id].is_in_use}
        pairs = [(sharer, accounts[sharer.account_id]) for sharer in sharers if sharer.account_id in usable]
        return sorted(pairs, key=lambda pair: _by_name(pair[1]))


def _by_name(named: Tenant | Account | Integration) -> tuple[str, str]:
    return norwegian_order(named.name), named.id
