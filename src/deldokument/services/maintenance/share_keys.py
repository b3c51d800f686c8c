"""Destruction of the keys of shares that are over.

Guarantees:
- A key is destroyed only if authenticated data prove that the share is over. The row's state alone is no proof.
- While early ends are halted, their keys wait. The others do not.
- Destroyed keys are recorded even if the keyring is slow, or fails for some keys.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import ServiceError
from deldokument.domain.shares.share import Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.each import do_each, in_batch_or_singly
from deldokument.services.encryption import share_key_id
from deldokument.services.maintenance.early_ends import allowance
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction

KEY_KIND = "share_key"
"""The kind of a share's key in an alarm."""
_BATCH = 500
_AT_ONCE = 32
"""Keys per call to the keyring.

Few, so that a refused key delays few others, and so that the slowest keyring responds well within a minute.
"""
_PATIENCE = timedelta(seconds=20)
"""After this long, a transaction destroys no further keys: the database ends those that are idle for a minute."""


def destroy_share_keys(deps: Dependencies) -> int:
    """Destroy the keys of closed shares, and only then record it.

    Raises: the keyring's first error, after the other keys are destroyed.
    """
    return _destroy(deps, lambda tx, now, early: tx.retention.keys_to_destroy(now, _BATCH, early=early))


def over_shares(deps: Dependencies, share_ids: Collection[str]) -> set[str]:
    """Return the ids of the shares that are proven to be over, and not available by their rows."""
    with deps.database.read() as tx:
        return {share.id for share in tx.retention.over(share_ids, deps.clock.now())}


def destroy_remaining_keys(deps: Dependencies, share_ids: Collection[str]) -> int:
    """Destroy the keys of ``over_shares``, as ``destroy_share_keys``, even if a row says that the key is destroyed.

    Reports those rows: the key was restored, or the row changed.

    Raises: the keyring's first error.
    """

    def find(tx: Transaction, now: datetime, early: bool) -> list[Share]:
        over = tx.retention.over(share_ids, now, early=early)
        # Checked after the row was read, because another worker destroys a key before it changes the row.
        for share in over:
            if share.key_destroyed_at is not None and deps.keyring.ids(share_key_id(share.id)):
                deps.damage.report(DamagedRow(KEY_KIND, share.id))
        return over

    return _destroy(deps, find)


def _destroy(deps: Dependencies, find: Callable[[Transaction, datetime, bool], list[Share]]) -> int:
    """Destroy the keys of the shares that ``find`` returns: first those that ended on time, then the early ends."""
    refusals = list[ServiceError]()

    def destroy(tx: Transaction, over: Sequence[Share]) -> int:
        destroyed, refused = _destroy_keys(deps, over)
        opened = [share.id for share in destroyed if share.closed_at is None]
        tx.retention.close(opened, ShareState.ABANDONED, deps.clock.now())
        tx.retention.note_destroyed_keys([share.id for share in destroyed], deps.clock.now())
        for share in destroyed:
            record_event(deps, tx, EventKind.SHARE_KEY_DESTROYED, share=share)
        refusals.extend([refused] if refused else [])
        return len(destroyed)

    def destroy_early(tx: Transaction, over: Sequence[Share]) -> int:
        allowed = allowance(deps, tx, len(over))
        if allowed is None:
            return 0
        count = destroy(tx, over)
        allowed.spend(deps, count)
        return count

    done = do_each(
        (False, True),
        lambda early: in_batch_or_singly(
            deps, lambda tx: find(tx, deps.clock.now(), early), destroy_early if early else destroy
        ),
    )
    if refusals:
        raise refusals[0]
    return done


def _destroy_keys(deps: Dependencies, closed: Sequence[Share]) -> tuple[list[Share], ServiceError | None]:
    """Return the shares whose keys were destroyed within ``_PATIENCE``, and the first error."""
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
