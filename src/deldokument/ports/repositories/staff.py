"""Repository contract: administrators of tenants, operators of the service, and all roles of one person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from deldokument.domain.tenancy import Administrator, Operator


@dataclass(frozen=True, slots=True)
class RoleKinds:
    """Which roles a person has rows for: as a living member of any account, as an administrator, as an operator.

    The rows are verified when they are read; until then they give no right.
    """

    is_member: bool
    administers: bool
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

    def let_act(self, administrator_id: str, acts_from: datetime) -> bool:
        """Let an administrator act from that time on; False if there is none, or it acts as early already."""
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

    def role_kinds(self, lookup_hash: bytes) -> RoleKinds:
        """Return which roles to look for, with one query, because most people have none."""
        ...
