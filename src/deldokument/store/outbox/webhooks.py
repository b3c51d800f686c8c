"""Webhooks in a table.

Guarantees:
- Damaged webhooks, and those whose integration has lost its rights, are not returned.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from deldokument.domain.messages.webhook import Webhook
from deldokument.domain.tenants.tenancy import Integration
from deldokument.store.engine.authenticated_rows import AuthenticatedMapper
from deldokument.store.engine.expressions import InList
from deldokument.store.engine.statements import Repository, param
from deldokument.store.tables.tags import INTEGRATION_TAGS, WEBHOOK_TAGS
from deldokument.store.tables.tenancy import account, integration, is_living_integration
from deldokument.store.tables.webhooks import webhook

_WEBHOOK = AuthenticatedMapper(Webhook, WEBHOOK_TAGS)
_INTEGRATION = AuthenticatedMapper(Integration, INTEGRATION_TAGS)
_WIDTH = len(_WEBHOOK.columns)

_newest_first = webhook.c.created_at.desc(), webhook.c.id.desc()
_living = (
    select(*_WEBHOOK.columns, *(column.label(f"of_integration_{column.key}") for column in _INTEGRATION.columns))
    .join_from(webhook, integration)
    .where(is_living_integration)
)
_add = insert(webhook)
_own = select(webhook.c.id).where(webhook.c.id == param("key"))
_by_id = _living.where(webhook.c.id == param("key"))
_of_integrations = _living.where(InList(webhook.c.integration_id, "keys")).order_by(*_newest_first)
_of_account = _living.where(integration.c.account_id == param("key")).order_by(*_newest_first)
_of_tenant = (
    _living.join(account, account.c.id == integration.c.account_id)
    .where(account.c.tenant_id == param("key"))
    .order_by(*_newest_first)
)
_save = update(webhook).where(webhook.c.id == param("key"))
_remove = delete(webhook).where(webhook.c.id == param("key"))
_ended = select(webhook.c.id).join_from(webhook, integration).where(~is_living_integration).limit(param("most"))


class Webhooks(Repository):
    """Repository of webhooks.

    A webhook is living as long as its integration has rights; after that it is not returned.
    """

    def add(self, webhook: Webhook) -> None:
        """Insert a webhook."""
        self._work.run(_add, _WEBHOOK.columns_of(self._work, webhook))

    def get(self, webhook_id: str) -> tuple[Webhook, Integration] | None:
        """Return a living webhook."""
        row = self._work.first(_by_id, {"key": webhook_id})
        return next(iter(self._intact([row] if row else [])), None)

    def lock(self, webhook_id: str) -> tuple[Webhook, Integration] | None:
        """Return a living webhook with its integration, its row locked against other writers."""
        self._work.first(self._work.with_row_locks(_own), {"key": webhook_id})
        return self.get(webhook_id)

    def of_integrations(self, integration_ids: Collection[str]) -> list[Webhook]:
        """Return the living webhooks, newest first."""
        found = [one for one, _ in self._intact(self._work.rows_in_batches(_of_integrations, "keys", integration_ids))]
        return sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)

    def of_account(self, account_id: str) -> list[tuple[Webhook, Integration]]:
        """Return the living webhooks of all integrations of the account, newest first."""
        return self._intact(self._work.rows(_of_account, {"key": account_id}))

    def of_tenant(self, tenant_id: str) -> list[tuple[Webhook, Integration]]:
        """Return the living webhooks of all accounts of the tenant, newest first."""
        return self._intact(self._work.rows(_of_tenant, {"key": tenant_id}))

    def save(self, webhook: Webhook) -> None:
        """Write the webhook's state. A webhook removed in the meantime stays removed."""
        self._work.count(_save, _WEBHOOK.columns_of(self._work, webhook) | {"key": webhook.id})

    def remove(self, webhook_id: str) -> bool:
        """Remove the webhook; False if there is none."""
        return self._work.count(_remove, {"key": webhook_id}) == 1

    def forget_ended(self, limit: int) -> int:
        """Remove webhooks whose integration has lost its rights; return their number."""
        return self._work.remove_found(_ended, webhook, {"most": limit})

    def _intact(self, rows: Sequence[Row[Any]]) -> list[tuple[Webhook, Integration]]:
        found: list[tuple[Webhook, Integration]] = []
        for row in rows:
            webhooks = _WEBHOOK.all_intact(self._work, [row[:_WIDTH]])
            pairs = zip(webhooks, _INTEGRATION.all_intact(self._work, [row[_WIDTH:]]), strict=False)
            found += [(one, its) for one, its in pairs if one.integration_id == its.id]
        return found
