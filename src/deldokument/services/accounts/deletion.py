"""Deletion of an account: immediately out of use, permanent after 24 hours, can be undone until then.

    delete_account        no sharing from it, no opening of its shares
      └─ undo_deletion    within 24 hours: everything as before, except shares that have expired meanwhile
    end_deleted_accounts  after 24 hours: drafts abandoned, open shares withdrawn, members and integrations removed

Guarantees:
- Other accounts are not affected.
- An undone deletion has not delayed the end of any share.
- Once the end of an account is recorded, its name is free for others.
- While the operator has frozen an account or its tenant, it is neither deleted nor ended.

The shares of an ended account are processed like all other closed shares.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, existing
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.norwegian_time import day_of
from deldokument.domain.shares.share import Share, ShareState
from deldokument.domain.tenants.accounts import same_name, spent_name
from deldokument.domain.tenants.tenancy import UNDO, Account, must_be_in_use
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.lifecycle import any_account, locked_tenant, record_about
from deldokument.services.audit.recording import record_event
from deldokument.store.shares.shares import ShareFilter
from deldokument.store.transaction import Transaction

_BATCH = 200
_LIVING = (ShareState.DRAFT, ShareState.AVAILABLE)


def delete_account(
    deps: Dependencies, *, tenant_id: str, account_id: str, typed_name: str, person: PersonIdentifier | None = None
) -> Account:
    """Delete the account, with 24 hours to undo. Idempotent.

    Raises: NotFound; InvalidInput if ``typed_name`` is not its name; Conflict if the operator has frozen it or its
    tenant.
    """
    with deps.database.write() as tx:
        tenant = locked_tenant(tx, tenant_id)
        account = any_account(tx, tenant_id, account_id)
        if account.deleted_at is not None:
            return account
        if tenant.frozen_at is not None or account.frozen_at is not None:
            raise Conflict("delete_while_frozen")
        if not same_name(typed_name, account.name):
            raise InvalidInput("typed_name", "name_differs")
        held = tx.accounts.usage(account_id)
        deleted = tx.accounts.save(replace(account, deleted_at=deps.clock.now()))
        counts = {"drafts": held.drafts, "open_shares": held.open_shares, "documents": held.documents}
        record_about(deps, tx, EventKind.ACCOUNT_DELETED, account, person, **counts)
    return deleted


def undo_deletion(
    deps: Dependencies, *, tenant_id: str, account_id: str, person: PersonIdentifier | None = None
) -> Account:
    """Restore the account as it was. Raises: NotFound; Conflict if more than 24 hours have passed."""
    with deps.database.write() as tx:
        must_be_in_use(locked_tenant(tx, tenant_id))
        account = any_account(tx, tenant_id, account_id)
        if account.deleted_at is None:
            return account
        if not account.can_be_restored(deps.clock.now()):
            raise Conflict("undo_too_late")
        restored = tx.accounts.save(replace(account, deleted_at=None))
        record_about(deps, tx, EventKind.ACCOUNT_DELETION_UNDONE, account, person)
    return restored


def end_deleted_accounts(deps: Dependencies) -> int:
    """End one account that was deleted at least 24 hours ago: its shares, members and integrations. One batch per call.

    Returns the number of shares ended plus one; 0 if no account is due.
    """
    now = deps.clock.now()
    with deps.database.write() as tx:
        account = next(iter(tx.accounts.accounts_to_end(now - UNDO, 1)), None)
        if account is None:
            return 0
        living = tx.shares.find(ShareFilter((account.id,), _LIVING, limit=_BATCH))
        over = list(_end_shares(tx, living, now))
        if len(living) < _BATCH:
            _end_account(tx, account, now)
        for share, kind in over:
            record_event(deps, tx, kind, share=share)
        if len(living) < _BATCH:
            record_about(deps, tx, EventKind.ACCOUNT_ENDED, account)
    return 1 + len(over)


def _end_shares(tx: Transaction, living: list[Share], now: datetime) -> Iterator[tuple[Share, EventKind]]:
    for found in living:
        share = tx.shares.lock(found.id)
        if share is None:
            # A damaged share gets no new card, and no event, which would prove its end. It may belong to another
            # account.
            tx.retention.close([found.id], _end_of(found, now)[0], now)
        elif share.state in _LIVING:
            state, kind = _end_of(share, now)
            over = replace(share, state=state, closed_at=now, changed_at=now)
            tx.shares.save(over)
            yield over, kind


def _end_of(share: Share, now: datetime) -> tuple[ShareState, EventKind]:
    if share.state is ShareState.DRAFT:
        return ShareState.ABANDONED, EventKind.DRAFT_ABANDONED
    if share.is_open_at(now):
        return ShareState.WITHDRAWN, EventKind.SHARE_WITHDRAWN
    return ShareState.ENDED, EventKind.SHARE_ENDED


def _end_account(tx: Transaction, account: Account, now: datetime) -> None:
    others = [o.name for o in tx.accounts.of_tenant(account.tenant_id) if o.id != account.id]
    name = spent_name(account.name, day_of(existing(account.deleted_at)), others)
    tx.accounts.save(replace(account, name=name, ended_at=now))
    tx.members.remove_all(account.id, now)
    for integration in tx.integrations.of_account(account.id):
        tx.integrations.remove(integration.id, now)
