"""What the use cases need to know of tenants, accounts and people, as a contract: a repository of one transaction.

See ports.repositories.transaction for what holds for all of them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from deldokument.domain.tenancy import Account, Administrator, Integration, Member, Operator, Tenant


@dataclass(frozen=True, slots=True)
class AccountContents:
    """What an account holds now. ``stored_bytes`` counts announced documents whose keys are not destroyed."""

    members: int
    drafts: int
    open_shares: int
    documents: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class RoleIds:
    """What a person is here, by ids: whether a living member of any account, whose administrator, an operator."""

    is_member: bool
    tenant_ids: tuple[str, ...]
    operates: bool


class Tenancies(Protocol):
    """Tenants, accounts, members, administrators, integrations, operators."""

    def add_tenant(self, tenant: Tenant) -> None: ...
    def tenant(self, tenant_id: str) -> Tenant | None: ...
    def tenants_by_id(self, tenant_ids: Collection[str]) -> dict[str, Tenant]:
        """Those that there are, in the order of the ids."""
        ...

    def lock_tenant(self, tenant_id: str) -> Tenant | None:
        """The tenant, its row locked until the transaction ends: for rules over all its administrators or accounts."""
        ...

    def tenant_by_number(self, organization_number: str) -> Tenant | None: ...
    def tenants(self) -> list[Tenant]: ...
    def save_tenant(self, tenant: Tenant) -> None: ...

    def add_account(self, account: Account) -> None:
        """Raises Conflict when the tenant has an account of just that name; what else is too alike, services say."""
        ...

    def account(self, account_id: str) -> Account | None: ...
    def accounts_by_id(self, account_ids: Collection[str]) -> dict[str, Account]:
        """Those that there are, in the order of the ids."""
        ...

    def lock_account(self, account_id: str) -> Account | None:
        """The account, its row locked until the transaction ends: for its quota."""
        ...

    def save_account(self, account: Account) -> Account:
        """Write it as the next revision, and return that.

        Raises Conflict("changed_meanwhile") when its ``revision`` is not the stored one, and
        Conflict("account_name_taken").
        """
        ...

    def accounts_of_tenant(self, tenant_id: str) -> list[Account]:
        """All of them, deleted ones too, by name."""
        ...

    def contents(self, account_id: str) -> AccountContents: ...
    def spent_accounts(self, deleted_by: datetime, limit: int) -> list[Account]:
        """Accounts deleted by then whose end is not noted, and that nobody has stopped, themselves or their tenant.

        They are locked; another worker at the same time gets others.
        """
        ...

    def add_member(self, member: Member) -> None: ...
    def member(self, member_id: str) -> Member | None: ...
    def member_by_hash(self, account_id: str, lookup_hash: bytes) -> Member | None:
        """The living membership of a person in the account."""
        ...

    def members_of_account(
        self, account_id: str, *, before: tuple[datetime, str] | None = None, limit: int = 1000
    ) -> list[Member]:
        """The living ones, last added first; ``before`` continues after that time and id."""
        ...

    def members_by_hashes(self, account_id: str, lookup_hashes: Collection[bytes]) -> list[Member]:
        """The living memberships of many persons in the account, in no order."""
        ...

    def count_members(self, account_id: str) -> int:
        """How many living ones there are."""
        ...

    def memberships(self, lookup_hash: bytes) -> list[tuple[Member, Account]]:
        """The living memberships of a person, accounts by name; only in tenants in use and accounts not deleted."""
        ...

    def offices(self, lookup_hash: bytes) -> RoleIds:
        """Of a person, in one question: most people have none. Tenants in the order of the administrators' ids."""
        ...

    def use_member(self, member_id: str, now: datetime) -> None:
        """Note that the member has shared something."""
        ...

    def remove_member(self, member_id: str, now: datetime) -> bool:
        """Whether there was a living membership to end."""
        ...

    def remove_members(self, account_id: str, now: datetime) -> None:
        """End every living membership in the account."""
        ...

    def add_administrator(self, administrator: Administrator) -> None: ...
    def administrators(self, tenant_id: str) -> list[Administrator]: ...
    def administrations(self, lookup_hash: bytes) -> list[Administrator]: ...
    def remove_administrator(self, administrator_id: str) -> bool:
        """Whether there was one to remove."""
        ...

    def add_integration(self, integration: Integration) -> None:
        """Raises Conflict when the organisation has rights to the account already."""
        ...

    def integrations(self, account_id: str) -> list[Integration]:
        """The living ones, by name."""
        ...

    def integration(self, integration_id: str) -> Integration | None:
        """By id, removed or not."""
        ...

    def integrations_of(self, organization_number: str) -> list[tuple[Integration, Account]]:
        """The living ones of an organisation, as ``memberships`` of a person."""
        ...

    def save_integration(self, integration: Integration) -> None:
        """Write all of it. Raises NotFound."""
        ...

    def use_integration(self, integration_id: str, now: datetime) -> None:
        """Note that its system has shared something."""
        ...

    def remove_integration(self, integration_id: str, now: datetime) -> bool:
        """Whether there was a living one to end."""
        ...

    def add_operator(self, operator: Operator) -> None:
        """Raises Conflict when the person is an operator."""
        ...

    def operators(self) -> list[Operator]: ...
    def operator(self, lookup_hash: bytes) -> Operator | None: ...
    def remove_operator(self, operator_id: str) -> bool:
        """Whether there was one to remove."""
        ...
