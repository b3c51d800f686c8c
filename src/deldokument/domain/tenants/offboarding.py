"""End of a tenant's use of the service: its totals at the end, and the progress of the deletion."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from deldokument.domain.norwegian_time import day_of


def spent_number(organization_number: str, ended_at: datetime) -> str:
    """Return the number stored for a deleted tenant, so that the organisation can return under its own number."""
    return f"{organization_number} (avsluttet {day_of(ended_at)})"


@dataclass(frozen=True, slots=True)
class TenantTotals:
    """Number of accounts, shares and so on that a tenant has, and their bytes."""

    accounts: int = 0
    members: int = 0
    drafts: int = 0
    open_shares: int = 0
    documents: int = 0
    stored_bytes: int = 0


class DeletionState(StrEnum):
    """Progress of the deletion after the end."""

    UNDER_WAY = "under_way"
    CONTENTS_DELETED = "contents_deleted"
    NAMES_ERASED = "names_erased"


@dataclass(frozen=True, slots=True)
class TenantLifecycle:
    """Start and end of a tenant's use of the service, and the progress of the deletion after it.

    Events prove all of it.
    """

    tenant_id: str
    sealed_activated_by: bytes = b""
    sealed_ended_by: bytes = b""
    contents_deleted_at: datetime | None = None
    names_erased_at: datetime | None = None
