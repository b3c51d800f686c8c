"""Lists for sharers: the shares of their accounts, and one share with its timeline.

Guarantees:
- Only shares of the sharer's own accounts are listed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.policy import Reason, hold_reason
from deldokument.domain.shares.share import Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership, memberships_in
from deldokument.services.audit.actors import Actor, Actors
from deldokument.services.encryption import audit_key_id, reference_hash
from deldokument.services.shares.display.views import ShareView, share_view, views_and_damaged
from deldokument.services.shares.rights.authorization import share_for_reading, stop_error
from deldokument.store.shares.shares import ShareFilter
from deldokument.store.transaction import Transaction

PAGE = 50
MAX_EVENTS = 10_000
"""Maximum number of events read of a share, the newest. Anybody with the link can add events while it is open."""


@dataclass(frozen=True, slots=True)
class ShareList:
    """One page of shares, newest first; ``next`` continues, None at the end. ``needing``: see ``list_shares``.

    ``damaged``: shares of the page that cannot be shown.
    """

    shares: tuple[ShareView, ...]
    next: tuple[datetime, str] | None
    needing: tuple[ShareView, ...] = ()
    damaged: tuple[Share, ...] = ()


def list_shares(
    deps: Dependencies,
    sharer: Sharer,
    *,
    account_id: str | None = None,
    states: Sequence[ShareState] = (),
    reference: str = "",
    before: tuple[datetime, str] | None = None,
    limit: int = PAGE,
    soon: timedelta | None = None,
    mine: Sequence[Membership] | None = None,
    with_content: bool = True,
) -> ShareList:
    """Return the shares of the sharer's accounts, filtered by account, present state, and reference (saksnummer).

    ``mine``: the sharer's memberships, if this request has already read them. Without content, the views have neither
    messages nor the findings of inspections.

    ``soon`` adds shares that may need the sharer, without the filter: a page of drafts, and a page of shares. The
    latter end within that time, and nobody has downloaded them. Frozen and deleted accounts are omitted.
    """
    now = deps.clock.now()
    with deps.database.read() as tx:
        mine = memberships_in(deps, tx, sharer) if mine is None else mine
        current = [membership for membership in mine if not membership.tenant.behind]
        if mine and not current:
            raise stop_error(Reason.BEHIND)
        mine = current
        accounts = tuple(m.account.id for m in mine if account_id in {None, m.account.id})
        hashes = _reference_hashes(deps, {m.tenant.id for m in mine}, reference)
        wanted = ShareFilter(accounts, tuple(states), now, hashes, before, limit + 1)
        unknown = bool(reference.strip()) and not hashes
        found = [] if unknown else tx.shares.find(wanted)
        moving = [m.account.id for m in mine if hold_reason(m.tenant, m.account) is None]
        waiting = tx.shares.needing(moving, now, now + soon, PAGE) if soon else []
        shown = found[:limit]
        views, damaged = _views(deps, tx, [*shown, *waiting], mine, with_content=with_content)
    return ShareList(
        shares=_in_order(views, shown),
        next=(shown[-1].created_at, shown[-1].id) if len(found) > limit else None,
        needing=_in_order(views, waiting),
        damaged=tuple(share for share in shown if share.id in damaged),
    )


def _views(
    deps: Dependencies, tx: Transaction, shares: Sequence[Share], mine: Sequence[Membership], *, with_content: bool
) -> tuple[dict[str, ShareView], set[str]]:
    """Return the views by id, each share read once, and the ids of damaged shares.

    Both omit shares that can no longer be read.
    """
    different = {share.id: share for share in shares}
    views, damaged = views_and_damaged(deps, tx, list(different.values()), mine, with_content=with_content)
    return {view.share.id: view for view in views}, {share.id for share in damaged}


def _in_order(views: Mapping[str, ShareView], shares: Sequence[Share]) -> tuple[ShareView, ...]:
    return tuple(views[share.id] for share in shares if share.id in views)


def _reference_hashes(deps: Dependencies, tenant_ids: set[str], reference: str) -> tuple[bytes, ...]:
    """Return the reference's hash under every existing audit key of the tenants. One of the keys is the share's."""
    if not reference.strip():
        return ()
    prefixes = [audit_key_id(tenant_id, deps.clock.now())[: -len("YYYY-MM")] for tenant_id in tenant_ids]
    keys = deps.keyring.get([entry for prefix in prefixes for entry in deps.keyring.ids(prefix)])
    return tuple(reference_hash(key, reference) for key in keys.values())


def show_share(
    deps: Dependencies, sharer: Sharer, share_id: str, mine: Sequence[Membership] | None = None
) -> tuple[ShareView, list[tuple[AuditEvent, Actor | None]]]:
    """Return one share and its events with their actors; of more than MAX_EVENTS only the newest. Raises: NotFound.

    ``mine``: as for ``list_shares``.
    """
    with deps.database.read() as tx:
        share = share_for_reading(deps, tx, sharer, share_id, mine)
        events = [event for _, event in tx.audit.events(share_id=share_id, limit=MAX_EVENTS)]
        # Build the view first, which detects a damaged share.
        view = share_view(deps, tx, share, mine or ())
        return view, _with_actors(deps, tx, share, events)


def _with_actors(
    deps: Dependencies, tx: Transaction, share: Share, events: Sequence[AuditEvent]
) -> list[tuple[AuditEvent, Actor | None]]:
    """Return the events with their actors. Persons who are not recipients, possibly very many, are not looked up."""
    known = [event for event in events if event.kind is not EventKind.SHARE_DENIED]
    actors = iter(Actors(deps, share.tenant_id).behind(tx, known))
    return [(event, None if event.kind is EventKind.SHARE_DENIED else next(actors)) for event in events]


def view_share(deps: Dependencies, sharer: Sharer, share_id: str) -> ShareView:
    """Return one share. Raises: NotFound."""
    with deps.database.read() as tx:
        mine = memberships_in(deps, tx, sharer)
        return share_view(deps, tx, share_for_reading(deps, tx, sharer, share_id, mine), mine)
