"""Authorization of sharers: which accounts and shares a member or integration may use, and whether they are stopped.

Guarantees:
- A share in another's account looks to the sharer like an unknown id: it costs the same work, and no lock is taken.
- An integration that may only read cannot change anything.
- No draft is begun, filled in or published while the operator has frozen it, or in a closed account.

The last rule does not apply to changes that only reduce access: removing, discarding, withdrawing, an earlier end.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from deldokument.domain.errors import (
    Conflict,
    Frozen,
    InvalidInput,
    NotFound,
    RightMissing,
    Unavailable,
    existing,
    require,
)
from deldokument.domain.identifiers import Consumer, Sharer
from deldokument.domain.shares.policy import Allowed, Denied, Reason, hold_reason, may_fill_in, may_manage, may_share
from deldokument.domain.shares.share import Document, Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership, memberships_in
from deldokument.services.encryption import identifier_hash
from deldokument.services.people import directory_key
from deldokument.store.transaction import Transaction

_USE_NOTED = timedelta(days=1)


def share_for_update(deps: Dependencies, tx: Transaction, sharer: Sharer, share_id: str) -> tuple[Share, Membership]:
    """Return the share, its row locked, and the membership that lets the sharer change shares of its account.

    Raises: NotFound, before a lock is taken, or RightMissing.
    """
    first_look(deps, tx, sharer, share_id)
    locked = tx.shares.lock(share_id)
    # This check is the decisive one: the membership may have ended while waiting for the lock.
    share, membership = _require_managed(memberships_in(deps, tx, sharer), locked)
    _check_may_change(membership)
    return share, membership


def first_look(deps: Dependencies, tx: Transaction, sharer: Sharer, share_id: str) -> ShareState:
    """Return the unverified state of a share in one of the sharer's accounts. Raises: NotFound.

    This is a cheap check before expensive work or a lock, and grants nothing. Callers must still authorise with
    ``share_for_update`` or ``share_for_reading``. An unknown id costs the same work as another's share.
    """
    if isinstance(sharer, Consumer):
        return require(tx.share_lookup.state_for_organization(share_id, sharer.organization.value), "share")
    lookup_hash = identifier_hash(directory_key(deps), sharer)
    return require(tx.share_lookup.state_for_member(share_id, lookup_hash), "share")


def share_for_reading(
    deps: Dependencies, tx: Transaction, sharer: Sharer, share_id: str, mine: Sequence[Membership] | None = None
) -> Share:
    """Return the share, if the sharer may see the shares of its account. Raises: NotFound.

    ``mine``: the sharer's memberships, if this request has already read them.

    For an unknown id another share is read, so that timing does not distinguish it from a share of others.
    """
    found = tx.share_lookup.share_at_or_after(share_id)
    mine = memberships_in(deps, tx, sharer) if mine is None else mine
    return _require_managed(mine, found if found and found.id == share_id else None)[0]


def document_for_reading(
    deps: Dependencies, tx: Transaction, sharer: Sharer, document_id: str
) -> tuple[Document, Share]:
    """Return the document, and its share as ``share_for_reading``.

    An unknown id costs the same work as another document.
    """
    found = tx.share_lookup.document_at_or_after(document_id)
    share = share_for_reading(deps, tx, sharer, found.share_id if found else "")
    if found is None or found.id != document_id:
        raise NotFound("document")
    return found, share


def draft_for_update(deps: Dependencies, tx: Transaction, sharer: Sharer, share_id: str) -> tuple[Share, Membership]:
    """Return the same as ``share_for_update``, if the draft is the sharer's.

    Raises: as ``share_for_update`` and ``check_author``.
    """
    share, membership = share_for_update(deps, tx, sharer, share_id)
    check_author(share, membership)
    return share, membership


def editable_draft(deps: Dependencies, tx: Transaction, sharer: Sharer, share_id: str) -> tuple[Share, Membership]:
    """Return share and membership as ``draft_for_update``. Raises: as ``draft_for_update`` and ``check_may_share``."""
    share, membership = draft_for_update(deps, tx, sharer, share_id)
    check_may_share(membership, share)
    return share, membership


def check_author(share: Share, membership: Membership) -> None:
    """Raise Conflict unless it is a draft of this sharer."""
    check_draft(share.state)
    if not isinstance(may_fill_in(share, membership.id), Allowed):
        raise Conflict("draft_of_another")


def check_may_share(membership: Membership, share: Share | None = None) -> None:
    """Raise unless drafts may be begun, filled in and published in the account.

    Raises: RightMissing for an integration that may only read; Frozen; InvalidInput if the account is closed.
    """
    _check_may_change(membership)
    decision = may_share(membership.tenant, membership.account, share)
    if decision == Denied(Reason.CLOSED):
        raise InvalidInput("account", "account_closed")
    check_not_stopped(membership, share)


def check_not_stopped(membership: Membership, share: Share | None) -> None:
    """Raise ``stop_error`` if tenant, account or share is stopped."""
    if reason := hold_reason(membership.tenant, membership.account, share):
        raise stop_error(reason)


def stop_error(reason: Reason) -> Frozen | Unavailable:
    """Return the error for a sharer, for a ``hold_reason``."""
    return Unavailable("database_restored") if reason is Reason.BEHIND else Frozen("sharing_stopped")


def stop_of(tx: Transaction, share: Share) -> Reason | None:
    """Return why the share temporarily cannot be opened, or None."""
    return hold_reason(tx.tenants.get(share.tenant_id), tx.accounts.get(share.account_id), share)


def note_use(deps: Dependencies, tx: Transaction, membership: Membership) -> None:
    """Record when the member or integration last shared; for integrations, which share often, only once a day."""
    now = deps.clock.now()
    if membership.member_id is None:
        if _is_news(existing(tx.integrations.get(membership.id)).used_at, now):
            tx.integrations.record_use(membership.id, now)
        return
    tx.members.record_use(membership.member_id, now)


def _is_news(used_at: datetime | None, now: datetime) -> bool:
    return used_at is None or now - used_at >= _USE_NOTED


def _check_may_change(membership: Membership) -> None:
    if membership.reads_only:
        raise RightMissing("integration_reads_only")


def check_draft(state: ShareState) -> None:
    """Raise Conflict unless the state is that of a draft."""
    if state is not ShareState.DRAFT:
        raise Conflict("not_a_draft")


def _require_managed(mine: Iterable[Membership], share: Share | None) -> tuple[Share, Membership]:
    by_account = {membership.account.id: membership for membership in mine}
    if share is None or not isinstance(may_manage(share, by_account), Allowed):
        raise NotFound("share")
    membership = by_account[share.account_id]
    if membership.tenant.behind:
        # The restore may even have brought back the membership itself.
        raise stop_error(Reason.BEHIND)
    return share, membership
