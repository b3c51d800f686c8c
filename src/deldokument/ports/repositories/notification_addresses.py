"""Repository contract: e-mail addresses for notifications, encrypted, found by the keyed hash of the person."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from deldokument.domain.email_addresses import NoticeAddress


class NotificationAddresses(Protocol):
    """Notification addresses, one record per person across all tenants."""

    def get(self, address_id: str) -> NoticeAddress | None: ...
    def of_person(self, lookup_hash: bytes) -> NoticeAddress | None: ...
    def lock_of_person(self, lookup_hash: bytes) -> NoticeAddress | None:
        """Return the same, its row locked until the transaction ends: for counting attempts."""
        ...

    def of_persons(self, lookup_hashes: Collection[bytes]) -> list[NoticeAddress]:
        """Return the records that exist, in no order."""
        ...

    def save(self, address: NoticeAddress) -> None:
        """Insert, or replace the one of the same id. Raises: Conflict if the person has another record."""
        ...

    def drop_unconfirmed(self, challenged_before: datetime) -> int:
        """Remove addresses unconfirmed since then, and return how many."""
        ...

    def forget_strangers(self) -> int:
        """Remove records of persons who are no longer members or administrators, and return how many."""
        ...
