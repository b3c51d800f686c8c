"""What the use cases need of the database, as contracts: the repositories of one transaction.

Repositories only keep and find; they decide nothing. A method that changes something is called in a ``write`` block.
Rows about persons hold sealed fields and keyed hashes, never a number or a name. Times are aware datetimes in UTC.
The suite in tests/contract runs against SQLite and PostgreSQL.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from deldokument.ports.repositories.retention import Retention
from deldokument.ports.repositories.sessions import Sessions
from deldokument.ports.repositories.shares import Shares
from deldokument.ports.repositories.uploads import Uploads
from deldokument.services.address_book import AddressBook
from deldokument.services.answered import AnsweredRequests
from deldokument.services.backlog import Backlog
from deldokument.services.chains import Audit
from deldokument.services.counting import Statistics
from deldokument.services.outboxes import Outbox
from deldokument.services.paperwork import Paperwork
from deldokument.services.spending import Allowances
from deldokument.services.tenancies import Tenancies
from deldokument.services.tenures import Tenures
from deldokument.services.webhook_contracts import Webhooks


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
    def paperwork(self) -> Paperwork: ...
    @property
    def retention(self) -> Retention: ...
    @property
    def statistics(self) -> Statistics: ...
    @property
    def tenures(self) -> Tenures: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def addresses(self) -> AddressBook: ...
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
