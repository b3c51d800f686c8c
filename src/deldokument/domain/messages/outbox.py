"""Transactional outbox: one row per outbound message until it is delivered or abandoned.

    due ──leased, sent──> sent
     │ ^──not accepted──┘ retried after a growing pause
     └──refused, moot, or too many attempts──> given up

A message holds codes and random ids, never a text, an address or an identifier. Its text is rendered when it is sent.
Every attempt carries the ``id`` of the message or of its order, so the receiver can detect a duplicate. It is the
idempotency id, Message-ID or event id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from deldokument.domain.audit import AuditEvent

FIRST_PAUSE = timedelta(seconds=30)
MAX_PAUSE = timedelta(hours=6)
LEASE = timedelta(minutes=2)
"""How long a worker leases a message: longer than any single attempt takes."""
MAX_ATTEMPTS = 21
"""Attempts before a message is given up, unless something else ends it earlier; they take about three days."""


class Channel(StrEnum):
    """Channel of an outbound message. The registry in services.notifications defines how channels differ."""

    ALTINN = "altinn"
    EMAIL = "email"
    WEBHOOK = "webhook"


REPLANNED: Final = "replanned"
"""Code of an abandoned message that is planned anew, for another time."""

RECIPIENT_CHANNEL: Final = Channel.ALTINN
"""The channel of notices to recipients (ports.channels.NoticeKind). Sharers see these messages."""


def is_about_other_message(event: AuditEvent) -> bool:
    """Return whether the event is about an e-mail or a webhook call; lists of a share's events omit these."""
    return (event.details or {}).get("channel", RECIPIENT_CHANNEL) != RECIPIENT_CHANNEL


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message as stored. ``target`` is the random id of the recipient, address or webhook.

    ``dedup_key`` identifies the occasion in codes and ids; it is unique within a channel. ``attempts`` counts started
    attempts. ``last_error`` is a code. ``messages`` is the most text messages that a sent notice may need, charged to
    ``cost_code``. Messages with the same ``order_id`` are sent as one order with that id.
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
    cost_code: str = ""
    messages: int = 0
    order_id: str | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it was sent or abandoned."""
        return self.sent_at is not None or self.given_up_at is not None


class Result(StrEnum):
    """Result of an attempt, as a code."""

    SENT = "sent"
    AGAIN = "again"
    """Not accepted for now; retried."""
    REFUSED = "refused"
    """Never accepted."""
    MOOT = "moot"
    """Not attempted: the message has become irrelevant."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Maximum cost of a sent notice: a number of text messages, charged to the cost code."""

    cost_code: str
    messages: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of an attempt; ``code`` is the reason for failure, ``cost`` the cost of a sent notice.

    ``covered`` are other messages that were sent or refused with it.
    """

    result: Result
    code: str = ""
    cost: Cost | None = None
    covered: tuple[OutgoingMessage, ...] = ()


SENT = Outcome(Result.SENT)


def again(code: str) -> Outcome:
    """Return an outcome that leads to a retry."""
    return Outcome(Result.AGAIN, code)


def refuse(code: str) -> Outcome:
    """Return an outcome that ends the attempts."""
    return Outcome(Result.REFUSED, code)


def make_moot(code: str) -> Outcome:
    """Return an outcome for a message that has become irrelevant."""
    return Outcome(Result.MOOT, code)


def pause_after(attempts: int) -> timedelta:
    """Return the pause after that many failed attempts: 30 seconds, doubled each time, at most six hours."""
    doublings: int = min(attempts - 1, MAX_ATTEMPTS)
    return min(FIRST_PAUSE * (1 << doublings), MAX_PAUSE)
