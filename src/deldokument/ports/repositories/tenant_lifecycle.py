"""Repository contract: impact assessments and offboarding records of tenants."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from deldokument.domain.impact_assessment import ImpactAssessment
from deldokument.domain.offboarding import TenantLifecycle, TenantTotals


class TenantLifecycleRepository(Protocol):
    """Impact assessments, activation, offboarding, and deletion afterwards."""

    def add_assessment(self, assessment: ImpactAssessment, sealed_file: bytes) -> None:
        """Insert the assessment; ``sealed_file`` is empty if it has no file."""
        ...

    def assessments(self, tenant_id: str) -> list[ImpactAssessment]:
        """Return the tenant's assessments, last recorded first."""
        ...

    def assessment_file(self, assessment_id: str) -> bytes | None:
        """Return the encrypted file; None if there is none."""
        ...

    def get(self, tenant_id: str) -> TenantLifecycle:
        """Return the tenant's record; an empty one if none is stored."""
        ...

    def save(self, lifecycle: TenantLifecycle) -> None: ...
    def totals(self, tenant_id: str, now: datetime) -> TenantTotals:
        """Count what the tenant has now; open shares are those open at ``now``.

        Documents and bytes are those that are readable, or would be once their uploads are complete.
        """
        ...

    def close_shares(self, tenant_id: str, now: datetime) -> None:
        """Withdraw every open share and abandon every draft; end shares that have expired unrecorded."""
        ...

    def remove_everybody(self, tenant_id: str, now: datetime) -> None:
        """End every membership and every integration's rights."""
        ...

    def share_ids(self, tenant_id: str) -> list[str]:
        """Return the ids of all shares and drafts of the tenant, also of those that are erased."""
        ...

    def emptied(self, limit: int) -> list[str]:
        """Return ended tenants without keys and objects, for which this is not yet recorded."""
        ...

    def forgettable(self, now: datetime, limit: int) -> list[str]:
        """Return emptied tenants past their retention period, without unerased shares, whose names are not erased."""
        ...

    def forget_people(self, tenant_id: str, now: datetime) -> None:
        """Erase members, administrators, assessments, signed documents and the accounts' contact details.

        Remaining memberships end.
        """
        ...
