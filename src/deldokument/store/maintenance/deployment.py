"""The deployment's row."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    Column,
    Table,
    bindparam,
    func,
    select,
    union_all,
    update,
)

from deldokument.domain.errors import Broken
from deldokument.store.engine.column_types import StoredBytes, StoredInteger, UtcMicros
from deldokument.store.engine.schema import Id, metadata
from deldokument.store.engine.statements import Repository, RowMapper
from deldokument.store.tables.tenancy import operator, tenant


@dataclass(frozen=True, slots=True)
class Deployment:
    """The deployment's id, the worker's last heartbeat, and whether destruction is halted.

    ``halted_at``: halt of all destruction, because of the clock. ``ends_halted_at``: halt for shares that ended early.

    ``keyring_fingerprint`` identifies its keyring; None before one is in use. ``trail_verified_at``: when the audit
    trail was last found intact; None before the first time.
    """

    id: str
    heartbeat_at: datetime | None
    halted_at: datetime | None
    ends_halted_at: datetime | None
    keyring_fingerprint: bytes | None = None
    trail_verified_at: datetime | None = None

    @property
    def halts(self) -> dict[str, bool]:
        """Whether destruction is halted, by the name of each halt."""
        return {"clock": self.halted_at is not None, "ends": self.ends_halted_at is not None}


deployment = Table(
    "deployment",
    metadata,
    Column("singleton", StoredInteger, primary_key=True, autoincrement=False),
    Column("id", Id, nullable=False),
    Column("heartbeat_at", UtcMicros),
    Column("halted_at", UtcMicros),
    Column("ends_halted_at", UtcMicros),
    Column("keyring_fingerprint", StoredBytes),
    Column("trail_verified_at", UtcMicros),
    CheckConstraint("singleton = 1", "one_row"),
)

_DEPLOYMENT = RowMapper(Deployment, deployment)
_deployment = select(*_DEPLOYMENT.columns)
_note_keyring = update(deployment).where(deployment.c.keyring_fingerprint.is_(None))
_anybody = union_all(select(tenant.c.id), select(operator.c.id)).limit(1)
_now = bindparam("now", type_=UtcMicros())
_note_verification = update(deployment).values(trail_verified_at=_now)
_record_heartbeat = update(deployment).values(heartbeat_at=_now)
_halt = update(deployment).values(halted_at=func.coalesce(deployment.c.halted_at, _now))
_resume = update(deployment).values(halted_at=None, heartbeat_at=_now)
_halt_ends = update(deployment).where(deployment.c.ends_halted_at.is_(None)).values(ends_halted_at=_now)
_resume_ends = update(deployment).values(ends_halted_at=None)


class Deployments(Repository):
    """Repository of the deployment's row."""

    def get(self) -> Deployment:
        """Return the row. A write transaction locks it until it ends. Raises: Broken if the row is missing."""
        found = _DEPLOYMENT.one(self._work.first(self._work.with_row_locks(_deployment)))
        if found is None:
            raise Broken("no deployment row")
        return found

    def is_bare(self) -> bool:
        """Return whether the deployment has neither a tenant nor an operator yet."""
        return self._work.first(_anybody) is None

    def note_keyring(self, fingerprint: bytes) -> None:
        """Store the fingerprint of the keyring in use; the first one stays."""
        self._work.run(_note_keyring, {"keyring_fingerprint": fingerprint})

    def note_verification(self, at: datetime) -> None:
        """Store the time at which the audit trail was found intact."""
        self._work.run(_note_verification, {"now": at})

    def record_heartbeat(self, now: datetime) -> None:
        """Record that the worker is alive at ``now``."""
        self._work.run(_record_heartbeat, {"now": now})

    def halt(self, now: datetime) -> None:
        """Halt destruction; an earlier halt keeps its time."""
        self._work.run(_halt, {"now": now})

    def resume(self, now: datetime) -> None:
        """End the halt, and store ``now`` as the last heartbeat."""
        self._work.run(_resume, {"now": now})

    def claim_early_ends(self) -> bool:
        """Reserve the destruction of keys of early ends for this transaction; return False if another one has it."""
        return self._work.try_advisory_lock("early_ends")

    def halt_ends(self, now: datetime) -> bool:
        """Store, for display only, that early ends are halted; return whether that is new."""
        return self._work.count(_halt_ends, {"now": now}) == 1

    def resume_ends(self) -> None:
        """Store, for display only, that early ends are not halted."""
        self._work.run(_resume_ends)
