"""Data protection impact assessment (DPIA) of a tenant.

Guarantees:
- The date of an assessment is plausible: not in the future, and not before GDPR applied.
- A high residual risk is recorded only after prior consultation with Datatilsynet (GDPR, article 36(1)).
- An assessment is due for review one year after its date.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from deldokument.domain.errors import InvalidInput

ROLE_LENGTH = 100
MAX_ATTACHMENT_BYTES = 10 * 10**6
"""Maximum length in bytes of the file stored with an assessment."""

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"
_EARLIEST = date(2018, 5, 25)
"""GDPR applies from this date; an earlier one is a typing error."""


class ResidualRisk(StrEnum):
    """Risk that remains for the persons concerned after the measures."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class ImpactAssessment:
    """Record that the tenant did its assessment (DPIA); a correction is a new record.

    ``media_type`` is empty if no file is stored. ``consulted``: Datatilsynet was consulted beforehand.
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
        """The day from which it is due for review: one year after it was done."""
        leap_day = (self.done_on.month, self.done_on.day) == (2, 29)
        return self.done_on.replace(year=self.done_on.year + 1, day=28 if leap_day else self.done_on.day)

    def is_due(self, today: date) -> bool:
        """Return whether it is due for review. A due review blocks nothing."""
        return today >= self.review_on


def check_done_on(done_on: date, today: date) -> date:
    """Return the day on which an assessment was done.

    Raises: InvalidInput if the day is in the future or before GDPR applied.
    """
    if done_on > today:
        raise InvalidInput("done_on", "date_in_the_future")
    if done_on < _EARLIEST:
        raise InvalidInput("done_on", "date_too_early")
    return done_on


def check_consulted(risk: ResidualRisk | None, consulted: bool) -> bool:
    """Return ``consulted``.

    Raises: InvalidInput if the risk is high and Datatilsynet was not consulted.
    """
    if risk is ResidualRisk.HIGH and not consulted:
        raise InvalidInput("consulted", "consultation_missing")
    return consulted
