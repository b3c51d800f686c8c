"""`python -m bench.sealing`: what an upgrade from 0.2.0 costs whose worker has to tag a million rows.

PostgreSQL writes to the disk. The deployment is one that version 0.2.0 has left, with many more shares. The server of
this version answers people who open shares, look at lists and download: without a worker, beside the worker that tags
the rows, and beside a worker that has nothing to tag. Lock waits are sampled while it tags. Clients, server, worker and
database share the cores.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from typing import Annotated

import httpx
import psycopg
import typer
from rich.console import Console

from bench import report, untagged, usage
from bench.measuring import Failed
from deldokument.services.encryption import INTEGRITY_ENFORCED
from tests.support.large_expiry import durable
from tests.support.postgres import running_postgres
from tests.support.server import KARI, OLA, wait_until
from tests.upgrade.conftest import OldDeployment

ROOT = Path(__file__).resolve().parents[1]
THINK, LOOK = 0.1, 0.01
"""Seconds between two requests of people, and between two looks at the locks."""
MAX_SECONDS = 6 * 3600.0
WHEN = ("no worker", "the worker tags", "nothing to tag")
STEPS = ("step", "rows", "s", "rows/s", "worker, CPU s", "database, CPU s")
PEOPLE = ("asked for", "meanwhile", "requests", "median, ms", "p95, ms", "longest, ms", "failures")
_WRITTEN = """
SELECT coalesce(sum(n_tup_upd), 0) FROM pg_stat_user_tables WHERE relname = ANY(%s)
"""
TAGGED_FIRST, MANY = ("tenant", "account"), ("share", "recipient", "document", "upload")
"""Tables that are tagged before others, which no page writes, and those that have the rows."""
_WAITS = """
SELECT count(*), coalesce(extract(epoch FROM max(clock_timestamp() - waitstart)), 0),
       (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> '')
FROM pg_locks WHERE NOT granted
"""

console = Console(width=140)


def main(
    rows: Annotated[list[int], typer.Option(help="Rows of shares, recipients, documents and uploads.")] = [1_000_000],  # noqa: B006
    seconds: Annotated[float, typer.Option(help="How long people are measured before and after.")] = 30.0,
    folder: Annotated[Path, typer.Option(help="Where files go.")] = ROOT / "tmp",
    write: Annotated[bool, typer.Option(help="Put tables into docs/performance.md.")] = False,
) -> None:
    """Measure an upgrade, or several of different size one after another."""
    folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was stopped."))
    sheets, notes = list[report.Sheet](), list[str]()
    for wanted in rows:
        shares = wanted // untagged.ROWS_OF_SHARE
        with left_by_0_2_0(folder, shares) as left:
            console.print(f"{shares} shares are there")
            done = measure(left, shares * untagged.ROWS_OF_SHARE, seconds)
        sheets += done.sheets
        notes.append(
            f"{done.rows} rows: {shares} shares of {untagged.TENANTS} tenants, with {untagged.DOCUMENTS} documents and "
            f"{untagged.EVENTS_OF_SHARE} events each. {done.locks.summary} "
            f"Load average of the last quarter of an hour: {os.getloadavg()[2]:.1f}."
        )
    notes.append(report.machine({}))
    report.show(console, sheets, notes)
    if write:
        report.write(ROOT / "docs" / "performance.md", "bench-sealing", report.markdown(sheets, {}, notes))


@dataclass(frozen=True, slots=True)
class Left:
    """What version 0.2.0 has left: the migrated deployment, its database, people logged in, and Ola's shares."""

    old: OldDeployment
    url: str
    kari: httpx.Client
    ola: httpx.Client
    shares: Sequence[str]


