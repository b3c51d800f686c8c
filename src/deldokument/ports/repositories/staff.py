"""Repository contract: administrators of tenants, operators of the service, and all roles of one person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from deldokument.domain.tenancy import Administrator, Operator


@dataclass(frozen=True, slots=True)
class RoleIds:
    """Roles of a person: living member of any account, administrator of which tenants, operator."""

    is_member: bool
    tenant_ids: tuple[str, ...]
    operates: bool


class Staff(Protocol):
    """Administrators and operators."""

    def add_administrator(self, administrator: Administrator) -> None:
        """Insert the administrator. Raises: Conflict if the person is an administrator of the tenant."""
        ...

    def administrators(self, tenant_id: str) -> list[Administrator]: ...
    def administrators_by_hash(self, lookup_hash: bytes) -> list[Administrator]:
        """Return a person's rows, one per tenant."""
        ...

    def remove_administrator(self, administrator_id: str) -> bool:
        """Remove the row; False if there is none."""
        ...

    def add_operator(self, operator: Operator) -> None:
        """Insert the operator. Raises: Conflict if the person is an operator."""
        ...

    def operators(self) -> list[Operator]: ...
    def operator_by_hash(self, lookup_hash: bytes) -> Operator | None: ...
    def remove_operator(self, operator_id: str) -> bool:
        """Remove the row; False if there is none."""
        ...

    def role_ids(self, lookup_hash: bytes) -> RoleIds:
        """Return a person's roles with one query, because most people have none.

        Tenants come in the order of the row ids.
        """
        ...
