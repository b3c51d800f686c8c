"""What the use cases need of the database, as contracts: the repositories of one transaction.

Repositories only keep and find; they decide nothing. A method that changes something is called in a ``write`` block.
Rows about persons hold sealed fields and keyed hashes, never a number or a name. Times are aware datetimes in UTC.
The suite in tests/contract runs against SQLite and PostgreSQL.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from deldokument.ports.repositories.agreements import AgreementRepository
from deldokument.ports.repositories.audit import Audit
from deldokument.ports.repositories.backlog import Backlog
from deldokument.ports.repositories.idempotency import AnsweredRequests
from deldokument.ports.repositories.notification_addresses import NotificationAddressRepository
from deldokument.ports.repositories.outbox import Outbox
from deldokument.ports.repositories.rate_limits import Allowances
from deldokument.ports.repositories.retention import Retention
from deldokument.ports.repositories.sessions import Sessions
from deldokument.ports.repositories.shares import Shares
from deldokument.ports.repositories.statistics import Statistics
from deldokument.ports.repositories.tenant_lifecycle import TenantLifecycleRepository
from deldokument.ports.repositories.tenants import Tenancies
from deldokument.ports.repositories.uploads import Uploads
from deldokument.ports.repositories.webhooks import Webhooks


class Transaction(Protocol):
    """The repositories of one transaction."""

    @property
    def tenancies(self) -> Tenancies: ...
    @property
    def shares(self) -> Shares: ...
    @property
    def uploads(self) -> Uploads: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def paperwork(self) -> AgreementRepository: ...
    @property
    def retention(self) -> Retention: ...
    @property
    def statistics(self) -> Statistics: ...
    @property
    def tenures(self) -> TenantLifecycleRepository: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def addresses(self) -> NotificationAddressRepository: ...
    @property
    def requests(self) -> AnsweredRequests: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def allowances(self) -> Allowances: ...
    @property
    def backlog(self) -> Backlog: ...


class Database(Protocol):
    """Where the state is. What a ``write`` block did is durable when the block has been left without an error."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent view; writes in it are an error."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """One transaction: all or nothing. On SQLite it holds the write lock from the start (BEGIN IMMEDIATE)."""
        ...
