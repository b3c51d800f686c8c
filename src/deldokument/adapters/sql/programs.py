"""Programs that have access within a person's session, in a table."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, insert, select

from deldokument.adapters.sql.expressions import InList
from deldokument.adapters.sql.statements import Repository, RowMapper, param
from deldokument.adapters.sql.tables.logins import program
from deldokument.ports.repositories.programs import ProgramRecord

_PROGRAM = RowMapper(ProgramRecord, program)
_is_secret = program.c.secret_hash == param("secret")
_add = insert(program)
_by_secret = select(*_PROGRAM.columns).where(_is_secret)
_take = delete(program).where(_is_secret).returning(*_PROGRAM.columns)
_of_sessions = select(*_PROGRAM.columns).where(InList(program.c.session_hash, "sessions"))


class SqlPrograms(Repository):
    """The port ports.repositories.programs.Programs in SQL."""

    def add(self, program: ProgramRecord) -> None:
        """Insert a program.

        Raises: Conflict if its session has ended.
        """
        self._work.run(_add, _PROGRAM.values(program))

    def get(self, secret_hash: bytes) -> ProgramRecord | None:
        """Return the program with the hash of its code or token."""
        return _PROGRAM.one(self._work.first(_by_secret, {"secret": secret_hash}))

    def take(self, secret_hash: bytes) -> ProgramRecord | None:
        """Remove the program and return it."""
        return _PROGRAM.one(self._work.first(_take, {"secret": secret_hash}))

    def of_sessions(self, session_hashes: Collection[bytes]) -> list[ProgramRecord]:
        """Return the programs of the sessions."""
        return _PROGRAM.all(self._work.rows(_of_sessions, {"sessions": session_hashes}))
