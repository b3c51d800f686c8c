"""The end of things: shares, drafts, keys, blobs, names. Each function is one round of a reconciler.

    end_due_shares / abandon_stale_drafts   the state says that it is over
    end_deleted_accounts (deleting)         likewise, of accounts deleted a day ago
    destroy_share_keys                      from here on no copy of database or blobs can be read
    release_blobs, delete_garbage           the ciphertext goes
    complete_deletions (leaving)            nothing is left of a tenant that has ended: noted
    erase_spent_shares, erase_spent_members, destroy_audit_keys
                                            after the tenant's retention period: names and identifiers
    forget_tenants (leaving)                likewise, of tenants that have ended: all the rest of them
    sweep_orphans, sweep_orphan_keys (sweeping)
                                            what a crash left behind, older than a day

The database's state is the queue: a round takes what is due, does it idempotently, commits. A crash anywhere means
that it is done again. Rounds take some hundreds at a time, so that each is short for those who use the service
meanwhile, and what costs the same for one as for many (a commit, a journal) is shared. Workers share what is due.
Promises that nothing is ended early: the database's clock decides, and destruction halts, until an operator confirms,
when that clock has leapt ahead of the last heartbeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import ServiceError
from deldokument.domain.share import DRAFT_LIFETIME, PROPOSAL_LIFETIME, Share, ShareState, new_document_id
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.deployment import Deployment
from deldokument.services.accounts.deletion import end_deleted_accounts
from deldokument.services.agreements.signing import forget_intents
from deldokument.services.api.idempotency import forget_answers
from deldokument.services.api.rate_limit import forget_allowances
from deldokument.services.audit.recording import record_event
from deldokument.services.auth.sessions import IDLE
from deldokument.services.encryption import AUDIT_PREFIX, share_key_id
from deldokument.services.notifications.dispatch import forget_messages
from deldokument.services.notifications.webhooks import forget_ended_webhooks
from deldokument.services.tenants.offboarding import complete_deletions, forget_tenants

MAX_CLOCK_JUMP = timedelta(hours=1)
_FRESH = timedelta(seconds=1)
"""So young a heartbeat is not written anew: many loops of many workers beat for one row."""
_BATCH = 500
_AT_ONCE = 32
"""Of so many keys the keyring is asked at a time, so that one that it refuses keeps no more from their end; and so few
that a keyring in which each takes as long as may be has answered well within the minute below."""
_PATIENCE = timedelta(seconds=20)
"""So long keys are destroyed in one transaction: the database ends those that stand idle for a minute."""
_CLEARED = 150
"""So many shares' parts become garbage at a time: with some documents each, about as many objects as are deleted."""


def record_heartbeat(deps: Dependencies) -> bool:
    """Note that the worker lives; False, and destruction is halted, when the clock has leapt since the last time."""
    with deps.database.read() as tx:
        if _has_just_beaten(tx.deployment.get(), deps.clock.now()):
            return True
    with deps.database.write() as tx:
        deployment = tx.deployment.get()
        # Asked for when nobody else can note another: a time from before an operator's confirmation, noted after it,
        # would look like a leap once more.
        now = deps.clock.now()
        if deployment.halted_at is not None:
            return False
        if deployment.heartbeat_at is not None and now - deployment.heartbeat_at > MAX_CLOCK_JUMP:
            tx.deployment.halt(now)
            return False
        tx.deployment.record_heartbeat(now)
    return True


def _has_just_beaten(deployment: Deployment, now: datetime) -> bool:
    """Not at a time to come: a clock that was put back beats from there."""
    at = deployment.heartbeat_at
    return deployment.halted_at is None and at is not None and timedelta() <= now - at < _FRESH


def confirm_clock(deps: Dependencies) -> None:
    """The operator says that the clock is right: destruction goes on."""
    with deps.database.write() as tx:
        tx.deployment.resume(deps.clock.now())
        record_event(deps, tx, EventKind.CLOCK_CONFIRMED)


def end_due_shares(deps: Dependencies) -> int:
    """Shares whose period has ended are over."""
    now = deps.clock.now()
    with deps.database.write() as tx:
        due = tx.retention.due_shares(now, _BATCH)
        tx.retention.close(_ids(due), ShareState.ENDED, now)
        for share in due:
            record_event(deps, tx, EventKind.SHARE_ENDED, share=share)
    return len(due)


def abandon_stale_drafts(deps: Dependencies) -> int:
    """Drafts that nobody has touched for 24 hours are over, with their uploads; proposed ones wait for 7 days."""
    now = deps.clock.now()
    with deps.database.write() as tx:
        stale = tx.retention.stale_drafts(now - DRAFT_LIFETIME, now - PROPOSAL_LIFETIME, _BATCH)
        tx.retention.close(_ids(stale), ShareState.ABANDONED, now)
        for share in stale:
            record_event(deps, tx, EventKind.DRAFT_ABANDONED, share=share)
    return len(stale)


