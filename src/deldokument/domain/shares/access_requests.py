"""Requests of recipients: for more time while a share is open, for a new share once it is over.

    possible ──the recipient asks──> asked ──yes: a later end──> none
                                       ├──a draft is begun──> begun ──published──> answered
                                       └──no, with a reason──> refused ──the share is over──> possible

If the draft is abandoned or the new share undone, the request returns to its earlier state.

Guarantees:
- A recipient has at most one request that waits for an answer.
- After a withdrawal nobody can ask, unless the sharer has invited the recipients to.
- After a refusal, the recipient cannot repeat the request.

A request gives no access. The answer is a later end or a new share, under the usual rules.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from deldokument.domain.errors import existing
from deldokument.domain.shares.share import Recipient, Share, ShareState

REQUEST_PERIOD = timedelta(days=7)
"""How long before the end a recipient can ask for more time."""
REASON_LENGTH = 500


class RequestState(StrEnum):
    """State of a recipient's request, the most important one first."""

    POSSIBLE = "possible"
    ASKED = "asked"
    BEGUN = "begun"
    REFUSED = "refused"
    ANSWERED = "answered"
    NONE = "none"


def request_state(share: Share, recipient: Recipient, now: datetime, begun_at: datetime | None = None) -> RequestState:
    """Return the state of the recipient's request about a published share.

    ``begun_at``: when the newest draft was begun that will answer requests about the share; None if there is none.
    """
    is_over = not share.is_open_at(now)
    end = existing(share.closed_at if share.state is ShareState.WITHDRAWN else share.expires_at)
    asked = recipient.requested_at
    if asked is None or (is_over and asked < end and not recipient.is_asking):
        return RequestState.POSSIBLE if _may_ask(share, end, now) else RequestState.NONE
    if recipient.is_asking:
        return RequestState.BEGUN if is_begun(asked, begun_at) else RequestState.ASKED
    return RequestState.ANSWERED if recipient.sealed_refusal is None else RequestState.REFUSED


def _may_ask(share: Share, end: datetime, now: datetime) -> bool:
    """Return whether a recipient may ask.

    After a withdrawal it needs an invitation: the recipient may have been a mistake.
    """
    if share.state is ShareState.WITHDRAWN:
        return share.invites
    return end - now <= REQUEST_PERIOD


def is_begun(asked: datetime, begun_at: datetime | None) -> bool:
    """Return whether ``begun_at``, when the newest draft of a new share was begun, is after the recipient's request."""
    return begun_at is not None and asked <= begun_at
