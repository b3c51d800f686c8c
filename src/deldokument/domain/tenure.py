"""A tenant's time with the service: the impact assessment before it, and what becomes of everything after it.

Promises that an assessment is dated when it can have been made, that a high residual risk is never recorded without
prior consultation with Datatilsynet (GDPR, article 36(1)), and one rule for when an assessment should be looked at
again. Names and files are sealed here; holders of the keys open them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from deldokument.domain.errors import InvalidInput

ROLE_LENGTH = 100
MAX_PAPER_LENGTH = 10 * 10**6
"""The longest file that is kept with an assessment, in bytes."""

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"

OSLO = ZoneInfo("Europe/Oslo")
_EARLIEST = date(2018, 5, 25)
"""Since then the law wants impact assessments; an earlier date is a slip of the hand."""


class ResidualRisk(StrEnum):
    """How much risk is left for the persons concerned after the measures."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class ImpactAssessment:
    """The tenant's record that an assessment was done (DPIA); a correction is a record anew.

    ``media_type`` is empty when no file is kept. ``consulted``: Datatilsynet was consulted (prior consultation).
    """

    id: str
    tenant_id: str
    done_on: date
    risk: ResidualRisk
    consulted: bool
    recorded_at: datetime
    sealed_assessor: bytes
    sealed_role: bytes
    sealed_recorder: bytes
    media_type: str = ""
    length: int = 0
    sealed_file_name: bytes = b""

    @property
    def review_on(self) -> date:
        """The day from which it should be looked at again: a year after it was done."""
        leap_day = (self.done_on.month, self.done_on.day) == (2, 29)
        return self.done_on.replace(year=self.done_on.year + 1, day=28 if leap_day else self.done_on.day)

    def is_due(self, today: date) -> bool:
        """Whether it should be looked at again. That stops nothing."""
        return today >= self.review_on


def day_of(now: datetime) -> date:
    """The date in Norway."""
    return now.astimezone(OSLO).date()


def spent_number(organization_number: str, ended_at: datetime) -> str:
    """The number that stands for a body that has left and been forgotten, so that it may come back under its own."""
    return f"{organization_number} (avsluttet {day_of(ended_at)})"


def check_done_on(done_on: date, today: date, *, field: str = "done_on") -> date:
    """The day an assessment was done. Raises InvalidInput for one that has yet to come or is from before the law."""
    if done_on > today:
        raise InvalidInput(field, "date_in_the_future")
    if done_on < _EARLIEST:
        raise InvalidInput(field, "date_too_early")
    return done_on


def check_consulted(risk: ResidualRisk | None, consulted: bool, *, field: str = "consulted") -> bool:
    """Raises InvalidInput when the risk is high and Datatilsynet has not been consulted."""
    if risk is ResidualRisk.HIGH and not consulted:
        raise InvalidInput(field, "consultation_missing")
    return consulted


@dataclass(frozen=True, slots=True)
class TenantTotals:
    """What a tenant has with the service."""

    accounts: int = 0
    members: int = 0
    drafts: int = 0
    open_shares: int = 0
    documents: int = 0
    stored_bytes: int = 0


class DeletionState(StrEnum):
    """How far the deletion after the end has come."""

    UNDER_WAY = "under_way"
    CONTENTS_DELETED = "contents_deleted"
    NAMES_ERASED = "names_erased"


@dataclass(frozen=True, slots=True)
class TenantLifecycle:
    """Who began and ended a tenant's time, and the deletion that followed (sletteprotokoll).

    ``held`` is what the tenant had when it ended, ``destroyed_keys`` the shares whose keys were destroyed after that,
    the last one at ``keys_destroyed_at``.
    """

    tenant_id: str
    sealed_activated_by: bytes = b""
    sealed_ended_by: bytes = b""
    held: TenantTotals = TenantTotals()
    destroyed_keys: int = 0
    keys_destroyed_at: datetime | None = None
    contents_deleted_at: datetime | None = None
    names_erased_at: datetime | None = None

    @property
    def deletion(self) -> DeletionState:
        """How far the deletion has come; only for a tenant that has ended."""
        if self.names_erased_at is not None:
            return DeletionState.NAMES_ERASED
        return DeletionState.UNDER_WAY if self.contents_deleted_at is None else DeletionState.CONTENTS_DELETED
