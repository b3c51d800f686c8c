"""Freezing: the operator stops a tenant, an account or a share for a time, without deleting anything.

During a freeze, recipients see only that the documents cannot be opened at present, and members cannot share. A share
still ends on its date (domain.shares.policy). The reason is a code, because the audit trail has no free text.

Guarantees:
- Freezing and unfreezing are idempotent.

Does not check that the caller is an operator: `web` and `cli` do.
"""

from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.shares.share import CLOSED, Share
from deldokument.domain.tenants.tenancy import Account, Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_at

_One = TypeVar("_One", Tenant, Account, Share)


class FreezeReason(StrEnum):
    """The operator's reason for freezing. It is shown only in the event log, which administrators read."""

    SECURITY = "security"
    AGREEMENT = "agreement"
    AUTHORITY = "authority"
    REQUEST = "request"


def set_tenant_freeze(
    deps: Dependencies, tenant_id: str, person: PersonIdentifier | None, reason: FreezeReason | None
) -> Tenant:
    """Freeze the tenant and everything in it; without a reason, unfreeze it. Raises: NotFound."""
    with deps.database.write() as tx:
        tenant = require(tx.tenants.lock(tenant_id), "tenant")
        changed = _set_frozen(deps, tenant, reason)
        if changed is None:
            return tenant
        tx.tenants.save(changed)
        kind = EventKind.TENANT_FROZEN if reason else EventKind.TENANT_UNFROZEN
        record_at(deps, tx, deps.clock.now(), kind, _details(reason), tenant_id=tenant_id, person=person)
    return changed


def set_account_freeze(
    deps: Dependencies, account_id: str, person: PersonIdentifier | None, reason: FreezeReason | None
) -> Account:
    """Freeze the account and everything in it; without a reason, unfreeze it. Raises: NotFound."""
    with deps.database.write() as tx:
        account = require(tx.accounts.lock(account_id), "account")
        changed = _set_frozen(deps, account, reason)
        if changed is None:
            return account
        saved = tx.accounts.save(changed)
        kind = EventKind.ACCOUNT_FROZEN if reason else EventKind.ACCOUNT_UNFROZEN
        details = {"account": account_id, **_details(reason)}
        record_at(deps, tx, deps.clock.now(), kind, details, tenant_id=account.tenant_id, person=person)
    return saved


def set_share_freeze(
    deps: Dependencies, share_id: str, person: PersonIdentifier | None, reason: FreezeReason | None
) -> Share:
    """Freeze one share or draft; without a reason, unfreeze it.

    Raises: NotFound; Conflict for freezing a share that is over.
    """
    with deps.database.write() as tx:
        share = require(tx.shares.lock(share_id), "share")
        if reason and share.state in CLOSED:
            raise Conflict("share_over")
        changed = _set_frozen(deps, share, reason)
        if changed is None:
            return share
        tx.shares.save(changed)
        kind = EventKind.SHARE_FROZEN if reason else EventKind.SHARE_UNFROZEN
        record_at(deps, tx, deps.clock.now(), kind, _details(reason), share=share, person=person)
    return changed


def _set_frozen(deps: Dependencies, one: _One, reason: FreezeReason | None) -> _One | None:
    """Return the object frozen or unfrozen; None if it is so already."""
    if (one.frozen_at is None) == (reason is None):
        return None
    return replace(one, frozen_at=deps.clock.now() if reason else None)


def _details(reason: FreezeReason | None) -> dict[str, str]:
    return {"reason": reason.value} if reason else {}
