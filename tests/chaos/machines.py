"""Faults of the machines themselves: disks that are full or fail, clocks that are off or leap."""

import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from deldokument.adapters.clock import REFRESH_EVERY
from deldokument.services.encryption import share_key_id
from deldokument.services.maintenance.retention import confirm_clock
from deldokument.web.management import LIVE, READY
from tests.chaos.cluster import Cluster, Kept, Member, setting
from tests.chaos.faults import Fault, says_not_ready, wait_until_refused, worker_dies
from tests.chaos.load import NAME, PATIENCE, Load
from tests.chaos.programs import wait_until
from tests.support.deployment.deployment import OLA, OLA_NUMBER
from tests.support.stage.recorded_changes import recording

FAKE_TIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
FAILING = "/usr/lib/fiu/fiu_run_preload.so /usr/lib/fiu/fiu_posix_preload.so"
# PostgreSQL does not start with what makes the nodes' calls fail.
_FAILING_SYNC = ("strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e",
                 "inject=fdatasync:error=EIO:when=40")  # fmt: skip
_LEAP_SECONDS = 2 * 60 * 60
_OFF = "30"
_ORPHAN_SECONDS = 60


def the_databases_disk_is_full(cluster: Cluster, load: Load) -> None:
    """PostgreSQL finds no room; when there is some again it goes on, started anew if it gave up."""
    disk = cluster.postgres.disk
    disk.fill()
    try:
        wait_until_refused(load)
    finally:
        disk.free_space()
    if cluster.postgres.program.ended() or not cluster.postgres.answers():
        cluster.postgres.program.kill()
        cluster.postgres.start()


def the_keyrings_disk_is_full(cluster: Cluster, load: Load) -> None:
    """The keyring's store finds no room; it is started anew if it gave up."""
    cluster.keys.disk.fill()
    try:
        wait_until_refused(load)
    finally:
        cluster.keys.disk.free_space()
    if cluster.keys.program.ended() or not cluster.keys.answers():
        cluster.keys.program.kill()
        cluster.keys.start()


def the_stores_disk_is_full(cluster: Cluster, load: Load) -> None:
    """SeaweedFS finds no room."""
    cluster.store.disk.fill()
    try:
        wait_until_refused(load)
    finally:
        cluster.store.disk.free_space()


def the_nodes_disk_is_full(cluster: Cluster, load: Load) -> None:
    """The directory that all nodes keep blobs in is full."""
    assert cluster.blob_disk is not None
    cluster.blob_disk.fill()
    try:
        wait_until_refused(load)
    finally:
        cluster.blob_disk.free_space()


def reads_fail_on_a_node(cluster: Cluster, load: Load) -> None:
    """Every read of a blob by one node is answered with EIO."""
    with failing(cluster, cluster.nodes[0]) as node:
        order(cluster, node, "enable name=posix/io/rw/pread,failinfo=5")
        order(cluster, node, "enable name=posix/io/rw/pread64,failinfo=5")
        wait_until(lambda: "EIO" in node.program.log.read_text(), "no read has failed", PATIENCE)
        load.wait_for_progress()


def fsync_fails_on_a_node(cluster: Cluster, load: Load) -> None:
    """Every fsync and fdatasync of one node fails: nothing may be acknowledged that is not on stable storage."""
    with failing(cluster, cluster.nodes[0]) as node:
        order(cluster, node, "enable name=posix/io/sync/*,failinfo=5")
        wait_until_refused(load)
        load.wait_for_progress()


def fsync_fails_in_the_database(cluster: Cluster, load: Load) -> None:
    """PostgreSQL, with fsync on, can't sync its log at each process's fortieth try: it panics, and recovers."""
    program = cluster.postgres.program
    usual = program.command
    program.kill()
    program.command = [*_FAILING_SYNC, *usual, "--fsync=on"]
    try:
        cluster.postgres.start()
        wait_until(lambda: "PANIC" in program.log.read_text(), "no fsync has failed", PATIENCE)
        wait_until_refused(load)
    finally:
        program.kill()
        program.command = usual
        cluster.postgres.start()


@contextmanager
def failing(cluster: Cluster, node: Member) -> Iterator[Member]:
    """The node runs so that its system calls can be made to fail."""
    node.kill()
    node.start(LD_PRELOAD=FAILING, FIU_CTRL_FIFO=str(cluster.folder / "fiu"))
    try:
        wait_until(lambda: cluster.is_ready(node), "a node does not start")
        yield node
    finally:
        node.kill()
        node.start()


def order(cluster: Cluster, node: Member, what: str) -> None:
    """Have system calls of the node fail from now on."""
    prefix = cluster.folder / "fiu"
    assert Path(f"{prefix}-{node.program.pid}.in").exists()
    subprocess.run(["fiu-ctrl", "-f", prefix, "-c", what, str(node.program.pid)], check=True, timeout=30)


def a_worker_is_killed_in_mid_sweep(cluster: Cluster, _load: Load) -> None:
    """With orphans deleted and nothing noted of it."""
    for _ in range(3):
        writer = cluster.node.deps.blobs.create(secrets.token_hex(16))
        writer.write(b"left by a crash")
        writer.commit()
    # A worker sweeps what is a day old. The test can't wait so long, and must not sweep what is being written either.
    time.sleep(_ORPHAN_SECONDS + 1)
    worker_dies(
        cluster,
        "deldokument.services.maintenance.orphans.record_event",
        when="given[2].value == 'orphans_swept'",
        before=setting("deldokument.services.maintenance.orphans.ORPHAN_AGE", timedelta(seconds=_ORPHAN_SECONDS)),
    )


