"""Transactions: the port Database on SQLite or PostgreSQL.

Guarantees:
- A ``write`` block is atomic, and durable when it has ended without an error.
- A ``read`` block sees a consistent snapshot.
- All errors are errors of the domain.
- Many threads may use it at once.

After Unavailable at the end of a ``write`` block it is unknown whether the transaction was committed. The
orphan sweep removes what was created for it outside the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, event, func, select
from sqlalchemy.pool import ConnectionPoolEntry

from deldokument.adapters.sql.accounts import SqlAccounts
from deldokument.adapters.sql.additions import SqlAdditions
from deldokument.adapters.sql.agreements import SqlAgreementRepository
from deldokument.adapters.sql.audit import SqlAudit
from deldokument.adapters.sql.backlog import SqlBacklog
from deldokument.adapters.sql.checkpoints import SqlCheckpoints
from deldokument.adapters.sql.copies import SqlCopies
from deldokument.adapters.sql.damage import SqlDamageLog
from deldokument.adapters.sql.deployment import SqlDeployments
from deldokument.adapters.sql.engines import Engines, open_engines
from deldokument.adapters.sql.exchange_keys import SqlExchangeKeys
from deldokument.adapters.sql.idempotency import SqlIdempotencyRecords
from deldokument.adapters.sql.integrations import SqlIntegrations
from deldokument.adapters.sql.members import SqlMembers
from deldokument.adapters.sql.notification_addresses import SqlNotificationAddresses
from deldokument.adapters.sql.orphans import SqlOrphanSweeps
from deldokument.adapters.sql.outbox import SqlOutbox
from deldokument.adapters.sql.programs import SqlPrograms
from deldokument.adapters.sql.rate_limits import SqlRateLimits
from deldokument.adapters.sql.receipts import SqlReceipts
from deldokument.adapters.sql.retention import SqlRetention
from deldokument.adapters.sql.seal_requests import SqlSealRequests
from deldokument.adapters.sql.sessions import SqlSessions
from deldokument.adapters.sql.share_cards import ShareCards
from deldokument.adapters.sql.share_lookup import SqlShareLookup
from deldokument.adapters.sql.shares import SqlShares
from deldokument.adapters.sql.staff import SqlStaff
from deldokument.adapters.sql.statements import Statements
from deldokument.adapters.sql.statistics import SqlStatistics
from deldokument.adapters.sql.subjects import SqlSubjects
from deldokument.adapters.sql.tenant_lifecycle import SqlTenantLifecycleRepository
from deldokument.adapters.sql.tenants import SqlTenants
from deldokument.adapters.sql.uploads import SqlUploads
from deldokument.adapters.sql.webhooks import SqlWebhooks
from deldokument.domain.errors import Broken
from deldokument.ports.integrity import ChainsBehind, DamageReports, IntegrityKeys


class _NoKeys:
    """Satisfies `IntegrityKeys` while no keyring is open."""

    def row_key(self, kind: str) -> bytes:
        raise Broken(f"no integrity key for rows of kind {kind}")


_clock = select(func.clock_timestamp())


class SqlTransaction:
    """The repositories of one transaction; unusable after it."""

    def __init__(self, work: Statements) -> None:
        self.tenants = SqlTenants(work)
        self.accounts = SqlAccounts(work)
        self.members = SqlMembers(work)
        self.staff = SqlStaff(work)
        self.integrations = SqlIntegrations(work)
        self.receipts = SqlReceipts(work)
        self.uploads = SqlUploads(work)
        self.additions = SqlAdditions(work)
        self.copies = SqlCopies(work)
        self.checkpoints = SqlCheckpoints(work)
        self.audit = SqlAudit(work, self.checkpoints)
        self.subjects = SqlSubjects(work)
        self.cards = ShareCards(work, self.audit)
        self.shares = SqlShares(work, self.cards)
        self.share_lookup = SqlShareLookup(work, self.cards)
        self.seal_requests = SqlSealRequests(work)
        self.sessions = SqlSessions(work)
        self.programs = SqlPrograms(work)
        self.agreements = SqlAgreementRepository(work)
        self.tenant_lifecycle = SqlTenantLifecycleRepository(work)
        self.retention = SqlRetention(work, self.cards)
        self.deployment = SqlDeployments(work)
        self.orphans = SqlOrphanSweeps(work)
        self.statistics = SqlStatistics(work)
        self.outbox = SqlOutbox(work)
        self.notification_addresses = SqlNotificationAddresses(work)
        self.webhooks = SqlWebhooks(work)
        self.exchange_keys = SqlExchangeKeys(work)
        self.idempotency = SqlIdempotencyRecords(work)
        self.rate_limits = SqlRateLimits(work)
        self.backlog = SqlBacklog(work)
        self.damage = SqlDamageLog(work)

    def flush(self) -> None:
        """Write the cards of changed shares, then the events, which carry the shares' revisions."""
        self.cards.flush()
        self.audit.flush()


