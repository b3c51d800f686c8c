"""Settings that use cases read, decided by the operator, and their defaults."""

from dataclasses import dataclass, field
from datetime import timedelta

from deldokument.domain.messages.email_addresses import Language
from deldokument.domain.messages.webhook import AddressRule
from deldokument.domain.shares.policy import AccessRule
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY, ScanPolicy, stricter_policy
from deldokument.domain.tenants.accounts import GIGABYTE
from deldokument.domain.tenants.agreement import OperatorDetails
from deldokument.domain.tenants.tenancy import AccountRules, Tenant

SEAL_EVERY = timedelta(hours=1)
MAX_SIGNATURE_AGE = timedelta(days=7)
MAX_SKEW = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """How notices to recipients are written.

    ``sender`` is the sender name of text messages about confidential shares, and for accounts without their own.
    """

    sender: str = "DelDokument"
    language: Language = Language.BOKMAAL


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Settings that the operator decides. `config.settings` takes its defaults from here."""

    public_url: str = ""
    allow_synthetic: bool = False
    access: AccessRule = field(default_factory=AccessRule)
    max_skew: timedelta = MAX_SKEW
    """A node with a larger clock skew serves no bytes."""
    operator: OperatorDetails = field(default_factory=OperatorDetails)
    """The operator's details, as the agreement texts give them."""
    api_requests_per_minute: int = 600
    """Rate limit of one consumer of the API, and of the programs that receive for one person."""
    refusals_per_hour: int = 30
    """How often a person may be refused at links before the next refusal has to wait."""
    logins_per_hour: int = 60
    """How many logins a browser may begin, and how many logins and programs a person may complete and approve."""
    lookups_per_hour: int = 2000
    """How many numbers a person may add as recipients."""
    drafts_per_hour: int = 200
    """How many drafts a person may begin."""
    default_quota: int = 1000 * GIGABYTE
    """The quota, in bytes, of accounts for which their administrators have set none."""
    default_undo_window: timedelta = timedelta(minutes=2)
    """How long publications can be undone in accounts for which their administrators have set nothing."""
    max_drafts: int = 1000
    """The most drafts of a member or an integration at a time."""
    max_uploads: int = 5000
    """The most unfinished uploads of a member or an integration at a time."""
    max_pending_logins: int = 10_000
    """The most pending logins at a time, on all nodes together. A login can be begun without authentication."""
    seal_every: timedelta = SEAL_EVERY
    """The minimum age of a chain's last checkpoint before the next one is signed."""
    max_signature_age: timedelta = MAX_SIGNATURE_AGE
    """The age of a scanner's signatures above which its CLEAN does not count."""
    scan_policy: ScanPolicy = field(default_factory=lambda: DEFAULT_POLICY)
    """How documents are handled by verdict. A tenant may make it stricter."""
    notices: NoticeRules = NoticeRules()
    webhooks: AddressRule = field(default_factory=AddressRule)
    """The addresses to which webhooks may be sent."""

    def scan_policy_of(self, tenant: Tenant) -> ScanPolicy:
        """Return the scan policy that applies to a tenant's documents."""
        return stricter_policy(self.scan_policy, tenant.scan_policy)

    def undo_window_of(self, rules: AccountRules) -> timedelta:
        """Return how long a publication in an account with these rules can be undone."""
        return self.default_undo_window if rules.undo_window is None else rules.undo_window

    def quota_of(self, rules: AccountRules) -> int:
        """Return the quota of an account with these rules, in bytes."""
        return self.default_quota if rules.quota is None else rules.quota
