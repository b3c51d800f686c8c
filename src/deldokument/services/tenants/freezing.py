"""The operator stops a tenant, an account or a share, and lets it go on, without deleting anything.

While it is stopped recipients are told only that the documents cannot be opened just now, members share nothing new,
and a share still ends on its date (domain.policy). Promises that asking twice does it once. The reason is a code, for
the audit trail keeps no words. Who is an operator is the edges' business.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.share import CLOSED, Share
from deldokument.domain.tenancy import Account, Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event


class FreezeReason(StrEnum):
    """Why the operator stops something: told in the event log, which administrators read, and nowhere else."""

    SECURITY = "security"
    AGREEMENT = "agreement"
    AUTHORITY = "authority"
    REQUEST = "request"


def freeze_tenant(deps: Dependencies, tenant_id: str, person: PersonIdentifier | None, reason: FreezeReason) -> Tenant:
    """Stop everything of the tenant. Raises NotFound."""
    with deps.database.write() as tx:
        tenant = require(tx.tenants.lock(tenant_id), "tenant")
        if tenant.frozen_at is None:
            tenant = replace(tenant, frozen_at=deps.clock.now())
            tx.tenants.save(tenant)
            record_event(deps, tx, EventKind.TENANT_FROZEN, tenant_id=tenant_id, person=person, reason=reason.value)
    return tenant


def unfreeze_tenant(deps: Dependencies, tenant_id: str, person: PersonIdentifier | None) -> Tenant:
    """Let the tenant go on. Raises NotFound."""
    with deps.database.write() as tx:
        tenant = require(tx.tenants.lock(tenant_id), "tenant")
        if tenant.frozen_at is not None:
            tenant = replace(tenant, frozen_at=None)
            tx.tenants.save(tenant)
            record_event(deps, tx, EventKind.TENANT_UNFROZEN, tenant_id=tenant_id, person=person)
    return tenant


def freeze_account(
    deps: Dependencies, account_id: str, person: PersonIdentifier | None, reason: FreezeReason
) -> Account:
    """Stop everything of the account. Raises NotFound."""
    with deps.database.write() as tx:
        account = require(tx.accounts.lock(account_id), "account")
        if account.frozen_at is None:
            account = tx.accounts.save(replace(account, frozen_at=deps.clock.now()))
            record_event(
                deps, tx, EventKind.ACCOUNT_FROZEN, tenant_id=account.tenant_id, person=person,
                account=account_id, reason=reason.value,
            )  # fmt: skip
    return account


def unfreeze_account(deps: Dependencies, account_id: str, person: PersonIdentifier | None) -> Account:
    """Let the account go on. Raises NotFound."""
    with deps.database.write() as tx:
        account = require(tx.accounts.lock(account_id), "account")
        if account.frozen_at is not None:
            account = tx.accounts.save(replace(account, frozen_at=None))
            record_event(
                deps,
                tx,
                EventKind.ACCOUNT_UNFROZEN,
                tenant_id=account.tenant_id,
                person=person,
                account=account_id,
            )
    return account


def freeze_share(deps: Dependencies, share_id: str, person: PersonIdentifier | None, reason: FreezeReason) -> Share:
    """Stop one share, or one draft. Raises NotFound, or Conflict when it is over."""
    with deps.database.write() as tx:
        share = require(tx.shares.lock(share_id), "share")
        if share.state in CLOSED:
            raise Conflict("share_over")
        if share.frozen_at is None:
            share = replace(share, frozen_at=deps.clock.now())
            tx.shares.save(share)
            record_event(deps, tx, EventKind.SHARE_FROZEN, share=share, person=person, reason=reason.value)
    return share


def unfreeze_share(deps: Dependencies, share_id: str, person: PersonIdentifier | None) -> Share:
    """Let the share go on. Raises NotFound."""
    with deps.database.write() as tx:
        share = require(tx.shares.lock(share_id), "share")
        if share.frozen_at is not None:
            share = replace(share, frozen_at=None)
            tx.shares.save(share)
            record_event(deps, tx, EventKind.SHARE_UNFROZEN, share=share, person=person)
    return share
