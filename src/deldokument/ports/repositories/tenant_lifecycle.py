"""Repository contract: impact assessments and offboarding records of tenants."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from deldokument.domain.impact_assessment import ImpactAssessment
from deldokument.domain.offboarding import TenantLifecycle, TenantTotals


class TenantLifecycleRepository(Protocol):
    """Impact assessments, activation and offboarding, and deletion after the end."""

    def add_assessment(self, assessment: ImpactAssessment, sealed_file: bytes) -> None:
        """``sealed_file`` is empty when the assessment has none."""
        ...

    def assessments(self, tenant_id: str) -> list[ImpactAssessment]:
        """The last recorded first."""
        ...

    def assessment_file(self, assessment_id: str) -> bytes | None:
        """The sealed file, if there is one."""
        ...

    def get(self, tenant_id: str) -> TenantLifecycle:
        """Return the record; one without names when none is stored."""
        ...

    def save(self, lifecycle: TenantLifecycle) -> None: ...
    def totals(self, tenant_id: str, now: datetime) -> TenantTotals:
        """Counted now; open are those that can be opened at ``now``.

        Documents and bytes are those that can be read, or could be if their uploads were finished.
        """
        ...

    def close_shares(self, tenant_id: str, now: datetime) -> None:
        """Every open share is withdrawn, every draft abandoned, and what no worker has ended in time is ended."""
        ...

    def remove_everybody(self, tenant_id: str, now: datetime) -> None:
        """End every membership and every integration's rights."""
        ...

    def destroyed_keys(self, tenant_id: str, since: datetime) -> tuple[int, datetime | None]:
        """How many shares have had their keys destroyed since then, and when the last one had."""
        ...

    def emptied(self, limit: int) -> list[str]:
        """Tenants that have ended, of which no key and no object is left, and of which that is not yet noted."""
        ...

    def forgettable(self, now: datetime, limit: int) -> list[str]:
        """Emptied tenants past their retention period, without shares that have names, still to be forgotten."""
        ...

    def forget_people(self, tenant_id: str, now: datetime) -> None:
        """Erase who were members and administrators, assessments, papers, and whom the accounts gave as contacts.

        Nobody is a member there any more.
        """
        ...
