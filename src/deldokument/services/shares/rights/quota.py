"""Storage quota of an account.

Guarantees:
- An account never holds more bytes than its quota, even if documents are announced concurrently. The check locks the
  account's row until the transaction ends.

An account without a quota of its own has the operator's default.
The announced lengths of documents whose keys exist are counted.
"""

from deldokument.domain.errors import InvalidInput, existing
from deldokument.domain.shares.upload import MAX_LENGTH
from deldokument.domain.tenants.tenancy import Account
from deldokument.ports.dependencies import Dependencies
from deldokument.store.transaction import Transaction


def check_quota(
    deps: Dependencies,
    tx: Transaction,
    account: Account,
    needed: int,
    *,
    counted: int = 0,
    field: str = "documents",
) -> None:
    """Raise InvalidInput, with the bytes that are left, if the account's quota does not allow ``needed`` bytes.

    ``counted``: how many of them the account holds already.
    """
    quota = deps.config.quota_of(existing(tx.accounts.lock(account.id)).rules)
    others = tx.accounts.stored_bytes(account.id) - counted
    if others + needed > quota:
        raise InvalidInput(field, "quota_exceeded", left_bytes=max(quota - others, 0), needed_bytes=needed)


def remaining_quota(deps: Dependencies, tx: Transaction, account: Account) -> int:
    """Return the length of the longest document that the account's quota still allows."""
    left = deps.config.quota_of(account.rules) - tx.accounts.stored_bytes(account.id)
    return min(MAX_LENGTH, max(left, 0))
