"""Checkpoints of the event chains, and their certificates, in tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import bindparam, func, insert, or_, select

from deldokument.domain.chain import Seal
from deldokument.store.engine.column_types import UtcMicros
from deldokument.store.engine.statements import Repository, RowMapper, param
from deldokument.store.tables.audit import audit_certificate, audit_head, audit_seal

_SEAL = RowMapper(Seal, audit_seal)
_STEP = 1000
_key, _most = param("key"), param("most")

_seals = select(*_SEAL.columns).order_by(audit_seal.c.number).limit(_most)
_seals = _seals.where(audit_seal.c.chain == _key, audit_seal.c.number > param("after"))
_last = select(*_SEAL.columns).where(audit_seal.c.chain == _key).order_by(audit_seal.c.number.desc()).limit(1)
_seal_of_head = (
    select(audit_seal).where(audit_seal.c.chain == audit_head.c.chain).order_by(audit_seal.c.number.desc()).limit(1)
)
_sealed_number = _seal_of_head.with_only_columns(audit_seal.c.number).scalar_subquery()
_sealed_at = _seal_of_head.with_only_columns(audit_seal.c.sealed_at).scalar_subquery()
_due = (
    select(audit_head.c.chain)
    .where(
        audit_head.c.number != func.coalesce(_sealed_number, 0),
        or_(
            _sealed_at.is_(None),
            _sealed_at <= bindparam("before", type_=UtcMicros()),
            # A checkpoint from a clock that was ahead: without this, nothing would be signed until that time.
            _sealed_at > bindparam("now", type_=UtcMicros()),
        ),
    )
    .order_by(audit_head.c.chain)
)


class Checkpoints(Repository):
    """The checkpoints of all chains."""

    def due(self, sealed_before: datetime, now: datetime) -> list[str]:
        """Return chains with events after their last checkpoint that are due for a new one.

        A chain is due if it has no checkpoint, or if the last one is from ``sealed_before`` or earlier. It is also due
        if the last one is from after ``now``: the clock was set back.
        """
        values = {"before": sealed_before, "now": now}
        return [row.chain for row in self._work.rows(_due, values)]

    def add(self, seal: Seal) -> None:
        """Insert the checkpoint. Raises: Conflict if another worker has signed one for the same event."""
        self._work.run(insert(audit_seal), _SEAL.values(seal))

    def last(self, chain: str) -> Seal | None:
        """Return the checkpoint with the highest number."""
        return _SEAL.one(self._work.first(_last, {"key": chain}))

    def following(self, chain: str, *, after: int, limit: int) -> list[Seal]:
        """Return checkpoints by number; ``after`` continues."""
        return _SEAL.all(self._work.rows(_seals, {"key": chain, "after": after, "most": limit}))

    def keep_certificate(self, fingerprint: str, certificate: bytes) -> None:
        """Store the certificate that verifies checkpoints. Storing it again changes nothing."""
        self._work.insert_once(audit_certificate, {"fingerprint": fingerprint, "certificate": certificate})

    def certificates(self) -> dict[str, bytes]:
        """Return all stored certificates, by fingerprint."""
        return {row.fingerprint: row.certificate for row in self._work.rows(select(audit_certificate))}

    def every(self, chain: str, after: int) -> Iterator[Seal]:
        """Yield a chain's checkpoints after a number, however many there are."""
        seals = self.following(chain, after=after, limit=_STEP)
        while seals:
            yield from seals
            is_last = len(seals) < _STEP
            seals = [] if is_last else self.following(chain, after=seals[-1].number, limit=_STEP)
