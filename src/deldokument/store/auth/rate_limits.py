"""Rate limit state (GCRA), one row for each bucket."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Table, and_, bindparam, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from deldokument.store.engine.column_types import DurationMicros, UtcMicros
from deldokument.store.engine.schema import Id, metadata
from deldokument.store.engine.statements import Repository, param

allowance = Table(
    "allowance",
    metadata,
    # The bucket's name, a keyed hash.
    Column("consumer", Id, primary_key=True),
    Column("spent_until", UtcMicros, nullable=False),
)

_now = bindparam("now", type_=UtcMicros())
_step = bindparam("step", type_=DurationMicros())
_first = bindparam("first", type_=UtcMicros())
_latest = bindparam("latest", type_=UtcMicros())
_spent = allowance.c.spent_until
_beyond = bindparam("beyond", type_=UtcMicros())
_next = case((and_(_spent > _now, _spent <= _beyond), _spent), else_=_now).op("+", return_type=UtcMicros())(_step)

_known = select(_spent, allowance.c.consumer).where(allowance.c.consumer == param("consumer"))
_full = delete(allowance).where(_spent < _now)


def _taking(insert: postgresql.Insert | sqlite.Insert) -> ReturningInsert[Any]:
    changing = insert.values(consumer=param("consumer"), spent_until=_first).on_conflict_do_update(
        index_elements=["consumer"], set_={"spent_until": _next}, where=_next <= _latest
    )
    return changing.returning(_spent)


_take = _taking(sqlite.insert(allowance))
_take_on_postgres = _taking(postgresql.insert(allowance))


class RateLimits(Repository):
    """The theoretical arrival time of each bucket, by its name."""

    def take(self, bucket: str, now: datetime, step: timedelta, latest: datetime) -> datetime | None:
        """Advance the instant by ``step``, from ``now`` at the earliest; None, with no change, if past ``latest``.

        If the stored instant is more than twice as far ahead, the clock was set back: ``now`` replaces it.
        """
        values = {"consumer": bucket, "now": now, "step": step, "first": now + step, "latest": latest}
        values["beyond"] = latest + (latest - now)
        row = self._work.first(_take_on_postgres if self._work.postgres else _take, values)
        return None if row is None else row.spent_until

    def spent_until(self, bucket: str) -> datetime | None:
        """Return the instant; None for a bucket without calls."""
        row = self._work.first(_known, {"consumer": bucket})
        return None if row is None else row.spent_until

    def forget(self, spent_before: datetime) -> int:
        """Remove rows whose instant is before ``spent_before``; return their number."""
        return self._work.count(_full, {"now": spent_before})
