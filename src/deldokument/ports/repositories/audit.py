"""Repository contract: event chains, checkpoints (seals) and subjects of the audit trail.

Each tenant has a hash chain of events, and events that concern no tenant have one too. Numbers begin at 1 in each
chain. Searches order events by time, then by number; a chain is read in the order of its numbers. See
ports.repositories.transaction for what holds for all repositories.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.chain import Fault, Mark, Seal


@dataclass(frozen=True, slots=True)
class Subject:
    """A person in the audit trail under a random id; erased when the audit key ends."""

    id: str
    audit_key_id: str
    lookup_hash: bytes
    sealed_identifier: bytes


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its place in its chain."""

    number: int
    previous: bytes
    hash: bytes
    event: AuditEvent


Place = tuple[datetime, int]
"""Position of an event in the order of a search: time, then number."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A filter for the events of one chain, from ``since`` until before ``until``. None: not restricted.

    ``subject_ids`` are the ids of one person; an empty tuple matches nothing.
    """

    chain: str
    since: datetime | None = None
    until: datetime | None = None
    kind: EventKind | None = None
    share_id: str | None = None
    subject_ids: tuple[str, ...] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the filter matches every event of the chain."""
        return self == EventFilter(self.chain)


@dataclass(frozen=True, slots=True)
class RegisteredName:
    """The encrypted name of a living member, an administrator or an operator, with the hash of the number."""

    office: str
    id: str
    lookup_hash: bytes
    sealed_name: bytes


class Audit(Protocol):
    """The audit trail, its checkpoints and its subjects."""

    def append(self, event: AuditEvent) -> None:
        """Write the event when the transaction ends, linked to the last one of its chain.

        From that write on, transactions that append to the same chain wait for each other; others do not.
        """
        ...

    def events(self, *, share_id: str | None = None, limit: int = 1000) -> list[tuple[int, AuditEvent]]:
        """Return the newest events with their numbers, oldest first, of one share or of all chains."""
        ...

    def newest(self, wanted: EventFilter, *, before: Place | None, limit: int) -> list[StoredEvent]:
        """Return the newest matching events, newest first; ``before`` continues."""
        ...

    def oldest(self, wanted: EventFilter, *, after: Place | None, last_number: int, limit: int) -> list[StoredEvent]:
        """Return the oldest matching events up to ``last_number``, oldest first; ``after`` continues."""
        ...

    def following(self, chain: str, *, after: int, last_number: int, limit: int) -> list[StoredEvent]:
        """Return events of a chain in the order of their numbers."""
        ...

    def head(self, chain: str) -> Mark:
        """Return the last event of a chain."""
        ...

    def chains(self) -> list[str]:
        """Return the keys of all chains that have an event, a head or a checkpoint."""
        ...

    def verify(self, chain: str | None = None) -> Fault | None:
        """Return the first fault in any chain, or in this one; None if there is none.

        Checkpoints are compared with the chain; their signatures are not verified.
        """
        ...

    def verify_since(self, chain: str, mark: Mark) -> Fault | None:
        """Verify one chain as ``verify`` does, from a mark on, the marked event included."""
        ...

    def unsealed(self, sealed_before: datetime, now: datetime) -> list[str]:
        """Return chains with events after their last checkpoint that are due for a new one.

        A chain is due if it has no checkpoint, or if the last one is from ``sealed_before`` or earlier. It is also due
        if the last one is from after ``now``: the clock was set back.
        """
        ...

    def add_seal(self, seal: Seal) -> None:
        """Insert the checkpoint. Raises: Conflict if another worker has signed one for the same event."""
        ...

    def last_seal(self, chain: str) -> Seal | None: ...
    def seals(self, chain: str, *, after: int, limit: int) -> list[Seal]:
        """Return checkpoints by number; ``after`` continues."""
        ...

    def keep_certificate(self, fingerprint: str, certificate: bytes) -> None:
        """Store the certificate that verifies checkpoints. Storing it again changes nothing."""
        ...

    def certificates(self) -> dict[str, bytes]:
        """Return all stored certificates, by fingerprint."""
        ...

    def subject(self, audit_key_id: str, lookup_hash: bytes) -> Subject | None:
        """Return the person's subject under the audit key, or None.

        If there is none, a write transaction locks the pair, so that no other transaction adds it before this one ends.
        """
        ...

    def add_subject(self, subject: Subject) -> None: ...
    def subjects(self, subject_ids: Collection[str]) -> list[Subject]: ...
    def registered(self, tenant_id: str, lookup_hashes: Collection[bytes]) -> list[RegisteredName]:
        """Return those persons, among the hashes, who act for the tenant or operate the service."""
        ...
