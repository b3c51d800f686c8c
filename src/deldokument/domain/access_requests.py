"""Requests of recipients: for more time while a share is open, for a new share once it is over.

    possible ──the recipient asks──> asked ──yes: a later end──> none
                                       ├──yes: a new share───> answered
                                       └──no, with a reason──> refused ──the share is over──> possible

Guarantees:
- A recipient has at most one request that waits for an answer.
- After a no, the recipient cannot ask for the same thing again.

Decides nothing about access: an answer is a change of the end, or a new share, with the rules of both.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from deldokument.domain.errors import existing
from deldokument.domain.share import Recipient, Share, ShareState

REQUEST_PERIOD = timedelta(days=7)
"""How long before the end a recipient can ask for more time."""
REASON_LENGTH = 500


class RequestState(StrEnum):
    """State of a recipient's request, the most important one first."""

    POSSIBLE = "possible"
    ASKED = "asked"
    REFUSED = "refused"
    ANSWERED = "answered"
    NONE = "none"


def request_state(share: Share, recipient: Recipient, now: datetime) -> RequestState:
    """Return the state of the recipient's request about a published share."""
    is_over = not share.is_open_at(now)
    end = existing(share.closed_at if share.state is ShareState.WITHDRAWN else share.expires_at)
    asked = recipient.requested_at
    if asked is None or (is_over and asked < end and not recipient.is_asking):
        return RequestState.POSSIBLE if is_over or end - now <= REQUEST_PERIOD else RequestState.NONE
    if recipient.is_asking:
        return RequestState.ASKED
    return RequestState.ANSWERED if recipient.sealed_refusal is None else RequestState.REFUSED
