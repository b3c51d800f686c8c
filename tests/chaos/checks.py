"""Checks after every fault, once the cluster has recovered and the load has ended.

- Every acknowledged byte can be downloaded again and equals the byte that was sent.
- Ended shares are unreadable: 410 at every node, no key, no object.
- After a sweep, store and keyring hold only what the database names.
- Every available share is whole; every published share is available unless it was withdrawn.
- Every living share has its key.
- Every chain of the audit trail verifies from its beginning.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from deldokument.adapters.documents.signing import verify_signature
from deldokument.domain.shares.share import CLOSED, Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.verification import verify_trail
from deldokument.services.encryption import SHARE_PREFIX, share_key_id
from deldokument.services.maintenance.early_ends import confirm_early_ends
from deldokument.services.maintenance.orphans import sweep_orphan_keys
from deldokument.store.shares.shares import ShareFilter
from deldokument.store.transaction import Transaction
from tests.chaos.cluster import Cluster
from tests.chaos.faults import Fault
from tests.chaos.ledger import Ledger
from tests.chaos.load import Client, Load
from tests.chaos.programs import wait_until
from tests.support.bulk.orphan_sweep import LaterClock, sweep_all
from tests.support.deployment.deployment import OLA

_LATER = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A fault that was survived: what the clients saw, and what was looked at."""

    fault: Fault
    ledger: Ledger
    findings: Findings
    seconds: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What was looked at; how much of it."""

    bytes_compared: int
    documents: int
    withdrawn: int
    objects: int
    orphans_swept: int
    keys: int


def check(cluster: Cluster, load: Load) -> Findings:
    """All of it; AssertionError for what does not hold."""
    ledger = load.ledger
    assert not ledger.lost, ledger.lost
    assert not ledger.untrue, ledger.untrue
    compared = compare(load)
    deps = cluster.node.deps
    # People withdraw far more here than in a usual hour.
    confirm_early_ends(deps)
    wait_until(lambda: settled(deps, ledger), "what has ended was not destroyed")
    for promise in ledger.promises:
        if promise.withdrawn:
            for path in (promise.path, f"/d/{promise.share_id}"):
                answer = cluster.session(OLA).get(path)
                assert answer.status_code == 410, (answer.status_code, path)
    check_shares(deps, ledger)
    swept = sweep(cluster, deps)
    objects, keys = check_nothing_left_over(deps)
    assert verify_trail(deps, certificates=(), is_signed=verify_signature).fault is None
    ended = [promise for promise in ledger.promises if promise.withdrawn]
    documents = [promise for promise in ledger.promises if promise.published and not promise.withdrawn]
    return Findings(compared, len(documents), len(ended), objects, swept, keys)


def compare(load: Load) -> int:
    """Every document that was said to be complete, byte for byte; how many bytes."""
    ola, compared = Client(load, OLA), 0
    for promise in load.ledger.promises:
        if promise.published and not promise.withdrawn:
            load.wait_until_inspected(promise)
            ola.downloads(promise)
            compared += promise.length
    assert not load.ledger.lost, load.ledger.lost
    return compared


def settled(deps: Dependencies, ledger: Ledger) -> bool:
    """Whether the workers have destroyed what was withdrawn."""
    ended = [promise for promise in ledger.promises if promise.withdrawn]
    if deps.keyring.get([share_key_id(promise.share_id) for promise in ended]):
        return False
    with deps.database.read() as tx:
        return (
            not tx.retention.keys_to_destroy(deps.clock.now(), 1)
            and not tx.retention.blobs_to_release(1)
            and not tx.uploads.garbage(1)
        )


def check_shares(deps: Dependencies, ledger: Ledger) -> None:
    """Whole or not there; a key as long as the share lives, none when it is over."""
    with deps.database.read() as tx:
        shares = {share.id: share for share in every_share(tx)}
        documents = tx.shares.documents(list(shares))
        recipients = {recipient.share_id for recipient in tx.shares.recipients(list(shares))}
    keys = deps.keyring.get([share_key_id(share_id) for share_id in shares])
    for share in shares.values():
        has_key = share_key_id(share.id) in keys
        assert has_key == (share.key_destroyed_at is None), "a key was destroyed early, or not at all"
        assert has_key or share.state in CLOSED, "the key of a living share is gone"
        if share.state is ShareState.AVAILABLE:
            assert share.id in recipients
            own = [document for document in documents if document.share_id == share.id]
            assert own, "a share was published without documents"
            assert all(document.is_complete for document in own), "a share was published half"
    for promise in ledger.promises:
        wanted = ShareState.WITHDRAWN if promise.withdrawn else ShareState.AVAILABLE
        if promise.published:
            assert shares[promise.share_id].state is wanted


def every_share(tx: Transaction) -> Iterator[Share]:
    """Of all accounts."""
    for tenant in tx.tenants.all():
        for account in tx.accounts.of_tenant(tenant.id):
            yield from tx.shares.find(ShareFilter(account_ids=(account.id,), states=tuple(ShareState), limit=10_000))


def sweep(cluster: Cluster, deps: Dependencies) -> int:
    """As the workers do a day later."""
    cluster.age_files(_LATER)
    later = replace(deps, clock=LaterClock(deps.clock, _LATER))
    suspects = sweep_orphan_keys(later, ())
    sweep_orphan_keys(later, suspects)
    # One that a killed worker left in the middle takes what was old then.
    return sweep_all(later) + sweep_all(later)


def check_nothing_left_over(deps: Dependencies) -> tuple[int, int]:
    """The store and the keyring hold what the database names; how many objects and keys."""
    names = [blob.name for blob in deps.blobs.list()]
    entries = deps.keyring.ids(SHARE_PREFIX)
    with deps.database.read() as tx:
        assert set(names) == tx.uploads.known_blobs(names), "an object that no row names is left after the sweep"
        shares = {share_key_id(share.id) for share in every_share(tx)}
    assert set(entries) <= shares, "a key without a share is left after the sweep"
    return len(names), len(entries)


def survive(cluster: Cluster, fault: Fault) -> Outcome:
    """Strike, under load, until every client has come further; then look at everything. ``seconds``: all of that."""
    load, began = Load(cluster), time.monotonic()
    if fault.under_load:
        with load:
            fault.strike(cluster, load)
            cluster.wait_until_ready()
            load.wait_for_progress()
    else:
        fault.strike(cluster, load)
        cluster.wait_until_ready()
    assert not load.failures, load.failures
    findings = check(cluster, load)
    return Outcome(fault, load.ledger, findings, time.monotonic() - began)
