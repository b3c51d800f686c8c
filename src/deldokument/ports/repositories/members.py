"""Repository contract: members of accounts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from deldokument.domain.tenancy import Account, Member


class Members(Protocol):
    """Members of accounts. A membership is living until it is removed."""

    def add(self, member: Member) -> None:
        """Insert the member. Raises: Conflict if the person is a living member of the account."""
        ...

    def get(self, member_id: str) -> Member | None:
        """Return the member, removed or not."""
        ...

    def by_hash(self, account_id: str, lookup_hash: bytes) -> Member | None:
        """Return the living membership of a person in the account."""
        ...

    def by_hashes(self, account_id: str, lookup_hashes: Collection[bytes]) -> list[Member]:
        """Return the living memberships of many persons in the account, in no order."""
        ...

    def of_account(
        self, account_id: str, *, before: tuple[datetime, str] | None = None, limit: int = 1000
    ) -> list[Member]:
        """Return living members, last added first; ``before`` continues after that time and id."""
        ...

    def waiting(self, account_id: str, limit: int) -> list[Member]:
        """Return living members who wait for confirmation, last added first."""
        ...

    def acting(self, account_id: str, limit: int, *, before: datetime | None = None) -> list[Member]:
        """Return living members who can share, and could ``before`` that time, in no order."""
        ...

    def confirm(self, member_id: str, now: datetime) -> bool:
        """Let a waiting member act; False when there is no such member."""
        ...

    def count(self, account_id: str) -> int:
        """Count the living members of the account."""
        ...

    def of_person(self, lookup_hash: bytes) -> list[tuple[Member, Account]]:
        """Return a person's living memberships, accounts by name.

        Only in tenants in use and accounts not deleted.
        """
        ...

    def record_use(self, member_id: str, now: datetime) -> None:
        """Record that the member has shared something."""
        ...

    def mark_absent(self, member_id: str, since: datetime | None) -> bool:
        """Mark a living member as absent since then, or as present; False when that changes nothing."""
        ...

    def remove(self, member_id: str, now: datetime) -> bool:
        """End the membership; False when there is no living one."""
        ...

    def remove_all(self, account_id: str, now: datetime) -> None:
        """End every living membership in the account."""
        ...
