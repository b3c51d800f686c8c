"""What the use cases need to know of the audit trail, as a contract: a repository of one transaction.

There is a chain of events for each tenant and one for what concerns none, each with numbers of its own that begin at 1.
Events are found by time, the number deciding between those of one instant; a chain is read by its numbers. See
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
"""Where an event stands among those that are found: when, and its number."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events of a chain are wanted: those from ``since`` until before ``until``, and so on.

    ``subject_ids`` are the ids of one person; without any in it, nothing is found.
    """

    chain: str
    since: datetime | None = None
    until: datetime | None = None
    kind: EventKind | None = None
    share_id: str | None = None
    subject_ids: tuple[str, ...] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every event of the chain is wanted."""
        return self == EventFilter(self.chain)


@dataclass(frozen=True, slots=True)
class RegisteredName:
    """The sealed name of a living member, an administrator or an operator, with the hash of the number."""

    office: str
    id: str
    lookup_hash: bytes
    sealed_name: bytes


class Audit(Protocol):
    """The audit trail, its seals and its subjects."""

    def append(self, event: AuditEvent) -> None:
        """Write the event when the transaction ends, linked to the last one of its chain.

        Transactions that write to the same chain wait for each other from there on; others do not.
        """
        ...

    def events(self, *, share_id: str | None = None, limit: int = 1000) -> list[tuple[int, AuditEvent]]:
        """The newest events with their numbers, the oldest of them first, of one share or of everything."""
        ...

    def newest(self, wanted: EventFilter, *, before: Place | None, limit: int) -> list[StoredEvent]:
        """The newest first; ``before`` continues."""
        ...

    def oldest(self, wanted: EventFilter, *, after: Place | None, last_number: int, limit: int) -> list[StoredEvent]:
        """The oldest first, none with a higher number; ``after`` continues."""
        ...

    def following(self, chain: str, *, after: int, last_number: int, limit: int) -> list[StoredEvent]:
        """A chain by its numbers."""
        ...

    def head(self, chain: str) -> Mark:
        """The last event of a chain."""
        ...

    def chains(self) -> list[str]:
        """The keys of all chains of which there is anything at all."""
        ...

    def verify(self) -> Fault | None:
        """The first fault in any chain, or None. Seals are held against the chain; who signed them is not asked."""
        ...

    def verify_since(self, chain: str, mark: Mark) -> Fault | None:
        """As ``verify`` for what follows a mark in one chain, the marked event itself included."""
        ...

    def unsealed(self, sealed_before: datetime, now: datetime) -> list[str]:
        """Chains whose head is not what was sealed last, and whose last seal is none, older, or of a time to come."""
        ...

    def add_seal(self, seal: Seal) -> None:
        """Raises Conflict when another worker has sealed the same event."""
        ...

    def last_seal(self, chain: str) -> Seal | None: ...
    def seals(self, chain: str, *, after: int, limit: int) -> list[Seal]:
        """By number; ``after`` continues."""
        ...

    def keep_certificate(self, fingerprint: str, certificate: bytes) -> None:
        """For as long as there are seals that it verifies; once is enough."""
        ...

    def certificates(self) -> dict[str, bytes]:
        """All that have been kept, by fingerprint."""
        ...

    def subject(self, audit_key_id: str, lookup_hash: bytes) -> Subject | None:
        """In a transaction that writes, nobody else looks for the same one, to add it, before this one ends."""
        ...

    def add_subject(self, subject: Subject) -> None: ...
    def subjects(self, subject_ids: Collection[str]) -> list[Subject]: ...
    def registered(self, tenant_id: str, lookup_hashes: Collection[bytes]) -> list[RegisteredName]:
        """Who acts for the tenant, or operates the service, among the persons with these hashes."""
        ...
