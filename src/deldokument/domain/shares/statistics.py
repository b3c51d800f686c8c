"""Counts of shares by account and by the month of publication, in the time zone of Oslo.

Counts contain nothing about persons, so they remain when the counted shares are erased.
"""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from operator import add

from deldokument.domain.errors import InvalidInput
from deldokument.domain.norwegian_time import OSLO

MAX_PERIOD_MONTHS = 60
"""Maximum number of months in one query."""
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
        """The first instant of the month in Oslo, in UTC."""
        return datetime(self.year, self.number, 1, tzinfo=OSLO).astimezone(UTC)

    def plus(self, months: int) -> Month:
        """Return the month so many months later; a negative number gives an earlier month."""
        years, number = divmod(self.number - 1 + months, 12)
        return Month(self.year + years, number + 1)


def month_of(instant: datetime) -> Month:
    """Return the month in Oslo at ``instant``."""
    local = instant.astimezone(OSLO)
    return Month(local.year, local.month)


def parse_month(text: str, *, field: str) -> Month:
    """Return the month in a text such as «2026-11».

    Raises: InvalidInput.
    """
    found = _MONTH.fullmatch(text)
    if found is None:
        raise InvalidInput(field, "month_malformed")
    return Month(int(found[1]), int(found[2]))


def months_between(one: Month, other: Month, *, field: str) -> tuple[Month, ...]:
    """Return both months and all between them, in ascending order, whichever comes first.

    Raises: InvalidInput if there are more than MAX_PERIOD_MONTHS.
    """
    first, last = sorted((one, other))
    count = (last.year - first.year) * 12 + last.number - first.number + 1
    if count > MAX_PERIOD_MONTHS:
        raise InvalidInput(field, "too_many_months", months=count, longest=MAX_PERIOD_MONTHS)
    return tuple(first.plus(step) for step in range(count))


@dataclass(frozen=True, slots=True)
class ShareCounts:
    """Number of published shares with their documents and bytes, and how many of them were opened and so on.

    - ``opened``: at least one recipient has opened it.
    - ``downloaded``: at least one document was sent in full to at least one recipient.
    - ``received``: at least one recipient has confirmed a document.
    - ``unopened``: the share is over, and nobody opened it.
    - ``deleted``: its keys are destroyed.
    """

    shares: int = 0
    documents: int = 0
    length: int = 0
    opened: int = 0
    downloaded: int = 0
    received: int = 0
    unopened: int = 0
    deleted: int = 0

    def __add__(self, other: ShareCounts) -> ShareCounts:
        return ShareCounts(*map(add, astuple(self), astuple(other)))


@dataclass(frozen=True, slots=True)
class NoticeCounts:
    """Notices that Altinn accepted in a month for one account and cost code.

    ``messages``: the number of SMS that they need if none is sent by e-mail.
    """

    account_id: str
    month: Month
    cost_code: str
    notices: int
    messages: int


@dataclass(frozen=True, slots=True)
class DocumentCounts:
    """Documents of one account.

    - ``named``: documents of drafts, and of published shares that are not erased.
    - ``stored``: documents whose content exists. ``length`` and ``stored_length``: their bytes, plain and encrypted.
    - ``destroyed``: documents of published shares whose content has been destroyed.
    """

    named: int = 0
    stored: int = 0
    destroyed: int = 0
    length: int = 0
    stored_length: int = 0
