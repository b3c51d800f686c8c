"""Refusals: the event of a denial, the limit on how often a person may be refused, and the alarm.

Guarantees:
- The same person, share and reason give one event in ten minutes, so that nobody can flood a tenant's event chain.
- A person over the limit gets the same answer for every id, real or not.
- The first refusal over the limit in an hour is an event in the operator's chain, and a line in the log.

A rightful recipient is never limited, and nobody is while Altinn does not answer.
"""

import logging
from datetime import timedelta

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import RateLimited
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.shares.policy import Reason
from deldokument.domain.shares.share import Share
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.rate_limit import RateLimit, consume_in
from deldokument.store.transaction import Transaction

log = logging.getLogger("deldokument.refusals")
SHOWN_TO_RECIPIENTS = frozenset({Reason.OVER, Reason.FROZEN, Reason.DELETED, Reason.BEHIND})
"""Reasons that only a person with a right to the share is given."""
_UNLIMITED = SHOWN_TO_RECIPIENTS | {Reason.RIGHTS_UNKNOWN}
_ONE_EVENT = RateLimit("share_denied", 1, timedelta(minutes=10))
_ONE_ALARM = RateLimit("refusals_limited", 1, timedelta(hours=1))


def record_refusal(
    deps: Dependencies, tx: Transaction, person: PersonIdentifier, share: Share | None, reason: Reason
) -> RateLimited | None:
    """Record a refusal, and count it; return the error if the person has been refused too often.

    The error is not raised, because the transaction must be committed.
    """
    if share is not None and not share.intact:
        # Neither its tenant nor its audit key can be trusted. The alarm for the row names the share.
        share = None
    if _is_first(deps, tx, _ONE_EVENT, f"{person.value} {share.id if share else ''} {reason.value}"):
        record_event(deps, tx, EventKind.SHARE_DENIED, share=share, person=person, reason=reason.value)
    if reason in _UNLIMITED:
        return None
    limit = RateLimit("refusal_limit", deps.config.refusals_per_hour)
    status = consume_in(deps, tx, limit, person.value)
    if not status.retry_seconds:
        return None
    if _is_first(deps, tx, _ONE_ALARM, person.value):
        record_event(deps, tx, EventKind.REFUSALS_LIMITED, person=person)
        log.warning("a person has been refused more than %d times in an hour", limit.calls)
    return RateLimited(limit.name, wait_seconds=status.retry_seconds)


def _is_first(deps: Dependencies, tx: Transaction, limit: RateLimit, what: str) -> bool:
    return not consume_in(deps, tx, limit, what).retry_seconds
