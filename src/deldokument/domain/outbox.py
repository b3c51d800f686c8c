"""What is to be told to the world outside, one row each, until it has been told or is given up.

    due ──leased, sent──> sent
     │ ^──not taken──┘ later, and later
     └──refused, moot, or for too long in vain──> given up

A message holds codes and random ids, never a text, an address or an identifier: it is put into words at the moment of
sending. Its ``id`` goes with it each time (as idempotency id, Message-ID or event id), so that whoever gets it twice
can tell. Deliberately does not know how anything is sent, nor when there is something to tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

FIRST_PAUSE = timedelta(seconds=30)
MAX_PAUSE = timedelta(hours=6)
LEASE = timedelta(minutes=2)
"""How long whoever has taken a message has it alone: longer than any one attempt takes."""
MAX_ATTEMPTS = 21
"""How often a message is tried, where nothing else ends it: that takes three days."""


class Channel(StrEnum):
    """How a message leaves the house. The registry of services.notifications says how channels differ."""

    ALTINN = "altinn"
    EMAIL = "email"
    WEBHOOK = "webhook"


RECIPIENT_CHANNELS: Final = (Channel.ALTINN,)
"""Channels whose messages are notices to recipients, of the kinds of ports.channels.NoticeKind. Sharers see them."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message as it is kept. ``target`` is the random id of whom or what it is for.

    ``dedup_key`` is what it is told of, in codes and ids: of a channel there is one message for each. ``attempts``
    counts those that have begun. ``last_error`` is a code.
    """

    id: str
    channel: Channel
    kind: str
    tenant_id: str
    share_id: str | None
    target: str
    created_at: datetime
    due_at: datetime
    details: Mapping[str, str | int] = field(default_factory=dict)
    dedup_key: str | None = None
    attempts: int = 0
    sent_at: datetime | None = None
    given_up_at: datetime | None = None
    last_error: str = ""


class Result(StrEnum):
    """What came of an attempt."""

    SENT = "sent"
    AGAIN = "again"
    """Not taken, for now."""
    REFUSED = "refused"
    """Never to be taken."""
    MOOT = "moot"
    """Not tried: there is nothing to tell any more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt; ``code`` says why it was not sent."""

    result: Result
    code: str = ""


SENT = Outcome(Result.SENT)


def again(code: str) -> Outcome:
    """It will be tried later."""
    return Outcome(Result.AGAIN, code)


def refused(code: str) -> Outcome:
    """It will not be tried any more."""
    return Outcome(Result.REFUSED, code)


def moot(code: str) -> Outcome:
    """There is nothing to tell any more."""
    return Outcome(Result.MOOT, code)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after that many attempts in vain: half a minute, doubled each time, six hours at most."""
    doublings: int = min(attempts - 1, MAX_ATTEMPTS)
    return min(FIRST_PAUSE * (1 << doublings), MAX_PAUSE)
