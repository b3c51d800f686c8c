"""Repository contract: programs that have access to one share each, within a person's session."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProgramRecord:
    """A program's access. ``secret_hash`` is that of its code until it has been used, then that of its token."""

    secret_hash: bytes
    session_hash: bytes
    sealed_grant: bytes = field(repr=False)


class Programs(Protocol):
    """Programs. Those of a session are removed with it."""

    def add(self, program: ProgramRecord) -> None:
        """Insert a program. Raises: Conflict if its session has ended."""
        ...

    def get(self, secret_hash: bytes) -> ProgramRecord | None: ...
    def take(self, secret_hash: bytes) -> ProgramRecord | None:
        """Remove and return it: a code can be used once."""
        ...

    def of_sessions(self, session_hashes: Collection[bytes]) -> list[ProgramRecord]: ...
