"""«Statistikk»: monthly figures of a tenant or one of its accounts, as a page and as CSV.

Guarantees:
- The page is complete without JavaScript; the charts are drawn from its table.
- The file has a line for each account and month, so that a spreadsheet can add them up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from starlette.responses import Response

from deldokument.domain.shares.statistics import Month, ShareCounts, parse_month
from deldokument.domain.tenants.tenancy import Account
from deldokument.services.accounts.statistics import (
    AccountStatistics,
    StatisticsChoices,
    TenantStatistics,
    statistics_choices,
    tenant_statistics,
)
from deldokument.web.http.request import RequestContext
from deldokument.web.http.responses.csv import CSV_HEAD, CSV_TYPE, csv_line
from deldokument.web.http.responses.i18n import Translator, _
from deldokument.web.http.responses.rendering import plain
from deldokument.web.pages.admin.layout import section_endpoint, section_page, section_path

_SECTION = "statistikk"


_COLUMNS = (
    _("Month"),
    _("Account"),
    _("Shares"),
    _("Documents"),
    _("Bytes"),
    _("Opened"),
    _("Downloaded"),
    _("Confirmed"),
    _("Never opened"),
    _("Deleted"),
)


_NOTICE_COLUMNS = (
    _("Month"),
    _("Account"),
    _("Cost code"),
    _("Notices"),
    _("Text messages, at most"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Requested account and period, as in the URL."""

    account: str
    from_month: str
    to_month: str


