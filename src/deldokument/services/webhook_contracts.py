"""What the use cases of webhooks need of the world, as contracts: a repository of one transaction, and a port.

See services.repositories for what holds for all repositories, and services.ports for what holds for all ports.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
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


class Trouble(StrEnum):
    """Why a call got no answer."""

    ADDRESS = "address_refused"
    """The URL leads where this service may not send."""
    SILENT = "not_tried"
    """Not tried, because the other side has just been silent several times on end."""
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    MALFORMED = "not_http"


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What came of a call: the status of the answer, or what was in its way."""

    status: int = 0
    trouble: Trouble | None = None

    @property
    def is_success(self) -> bool:
        """Whether the message was taken."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """In one word."""
        return self.trouble.value if self.trouble else f"status_{self.status}"


class WebhookCalls(Protocol):
    """Calls to addresses that fagsystemer have named."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> CallOutcome:
        """POST the body once, only to where the operator's rule lets it go; follow no redirect. Never raises."""
        ...
