"""What is broken, one after the other, while the load runs. Each mends again what it broke.

``strike`` breaks something until the clients have seen it, and mends it; what must hold afterwards is checks.py's.
"""

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from deldokument.web.management import READY
from tests.chaos.cluster import HASTE, USUAL, Cluster, Kept, Member
from tests.chaos.load import PATIENCE, Load
from tests.chaos.programs import Bao, wait_until

Strike = Callable[[Cluster, Load], None]
_DYING = """
import functools, os, runpy, signal, sys
from pkgutil import resolve_name

def dying(original):
    @functools.wraps(original)
    def die(*given, **named):
        if {when}:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*given, **named)
    return die

{before}
{haste}
owner = resolve_name({owner!r})
setattr(owner, {name!r}, dying(getattr(owner, {name!r})))
sys.argv = ["deldokument", "worker"]
runpy.run_module("deldokument.cli.main", run_name="__main__")
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them, in words for the report. ``under_load``: with clients at work, who must come through."""

    name: str
    words: str
    strike: Strike
    under_load: bool = True
    kept: Kept = USUAL

    def __str__(self) -> str:
        return f"{self.name}: {self.words}"


def nodes_are_killed(cluster: Cluster, load: Load) -> None:
    """Two of three, until an upload and a download have been broken off in the middle; they go on at the third."""
    deadline, nodes = time.monotonic() + PATIENCE, itertools.cycle(cluster.nodes)
    while unnoticed := {"upload", "download"} - load.ledger.resumed.keys():
        assert time.monotonic() < deadline, f"no client noticed that nodes were killed: {unnoticed}"
        load.wait_until_begun(unnoticed)
        spared = next(nodes)
        killed = [node for node in cluster.nodes if node is not spared]
        for node in killed:
            node.kill()
        for node in killed:
            node.start()
        cluster.wait_until_ready()


def workers_are_killed_in_mid_end(cluster: Cluster, _load: Load) -> None:
    """With the keys destroyed and nothing noted; then with the objects deleted and their names not forgotten."""
    with no_workers(cluster):
        worker_dies(cluster, "deldokument.services.maintenance.share_keys.record_event")
        worker_dies(cluster, "deldokument.store.uploads.uploads.Uploads.forget_garbage")


def worker_dies(cluster: Cluster, function: str, *, when: str = "True", before: str = "") -> None:
    """A worker runs, after ``before``, and kills itself when it calls a function, with ``given`` as in ``when``."""
    owner, _, name = function.rpartition(".")
    program = _DYING.format(owner=owner, name=name, when=when, before=before, haste=HASTE)
    with (cluster.folder / "w9.log").open("ab") as log:
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-c", program]
        worker = subprocess.Popen(command, env=cluster.environment(), stdout=log, stderr=log)
        try:
            assert worker.wait(PATIENCE) == -signal.SIGKILL, cluster.log_text()
        finally:
            worker.kill()
            worker.wait()


@contextmanager
def no_workers(cluster: Cluster) -> Iterator[None]:
    """All are killed, and started again at the end."""
    for worker in cluster.workers:
        worker.kill()
    try:
        yield
    finally:
        for worker in cluster.workers:
            worker.start()


def postgres_is_killed(cluster: Cluster, load: Load) -> None:
    """The server with all its processes; it comes back and recovers."""
    cluster.postgres.program.kill()
    wait_until_refused(load)
    cluster.postgres.start()


def has_seen(load: Load, result: str) -> bool:
    """Whether any client has had this result."""
    return any(seen == result for _, seen in list(load.ledger.answers))


def the_store_is_killed(cluster: Cluster, load: Load) -> None:
    """All its processes; it comes back with what it had acknowledged."""
    cluster.store.program.kill()
    wait_until_refused(load)
    cluster.store.start()


def the_keyring_is_killed(cluster: Cluster, load: Load) -> None:
    """All its processes; it comes back with every key."""
    cluster.keys.program.kill()
    wait_until_refused(load)
    cluster.keys.start()


def openbao_is_killed(cluster: Cluster, load: Load) -> None:
    """It comes back sealed, which is no better than being gone, until an operator unseals it."""
    assert isinstance(cluster.keys, Bao)
    cluster.keys.program.kill()
    wait_until_refused(load)
    cluster.keys.program.start()
    for node in cluster.nodes:
        says_not_ready(cluster, node)
    cluster.keys.unseal()


def wait_until_refused(load: Load) -> None:
    """Wait until a client has been refused for now."""
    wait_until(lambda: has_seen(load, "503") or has_seen(load, "507"), "nobody was refused", PATIENCE)


def a_node_loses_the_database(cluster: Cluster, load: Load) -> None:
    """Packets between one node and PostgreSQL are lost without a word."""
    node = cluster.nodes[0]
    node.host.cut_from(cluster.postgres.host)
    try:
        says_not_ready(cluster, node)
        load.wait_for_progress()
    finally:
        node.host.mend()


