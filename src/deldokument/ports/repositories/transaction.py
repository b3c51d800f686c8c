"""Transactions: the contract of the database, and the repositories of one transaction.

Repositories store and find; they decide nothing. A method that changes something is called in a ``write`` block. Rows
about persons hold encrypted fields and keyed hashes, never a number or a name. Times are aware datetimes in UTC. The
suite in tests/contract runs against SQLite and PostgreSQL.

Rows that decide about access are authenticated (see ports.integrity). A damaged member, administrator, operator,
integration, upload or webhook is not returned. A damaged tenant, account or share has ``intact`` False; ``lock`` does
not return it, and it is not written.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from deldokument.ports.repositories.accounts import Accounts
from deldokument.ports.repositories.additions import Additions
from deldokument.ports.repositories.agreements import AgreementRepository
from deldokument.ports.repositories.audit import Audit
from deldokument.ports.repositories.backlog import Backlog
from deldokument.ports.repositories.checkpoints import Checkpoints
from deldokument.ports.repositories.copies import Copies
from deldokument.ports.repositories.damage import DamageLog
from deldokument.ports.repositories.deployment import Deployments
from deldokument.ports.repositories.exchange_keys import ExchangeKeys
from deldokument.ports.repositories.idempotency import IdempotencyRecords
from deldokument.ports.repositories.integrations import Integrations
from deldokument.ports.repositories.members import Members
from deldokument.ports.repositories.notification_addresses import NotificationAddresses
from deldokument.ports.repositories.orphans import OrphanSweeps
from deldokument.ports.repositories.outbox import Outbox
from deldokument.ports.repositories.programs import Programs
from deldokument.ports.repositories.rate_limits import RateLimits
from deldokument.ports.repositories.receipts import Receipts
from deldokument.ports.repositories.retention import Retention
from deldokument.ports.repositories.seal_requests import SealRequests
from deldokument.ports.repositories.sessions import Sessions
from deldokument.ports.repositories.share_lookup import ShareLookup
from deldokument.ports.repositories.shares import Shares
from deldokument.ports.repositories.staff import Staff
from deldokument.ports.repositories.statistics import Statistics
from deldokument.ports.repositories.subjects import Subjects
from deldokument.ports.repositories.tenant_lifecycle import TenantLifecycleRepository
from deldokument.ports.repositories.tenants import Tenants
from deldokument.ports.repositories.uploads import Uploads
from deldokument.ports.repositories.webhooks import Webhooks


class TenantTables(Protocol):
    """The bodies that share, with their agreements and their end."""

    @property
    def tenants(self) -> Tenants: ...
    @property
    def tenant_lifecycle(self) -> TenantLifecycleRepository: ...
    @property
    def agreements(self) -> AgreementRepository: ...


class AccountTables(Protocol):
    """Accounts, and who may act for them."""

    @property
    def accounts(self) -> Accounts: ...
    @property
    def members(self) -> Members: ...
    @property
    def staff(self) -> Staff: ...
    @property
    def integrations(self) -> Integrations: ...


class ShareTables(Protocol):
    """Shares with their documents and receipts."""

    @property
    def shares(self) -> Shares: ...
    @property
    def share_lookup(self) -> ShareLookup: ...
    @property
    def receipts(self) -> Receipts: ...
    @property
    def uploads(self) -> Uploads: ...
    @property
    def additions(self) -> Additions: ...
    @property
    def copies(self) -> Copies: ...


class AuditTables(Protocol):
    """The event log."""

    @property
    def audit(self) -> Audit: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    @property
    def subjects(self) -> Subjects: ...
    @property
    def seal_requests(self) -> SealRequests: ...
    @property
    def damage(self) -> DamageLog: ...


class AuthTables(Protocol):
    """Logins, and what bounds and repeats the calls of systems."""

    @property
    def sessions(self) -> Sessions: ...
    @property
    def programs(self) -> Programs: ...
    @property
    def exchange_keys(self) -> ExchangeKeys: ...
    @property
    def idempotency(self) -> IdempotencyRecords: ...
    @property
    def rate_limits(self) -> RateLimits: ...


class MessageTables(Protocol):
    """Messages to people and systems outside."""

    @property
    def outbox(self) -> Outbox: ...
    @property
    def notification_addresses(self) -> NotificationAddresses: ...
    @property
    def webhooks(self) -> Webhooks: ...


class MaintenanceTables(Protocol):
    """The worker's rounds, and figures for operators."""

    @property
    def retention(self) -> Retention: ...
    @property
    def orphans(self) -> OrphanSweeps: ...
    @property
    def deployment(self) -> Deployments: ...
    @property
    def backlog(self) -> Backlog: ...
    @property
    def statistics(self) -> Statistics: ...


class Transaction(
    TenantTables, AccountTables, ShareTables, AuditTables, AuthTables, MessageTables, MaintenanceTables, Protocol
):
    """One transaction: each repository in the module of its name."""


class Database(Protocol):
    """The database. The changes of a ``write`` block are durable when the block ends without an error."""

    def read(self) -> AbstractContextManager[Transaction]:
        """Open a transaction with a consistent view; writing in it is an error."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """Open a transaction: all or nothing. On SQLite it holds the write lock from the start (BEGIN IMMEDIATE)."""
        ...
