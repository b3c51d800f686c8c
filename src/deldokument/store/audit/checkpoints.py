"""Checkpoints of the event chains, and their certificates, in tables."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import bindparam, func, insert, or_, select

from deldokument.domain.chain import Checkpoint
from deldokument.store.engine.column_types import UtcMicros
from deldokument.store.engine.statements import Repository, RowMapper, param
from deldokument.store.tables.audit import audit_certificate, audit_checkpoint, audit_head

_CHECKPOINT = RowMapper(Checkpoint, audit_checkpoint)
_STEP = 1000
_key, _most = param("key"), param("most")

_following = select(*_CHECKPOINT.columns).order_by(audit_checkpoint.c.number).limit(_most)
_following = _following.where(audit_checkpoint.c.chain == _key, audit_checkpoint.c.number > param("after"))
_last = (
    select(*_CHECKPOINT.columns)
    .where(audit_checkpoint.c.chain == _key)
    .order_by(audit_checkpoint.c.number.desc())
    .limit(1)
)
_last_of_head = (
    select(audit_checkpoint)
    .where(audit_checkpoint.c.chain == audit_head.c.chain)
    .order_by(audit_checkpoint.c.number.desc())
    .limit(1)
)
_signed_number = _last_of_head.with_only_columns(audit_checkpoint.c.number).scalar_subquery()
_signed_at = _last_of_head.with_only_columns(audit_checkpoint.c.signed_at).scalar_subquery()
_due = (
    select(audit_head.c.chain)
    .where(
        audit_head.c.number != func.coalesce(_signed_number, 0),
        or_(
            _signed_at.is_(None),
            _signed_at <= bindparam("before", type_=UtcMicros()),
            # A checkpoint from a clock that was ahead: without this, nothing would be signed until that time.
            _signed_at > bindparam("now", type_=UtcMicros()),
        ),
    )
    .order_by(audit_head.c.chain)
)


class Checkpoints(Repository):
    """Repository of the checkpoints of all chains."""

    def due_chains(self, signed_before: datetime, now: datetime) -> list[str]:
        """Return chains with events after their last checkpoint that are due for a new one.

        A chain is due if it has no checkpoint, or if the last one is from ``signed_before`` or earlier. It is also due
        if the last one is later than ``now``, because the clock was set back.
        """
        values = {"before": signed_before, "now": now}
        return [row.chain for row in self._work.rows(_due, values)]

    def add(self, checkpoint: Checkpoint) -> None:
        """Insert the checkpoint. Raises: Conflict if another worker has signed one for the same event."""
        self._work.run(insert(audit_checkpoint), _CHECKPOINT.values(checkpoint))

    def last(self, chain: str) -> Checkpoint | None:
        """Return the checkpoint with the highest number."""
        return _CHECKPOINT.one(self._work.first(_last, {"key": chain}))

    def following(self, chain: str, *, after: int, limit: int) -> list[Checkpoint]:
        """Return checkpoints by number; ``after`` continues."""
        return _CHECKPOINT.all(self._work.rows(_following, {"key": chain, "after": after, "most": limit}))

    def keep_certificate(self, fingerprint: str, certificate: bytes) -> None:
        """Store the certificate that verifies checkpoints. Idempotent."""
        self._work.insert_once(audit_certificate, {"fingerprint": fingerprint, "certificate": certificate})

    def certificates(self) -> dict[str, bytes]:
        """Return all stored certificates, by fingerprint."""
        return {row.fingerprint: row.certificate for row in self._work.rows(select(audit_certificate))}

    def every(self, chain: str, after: int) -> Iterator[Checkpoint]:
        """Yield all checkpoints of a chain after a number, in batches."""
        checkpoints = self.following(chain, after=after, limit=_STEP)
        while checkpoints:
            yield from checkpoints
            is_last = len(checkpoints) < _STEP
            checkpoints = [] if is_last else self.following(chain, after=checkpoints[-1].number, limit=_STEP)
