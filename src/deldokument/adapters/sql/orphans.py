"""Progress of the orphan sweep, in one row, and the keys that it may destroy."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import and_, delete, select, update

from deldokument.adapters.sql.share_ends import ShareEnds
from deldokument.adapters.sql.statements import Repository
from deldokument.adapters.sql.tables.logins import sweep
from deldokument.ports.repositories.orphans import Sweep

_sweep = select(*(column for column in sweep.c if not column.primary_key))


class SqlOrphanSweeps(Repository):
    """The port ports.repositories.orphans.OrphanSweeps in SQL."""

    def sweep(self) -> Sweep | None:
        """Return the running sweep, or None."""
        row = self._work.first(_sweep)
        return Sweep(**row._mapping) if row else None

    def move_sweep(self, before: Sweep | None, after: Sweep | None) -> bool:
        """Replace ``before`` by ``after`` (None: no running sweep).

        Returns False if ``before`` is no longer stored.
        """
        if before is None:
            return after is None or self._work.insert_once(sweep, {"singleton": 1, **asdict(after)})
        is_before = and_(*(sweep.c[name] == value for name, value in asdict(before).items()))
        statement = delete(sweep) if after is None else update(sweep).values(asdict(after))
        return self._work.count(statement.where(is_before), {}) == 1

    def unclaimed(self, share_ids: Collection[str], now: datetime) -> set[str]:
        """Return the ids, of shares without rows, whose keys nothing needs."""
        return ShareEnds(self._work).unclaimed(share_ids, now)
