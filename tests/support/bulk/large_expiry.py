"""Expiry at its real size, with real processes: a deployment, many other shares, workers, and a client that waits.

    with ExpiryRun(folder, database_url, shares=1_000_000, tenants=357) as run:
        run.let_end(100_000, within=60.0)
        ended = run.measure(workers=2)

`durable` has PostgreSQL write to the disk as an operator has it do.
"""

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from deldokument.adapters.keys.files import load_root_key
from deldokument.services.maintenance.lag import measure_lag
from deldokument.services.maintenance.retention import confirm_clock
from deldokument.store.maintenance.backlog import Queue
from tests.support.bulk.shares import BulkShares, fill_blobs, fill_keyring, fill_shares, make_homes, share_id, share_row
from tests.support.deployment.deployment import KARI, OLA, OLA_NUMBER, Deployment
from tests.support.servers.postgres import PostgresServer

FAR = timedelta(days=30)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOOK = 0.25
_LOOKS_A_CHECK = 8
_THINK = 0.02
_CLOCKS = timedelta(seconds=0.2)
"""So far the program's clock may be from this one: it asks the database's now and then."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How an end went: seconds from the first end until the last key was destroyed, and the last object deleted.

    ``furthest`` is how long, at most, a share that was over had its key.
    """

    shares: int
    documents: int
    workers: int
    keys_seconds: float
    clear_seconds: float
    furthest: float
    waits: list[float] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """In a line."""
        return (
            f"{self.shares} ends, {self.workers} workers: "
            f"keys in {self.keys_seconds:.1f} s ({self.keys_per_second:.0f}/s), "
            f"{self.documents} documents in {self.clear_seconds:.1f} s ({self.documents_per_second:.0f}/s), "
            f"furthest behind {self.furthest:.1f} s"
        )

    @property
    def keys_per_second(self) -> float:
        """Share keys destroyed."""
        return self.shares / self.keys_seconds

    @property
    def documents_per_second(self) -> float:
        """Documents whose objects were deleted."""
        return self.documents / self.clear_seconds


class Waiting(threading.Thread):
    """Somebody who opens a share, looks at a list of shares and downloads, one after the other; how long each took."""

    def __init__(self, running: Deployment, path: str) -> None:
        super().__init__(daemon=True)
        self._stop_it = threading.Event()
        ola, kari = running.session(OLA), running.session(KARI)
        [document] = running.document_paths(path.removeprefix("/d/"))
        self._asked = [(ola, path), (kari, "/delinger"), (ola, document), (kari, "/")]
        self.took: list[float] = []

    def run(self) -> None:
        while not self._stop_it.is_set():
            for client, path in self._asked:
                began = time.perf_counter()
                assert client.get(path).status_code == 200, path
                self.took.append(time.perf_counter() - began)
                time.sleep(_THINK)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_it.set()
        self.join()


def p95(seconds: list[float]) -> float:
    """What all but one of twenty took at most."""
    return statistics.quantiles(seconds, n=20)[-1]


@contextmanager
def durable(server: PostgresServer) -> Iterator[None]:
    """Have the server of the tests write to the disk meanwhile."""
    names = ("fsync", "synchronous_commit", "full_page_writes")
    for name in names:
        server.execute(f"ALTER SYSTEM SET {name} = on")
    server.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        for name in names:
            server.execute(f"ALTER SYSTEM RESET {name}")
        server.execute("SELECT pg_reload_conf()")


