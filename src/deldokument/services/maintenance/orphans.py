"""Orphan sweep: deletes objects that no row names, and share keys without a share. Crashes leave them.

It also destroys remaining keys of shares that are over. It finds keys in the keyring, not by rows.

A sweep first counts, one shelf of the store after another, and then deletes. It stores its progress in the database
every few thousand objects. So memory is bounded, a sweep resumes after a crash, and any number of workers may take
part.

Guarantees:
- No object younger than a day at the start of the sweep is deleted.
- A key is destroyed only if it had no share in two successive rounds. It counts as an early end.
- Nothing is deleted if the database is behind, if the store belongs to another deployment, or if implausibly many
  objects or keys are unknown. A wrong database or store is then more likely than that many crashes.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Unavailable
from deldokument.ports.blobs import SHELVES
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import SHARE_PREFIX, share_key_id
from deldokument.services.maintenance.early_ends import allowance
from deldokument.services.maintenance.share_keys import destroy_remaining_keys, over_shares
from deldokument.store.maintenance.orphans import Sweep

ORPHAN_AGE = timedelta(hours=24)
_BATCH = 1000
STEP = 10_000
"""The minimum number of objects to check before progress is stored."""
_PLAUSIBLE = 0.5
_ALWAYS_PLAUSIBLE = 100


def sweep_orphans(deps: Dependencies, *, step: int = STEP) -> bool:
    """Take a step of the current sweep, or begin one; return False after its last step.

    Raises: Conflict, with nothing deleted, if the store belongs to another deployment or the number of orphans is
    implausible.
    """
    _check_store(deps)
    with deps.database.read() as tx:
        noted = tx.orphans.sweep()
    latest = deps.clock.now() - ORPHAN_AGE
    if noted and noted.horizon > latest:
        # The sweep was stored while the clock was ahead: objects older than its horizon may still be in use.
        return _store_progress(deps, noted, None)
    # One horizon for the whole sweep, so that both phases examine the same objects. It is stored with the progress, so
    # a restored database continues with its own horizon, and knows all objects older than that.
    sweep = noted or Sweep(horizon=latest)
    after = _looked_further(deps, sweep, step)
    if after.shelf < SHELVES:
        return _store_progress(deps, noted, after)
    return _end_count(deps, noted, after) if not after.deleting else _end_sweep(deps, noted, after)


def _check_store(deps: Dependencies) -> None:
    if deps.behind.chains:
        # An older database does not know the newest shares.
        raise Unavailable("database_restored")
    with deps.database.read() as tx:
        deployment_id = tx.deployment.get().id
    if deps.blobs.deployment_id() != deployment_id:
        raise Conflict("store_of_other_deployment")


def _looked_further(deps: Dependencies, sweep: Sweep, step: int) -> Sweep:
    begun = sweep.seen
    while sweep.shelf < SHELVES and sweep.seen - begun < step:
        for names in _old_blobs(deps, sweep):
            unknown = _unknown(deps, names)
            if sweep.deleting:
                deps.blobs.delete(unknown)
            sweep = replace(sweep, seen=sweep.seen + len(names), orphans=sweep.orphans + len(unknown))
        sweep = replace(sweep, shelf=sweep.shelf + 1)
    return sweep


def _end_count(deps: Dependencies, noted: Sweep | None, sweep: Sweep) -> bool:
    implausible = _is_implausible(sweep.orphans, sweep.seen)
    if implausible or not sweep.orphans:
        _store_progress(deps, noted, None)
    if implausible:
        raise Conflict("orphans_implausible", orphans=sweep.orphans, total=sweep.seen)
    return bool(sweep.orphans) and _store_progress(deps, noted, Sweep(sweep.horizon, deleting=True))


def _is_implausible(orphans: int, total: int) -> bool:
    return orphans > max(_ALWAYS_PLAUSIBLE, total * _PLAUSIBLE)


def _end_sweep(deps: Dependencies, noted: Sweep | None, sweep: Sweep) -> bool:
    with deps.database.write() as tx:
        if tx.orphans.move_sweep(noted, None):
            record_event(deps, tx, EventKind.ORPHANS_SWEPT, count=sweep.orphans)
    return False


def _store_progress(deps: Dependencies, noted: Sweep | None, sweep: Sweep | None) -> bool:
    """Store the progress. If another worker has stored its own first, the next step continues from that."""
    with deps.database.write() as tx:
        tx.orphans.move_sweep(noted, sweep)
    return True


def _old_blobs(deps: Dependencies, sweep: Sweep) -> Iterable[list[str]]:
    old = (blob.name for blob in deps.blobs.list(sweep.shelf) if blob.modified_at < sweep.horizon)
    while names := list(islice(old, _BATCH)):
        yield names


def _unknown(deps: Dependencies, names: Collection[str]) -> set[str]:
    with deps.database.read() as tx:
        return set(names) - tx.uploads.known_blobs(names)


def sweep_orphan_keys(deps: Dependencies, seen_before: Collection[str]) -> set[str]:
    """Destroy share keys that have no share now and had none in the previous round; return those that remain.

    Remaining keys of shares that are over are destroyed at once. A row that falsely says that its key is destroyed, or
    must not be yet, does not prevent that.

    Two rounds are needed, because a key is created just before the row of its draft.

    Raises: Conflict, with nothing destroyed, if the store belongs to another deployment or the number of orphans is
    implausible. In a keyring shared with another deployment, all keys of the other would be orphans.
    """
    _check_store(deps)
    total = 0
    entries = iter(deps.keyring.ids(SHARE_PREFIX))
    orphans, over = set[str](), set[str]()
    while some := [entry.removeprefix(SHARE_PREFIX) for entry in islice(entries, _BATCH)]:
        # Short transactions: a long one would hold back the database's own cleanup.
        orphans |= _without_share(deps, some)
        over |= over_shares(deps, some)
        total += len(some)
    if _is_implausible(len(orphans), total):
        raise Conflict("orphans_implausible", orphans=len(orphans), total=total)
    remaining = iter(over)
    while some := list(islice(remaining, _BATCH)):
        destroy_remaining_keys(deps, some)
    # Checked again: the scan takes time, and the retry of an interrupted request creates its share with the old key.
    again = [entry.removeprefix(SHARE_PREFIX) for entry in orphans.intersection(seen_before)]
    doomed = _without_share(deps, again)
    with deps.database.write() as tx:
        allowed = allowance(deps, tx, len(doomed))
        if allowed is None:
            return orphans
        allowed.spend(deps, len(doomed))
    deps.keyring.destroy(doomed)
    return orphans - doomed


def _without_share(deps: Dependencies, share_ids: Collection[str]) -> set[str]:
    """Return the ids of the keys whose share never existed, or is over according to its events."""
    with deps.database.read() as tx:
        missing = set(share_ids) - tx.shares.known_ids(share_ids)
        return set(map(share_key_id, tx.orphans.unclaimed_ids(missing, deps.clock.now())))
