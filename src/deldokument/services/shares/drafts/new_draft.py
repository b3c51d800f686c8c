"""A new draft: its keys, and its row.

Guarantees:
- Data never exists without its key.
- A draft is stored only if the sharer may begin one in the account, and has not reached the limit.
"""

from deldokument.domain.audit import EventKind
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.share import Share, ShareState, new_id
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership, membership_in
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import audit_key_id, share_key_id
from deldokument.services.shares.rights.authorization import check_may_share, note_use
from deldokument.services.shares.rights.limits import check_draft_count
from deldokument.store.transaction import Transaction


def empty_draft(deps: Dependencies, membership: Membership, share_id: str = "") -> Share:
    """Return a new draft that is not stored yet, after creating its keys."""
    now, share_id = deps.clock.now(), share_id or new_id()
    key_id = audit_key_id(membership.tenant.id, now)
    deps.keyring.create(key_id)
    deps.keyring.create(share_key_id(share_id))
    return Share(
        id=share_id,
        tenant_id=membership.tenant.id,
        account_id=membership.account.id,
        member_id=membership.member_id,
        integration_id=membership.integration_id,
        state=ShareState.DRAFT,
        created_at=now,
        changed_at=now,
        audit_key_id=key_id,
        confidential=membership.account.rules.confidential,
        archived=membership.archive_confirmed,
        notify=membership.account.rules.notify and deps.sends_notices,
    )


def insert_draft(deps: Dependencies, tx: Transaction, share: Share, sharer: Sharer) -> None:
    """Store a new draft, if it may still be begun.

    The tenant's row is locked: an offboarding at the same time either includes the draft or makes this call fail.
    Raises: NotFound, RightMissing, Frozen, InvalidInput for a closed account or too many drafts, or Conflict if the id
    is taken.
    """
    tx.tenants.lock(share.tenant_id)
    membership = membership_in(deps, tx, sharer, share.account_id)
    check_may_share(membership)
    check_draft_count(deps, tx, membership)
    tx.shares.add(share)
    note_use(deps, tx, membership)
    record_event(deps, tx, EventKind.DRAFT_STARTED, share=share, person=sharer)