def the_database_refuses_a_node(cluster: Cluster, load: Load) -> None:
    """Connections between one node and PostgreSQL are reset."""
    node = cluster.nodes[1]
    node.host.refuse(cluster.postgres.host)
    try:
        says_not_ready(cluster, node)
        load.wait_for_progress()
    finally:
        node.host.mend()


def says_not_ready(cluster: Cluster, node: Member) -> None:
    """The node says 503 where it is asked; it does not hang."""
    wait_until(lambda: cluster.health(node, READY) == 503, "a node does not say that it is not ready", PATIENCE)


def the_database_is_unplugged(cluster: Cluster, load: Load) -> None:
    """PostgreSQL is unreachable, and the network reports no error."""
    cluster.postgres.host.unplug()
    try:
        for node in cluster.nodes:
            says_not_ready(cluster, node)
        wait_until_refused(load)
    finally:
        cluster.postgres.host.plug()


def the_database_is_slow(cluster: Cluster, load: Load) -> None:
    """Its link carries 400 kbit a second: everything goes on, late."""
    cluster.postgres.host.slow(400)
    try:
        load.wait_for_progress()
    finally:
        cluster.postgres.host.hasten()


def the_keyring_is_unplugged(cluster: Cluster, load: Load) -> None:
    """Nobody reaches it."""
    cluster.keys.host.unplug()
    try:
        for node in cluster.nodes:
            says_not_ready(cluster, node)
        wait_until_refused(load)
    finally:
        cluster.keys.host.plug()


def the_keyring_is_slow(cluster: Cluster, load: Load) -> None:
    """Its link carries 100 kbit a second: everything goes on, late."""
    cluster.keys.host.slow(100)
    try:
        load.wait_for_progress()
    finally:
        cluster.keys.host.hasten()


def a_node_loses_the_keyring(cluster: Cluster, load: Load) -> None:
    """Packets between the two are lost without a word."""
    node = cluster.nodes[1]
    node.host.cut_from(cluster.keys.host)
    try:
        says_not_ready(cluster, node)
        load.wait_for_progress()
    finally:
        node.host.mend()


def a_node_loses_the_store(cluster: Cluster, load: Load) -> None:
    """Packets between one node and SeaweedFS are lost without a word."""
    node = cluster.nodes[2]
    node.host.cut_from(cluster.store.host)
    try:
        wait_until_refused(load)
        load.wait_for_progress()
    finally:
        node.host.mend()


def the_store_is_unplugged(cluster: Cluster, load: Load) -> None:
    """SeaweedFS is unreachable, and the network reports no error."""
    cluster.store.host.unplug()
    try:
        wait_until_refused(load)
    finally:
        cluster.store.host.plug()


def the_store_is_slow(cluster: Cluster, load: Load) -> None:
    """Its link carries 16 Mbit a second: everything goes on, late."""
    cluster.store.host.slow(16_000)
    try:
        load.wait_for_progress()
    finally:
        cluster.store.host.hasten()


KILLED_AND_CUT = (
    Fault(
        "Nodes in mid-upload and mid-download",
        "kill -9 of two of three, uploads and downloads under way",
        nodes_are_killed,
    ),
    Fault(
        "A worker in mid-end",
        "kill -9 between the destruction of keys and its note, and between the deletion of objects and its note",
        workers_are_killed_in_mid_end,
    ),
    Fault("PostgreSQL", "kill -9 of all its processes, started again", postgres_is_killed),
    Fault("The store is cut off", "SeaweedFS's link is down", the_store_is_unplugged),
    Fault("The store", "kill -9 of SeaweedFS, started again", the_store_is_killed),
    Fault("The keyring", "kill -9 of its PostgreSQL, started again", the_keyring_is_killed),
    Fault("A node loses the keyring", "all packets between one node and the keyring dropped", a_node_loses_the_keyring),
    Fault("The keyring is cut off", "its PostgreSQL's link is down", the_keyring_is_unplugged),
    Fault("The keyring is slow", "its PostgreSQL's link carries 100 kbit/s", the_keyring_is_slow),
    Fault(
        "A node loses the database", "all packets between one node and PostgreSQL dropped", a_node_loses_the_database
    ),
    Fault("The database refuses a node", "connections of one node to PostgreSQL reset", the_database_refuses_a_node),
    Fault("The database is cut off", "PostgreSQL's link is down", the_database_is_unplugged),
    Fault("The database is slow", "PostgreSQL's link carries 400 kbit/s", the_database_is_slow),
    Fault("A node loses the store", "all packets between one node and SeaweedFS dropped", a_node_loses_the_store),
    Fault("The store is slow", "SeaweedFS's link carries 16 Mbit/s", the_store_is_slow),
)
OPENBAO = tuple(
    replace(fault, kept=Kept(keys="openbao"))
    for fault in (
        Fault("OpenBao", "kill -9, started again, and unsealed a while later", openbao_is_killed),
        Fault("OpenBao is cut off", "its link is down", the_keyring_is_unplugged),
        Fault("OpenBao is slow", "its link carries 100 kbit/s", the_keyring_is_slow),
        Fault("A node loses OpenBao", "all packets between the two dropped", a_node_loses_the_keyring),
    )
)
