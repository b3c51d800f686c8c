"""Repository contract: persons in the audit trail.

See ports.repositories.transaction for what holds for all repositories.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Subject:
    """A person in the audit trail under a random id; erased when the audit key ends."""

    id: str
    audit_key_id: str
    lookup_hash: bytes
    sealed_identifier: bytes


@dataclass(frozen=True, slots=True)
class RegisteredName:
    """The encrypted name of a living member, an administrator or an operator, with the hash of the number."""

    office: str
    id: str
    lookup_hash: bytes
    sealed_name: bytes


class Subjects(Protocol):
    """The subjects of the audit trail, and the names that the service has for their hashes."""

    def find(self, audit_key_id: str, lookup_hash: bytes) -> Subject | None:
        """Return the person's subject under the audit key, or None.

        If there is none, a write transaction locks the pair, so that no other transaction adds it before this one ends.
        """
        ...

    def add(self, subject: Subject) -> None: ...
    def by_ids(self, subject_ids: Collection[str]) -> list[Subject]: ...
    def registered(self, tenant_id: str, lookup_hashes: Collection[bytes]) -> list[RegisteredName]:
        """Return those persons, among the hashes, who act for the tenant or operate the service."""
        ...
