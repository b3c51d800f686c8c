"""What a crash left behind goes: objects in the store that no row names, and share keys without a share.

A sweep counts first, shelf by shelf of the store, and deletes then; where it stands is in the database after each few
thousand objects. So it needs little memory however much the store has, goes on where it was when a worker ends or is
killed, and any number of workers may sweep. Promises that no object is taken that is younger than a day when the sweep
begins, no key that has not been without a share at two looks, and nothing at all when the store belongs to another
deployment or what is unknown is implausibly much: then the wrong database or the wrong store is more likely than so
many crashes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict
from deldokument.ports.blobs import SHELVES
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.orphans import Sweep
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import SHARE_PREFIX, share_key_id

ORPHAN_AGE = timedelta(hours=24)
_BATCH = 1000
STEP = 10_000
"""At least so many objects are looked at before it is noted how far the sweep has come."""
_PLAUSIBLE = 0.5
_ALWAYS_PLAUSIBLE = 100


def sweep_orphans(deps: Dependencies, *, step: int = STEP) -> bool:
    """Take a step of the sweep under way, or of a new one; False when that was its last.

    Raises Conflict, with nothing deleted, when the store or what is unknown in it is not to be believed.
    """
    _check_store(deps)
    with deps.database.read() as tx:
        noted = tx.orphans.sweep()
    latest = deps.clock.now() - ORPHAN_AGE
    if noted and noted.horizon > latest:
        # Noted by a clock that had leapt: what it took for old may be under way.
        return _noted(deps, noted, None)
    # The same objects for the whole sweep: what a backup of the database knew when it was made stays known to it.
    sweep = noted or Sweep(horizon=latest)
    after = _looked_further(deps, sweep, step)
    if after.shelf < SHELVES:
        return _noted(deps, noted, after)
    return _counted(deps, noted, after) if not after.deleting else _ended(deps, noted, after)


def _check_store(deps: Dependencies) -> None:
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


def _counted(deps: Dependencies, noted: Sweep | None, sweep: Sweep) -> bool:
    implausible = _is_implausible(sweep.orphans, sweep.seen)
    if implausible or not sweep.orphans:
        _noted(deps, noted, None)
    if implausible:
        raise Conflict("orphans_implausible", orphans=sweep.orphans, total=sweep.seen)
    return bool(sweep.orphans) and _noted(deps, noted, Sweep(sweep.horizon, deleting=True))


def _is_implausible(orphans: int, total: int) -> bool:
    return orphans > max(_ALWAYS_PLAUSIBLE, total * _PLAUSIBLE)


def _ended(deps: Dependencies, noted: Sweep | None, sweep: Sweep) -> bool:
    with deps.database.write() as tx:
        if tx.orphans.move_sweep(noted, None):
            record_event(deps, tx, EventKind.ORPHANS_SWEPT, count=sweep.orphans)
    return False


def _noted(deps: Dependencies, noted: Sweep | None, sweep: Sweep | None) -> bool:
    """When another worker was quicker, its note stands, and this one goes on from there."""
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
    """Destroy share keys without a share that were without one in the round before too; returns those seen now.

    A key is made just before its draft's row, so one round's look alone could catch a draft being born. Raises
    Conflict, with nothing destroyed, when the store or what is without a share is not to be believed: a keyring that
    another deployment uses too would lose all that is that one's.
    """
    _check_store(deps)
    total = 0
    entries = iter(deps.keyring.ids(SHARE_PREFIX))
    orphans: set[str] = set()
    while some := [entry.removeprefix(SHARE_PREFIX) for entry in islice(entries, _BATCH)]:
        # One short transaction after the other: a long one would keep the database from clearing up behind the end.
        orphans |= _without_share(deps, some)
        total += len(some)
    if _is_implausible(len(orphans), total):
        raise Conflict("orphans_implausible", orphans=len(orphans), total=total)
    # Once more: it took a while, and a request that was cut off and is sent again makes its share under the old key.
    doomed = [entry.removeprefix(SHARE_PREFIX) for entry in orphans.intersection(seen_before)]
    deps.keyring.destroy(_without_share(deps, doomed))
    return orphans.difference(seen_before)


def _without_share(deps: Dependencies, share_ids: Collection[str]) -> set[str]:
    """The keys of those shares that there are not."""
    with deps.database.read() as tx:
        return {share_key_id(share_id) for share_id in set(share_ids) - tx.shares.known(share_ids)}