def destroy_share_keys(deps: Dependencies) -> int:
    """Destroy the keys of shares that are over; only then is it written down that they are destroyed.

    However slow the keyring is, and whatever it refuses, what is destroyed is noted: raises its error afterwards.
    """
    now = deps.clock.now()
    with deps.database.write() as tx:
        destroyed, refused = _destroyed(deps, tx.retention.keys_to_destroy(now, _BATCH))
        tx.retention.note_destroyed_keys(_ids(destroyed), deps.clock.now())
        for share in destroyed:
            record_event(deps, tx, EventKind.SHARE_KEY_DESTROYED, share=share)
    if refused is not None:
        raise refused
    return len(destroyed)


def _destroyed(deps: Dependencies, closed: list[Share]) -> tuple[list[Share], ServiceError | None]:
    """Those whose keys are destroyed when some seconds have passed, and the first error."""
    began, destroyed, refused = deps.clock.now(), list[Share](), None
    for start in range(0, len(closed), _AT_ONCE):
        some = closed[start : start + _AT_ONCE]
        if deps.clock.now() - began > _PATIENCE:
            break
        try:
            deps.keyring.destroy([share_key_id(share.id) for share in some])
            destroyed += some
        except ServiceError as error:
            refused = refused or error
    return destroyed, refused


def release_blobs(deps: Dependencies) -> int:
    """The parts of shares whose key is destroyed become garbage."""
    with deps.database.write() as tx:
        shares = tx.retention.blobs_to_release(_CLEARED)
        tx.retention.release_blobs(shares, deps.clock.now())
    return len(shares)


def delete_garbage(deps: Dependencies) -> int:
    """Delete objects that nothing needs, then forget their names.

    Begun anywhere among the names, so that workers seldom meet; no harm when they do. No transaction waits for the
    store. Neighbours by name lie in the same folder of a store that has folders.
    """
    with deps.database.read() as tx:
        names = tx.uploads.garbage(_BATCH, start=new_document_id())
    if not names:
        return 0
    deps.blobs.delete(names)
    with deps.database.write() as tx:
        tx.uploads.forget_garbage(names)
    return len(names)


def erase_spent_shares(deps: Dependencies) -> int:
    """After the retention period nothing tells who shared what with whom."""
    now = deps.clock.now()
    with deps.database.write() as tx:
        spent = tx.retention.spent_shares(now, _BATCH)
        tx.retention.erase_shares(_ids(spent), now)
        for share in spent:
            record_event(deps, tx, EventKind.SHARE_ERASED, share=replace(share, erased_at=now))
    return len(spent)


def erase_spent_members(deps: Dependencies) -> int:
    """After the retention period nothing tells who a removed member was; the shares of the member refer to a nobody."""
    now = deps.clock.now()
    with deps.database.write() as tx:
        spent = tx.retention.spent_members(now, _BATCH)
        for member_id, _ in spent:
            tx.retention.erase_member(member_id, now)
        for member_id, tenant_id in spent:
            record_event(deps, tx, EventKind.MEMBER_ERASED, tenant_id=tenant_id, member=member_id)
    return len(spent)


def destroy_audit_keys(deps: Dependencies) -> int:
    """Destroy the audit keys of past months that no share needs any more, with the subjects they sealed."""
    now = deps.clock.now()
    with deps.database.read() as tx:
        in_use = tx.retention.audit_keys_in_use()
        retention = {tenant.id: tenant.retention for tenant in tx.tenants.all()}
    longest = max(retention.values(), default=timedelta(days=365))
    spent = [
        entry
        for entry in deps.keyring.ids(AUDIT_PREFIX)
        if entry not in in_use and _month_is_past(entry, now - retention.get(entry.split(":")[1], longest))
    ]
    if not spent:
        return 0
    # The subjects first: they are found by their key, and whoever dies in between leaves it to the next round.
    with deps.database.write() as tx:
        for entry in spent:
            tx.retention.erase_subjects(entry)
    deps.keyring.destroy(spent)
    with deps.database.write() as tx:
        record_event(deps, tx, EventKind.AUDIT_KEY_DESTROYED, count=len(spent))
    return len(spent)


def _month_is_past(entry: str, horizon: datetime) -> bool:
    """Whether the month of the audit key lies wholly before the month of ``horizon``."""
    return entry[-len("YYYY-MM") :] < f"{horizon:%Y-%m}"


def end_idle_sessions(deps: Dependencies) -> int:
    """Forget sessions and logins that have run out."""
    with deps.database.write() as tx:
        return tx.sessions.remove_idle(deps.clock.now() - IDLE)


def _ids(shares: Iterable[Share]) -> list[str]:
    return [share.id for share in shares]


Rounds = tuple[Callable[[Dependencies], int], ...]

ENDING: Rounds = (end_due_shares, abandon_stale_drafts, end_deleted_accounts, destroy_share_keys)
"""What makes things unreadable: never kept waiting by what follows."""

CLEARING: Rounds = (release_blobs, delete_garbage)
"""What removes what is unreadable, batch upon batch."""

FORGETTING: Rounds = (
    complete_deletions,
    erase_spent_shares,
    erase_spent_members,
    destroy_audit_keys,
    forget_tenants,
    end_idle_sessions,
    forget_answers,
    forget_allowances,
    forget_intents,
    forget_messages,
    forget_ended_webhooks,
)
"""What removes what has had its time; it asks tenant by tenant, so not after each batch of objects."""

ROUNDS: Rounds = ENDING + CLEARING + FORGETTING
"""What the worker does, in this order, each until it has nothing more to do."""