class ExpiryRun:
    """A deployment without workers whose database holds a crowd with keys, all of which end much later."""

    def __init__(self, folder: Path, url: str, *, shares: int, tenants: int) -> None:
        self._url, self._shares, self._tenants = url, shares, tenants
        self._running = Deployment(folder, url, worker=False)
        self._next = 0
        self._open = ExitStack()
        self.crowd: BulkShares

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._running)
            self._fill()
            self._open = stack.pop_all()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._open.close()

    def _fill(self) -> None:
        node, settings = self._running.node, self._running.settings
        far = datetime.now(UTC) + FAR
        homes = make_homes(node.deps.database, self._tenants)
        published, keys = datetime.now(UTC) - FAR, node.deps.integrity
        self.crowd = BulkShares(homes, self._shares, lambda _: far, published_at=published, keys=keys)
        fill_shares(self._url, self.crowd)
        fill_keyring(settings.keyring_path, load_root_key(settings.root_key_path), map(share_id, range(self._shares)))
        self._running.start_worker()
        self._path = f"/d/{self._running.share([OLA_NUMBER], {'vedtak.pdf': b'x' * 100_000})}"
        self._running.stop_worker()

    def prepare(self, count: int) -> range:
        """The next ``count`` shares of the crowd get their objects."""
        numbers = range(self._next, self._next + count)
        self._next += count
        fill_blobs(self._running.settings.blobs_dir, self.crowd, numbers)
        subprocess.run(["sync"], check=True)
        return numbers

    def measure(self, numbers: range, *, workers: int, within: float = 0.0, waiting: bool = False) -> Ended:
        """They end evenly ``within`` seconds, or all at once, when so many workers have had time to start."""
        begins = datetime.now(UTC) + timedelta(seconds=10 + len(numbers) / 4000)
        self._let_end(numbers, begins, within)
        confirm_clock(self._running.node.deps)
        started = [self._start_worker() for _ in range(workers)]
        try:
            time.sleep(max(0.0, (begins - datetime.now(UTC)).total_seconds()))
            with Waiting(self._running, self._path) if waiting else nullcontext() as somebody:
                ended = self._watch(len(numbers), begins, within, workers)
            return replace(ended, waits=somebody.took if somebody else [])
        finally:
            for process in started:
                process.terminate()
                process.wait(60)

    def waits(self, seconds: float) -> list[float]:
        """How long somebody waits while nothing ends."""
        with Waiting(self._running, self._path) as somebody:
            time.sleep(seconds)
        return somebody.took

    def check(self, ended: int) -> None:
        """So many have ended, none of them early, each with one notice; the others have their keys and parts."""
        left = self._shares - ended
        assert self._one("SELECT count(*) FROM share WHERE id LIKE 'share00%%' AND state = 'available'") == left
        assert (
            self._one("SELECT count(*) FROM share WHERE key_destroyed_at >= closed_at AND closed_at >= expires_at")
            == ended
        )
        assert self._one("SELECT count(*) FROM share WHERE key_destroyed_at IS NOT NULL") == ended
        assert self._one("SELECT count(*) FROM part") == left * self.crowd.documents + 1
        for kind in ("share_ended", "share_key_destroyed"):
            summary = f"SELECT count(*) FROM audit_event WHERE kind = '{kind}'"
            assert self._one(summary) == self._one(summary.replace("*", "DISTINCT share_id")) == ended
        deps = self._running.node.deps
        assert len(deps.keyring.ids("share:")) == left + 1
        assert sum(1 for _ in deps.blobs.list()) == 1

    def _start_worker(self) -> subprocess.Popen[bytes]:
        program = Path(sys.executable).with_name("deldokument")
        with (self._running.folder / "worker.log").open("ab") as log:
            return subprocess.Popen([program, "worker"], env=self._running.environment(), stdout=log, stderr=log)

    def _let_end(self, numbers: range, begins: datetime, within: float) -> None:
        step = timedelta(seconds=within / len(numbers))
        ending = replace(self.crowd, ends_at=lambda number: begins + step * (number - numbers.start))
        with psycopg.connect(self._url, autocommit=True) as connection:
            with connection.transaction(), connection.cursor() as cursor:
                rows = (share_row(ending, number) for number in numbers)
                cursor.executemany(
                    "UPDATE share SET expires_at = %(expires_at)s, card = %(card)s WHERE id = %(id)s", rows
                )
            connection.execute("VACUUM ANALYZE share")

    def _watch(self, count: int, begins: datetime, within: float, workers: int) -> Ended:
        """Until nothing is left to do; asked by the indexes alone, so that looking costs little."""
        keys_at, furthest, documents, looks = 0.0, 0.0, count * self.crowd.documents, 0
        with psycopg.connect(self._url, autocommit=True) as connection:
            while True:
                time.sleep(_LOOK)
                all_over = (datetime.now(UTC) - begins).total_seconds() > within
                [(oldest, uncleared)] = connection.execute(_EXISTING.encode(), _now()).fetchall()
                now = datetime.now(UTC)
                passed = (now - begins).total_seconds()
                looks += 1
                if looks % _LOOKS_A_CHECK == 0:
                    self._check_lag(connection)
                furthest = max(furthest, (now - _EPOCH).total_seconds() - oldest / 1e6 if oldest else 0.0)
                if not keys_at and all_over and not oldest:
                    keys_at = passed
                if keys_at and not uncleared:
                    return Ended(count, documents, workers, keys_at, passed, furthest)

    def _check_lag(self, connection: psycopg.Connection) -> None:
        """The lag in the metrics lies between the lag just before and just after.

        The oldest that waits only moves on: what ends later comes later.
        """
        first, before = datetime.now(UTC), _oldest(connection)
        summary = measure_lag(self._running.node.deps).lags[Queue.KEYS]
        last, after = datetime.now(UTC), _oldest(connection)
        assert summary <= last - (before or first) + _CLOCKS, (summary, before, last)
        assert summary >= (first - after if after else timedelta()) - _CLOCKS, (summary, after, first)

    def _one(self, question: str) -> int:
        with psycopg.connect(self._url) as connection:
            [(answer,)] = connection.execute(question.encode()).fetchall()
        return int(answer)


def _oldest(connection: psycopg.Connection) -> datetime | None:
    [(oldest,)] = connection.execute(f"SELECT {_WAITING}".encode(), _now()).fetchall()
    return _EPOCH + timedelta(microseconds=oldest) if oldest else None


def _now() -> tuple[int]:
    """For the database, which would not look into an index for a time of its own."""
    return ((datetime.now(UTC) - _EPOCH) // timedelta(microseconds=1),)


_WAITING = """
least((SELECT min(expires_at) FROM share WHERE state = 'available' AND expires_at <= %s),
      (SELECT min(expires_at) FROM share WHERE closed_at IS NOT NULL AND key_destroyed_at IS NULL))
"""
_EXISTING = f"""
SELECT {_WAITING},
       EXISTS (SELECT FROM share WHERE key_destroyed_at IS NOT NULL AND NOT blobs_released)
       OR EXISTS (SELECT FROM garbage)
"""
