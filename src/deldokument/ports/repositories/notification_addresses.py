"""What the use cases need of the database for the addresses of those who want to be told, as a contract.

See ports.repositories.transaction for what holds for all repositories. Records are found by the keyed hash
of the person, and hold addresses sealed.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from deldokument.domain.addresses import NoticeAddress


class NotificationAddresses(Protocol):
    """Where persons are told; one record a person, however many tenants the person works for."""

    def get(self, address_id: str) -> NoticeAddress | None: ...
    def of_person(self, lookup_hash: bytes) -> NoticeAddress | None: ...
    def lock_of_person(self, lookup_hash: bytes) -> NoticeAddress | None:
        """The same, its row locked until the transaction ends: for counting tries."""
        ...

    def of_persons(self, lookup_hashes: Collection[bytes]) -> list[NoticeAddress]:
        """Those that there are, in no order."""
        ...

    def save(self, address: NoticeAddress) -> None:
        """Insert, or replace the one of the same id. Raises Conflict when the person has another record."""
        ...

    def drop_unconfirmed(self, challenged_before: datetime) -> int:
        """Forget addresses that nobody has confirmed since then; how many there were."""
        ...

    def forget_strangers(self) -> int:
        """Remove the records of whoever is neither a member nor an administrator any more; how many there were."""
        ...
