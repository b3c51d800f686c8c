"""The sharers' lists: the shares of my accounts, one share with its time line.

Promises that only shares of accounts of which the sharer is a member are ever listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deldokument.domain.audit import AuditEvent
from deldokument.domain.errors import NotFound
from deldokument.domain.identifiers import Sharer
from deldokument.domain.policy import stop_of
from deldokument.domain.share import ShareState
from deldokument.services.actors import acting_integration
from deldokument.services.members import memberships
from deldokument.services.ownership import readable_share
from deldokument.services.ports import World
from deldokument.services.repositories import ShareFilter, Transaction, found
from deldokument.services.vault import audit_key_id, existing_key, reference_hash
from deldokument.services.views import ShareView, display_number, share_view, share_views

PAGE = 50


@dataclass(frozen=True, slots=True)
class ShareList:
    """One page of shares, newest first; ``next`` continues, None at the end."""

    shares: tuple[ShareView, ...]
    next: tuple[datetime, str] | None


def list_shares(
    world: World,
    sharer: Sharer,
    *,
    account_id: str | None = None,
    states: Sequence[ShareState] = (),
    reference: str = "",
    before: tuple[datetime, str] | None = None,
    limit: int = PAGE,
) -> ShareList:
    """The shares of the sharer's accounts, filtered by account, state as it is now, and saksnummer."""
    mine = memberships(world, sharer)
    accounts = tuple(m.account.id for m in mine if account_id in {None, m.account.id})
    if not accounts:
        return ShareList((), None)
    hashes = _reference_hashes(world, {m.tenant.id for m in mine}, reference)
    if reference.strip() and not hashes:
        return ShareList((), None)
    wanted = ShareFilter(
        account_ids=accounts,
        states=tuple(states),
        now=world.clock.now(),
        reference_hashes=hashes,
        before=before,
        limit=limit + 1,
    )
    with world.database.read() as tx:
        shares = tx.shares.find(wanted)
        views = share_views(world, tx, shares[:limit])
    last = shares[limit - 1] if len(shares) > limit else None
    return ShareList(tuple(views), (last.created_at, last.id) if last else None)


def list_needing(world: World, sharer: Sharer, soon: timedelta) -> list[ShareView]:
    """What may wait for the sharer: drafts, and shares that end ``soon`` and that nobody has had, a page of each.

    Nothing does in accounts that stand still.
    """
    mine = [m.account.id for m in memberships(world, sharer) if stop_of(m.tenant, m.account) is None]
    now = world.clock.now()
    with world.database.read() as tx:
        return share_views(world, tx, tx.shares.needing(mine, now, now + soon, PAGE))


def _reference_hashes(world: World, tenant_ids: set[str], reference: str) -> tuple[bytes, ...]:
    """The reference's hash under every living audit key of the tenants: one of them is the share's."""
    if not reference.strip():
        return ()
    prefixes = [audit_key_id(tenant_id, world.clock.now())[: -len("YYYY-MM")] for tenant_id in tenant_ids]
    keys = world.keyring.get([entry for prefix in prefixes for entry in world.keyring.ids(prefix)])
    return tuple(reference_hash(key, reference) for key in keys.values())


def show_share(world: World, sharer: Sharer, share_id: str) -> tuple[ShareView, list[AuditEvent]]:
    """One share and what has happened to it. Raises NotFound."""
    with world.database.read() as tx:
        share = readable_share(world, tx, sharer, share_id)
        return share_view(world, tx, share), _timeline(tx, share_id)


def view_share(world: World, sharer: Sharer, share_id: str) -> ShareView:
    """One share. Raises NotFound."""
    with world.database.read() as tx:
        return share_view(world, tx, readable_share(world, tx, sharer, share_id))


def document_recipients(world: World, sharer: Sharer, account_id: str, document_id: str) -> list[str]:
    """To whom the share of a document of the account is addressed: persons masked, organisations grouped.

    Raises NotFound.
    """
    with world.database.read() as tx:
        document = found(tx.shares.document(document_id), "document")
        share = readable_share(world, tx, sharer, document.share_id)
        if share.account_id != account_id:
            raise NotFound("document")
        key = existing_key(world.keyring, share.audit_key_id)
        return [display_number(key, recipient) for recipient in tx.shares.recipients([share.id])]


def acting_systems(world: World, events: Sequence[AuditEvent]) -> dict[str, str]:
    """The organisations whose systems did some of the events, by their integrations' ids."""
    ids = {acting for event in events if (acting := acting_integration(event))}
    with world.database.read() as tx:
        named = [tx.tenancies.integration(integration_id) for integration_id in ids]
    return {integration.id: integration.name for integration in named if integration}


def _timeline(tx: Transaction, share_id: str) -> list[AuditEvent]:
    return [event for _, event in tx.audit.events(share_id=share_id)]
