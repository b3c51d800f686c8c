"""Repository contract: webhooks of integrations.

See ports.repositories.transaction for what holds for all repositories, and ports.dependencies for what holds for all
ports.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from deldokument.domain.tenancy import Integration
from deldokument.domain.webhook import Webhook


class Webhooks(Protocol):
    """Webhooks of integrations.

    A webhook is living as long as its integration has rights; afterwards it is not returned.
    """

    def add(self, webhook: Webhook) -> None: ...
    def get(self, webhook_id: str) -> tuple[Webhook, Integration] | None:
        """Return a living webhook."""
        ...

    def lock(self, webhook_id: str) -> tuple[Webhook, Integration] | None:
        """Return a living webhook, its row locked."""
        ...

    def of_integrations(self, integration_ids: Collection[str]) -> list[Webhook]:
        """Return the living webhooks, newest first."""
        ...

    def of_account(self, account_id: str) -> list[tuple[Webhook, Integration]]:
        """Return the living webhooks of all integrations of the account, newest first."""
        ...

    def of_tenant(self, tenant_id: str) -> list[tuple[Webhook, Integration]]:
        """Return the living webhooks of all accounts of the tenant, newest first."""
        ...

    def save(self, webhook: Webhook) -> None:
        """Write the webhook's state. A webhook removed in the meantime stays removed."""
        ...

    def remove(self, webhook_id: str) -> bool:
        """Remove the webhook; False if there is none."""
        ...

    def forget_ended(self, limit: int) -> int:
        """Remove webhooks whose integration has lost its rights, and return how many."""
        ...
