"""Repository contract: counts of published shares and sent notices.

See ports.repositories.transaction for what holds for all repositories.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from deldokument.domain.outbox import Cost
from deldokument.domain.statistics import DocumentCounts, Month, NoticeCounts, ShareCounts


class Statistics(Protocol):
    """Counts of published shares and sent notices, which remain when the shares are erased."""

    def count_documents(self, share_id: str) -> None:
        """Store how many documents and bytes the share has; 0 for a draft."""
        ...

    def published_by_tenant(
        self, tenant_id: str, start: datetime, stop: datetime, now: datetime
    ) -> dict[str, ShareCounts]:
        """Count, by account, the shares published from ``start`` until before ``stop``.

        Accounts without any are left out. ``now`` decides which shares are over.
        """
        ...

    def published_from_account(self, account_id: str, start: datetime, stop: datetime, now: datetime) -> ShareCounts:
        """Count the same for one account."""
        ...

    def documents_of_account(self, account_id: str) -> DocumentCounts:
        """Count the account's documents as they are now, and those that were destroyed."""
        ...

    def count_notice(self, account_id: str, month: Month, cost: Cost) -> None:
        """Count a notice that was sent."""
        ...

    def notices(self, account_ids: Collection[str], first: Month, last: Month) -> list[NoticeCounts]:
        """Return the counts from ``first`` to ``last``, by month, account and cost code."""
        ...

    def first_published_at(self, tenant_id: str) -> datetime | None: ...
