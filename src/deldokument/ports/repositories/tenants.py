"""Repository contract: tenants."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from deldokument.domain.tenancy import Tenant


class Tenants(Protocol):
    """Tenants."""

    def add(self, tenant: Tenant) -> None:
        """Insert the tenant. Raises: Conflict if a tenant has the organisation number."""
        ...

    def get(self, tenant_id: str) -> Tenant | None: ...
    def by_ids(self, tenant_ids: Collection[str]) -> dict[str, Tenant]:
        """Return the tenants that exist, in the order of the ids."""
        ...

    def lock(self, tenant_id: str) -> Tenant | None:
        """Return the tenant, its row locked until the transaction ends.

        For rules that cover all its administrators or accounts.
        """
        ...

    def by_number(self, organization_number: str) -> Tenant | None: ...
    def all(self) -> list[Tenant]:
        """Return all tenants, by name."""
        ...

    def save(self, tenant: Tenant) -> None:
        """Write all of it. Raises: NotFound."""
        ...