class SqlDatabase:
    """The database at ``sqlite:///path`` or ``postgresql://…``; migrated by ``migrations.migrate`` beforehand.

    Without keys it can read and write only tables whose rows have no tags: before a keyring is open.
    """

    def __init__(self, database_url: str) -> None:
        self._engines: Engines = open_engines(database_url)
        self._integrity: IntegrityKeys = _NoKeys()
        self._damage, self._behind = DamageReports(), ChainsBehind()

    def authenticated(
        self, keys: IntegrityKeys, damage: DamageReports, behind: ChainsBehind | None = None
    ) -> SqlDatabase:
        """Return the same database, which verifies tags with these keys and reports damaged rows to ``damage``.

        It marks the tenants whose chains are ``behind``.
        """
        database = copy(self)
        database._integrity, database._damage, database._behind = keys, damage, behind or ChainsBehind()
        return database

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """Begin a read transaction with a consistent snapshot; writes in it raise Broken."""
        with self._engines.read() as connection:
            yield SqlTransaction(self._statements(connection, writing=False))

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        """Begin a write transaction, which is atomic.

        On SQLite it holds the write lock from the start.
        """
        with self._engines.write() as connection:
            tx = SqlTransaction(self._statements(connection, writing=True))
            yield tx
            tx.flush()

    def _statements(self, connection: Connection, *, writing: bool) -> Statements:
        engines, damage, behind = self._engines, self._damage, self._behind
        return Statements(connection, writing, engines.is_postgres, self._integrity, damage, behind)

    def now(self) -> datetime:
        """Return the database server's current time; with SQLite it is this machine's.

        Raises: Unavailable.
        """
        if not self._engines.is_postgres:
            return datetime.now(UTC)
        with self._engines.read() as connection:
            at: datetime = connection.execute(_clock).scalar_one()
        return at.astimezone(UTC)

    @property
    def max_connections(self) -> int | None:
        """How many transactions have a connection at once; None without a limit, on SQLite."""
        return self._engines.max_connections

    def observe_connections(self, taken: Callable[[], None], returned: Callable[[], None]) -> None:
        """Call ``taken`` when a transaction takes a connection, and ``returned`` when it gives it back."""
        in_use: set[ConnectionPoolEntry] = set()

        def checkout(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
            in_use.add(record)
            taken()

        def checkin(_connection: object, record: ConnectionPoolEntry) -> None:
            # A failed attempt to connect again is a checkin without a checkout.
            if record in in_use:
                in_use.remove(record)
                returned()

        # On PostgreSQL they have one pool.
        for pool in {self._engines.reader.pool, self._engines.writer.pool}:
            event.listen(pool, "checkout", checkout)
            event.listen(pool, "checkin", checkin)

    def observe_statements(self, begin: Callable[[str], Callable[[], None]]) -> None:
        """Call ``begin`` with the text of each statement, which has no values, and what it returns when that ends."""

        def before(*given: Any) -> None:
            _, _, statement, _, context, _ = given
            context.end_observed = begin(statement)

        def after(*given: Any) -> None:
            given[4].end_observed()

        # On PostgreSQL they are one.
        for engine in {self._engines.reader, self._engines.writer}:
            event.listen(engine, "before_cursor_execute", before)
            event.listen(engine, "after_cursor_execute", after)

    def close(self) -> None:
        """Close idle connections; those in use close when their transaction ends."""
        self._engines.close()
