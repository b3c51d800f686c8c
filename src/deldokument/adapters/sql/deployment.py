"""The deployment's row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, func, select, union_all, update

from deldokument.adapters.sql.column_types import UtcMicros
from deldokument.adapters.sql.statements import Repository, RowMapper
from deldokument.adapters.sql.tables.logins import deployment
from deldokument.adapters.sql.tables.tenancy import operator, tenant
from deldokument.domain.errors import Broken
from deldokument.ports.repositories.deployment import Deployment

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


class SqlDeployments(Repository):
    """The port ports.repositories.deployment.Deployments in SQL."""

    def get(self) -> Deployment:
        """Return the one row, which the first migration inserts; a write transaction locks it.

        Raises: Broken if the row is missing.
        """
        found = _DEPLOYMENT.one(self._work.first(self._work.locked(_deployment)))
        if found is None:
            raise Broken("no deployment row")
        return found

    def is_bare(self) -> bool:
        """Return whether there is neither a tenant nor an operator yet."""
        return self._work.first(_anybody) is None

    def note_keyring(self, fingerprint: bytes) -> None:
        """Store the keyring's fingerprint, unless one is stored."""
        self._work.run(_note_keyring, {"keyring_fingerprint": fingerprint})

    def note_verification(self, at: datetime) -> None:
        """Store when the audit trail was found intact."""
        self._work.run(_note_verification, {"now": at})

    def record_heartbeat(self, now: datetime) -> None:
        """Record that the worker is alive at ``now``."""
        self._work.run(_record_heartbeat, {"now": now})

    def halt(self, now: datetime) -> None:
        """Halt destruction; an earlier halt keeps its time."""
        self._work.run(_halt, {"now": now})

    def resume(self, now: datetime) -> None:
        """End the halt and take ``now`` as the last heartbeat."""
        self._work.run(_resume, {"now": now})

    def claim_early_ends(self) -> bool:
        """Return whether no other transaction destroys the keys of early ends; then none does until this one ends."""
        return self._work.try_advisory_lock("early_ends")

    def halt_ends(self, now: datetime) -> bool:
        """Show that early ends are halted; return whether it was not shown yet."""
        return self._work.count(_halt_ends, {"now": now}) == 1

    def resume_ends(self) -> None:
        """Show that early ends are not halted."""
        self._work.run(_resume_ends)
