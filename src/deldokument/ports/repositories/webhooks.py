"""What the use cases of webhooks need of the world, as contracts: a repository of one transaction, and a port.

See ports.repositories.transaction for what holds for all repositories, and ports.dependencies for what holds
for all ports.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from deldokument.domain.tenancy import Integration
from deldokument.domain.webhook import Webhook


class Webhooks(Protocol):
    """Webhooks of integrations. With its integration's rights a webhook ends: it is then as if it were not there."""

    def add(self, webhook: Webhook) -> None: ...
    def get(self, webhook_id: str) -> tuple[Webhook, Integration] | None:
        """A living one."""
        ...

    def lock(self, webhook_id: str) -> tuple[Webhook, Integration] | None:
        """The same, its row locked."""
        ...

    def of_integrations(self, integration_ids: Collection[str]) -> list[Webhook]:
        """The living ones, the newest first."""
        ...

    def of_account(self, account_id: str) -> list[tuple[Webhook, Integration]]:
        """The living ones of all its integrations, the newest first."""
        ...

    def of_tenant(self, tenant_id: str) -> list[tuple[Webhook, Integration]]:
        """The living ones of all its accounts, the newest first."""
        ...

    def save(self, webhook: Webhook) -> None:
        """Write what has become of it. One that has been removed meanwhile stays so."""
        ...

    def remove(self, webhook_id: str) -> bool:
        """Whether there was one to remove."""
        ...

    def forget_ended(self, limit: int) -> int:
        """Remove those whose integration has lost its rights; how many."""
        ...
