"""End of shares, drafts, keys, blobs and names. Each function is one round of a reconciler.

    end_due_shares, abandon_stale_drafts    set the state to over
    drop_stale_additions                    remove documents pending for a week (services.shares.drafts.additions)
    patrol_shares                           the same for shares whose stored end was changed
    end_deleted_accounts                    the same for accounts deleted a day ago (services.accounts.deletion)
    destroy_share_keys                      makes every copy of database and blobs unreadable (see share_keys)
    release_blobs, delete_garbage           delete the ciphertext
    complete_deletions                      record that an ended tenant has no content left (tenants.offboarding)
    erase_spent_shares, erase_spent_members, destroy_audit_keys
                                            after the tenant's retention period: erase names and identifiers
    forget_tenants                          the same for ended tenants: erase the last of their names
    sweep_orphans, sweep_orphan_keys        delete remains of crashes, older than a day (services.maintenance.orphans)

The database's state is the queue: a round processes due rows idempotently and commits. After a crash the round is
repeated. A round takes some hundreds of rows: few enough not to delay users, many enough to share the cost of a commit.
Workers share the due rows.

Guarantees:
- Nothing ends early: the database's clock decides. If a tenant is behind, its shares do not end and nothing is erased.
- If that clock has jumped ahead since the last heartbeat, destruction halts until an operator confirms the time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from deldokument.domain.audit import EventKind
from deldokument.domain.shares.share import Share, ShareState, new_document_id
from deldokument.ports.blobs import is_blob_name
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_at, record_event
from deldokument.services.auth.sessions import IDLE
from deldokument.services.each import in_batch_or_singly
from deldokument.services.encryption import AUDIT_PREFIX
from deldokument.services.shares.drafts.discarding import UNCHANGED
from deldokument.services.shares.rights.grants import report_damaged_recipients
from deldokument.store.maintenance.deployment import Deployment
from deldokument.store.maintenance.retention import PatrolPlace
from deldokument.store.transaction import Transaction

MAX_CLOCK_JUMP = timedelta(hours=1)
_FRESH = timedelta(seconds=1)
"""A heartbeat younger than this is not rewritten: many loops of many workers update one row."""
_BATCH = 500
_CLEARED = 150
"""Shares whose parts become garbage per round. With some documents each, that is about one batch of objects."""


def record_heartbeat(deps: Dependencies) -> bool:
    """Record that the worker runs. False, with destruction halted, if the clock has jumped since the last heartbeat."""
    with deps.database.read() as tx:
        if _has_just_beaten(tx.deployment.get(), deps.clock.now()):
            return True
    with deps.database.write() as tx:
        deployment = tx.deployment.get()
        # Read under the row lock: otherwise an older time could be stored after an operator's confirmation, and look
        # like another jump.
        now = deps.clock.now()
        if deployment.halted_at is not None:
            return False
        if deployment.heartbeat_at is not None and now - deployment.heartbeat_at > MAX_CLOCK_JUMP:
            tx.deployment.halt(now)
            return False
        tx.deployment.record_heartbeat(now)
    return True


def _has_just_beaten(deployment: Deployment, now: datetime) -> bool:
    """Return whether the heartbeat is recent.

    A heartbeat in the future is not recent, so after the clock was set back a new one is written.
    """
    at = deployment.heartbeat_at
    return deployment.halted_at is None and at is not None and timedelta() <= now - at < _FRESH


def confirm_clock(deps: Dependencies) -> None:
    """Confirm, for the operator, that the clock is right; destruction continues."""
    with deps.database.write() as tx:
        tx.deployment.resume(deps.clock.now())
        record_event(deps, tx, EventKind.CLOCK_CONFIRMED)


def _close(
    deps: Dependencies,
    find: Callable[[Transaction], Sequence[Share]],
    state: ShareState,
    kind: EventKind,
    now: datetime,
    details: Mapping[str, str] | None = None,
) -> int:
    def close(tx: Transaction, shares: Sequence[Share]) -> int:
        tx.retention.close(_ids(shares), state, now)
        for share in shares:
            record_at(deps, tx, deps.clock.now(), kind, details or {}, share=share)
        return len(shares)

    return in_batch_or_singly(deps, find, close)


def end_due_shares(deps: Dependencies) -> int:
    """End shares that have expired."""
    now = deps.clock.now()
    return _close(deps, lambda tx: tx.retention.due_shares(now, _BATCH), ShareState.ENDED, EventKind.SHARE_ENDED, now)


def patrol_shares(deps: Dependencies, after: PatrolPlace | None) -> PatrolPlace | None:
    """Verify the next available shares and their recipients; return the place to continue from.

    It also ends shares that are over according to their authenticated data. A share with a forged later end is refused
    to everybody; this also destroys its key on time. The same applies to a share that was restored after the end of its
    tenant or account.
    """
    now = deps.clock.now()
    with deps.database.read() as tx:
        seen = tx.retention.patrol(after, now, _BATCH)
        report_damaged_recipients(deps, tx, seen.seen)
    if seen.overdue:
        _close(
            deps,
            lambda tx: tx.retention.patrol(after, now, _BATCH).overdue,
            ShareState.ENDED,
            EventKind.SHARE_ENDED,
            now,
        )
    return seen.last


def abandon_stale_drafts(deps: Dependencies) -> int:
    """Abandon drafts, with their uploads, that are unchanged for 7 days; a system's drafts after 24 hours."""
    now = deps.clock.now()
    return _close(
        deps,
        lambda tx: tx.retention.stale_drafts(now, _BATCH),
        ShareState.ABANDONED,
        EventKind.DRAFT_ABANDONED,
        now,
        {"cause": UNCHANGED},
    )