def a_nodes_clock_is_off(cluster: Cluster, load: Load) -> None:
    """Half a minute ahead of the database's: the node gives no byte, and says why."""
    node = cluster.nodes[1]
    node.kill()
    node.start(LD_PRELOAD=FAKE_TIME, FAKETIME=f"+{_OFF}s", DONT_FAKE_MONOTONIC="1")
    try:
        wait_until(lambda: cluster.health(node, LIVE) == 200, "a node does not start")
        assert cluster.health(node, READY) == 503
        ola = dict(cluster.session(OLA).cookies)
        assert cluster.asked(node, load.earlier_share.path, cookies=ola) == 503
        load.wait_for_progress()
    finally:
        node.kill()
        node.start()


def clocks_leap_while_they_serve(cluster: Cluster, load: Load) -> None:
    """A node's and a worker's, two hours ahead and back: the node gives no byte meanwhile, and nothing ends early."""
    node, worker, clock = cluster.nodes[1], cluster.workers[0], cluster.folder / "clock"
    clock.write_text("+0s\n")
    faked = {"LD_PRELOAD": FAKE_TIME, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_CACHE_DURATION": "1"}
    promise = ends_within_the_leap(cluster)
    try:
        for member in (node, worker):
            member.kill()
            member.start(**faked, DONT_FAKE_MONOTONIC="1")
        cluster.wait_until_ready()
        load.wait_for_progress()
        clock.write_text(f"+{_LEAP_SECONDS}s\n")
        says_not_ready(cluster, node)
        ola = dict(cluster.session(OLA).cookies)
        assert cluster.asked(node, load.earlier_share.path, cookies=ola) == 503
        load.wait_for_progress()
        promise.is_kept(cluster)
        clock.write_text("+0s\n")
        wait_until(lambda: cluster.is_ready(node), "the node does not come back with its clock", PATIENCE)
    finally:
        for member in (node, worker):
            member.kill()
            member.start()
    promise.is_kept(cluster)


@dataclass(frozen=True, slots=True)
class Ending:
    """A share that ends within the leap, and not before."""

    share_id: str
    path: str
    content: bytes

    def has_its_key(self, cluster: Cluster) -> None:
        """AssertionError when it was destroyed early."""
        assert cluster.node.deps.keyring.get([share_key_id(self.share_id)]), "a key was destroyed early"

    def is_kept(self, cluster: Cluster) -> None:
        """AssertionError when Ola can't have it; a node that does not trust its clock may say «not now» first."""
        self.has_its_key(cluster)
        ola = cluster.session(OLA)
        wait_until(lambda: ola.get(self.path).content == self.content, "what was promised can't be had", PATIENCE)


def ends_within_the_leap(cluster: Cluster) -> Ending:
    """Shared with Ola, until an hour from now."""
    content = b"to be had tomorrow too"
    share_id = cluster.share([OLA_NUMBER], {NAME: content})
    [path] = cluster.document_paths(share_id)
    deps = cluster.node.deps
    with recording(deps.database) as tx:
        share = tx.shares.lock(share_id)
        assert share is not None
        tx.shares.save(replace(share, expires_at=deps.clock.now() + timedelta(hours=1)))
    return Ending(share_id, path, content)


def the_databases_clock_leaps(cluster: Cluster, _load: Load) -> None:
    """Two hours ahead, with a share that ends in one: nothing is destroyed, and when the clock is right it is there."""
    promise, ola = ends_within_the_leap(cluster), cluster.session(OLA)
    with leapt(cluster):
        wait_until(cluster.is_halted, "destruction did not halt", PATIENCE)
        wait_until(lambda: ola.get(promise.path).status_code in {401, 410, 503}, "the nodes trust that clock", PATIENCE)
        promise.has_its_key(cluster)
    # A worker that still goes by what it read before would halt again.
    time.sleep(2 * REFRESH_EVERY.total_seconds())
    confirm_clock(cluster.node.deps)
    cluster.wait_until_ready()
    promise.is_kept(cluster)


@contextmanager
def leapt(cluster: Cluster) -> Iterator[None]:
    """PostgreSQL's clock, and with it everybody's, is ahead."""
    ours = cluster.node.deps.database
    cluster.postgres.program.kill()
    cluster.postgres.start(LD_PRELOAD=FAKE_TIME, FAKETIME=f"+{_LEAP_SECONDS}s", DONT_FAKE_MONOTONIC="1")
    ours.close()
    try:
        yield
    finally:
        cluster.postgres.program.kill()
        cluster.postgres.start()
        ours.close()


MACHINES = (
    Fault("The database's disk", "full", the_databases_disk_is_full),
    Fault("The store's disk", "full", the_stores_disk_is_full),
    Fault("The keyring's disk", "full", the_keyrings_disk_is_full),
    Fault("OpenBao's disk", "full", the_keyrings_disk_is_full, kept=Kept(keys="openbao")),
    Fault("The database's disk", "fsync fails now and then, PostgreSQL panics", fsync_fails_in_the_database),
    Fault("The nodes' disk", "full", the_nodes_disk_is_full, kept=Kept(blobs="directory")),
    Fault("A node's disk", "EIO for every read of a blob", reads_fail_on_a_node, kept=Kept(blobs="directory")),
    Fault("A node's disk", "every fsync fails", fsync_fails_on_a_node, kept=Kept(blobs="directory")),
    Fault(
        "A worker in mid-sweep", "kill -9 between the deletion of orphans and its note", a_worker_is_killed_in_mid_sweep
    ),
    Fault("A node's clock", "30 seconds ahead of the database's", a_nodes_clock_is_off),
    Fault(
        "A node's and a worker's clock", "leap two hours ahead while they run, and back", clocks_leap_while_they_serve
    ),
    Fault("The database's clock", "leaps two hours ahead, and back", the_databases_clock_leaps, under_load=False),
)
