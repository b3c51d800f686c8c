"""What is counted of shares: by account, and by the month, in Oslo, in which they were published.

Counts tell nothing of persons, so they stay when the shares that they count are erased.
"""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from operator import add

from deldokument.domain.errors import InvalidInput
from deldokument.domain.norwegian_time import OSLO

MAX_PERIOD_MONTHS = 60
"""So many months are looked at in one go."""
_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of a year."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02}"

    @property
    def begins_at(self) -> datetime:
        """Its first instant in Oslo, as UTC."""
        return datetime(self.year, self.number, 1, tzinfo=OSLO).astimezone(UTC)

    def plus(self, months: int) -> Month:
        """The month so many later, or earlier when there are less than none."""
        years, number = divmod(self.number - 1 + months, 12)
        return Month(self.year + years, number + 1)


def month_of(instant: datetime) -> Month:
    """The month in which it is in Oslo at ``instant``."""
    local = instant.astimezone(OSLO)
    return Month(local.year, local.month)


def parse_month(text: str, *, field: str) -> Month:
    """The month that «2026-11» names. Raises InvalidInput."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise InvalidInput(field, "month_malformed")
    return Month(int(found[1]), int(found[2]))


def months_between(one: Month, other: Month, *, field: str) -> tuple[Month, ...]:
    """The two and every month between them, in whichever order they are named. Raises InvalidInput for too many."""
    first, last = sorted((one, other))
    count = (last.year - first.year) * 12 + last.number - first.number + 1
    if count > MAX_PERIOD_MONTHS:
        raise InvalidInput(field, "too_many_months", months=count, longest=MAX_PERIOD_MONTHS)
    return tuple(first.plus(step) for step in range(count))


@dataclass(frozen=True, slots=True)
class ShareCounts:
    """How many shares were published, with how many documents and bytes, and what has become of them since.

    ``opened``: by at least one recipient. ``downloaded``: at least one document in full. ``unopened``: over, and never
    opened. ``deleted``: the keys are destroyed.
    """

    shares: int = 0
    documents: int = 0
    length: int = 0
    opened: int = 0
    downloaded: int = 0
    unopened: int = 0
    deleted: int = 0

    def __add__(self, other: ShareCounts) -> ShareCounts:
        return ShareCounts(*map(add, astuple(self), astuple(other)))
