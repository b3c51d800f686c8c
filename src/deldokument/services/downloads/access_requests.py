"""Recipients' requests for more time, or for a new share once the share is over.

Guarantees:
- Only a person who may open the share, or could until it was over, can ask.
- While a request waits, repeating it has no effect: a recipient has one request, one event and one e-mail.

Answers are in `services.shares.recipients.access_requests`.
"""

from dataclasses import replace

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.shares.access_requests import RequestState, request_state
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.downloads.access import identify


def request_access(deps: Dependencies, person: PersonIdentifier, share_id: str) -> None:
    """Record a request of every recipient on whose behalf the person acts, unless all have asked already.

    Raises: as ``identify``; Conflict if the end is more than a week away, or if the sharer has withdrawn the share.
    """
    found, recipient_ids = identify(deps, person, share_id)
    with deps.database.write() as tx:
        share, now = require(tx.shares.lock(found.id), "share"), deps.clock.now()
        own = [one for one in tx.shares.recipients([share.id]) if one.id in recipient_ids]
        states = {one.id: request_state(share, one, now) for one in own}
        if set(states.values()) == {RequestState.NONE}:
            raise Conflict("request_closed" if share.is_over_at(now) else "request_too_early")
        asking = [one for one in own if states[one.id] is RequestState.POSSIBLE]
        for one in asking:
            tx.shares.save_recipient(replace(one, requested_at=now, answered_at=None, sealed_refusal=None))
        if asking:
            record_event(deps, tx, EventKind.ACCESS_REQUESTED, share=share, person=person)
