"""Repository contract: integrations, the organisations whose systems may use an account."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from deldokument.domain.tenancy import Account, Integration


class Integrations(Protocol):
    """Integrations of accounts. An integration is living until it is removed."""

    def add(self, integration: Integration) -> None:
        """Insert the integration. Raises: Conflict if the organisation has rights to the account already."""
        ...

    def get(self, integration_id: str) -> Integration | None:
        """Return the integration, removed or not."""
        ...

    def of_account(self, account_id: str) -> list[Integration]:
        """Return the living integrations of the account, by name."""
        ...

    def of_organization(self, organization_number: str) -> list[tuple[Integration, Account]]:
        """Return an organisation's living integrations, accounts by name.

        Only in tenants in use and accounts not deleted.
        """
        ...

    def save(self, integration: Integration) -> None:
        """Write all of it. Raises: NotFound."""
        ...

    def record_use(self, integration_id: str, now: datetime) -> None:
        """Record that a system of the organisation has shared something."""
        ...

    def remove(self, integration_id: str, now: datetime) -> bool:
        """End the integration's rights; False when there is no living one."""
        ...
