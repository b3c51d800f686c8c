"""Access of a system to the documents that it shared itself and asked to read back.

Guarantees:
- Only the integration that shared it, and to which the share is exposed, gets bytes. Others get NotFound.
- The right is decided at every request, and again while a long response runs.
- It ends with the share, and with the integration's rights to the account.
"""

from dataclasses import dataclass
from datetime import datetime

from deldokument.domain.errors import NotFound, existing
from deldokument.domain.identifiers import Consumer
from deldokument.domain.shares.policy import Decision, Denied, may_read_back
from deldokument.domain.shares.share import Share
from deldokument.ports.dependencies import Dependencies
from deldokument.services.downloads.access import Access, authorize, check_clock, gone_error, still_authorized
from deldokument.services.downloads.refusals import SHOWN_TO_RECIPIENTS
from deldokument.services.shares.rights.authorization import stop_of
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class SystemAccess:
    """A system's right to the bytes of its own share through this integration, as decided at ``decided_at``."""

    consumer: Consumer
    share: Share
    integration_id: str
    decided_at: datetime


AnyAccess = Access | SystemAccess


def authorize_system(deps: Dependencies, consumer: Consumer, share_id: str) -> SystemAccess:
    """Decide whether the system may read the share's documents back.

    Raises: NotFound; Gone or Frozen, only for the share's own system; Unavailable if the node's clock is wrong.
    """
    check_clock(deps)
    with deps.database.read() as tx:
        share, integration_id, decision = _decide(deps, tx, consumer, share_id)
        if not isinstance(decision, Denied):
            return SystemAccess(consumer, existing(share), existing(integration_id), deps.clock.now())
        if decision.reason in SHOWN_TO_RECIPIENTS:
            raise gone_error(tx, existing(share), decision.reason)
    raise NotFound(decision.reason.value)


def _decide(
    deps: Dependencies, tx: Transaction, consumer: Consumer, share_id: str
) -> tuple[Share | None, str | None, Decision]:
    share, now = tx.shares.get(share_id), deps.clock.now()
    if share is None:
        return None, None, may_read_back(None, None, now, stop=None)
    living = tx.integrations.of_organization(consumer.organization.value)
    mine = next((one.id for one, account in living if account.id == share.account_id), None)
    return share, mine, may_read_back(share, mine, now, stop=stop_of(tx, share))


def reauthorize(deps: Dependencies, access: AnyAccess) -> None:
    """Decide again, now. Raises: as ``authorize`` or ``authorize_system``."""
    if isinstance(access, SystemAccess):
        authorize_system(deps, access.consumer, access.share.id)
    else:
        authorize(deps, access.person, access.share.id)


def may_continue(deps: Dependencies, access: AnyAccess) -> bool:
    """Return whether a running response may continue. Called every few seconds."""
    if isinstance(access, Access):
        return still_authorized(deps, access)
    with deps.database.read() as tx:
        _, _, decision = _decide(deps, tx, access.consumer, access.share.id)
    return not isinstance(decision, Denied)
