"""Statistics for administrators: current contents of the accounts, and shares and notices per month.

Guarantees:
- A past month's counts do not change when shares are erased after the retention period.
- Persons, recipients and titles are not read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from deldokument.domain.errors import NotFound
from deldokument.domain.shares.statistics import (
    DocumentCounts,
    Month,
    NoticeCounts,
    ShareCounts,
    month_of,
    months_between,
)
from deldokument.domain.tenants.tenancy import Account
from deldokument.ports.dependencies import Dependencies
from deldokument.store.tenancy.accounts import AccountUsage
from deldokument.store.transaction import Transaction

_STANDARD_PERIOD = 12


@dataclass(frozen=True, slots=True)
class StatisticsChoices:
    """The available choices: all accounts, also deleted ones, and the months since the first share."""

    accounts: tuple[Account, ...]
    first: Month
    last: Month


@dataclass(frozen=True, slots=True)
class MonthStatistics:
    """Shares published in a month, by account id; accounts without any may be left out."""

    month: Month
    by_account: Mapping[str, ShareCounts]

    @property
    def total(self) -> ShareCounts:
        """The sum over all accounts."""
        return sum(self.by_account.values(), ShareCounts())


@dataclass(frozen=True, slots=True)
class AccountStatistics:
    """The current contents of an account, and what it published in the period."""

    account: Account
    contents: AccountUsage
    published: ShareCounts


@dataclass(frozen=True, slots=True)
class TenantStatistics:
    """The chosen accounts, and every month of the period, also months without shares."""

    accounts: tuple[AccountStatistics, ...]
    months: tuple[MonthStatistics, ...]
    notices: tuple[NoticeCounts, ...] = ()

    @property
    def total(self) -> ShareCounts:
        """The sum over the whole period."""
        return sum((month.total for month in self.months), ShareCounts())

    @property
    def notice_count(self) -> int:
        """Notices to recipients that were sent in the period."""
        return sum(one.notices for one in self.notices)

    @property
    def message_count(self) -> int:
        """The number of SMS that the notices need if none is sent by e-mail."""
        return sum(one.messages for one in self.notices)

    @property
    def contents(self) -> AccountUsage:
        """The sum of the present contents."""
        return sum((one.contents for one in self.accounts), AccountUsage())


def document_counts(deps: Dependencies, account_id: str) -> DocumentCounts:
    """Return the counts of an account's documents. The caller has checked the right to the account."""
    with deps.database.read() as tx:
        return tx.statistics.documents_of_account(account_id)


def statistics_choices(deps: Dependencies, tenant_id: str) -> StatisticsChoices:
    """Return the accounts and months to choose from."""
    last = month_of(deps.clock.now())
    with deps.database.read() as tx:
        accounts = tuple(tx.accounts.of_tenant(tenant_id))
        first_at = tx.statistics.first_published_at(tenant_id)
    standard = last.plus(1 - _STANDARD_PERIOD)
    return StatisticsChoices(accounts, min(month_of(first_at), standard) if first_at else standard, last)


def tenant_statistics(
    deps: Dependencies,
    tenant_id: str,
    *,
    account_id: str | None = None,
    from_month: Month | None = None,
    to_month: Month | None = None,
) -> TenantStatistics:
    """Return statistics of one account or all of them, by default for the last twelve months.

    Raises: NotFound for an account of another tenant; InvalidInput for a period that is too long.
    """
    to_month = to_month or month_of(deps.clock.now())
    months = months_between(from_month or to_month.plus(1 - _STANDARD_PERIOD), to_month, field="from_month")
    with deps.database.read() as tx:
        accounts = [a for a in tx.accounts.of_tenant(tenant_id) if account_id in (None, a.id)]
        if account_id is not None and not accounts:
            raise NotFound("account of another tenant")
        by_month = tuple(
            MonthStatistics(month, _count_published(deps, tx, tenant_id, account_id, month)) for month in months
        )
        by_account = tuple(_account_statistics(tx, account, by_month) for account in accounts)
        notices = tuple(tx.statistics.notices([account.id for account in accounts], months[0], months[-1]))
    return TenantStatistics(by_account, by_month, notices)


def _count_published(
    deps: Dependencies, tx: Transaction, tenant_id: str, account_id: str | None, month: Month
) -> Mapping[str, ShareCounts]:
    start, stop, now = month.begins_at, month.plus(1).begins_at, deps.clock.now()
    if account_id is None:
        return tx.statistics.published_by_tenant(tenant_id, start, stop, now)
    return {account_id: tx.statistics.published_from_account(account_id, start, stop, now)}


def _account_statistics(tx: Transaction, account: Account, months: tuple[MonthStatistics, ...]) -> AccountStatistics:
    published = sum((month.by_account.get(account.id, ShareCounts()) for month in months), ShareCounts())
    return AccountStatistics(account, tx.accounts.usage(account.id), published)