@dataclass(frozen=True, slots=True)
class Row:
    """Row of a table: a month or an account."""

    label: str
    short: str
    counts: ShareCounts
    stored_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a period, for the page. ``busiest`` and ``largest`` are months."""

    statistics: TenantStatistics
    account: Account | None
    months: list[Row]
    accounts: list[Row]
    percent: dict[str, str]
    csv: str
    notices_csv: str

    @property
    def busiest(self) -> Row:
        """Month with the most shares."""
        return max(self.months, key=lambda row: row.counts.shares)

    @property
    def largest(self) -> Row:
        """Month with the most bytes."""
        return max(self.months, key=lambda row: row.counts.length)


def statistics_page(call: RequestContext) -> Response:
    """Show figures, charts and tables; for an invalid period, the form with its error."""
    choices = statistics_choices(call.deps, call.tenant.id)
    wanted = _wanted(call)
    if call.refused:
        return _page(call, choices, wanted, (choices.first, choices.last))
    statistics = _statistics(call, wanted)
    first, last = statistics.months[0].month, statistics.months[-1].month
    shown = Wanted(wanted.account, str(first), str(last))
    months = min(first, choices.first), max(last, choices.last)
    return _page(call, choices, shown, months, _figures(call, statistics, shown))


def _wanted(call: RequestContext) -> Wanted:
    return Wanted(call.query("konto"), call.query("fra"), call.query("til"))


def statistics_csv(call: RequestContext) -> Response:
    """Return the same figures as CSV."""
    statistics = _statistics(call, _wanted(call))
    return _file("statistikk", statistics, _lines(call.translator, statistics))


def notices_csv(call: RequestContext) -> Response:
    """Return the notices of each month, account and cost code as CSV."""
    statistics = _statistics(call, _wanted(call))
    return _file("varsler", statistics, _notice_lines(call.translator, statistics))


def _file(name: str, statistics: TenantStatistics, lines: Iterator[str]) -> Response:
    name = f"{name}-{statistics.months[0].month}-{statistics.months[-1].month}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(CSV_HEAD + "".join(lines), media_type=CSV_TYPE, headers=headers)


def _statistics(call: RequestContext, wanted: Wanted) -> TenantStatistics:
    return tenant_statistics(
        call.deps,
        call.tenant.id,
        account_id=wanted.account or None,
        from_month=parse_month(wanted.from_month, field="from_month") if wanted.from_month else None,
        to_month=parse_month(wanted.to_month, field="to_month") if wanted.to_month else None,
    )


def _page(
    call: RequestContext,
    choices: StatisticsChoices,
    wanted: Wanted,
    months: tuple[Month, Month],
    figures: Figures | None = None,
) -> Response:
    return section_page(
        call,
        _SECTION,
        "pages/admin/statistics.html",
        wanted=wanted,
        account_choices=[(account.id, _name(call.translator, account)) for account in choices.accounts],
        month_choices=_month_choices(call.translator, *months),
        figures=figures,
    )


def _figures(call: RequestContext, statistics: TenantStatistics, shown: Wanted) -> Figures:
    translator, total = call.translator, statistics.total
    query = {"konto": shown.account, "fra": shown.from_month, "til": shown.to_month}
    chosen = urlencode({name: value for name, value in query.items() if value})
    parts = {
        "opened": total.opened,
        "downloaded": total.downloaded,
        "received": total.received,
        "unopened": total.unopened,
    }
    return Figures(
        statistics=statistics,
        account=statistics.accounts[0].account if shown.account else None,
        months=[_month_row(translator, one.month, one.total) for one in statistics.months],
        accounts=[_account_row(translator, one) for one in _listed_accounts(statistics)],
        percent={name: translator.percent(part, total.shares) for name, part in parts.items()} if total.shares else {},
        csv=f"{section_path(call.tenant.id, _SECTION)}.csv?{chosen}",
        notices_csv=f"{section_path(call.tenant.id, _SECTION, 'varsler.csv')}?{chosen}",
    )


def _month_row(translator: Translator, month: Month, counts: ShareCounts) -> Row:
    first = date(month.year, month.number, 1)
    return Row(translator.month(first), translator.short_month(first), counts)


def _account_row(translator: Translator, one: AccountStatistics) -> Row:
    name = _name(translator, one.account)
    return Row(name, name, one.published, one.contents.stored_bytes)


def _listed_accounts(statistics: TenantStatistics) -> list[AccountStatistics]:
    """Return the accounts, without deleted ones that have no shares, unless there is only one account."""
    every = statistics.accounts
    return [one for one in every if one.account.deleted_at is None or one.published.shares or len(every) == 1]


def _month_choices(translator: Translator, first: Month, last: Month) -> list[tuple[str, str]]:
    """Return the months, newest first, because the newest are requested most."""
    choices: list[tuple[str, str]] = []
    month = last
    while month >= first:
        choices.append((str(month), translator.month(date(month.year, month.number, 1))))
        month = month.plus(-1)
    return choices


def _name(translator: Translator, account: Account) -> str:
    name = plain(account.name)
    if account.deleted_at is not None:
        return translator.text(_("%(name)s (deleted)"), name=name)
    if account.closed_at is not None:
        return translator.text(_("%(name)s (closed)"), name=name)
    return name


def _lines(translator: Translator, statistics: TenantStatistics) -> Iterator[str]:
    yield csv_line([translator.text(column) for column in _COLUMNS])
    accounts = [one.account for one in _listed_accounts(statistics)]
    for month in statistics.months:
        for account in accounts:
            found = month.by_account.get(account.id, ShareCounts())
            yield csv_line(
                [
                    str(month.month),
                    account.name,
                    found.shares,
                    found.documents,
                    found.length,
                    found.opened,
                    found.downloaded,
                    found.received,
                    found.unopened,
                    found.deleted,
                ]
            )


def _notice_lines(translator: Translator, statistics: TenantStatistics) -> Iterator[str]:
    yield csv_line([translator.text(column) for column in _NOTICE_COLUMNS])
    names = {one.account.id: one.account.name for one in statistics.accounts}
    for found in statistics.notices:
        yield csv_line([str(found.month), names[found.account_id], found.cost_code, found.notices, found.messages])


ENDPOINTS = (
    section_endpoint(f"/{_SECTION}", statistics_page, again=statistics_page),
    section_endpoint(f"/{_SECTION}.csv", statistics_csv),
    section_endpoint(f"/{_SECTION}/varsler.csv", notices_csv),
)
