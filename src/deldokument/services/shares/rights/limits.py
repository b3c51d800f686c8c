"""Limits of a sharer: rates of a person's drafts and lookups, and how many drafts and uploads may exist at once.

Guarantees:
- Another member of the same account is not affected.
- A refused call has no effect.

Systems have the rate limit of the API instead (`web.http.responses.rate_limit`), and the same maximum numbers.
"""

from deldokument.domain.errors import InvalidInput
from deldokument.domain.identifiers import PersonIdentifier, Sharer
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership
from deldokument.services.rate_limit import RateLimit, check_rate
from deldokument.store.transaction import Transaction


def check_draft_rate(deps: Dependencies, sharer: Sharer) -> None:
    """Count a new draft of a person. Raises: RateLimited."""
    if isinstance(sharer, PersonIdentifier):
        check_rate(deps, RateLimit("draft_limit", deps.config.drafts_per_hour), sharer.value)


def check_lookup_rate(deps: Dependencies, sharer: Sharer, numbers: int) -> None:
    """Count numbers that a person adds or that are looked up in the register. Raises: RateLimited."""
    if isinstance(sharer, PersonIdentifier) and numbers:
        check_rate(deps, RateLimit("lookup_limit", deps.config.lookups_per_hour), sharer.value, numbers)


def check_draft_count(deps: Dependencies, tx: Transaction, membership: Membership) -> None:
    """Raise InvalidInput if the membership has the maximum number of drafts. Concurrent calls may exceed it."""
    if has_most_drafts(deps, tx, membership.account.id, membership.id):
        raise InvalidInput("account", "too_many_drafts", most=deps.config.max_drafts)


def has_most_drafts(deps: Dependencies, tx: Transaction, account_id: str, sharer_id: str) -> bool:
    """Return whether the member or integration has the maximum number of drafts."""
    most = deps.config.max_drafts
    return tx.accounts.count_drafts(account_id, sharer_id, most) >= most


def check_upload_count(deps: Dependencies, tx: Transaction, membership: Membership, added: int = 1) -> None:
    """Raise InvalidInput if the membership would have too many unfinished uploads.

    Concurrent calls may exceed it by a few.
    """
    most = deps.config.max_uploads
    if tx.uploads.count_unfinished(membership.account.id, membership.id, most) + added > most:
        raise InvalidInput("documents", "too_many_uploads", most=most)