@contextmanager
def left_by_0_2_0(folder: Path, shares: int) -> Iterator[Left]:
    """The deployment with so many more shares. Nothing of the old program runs any more."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sealing-", dir=folder)))
        # PostgreSQL's user must reach its folder.
        place.chmod(0o755)
        server = stack.enter_context(running_postgres(place / "postgres"))
        url = stack.enter_context(server.database(template="template0"))
        (place / "run").mkdir()
        old = stack.enter_context(OldDeployment(place / "run", url, "0.2.0"))
        kari, ola = old.session(KARI), old.session(OLA)
        old.stop_worker()
        old.migrate()
        left = Left(old, url, kari, ola, untagged.fill(old, url, shares))
        old.kill()
        old.become_new()
        stack.enter_context(durable(server))
        yield left


@dataclass(frozen=True, slots=True)
class Moment:
    """Seconds since the worker was started, and processor time that it and the database have spent until then."""

    at: float
    worker: float
    database: float

    def __sub__(self, other: Moment) -> Moment:
        return Moment(self.at - other.at, self.worker - other.worker, self.database - other.database)


@dataclass(frozen=True, slots=True)
class Upgraded:
    """How it went."""

    rows: int
    verified: Moment
    tagged: Moment
    enforced: Moment
    people: Sequence[People]
    locks: Locks

    @property
    def sheets(self) -> list[report.Sheet]:
        """How long each step took, and how long people waited."""
        steps = (
            ("start, and verify the event log", 0, self.verified),
            ("compare and tag", self.rows, self.tagged - self.verified),
            ("compare once more", self.rows, self.enforced - self.tagged),
            ("in all, until tags are enforced", self.rows, self.enforced),
        )
        rows = [(name, str(count or ""), *_cells(count, took)) for name, count, took in steps]
        asked = sorted((row for people in self.people for row in people.rows), key=lambda row: row[0])
        return [
            report.Sheet(f"Tags for {self.rows} rows", STEPS, rows),
            report.Sheet(f"People meanwhile, {self.rows} rows", PEOPLE, asked),
        ]


def _cells(rows: int, took: Moment) -> Iterator[str]:
    yield from (f"{took.at:.0f}", f"{rows / took.at:.0f}" if rows else "")
    yield from (f"{took.worker:.1f}", f"{took.database:.1f}")


def measure(left: Left, rows: int, seconds: float) -> Upgraded:
    """Let people ask before, while and after the worker tags."""
    old, shares = left.old, cycle(left.shares)
    with old.node_beside() as (node, _), Locks(left.url) as locks:
        alone, tagging, tagged = (People(left, node, shares, when) for when in WHEN)
        with beside(alone.once):
            time.sleep(seconds)
        with beside(tagging.once), beside(locks.once), old.new_worker() as worker:
            first, many = (locks.written(tables) for tables in (TAGGED_FIRST, MANY))
            began, spent = time.monotonic(), locks.database_seconds()

            def moment(reached: Callable[[], bool]) -> Moment:
                wait_until(reached, MAX_SECONDS, "it takes too long")
                took = time.monotonic() - began
                return Moment(took, usage.cpu_seconds([worker]), locks.database_seconds() - spent)

            log_verified = moment(lambda: locks.written(TAGGED_FIRST) > first)
            rows_tagged = moment(lambda: locks.written(MANY) >= many + rows)
            tags_enforced = moment(lambda: bool(old.node.keyring.get([INTEGRITY_ENFORCED])))
        with old.node.deps.database.read() as tx:
            if doubts := tx.row_tagging.count_doubts():
                raise Failed(f"{doubts} rows are listed instead of tagged")
        with old.new_worker(), beside(tagged.once):
            time.sleep(seconds)
    return Upgraded(rows, log_verified, rows_tagged, tags_enforced, (alone, tagging, tagged), locks)


@contextmanager
def beside(once: Callable[[], None]) -> Iterator[None]:
    """Repeat it in a thread of its own meanwhile. Raises: what it raises."""
    over = threading.Event()

    def repeat() -> None:
        while not over.is_set():
            once()

    with ThreadPoolExecutor(1) as pool:
        repeated = pool.submit(repeat)
        try:
            yield
        finally:
            over.set()
    repeated.result()


class People:
    """Ola, who opens one of his shares after the other, lists and downloads; and Kari, who lists."""

    def __init__(self, left: Left, node: str, shares: Iterator[str], when: str) -> None:
        self._left, self._node, self._shares, self._when = left, node, shares, when
        [self._document] = left.old.document_paths(left.old.note["share_id"])
        self._took: defaultdict[str, list[float]] = defaultdict(list)
        self._failures: Counter[str] = Counter()

    def once(self) -> None:
        """Ask for each page."""
        self._ask("a share's page, opened for the first time or again", self._left.ola, f"/d/{next(self._shares)}")
        self._ask("the recipient's list, «Delt med meg»", self._left.ola, "/mine")
        self._ask("the sender's list, «Delinger»", self._left.kari, "/delinger")
        self._ask("a document of 60 kB", self._left.ola, self._document)

    def _ask(self, name: str, client: httpx.Client, path: str) -> None:
        began = time.perf_counter()
        answer = client.get(self._node + path)
        self._took[name].append((time.perf_counter() - began) * 1000)
        self._failures[name] += answer.status_code != 200
        time.sleep(THINK)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """A row for each kind of request."""
        return [self._row(name, took) for name, took in self._took.items()]

    def _row(self, name: str, took: list[float]) -> tuple[str, ...]:
        parts = quantiles(took, n=20)
        times = (f"{one:.1f}" for one in (parts[9], parts[18], max(took)))
        return name, self._when, str(len(took)), *times, str(self._failures[name])


class Locks:
    """What the database says of lock waits and transactions, as far as a look sees them."""

    def __init__(self, url: str) -> None:
        self._asked, self._counted = (psycopg.connect(url, autocommit=True) for _ in range(2))
        self._looks = self._seen = 0
        self._longest_wait = self._longest_transaction = 0.0

    def __enter__(self) -> Locks:
        return self

    def __exit__(self, *_: object) -> None:
        self._asked.close()
        self._counted.close()

    def once(self) -> None:
        """Look."""
        [(waiting, wait, transaction)] = self._asked.execute(_WAITS).fetchall()
        self._looks += 1
        self._seen += waiting > 0
        self._longest_wait = max(self._longest_wait, float(wait))
        self._longest_transaction = max(self._longest_transaction, float(transaction))
        time.sleep(LOOK)

    def written(self, tables: tuple[str, ...]) -> int:
        """How many rows have been updated, by the database's statistics: to count tags would read every row."""
        time.sleep(0.5)
        [(count,)] = self._counted.execute(_WRITTEN, [list(tables)]).fetchall()
        return int(count)

    def database_seconds(self) -> float:
        """Processor time of the database's processes, without those that look and count."""
        [(postmaster,)] = self._counted.execute("SELECT pg_read_file('postmaster.pid')").fetchall()
        own = [one.info.backend_pid for one in (self._asked, self._counted)]
        return usage.cpu_seconds([int(postmaster.split()[0])]) - usage.cpu_seconds(own)

    @property
    def summary(self) -> str:
        """In two sentences."""
        return (
            f"Of {self._looks} looks at the locks, {self._seen} saw one that was waited for; the longest wait was "
            f"{self._longest_wait * 1000:.0f} ms. The longest transaction took {self._longest_transaction:.1f} s."
        )


if __name__ == "__main__":
    typer.run(main)
