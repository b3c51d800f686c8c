"""Transactions: all repositories of one transaction.

Repositories store and find rows, and make no decisions. Methods that change rows are called in a ``write`` block. Rows
about persons hold encrypted fields and keyed hashes, never a number or a name. Times are aware datetimes in UTC. The
suite in tests/contract runs against SQLite and PostgreSQL.

Rows that decide about access are authenticated (see `engine.integrity`). A damaged member, administrator, operator,
integration, upload or webhook is not returned. A damaged tenant, account or share has ``intact`` False; ``lock`` does
not return it, and it is not written.
"""

from deldokument.store.audit.audit import Audit
from deldokument.store.audit.checkpoints import Checkpoints
from deldokument.store.audit.damage import DamageLog
from deldokument.store.audit.seal_requests import SealRequests
from deldokument.store.audit.subjects import Subjects
from deldokument.store.auth.idempotency import IdempotencyRecords
from deldokument.store.auth.programs import Programs
from deldokument.store.auth.rate_limits import RateLimits
from deldokument.store.auth.sessions import Sessions
from deldokument.store.engine.statements import Statements
from deldokument.store.maintenance.backlog import Backlog
from deldokument.store.maintenance.deployment import Deployments
from deldokument.store.maintenance.orphans import OrphanSweeps
from deldokument.store.maintenance.retention import Retention
from deldokument.store.maintenance.statistics import Statistics
from deldokument.store.outbox.notification_addresses import NotificationAddresses
from deldokument.store.outbox.outbox import Outbox
from deldokument.store.outbox.webhooks import Webhooks
from deldokument.store.shares.additions import Additions
from deldokument.store.shares.receipts import Receipts
from deldokument.store.shares.share_cards import ShareCards
from deldokument.store.shares.share_lookup import ShareLookup
from deldokument.store.shares.shares import Shares
from deldokument.store.tenancy.accounts import Accounts
from deldokument.store.tenancy.agreements import AgreementRepository
from deldokument.store.tenancy.integrations import Integrations
from deldokument.store.tenancy.members import Members
from deldokument.store.tenancy.staff import Staff
from deldokument.store.tenancy.tenant_lifecycle import TenantLifecycleRepository
from deldokument.store.tenancy.tenants import Tenants
from deldokument.store.uploads.copies import Copies
from deldokument.store.uploads.exchange_keys import ExchangeKeys
from deldokument.store.uploads.uploads import Uploads


class Transaction:
    """The repositories of one transaction; unusable after it."""

    def __init__(self, work: Statements) -> None:
        self.checkpoints = Checkpoints(work)
        self.audit = Audit(work, self.checkpoints)
        self.subjects = Subjects(work)
        self.seal_requests = SealRequests(work)
        self.damage = DamageLog(work)

        self.tenants = Tenants(work)
        self.tenant_lifecycle = TenantLifecycleRepository(work)
        self.agreements = AgreementRepository(work)
        self.accounts = Accounts(work)
        self.members = Members(work)
        self.staff = Staff(work)
        self.integrations = Integrations(work)

        self.sessions = Sessions(work)
        self.programs = Programs(work)
        self.idempotency = IdempotencyRecords(work)
        self.rate_limits = RateLimits(work)

        self.uploads = Uploads(work)
        self.copies = Copies(work)
        self.exchange_keys = ExchangeKeys(work)

        self.share_cards = ShareCards(work, self.audit)
        self.shares = Shares(work, self.share_cards)
        self.share_lookup = ShareLookup(work, self.share_cards)
        self.receipts = Receipts(work)
        self.additions = Additions(work)

        self.outbox = Outbox(work)
        self.notification_addresses = NotificationAddresses(work)
        self.webhooks = Webhooks(work)

        self.retention = Retention(work, self.share_cards)
        self.orphans = OrphanSweeps(work)
        self.deployment = Deployments(work)
        self.backlog = Backlog(work)
        self.statistics = Statistics(work)

    def flush(self) -> None:
        """Write the cards of changed shares, then the events, which contain the shares' revisions."""
        self.share_cards.flush()
        self.audit.flush()
