"""Many shares that expire at once: create them, run several workers, check that none is early and none is missed.

with expiring_shares(folder, database_url, shares=10_000, ending=1_000) as many:
    many.run_workers(2)
    many.check()
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from deldokument import worker
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import SHARE_PREFIX
from deldokument.store.engine.engines import open_engines
from tests.support.bulk.shares import BulkShares, fill_blobs, fill_keyring, fill_shares, make_homes, share_id
from tests.support.stage.keyrings import ROOT
from tests.support.stage.stage import NOON, Stage, set_stage

MINUTE = timedelta(minutes=1)
_FAR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ExpiringShares:
    """The world with its crowd, of which the first ``ending`` end within the minute before `DUE`."""

    stage: Stage
    url: str
    crowd: BulkShares
    ending: int

    @property
    def deps(self) -> Dependencies:
        """What the workers work on."""
        return self.stage.deps

    def run_workers(self, count: int, work: Callable[[Dependencies], int] = worker.end_what_is_over) -> None:
        """So many at once, until none finds anything more to do."""
        together = threading.Barrier(count)

        def work_on() -> None:
            together.wait()
            while work(self.deps):
                pass

        with ThreadPoolExecutor(count) as pool:
            for done in [pool.submit(work_on) for _ in range(count)]:
                done.result()

    def ask(self, question: str) -> list[Any]:
        """The rows that the database answers with."""
        engines = open_engines(self.url)
        with engines.read() as connection:
            rows = list(connection.exec_driver_sql(question))
        engines.close()
        return rows

    def check_nothing_ended(self) -> None:
        """Nothing is over, and everything is there."""
        assert self.ask("SELECT DISTINCT state FROM share") == [("available",)]
        assert len(self.deps.keyring.ids(SHARE_PREFIX)) == self.crowd.shares

    def check(self) -> None:
        """Those that have ended are gone, each told once; of the others nothing is missing."""
        living = {share_id(number) for number in range(self.ending, self.crowd.shares)}
        states = self.ask(
            "SELECT state, key_destroyed_at IS NULL, blobs_released, count(*) FROM share GROUP BY 1, 2, 3"
        )
        assert {tuple(row) for row in states} == {
            ("available", True, False, len(living)),
            ("ended", False, True, self.ending),
        }
        early = "SELECT count(*) FROM share WHERE closed_at < expires_at OR key_destroyed_at < expires_at"
        assert self.ask(early) == [(0,)]
        assert {entry.removeprefix(SHARE_PREFIX) for entry in self.deps.keyring.ids(SHARE_PREFIX)} == living
        self._check_rows(len(living) * self.crowd.documents)
        self._check_trail()

    def _check_rows(self, left: int) -> None:
        for table in ("upload", "part"):
            assert self.ask(f"SELECT count(*) FROM {table}") == [(left,)]
        assert self.ask("SELECT count(*) FROM garbage") == [(0,)]
        assert next(iter(self.deps.blobs.list()), None) is None

    def _check_trail(self) -> None:
        query = "SELECT kind, count(*), count(DISTINCT share_id) FROM audit_event WHERE share_id IS NOT NULL GROUP BY 1"
        once = {(kind, self.ending, self.ending) for kind in ("share_ended", "share_key_destroyed")}
        assert {tuple(row) for row in self.ask(query)} == once
        with self.deps.database.read() as tx:
            assert tx.audit.verify() is None


@contextmanager
def expiring_shares(
    folder: Path, database_url: str | None, *, shares: int, ending: int, tenants: int
) -> Iterator[ExpiringShares]:
    """A world whose clock stands at noon; the first shares end, evenly, in the minute that begins then.

    Objects are there for those that end alone, so that an empty store tells that all of them are gone.
    """
    stage = set_stage(folder, database_url)
    url = stage.database_url

    def ends_at(number: int) -> datetime:
        return NOON + (MINUTE * (number + 1) / ending if number < ending else _FAR)

    crowd = BulkShares(
        make_homes(stage.deps.database, tenants),
        shares,
        ends_at,
        published_at=NOON - timedelta(days=20),
        keys=stage.deps.integrity,
    )
    fill_shares(url, crowd)
    fill_keyring(folder / "keyring.sqlite3", ROOT, map(share_id, range(shares)))
    fill_blobs(folder / "blobs", crowd, range(ending))
    try:
        yield ExpiringShares(stage, url, crowd, ending)
    finally:
        stage.close()
