"""Progress of the orphan sweep, in one row, and the keys that it may destroy."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, Column, Table, and_, delete, select, update

from deldokument.store.engine.column_types import StoredBigInteger, StoredInteger, UtcMicros
from deldokument.store.engine.schema import metadata
from deldokument.store.engine.statements import Repository
from deldokument.store.shares.share_ends import ShareEnds


@dataclass(frozen=True, slots=True)
class Sweep:
    """Progress of a sweep, which first counts the unknown objects older than ``horizon``, then deletes them.

    The store is listed in partitions, called shelves; those before ``shelf`` are done. ``seen`` and ``orphans`` are the
    counts of the current phase.
    """

    horizon: datetime
    deleting: bool = False
    shelf: int = 0
    seen: int = 0
    orphans: int = 0


sweep = Table(
    "sweep",
    metadata,
    Column("singleton", StoredInteger, primary_key=True, autoincrement=False),
    Column("horizon", UtcMicros, nullable=False),
    Column("deleting", Boolean, nullable=False),
    Column("shelf", StoredInteger, nullable=False),
    Column("seen", StoredBigInteger, nullable=False),
    Column("orphans", StoredBigInteger, nullable=False),
    CheckConstraint("singleton = 1", "one_row"),
)

_sweep = select(*(column for column in sweep.c if not column.primary_key))


class OrphanSweeps(Repository):
    """The row of the current sweep, which any worker can continue, and the keys that it may destroy."""

    def sweep(self) -> Sweep | None:
        """Return the current sweep."""
        row = self._work.first(_sweep)
        return Sweep(**row._mapping) if row else None

    def move_sweep(self, before: Sweep | None, after: Sweep | None) -> bool:
        """Replace ``before`` by ``after`` (None: no sweep). Returns False if ``before`` is no longer stored."""
        if before is None:
            return after is None or self._work.insert_once(sweep, {"singleton": 1, **asdict(after)})
        is_before = and_(*(sweep.c[name] == value for name, value in asdict(before).items()))
        statement = delete(sweep) if after is None else update(sweep).values(asdict(after))
        return self._work.count(statement.where(is_before), {}) == 1

    def unclaimed_ids(self, share_ids: Collection[str], now: datetime) -> set[str]:
        """Return the ids without an authentic event, or whose share is over by its events. None of them has a row.

        The others are reported as damaged, because their rows were deleted.
        """
        return ShareEnds(self._work).unclaimed_ids(share_ids, now)
