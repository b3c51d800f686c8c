"""Repository contract: accounts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from deldokument.domain.tenancy import Account


@dataclass(frozen=True, slots=True)
class AccountUsage:
    """Counts of an account. ``stored_bytes`` counts announced documents whose keys are not destroyed."""

    members: int
    drafts: int
    open_shares: int
    documents: int
    stored_bytes: int


class Accounts(Protocol):
    """Accounts, deleted ones too."""

    def add(self, account: Account) -> None:
        """Insert the account.

        Raises: Conflict if the tenant has an account of exactly that name; services refuse similar names.
        """
        ...

    def get(self, account_id: str) -> Account | None: ...
    def by_ids(self, account_ids: Collection[str]) -> dict[str, Account]:
        """Return the accounts that exist, in the order of the ids."""
        ...

    def lock(self, account_id: str) -> Account | None:
        """Return the account, its row locked until the transaction ends: for its quota."""
        ...

    def save(self, account: Account) -> Account:
        """Write the account as its next revision, and return that.

        Raises: Conflict("changed_meanwhile") if ``revision`` is not the stored one; Conflict("account_name_taken").
        """
        ...

    def of_tenant(self, tenant_id: str) -> list[Account]:
        """Return all accounts of the tenant, deleted ones too, by name."""
        ...

    def stored_bytes(self, account_id: str) -> int:
        """Return what ``usage`` reports as stored, faster: published shares have stored their total."""
        ...

    def usage(self, account_id: str) -> AccountUsage:
        """Count what the account holds now."""
        ...

    def count_drafts(self, account_id: str, sharer_id: str, at_most: int) -> int:
        """Count the account's drafts of a member or an integration, up to ``at_most``."""
        ...

    def audit_key_ids(self, account_id: str) -> list[str]:
        """Return the audit keys of the account's shares that are not erased."""
        ...

    def shared_with(self, account_id: str, lookup_hashes: Collection[bytes]) -> set[bytes]:
        """Return which of the hashes are those of a recipient of a share that the account has published."""
        ...

    def spent(self, deleted_by: datetime, limit: int) -> list[Account]:
        """Return accounts deleted by then whose end is not recorded; not if they or their tenant are frozen.

        The rows are locked; concurrent workers get different ones.
        """
        ...
