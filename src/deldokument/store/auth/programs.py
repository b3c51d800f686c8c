"""Programs with access within a person's session, in a table."""

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Column, ForeignKey, LargeBinary, Table, delete, insert, select

from deldokument.store.engine.column_types import StoredBytes
from deldokument.store.engine.expressions import InList
from deldokument.store.engine.schema import metadata, sealed
from deldokument.store.engine.statements import Repository, RowMapper, param


@dataclass(frozen=True, slots=True)
class ProgramRecord:
    """A program's access. ``secret_hash`` is the hash of its code until that is used, then of its token."""

    secret_hash: bytes
    session_hash: bytes
    sealed_grant: bytes = field(repr=False)


program = Table(
    "program",
    metadata,
    Column("secret_hash", StoredBytes, primary_key=True),
    # The end of a session deletes its programs.
    Column(
        "session_hash",
        LargeBinary,
        ForeignKey("session.token_hash", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sealed("sealed_grant"),
)

_PROGRAM = RowMapper(ProgramRecord, program)
_is_secret = program.c.secret_hash == param("secret")
_add = insert(program)
_by_secret = select(*_PROGRAM.columns).where(_is_secret)
_take = delete(program).where(_is_secret).returning(*_PROGRAM.columns)
_of_sessions = select(*_PROGRAM.columns).where(InList(program.c.session_hash, "sessions"))


class Programs(Repository):
    """Repository of programs. A session's programs are removed with it."""

    def add(self, program: ProgramRecord) -> None:
        """Insert a program. Raises: Conflict if its session has ended."""
        self._work.run(_add, _PROGRAM.values(program))

    def get(self, secret_hash: bytes) -> ProgramRecord | None:
        """Return the program with the hash of its code or token."""
        return _PROGRAM.one(self._work.first(_by_secret, {"secret": secret_hash}))

    def take(self, secret_hash: bytes) -> ProgramRecord | None:
        """Remove the program and return it: a code can be used once."""
        return _PROGRAM.one(self._work.first(_take, {"secret": secret_hash}))

    def of_sessions(self, session_hashes: Collection[bytes]) -> list[ProgramRecord]:
        """Return the programs of the sessions."""
        return _PROGRAM.all(self._work.rows(_of_sessions, {"sessions": session_hashes}))