def release_blobs(deps: Dependencies) -> int:
    """Turn the parts of shares whose key is destroyed into garbage."""

    def release(tx: Transaction, share_ids: Sequence[str]) -> int:
        tx.retention.release_blobs(share_ids, deps.clock.now())
        return len(share_ids)

    return in_batch_or_singly(deps, lambda tx: tx.retention.blobs_to_release(_CLEARED), release)


def delete_garbage(deps: Dependencies) -> int:
    """Delete objects that no row needs, then forget their names.

    Each call starts at a random name, so that workers seldom overlap; overlaps are harmless. No transaction is open
    while the store works. In stores with folders, neighbouring names lie in the same folder.
    """
    with deps.database.read() as tx:
        names = tx.uploads.garbage(_BATCH, start=new_document_id())
    if not names:
        return 0
    # A tampered row may hold a name that no object can have.
    deps.blobs.delete([name for name in names if is_blob_name(name)])
    with deps.database.write() as tx:
        tx.uploads.forget_garbage(names)
    return len(names)


def erase_spent_shares(deps: Dependencies) -> int:
    """Erase who shared what with whom, after the retention period."""
    now = deps.clock.now()

    def erase(tx: Transaction, spent: Sequence[Share]) -> int:
        tx.retention.erase_shares(_ids(spent), now)
        for share in spent:
            record_event(deps, tx, EventKind.SHARE_ERASED, share=replace(share, erased_at=now))
        return len(spent)

    return in_batch_or_singly(deps, lambda tx: tx.retention.spent_shares(now, _BATCH), erase)


def erase_spent_members(deps: Dependencies) -> int:
    """Erase number and name of removed members after the retention period. Their shares then name nobody."""
    now = deps.clock.now()

    def erase(tx: Transaction, spent: Sequence[tuple[str, str]]) -> int:
        for member_id, _ in spent:
            tx.retention.erase_member(member_id, now)
        for member_id, tenant_id in spent:
            record_event(deps, tx, EventKind.MEMBER_ERASED, tenant_id=tenant_id, member=member_id)
        return len(spent)

    return in_batch_or_singly(deps, lambda tx: tx.retention.spent_members(now, _BATCH), erase)


def destroy_audit_keys(deps: Dependencies) -> int:
    """Destroy audit keys of past months that no share needs, with the subjects encrypted under them."""
    now = deps.clock.now()
    with deps.database.read() as tx:
        in_use = tx.retention.audit_keys_in_use()
        retention = {tenant.id: tenant.retention for tenant in tx.tenants.all() if tenant.intact}
    longest = max(retention.values(), default=timedelta(days=365))
    spent = [
        entry
        for entry in deps.keyring.ids(AUDIT_PREFIX)
        if entry not in in_use
        and (tenant_id := entry.split(":")[1]) not in deps.behind
        and _month_is_past(entry, now - retention.get(tenant_id, longest))
    ]
    if not spent:
        return 0
    # Subjects first, because finding them needs their key. After a crash in between, the next round destroys the key.
    with deps.database.write() as tx:
        for entry in spent:
            tx.retention.erase_subjects(entry)
    deps.keyring.destroy(spent)
    with deps.database.write() as tx:
        record_event(deps, tx, EventKind.AUDIT_KEY_DESTROYED, count=len(spent))
    return len(spent)


def _month_is_past(entry: str, horizon: datetime) -> bool:
    """Return whether the month of the audit key ends before the month of ``horizon``."""
    return entry[-len("YYYY-MM") :] < f"{horizon:%Y-%m}"


def end_idle_sessions(deps: Dependencies) -> int:
    """Remove expired sessions and logins."""
    with deps.database.write() as tx:
        return tx.sessions.remove_idle(deps.clock.now() - IDLE)


def _ids(shares: Iterable[Share]) -> list[str]:
    return [share.id for share in shares]
