"""Repository contract: counts of published shares.

See ports.repositories.transaction for what holds for all repositories.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from deldokument.domain.statistics import ShareCounts


class Statistics(Protocol):
    """Counts of shares, which outlive the erasing of what they count."""

    def count_documents(self, share_id: str) -> None:
        """Remember how many documents and bytes the share has: done when it is published."""
        ...

    def published_by_tenant(
        self, tenant_id: str, start: datetime, stop: datetime, now: datetime
    ) -> dict[str, ShareCounts]:
        """By account, what was published from ``start`` until before ``stop``; accounts without shares are left out.

        ``now`` decides which shares are over.
        """
        ...

    def published_from_account(self, account_id: str, start: datetime, stop: datetime, now: datetime) -> ShareCounts:
        """The same of one account."""
        ...

    def first_published_at(self, tenant_id: str) -> datetime | None: ...
