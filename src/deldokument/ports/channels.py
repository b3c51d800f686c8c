"""Contracts of the channels to the outside: e-mail, notices and webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from deldokument.domain.addresses import Language
from deldokument.domain.identifiers import Identifier
from deldokument.domain.outbox import Outcome


class EmailKind(StrEnum):
    """What letters tell."""

    CODE = "address_code"
    DOWNLOADED = "downloaded"
    ENDING = "ending_soon"
    APPROVAL = "approval_wanted"
    SIGNATURE = "signature_wanted"


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail to one address. ``id`` and ``at`` are the same each time it is sent, and so are its bytes."""

    id: str
    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    language: Language
    at: datetime


class EmailSender(Protocol):
    """A mail server that takes letters."""

    def send(self, letter: Email) -> Outcome:
        """Hand it over: sent, to be tried again, or refused for good. Raises nothing for what servers do."""
        ...


class NoticeKind(StrEnum):
    """What notices tell recipients."""

    SHARED = "shared"
    WEEK_LEFT = "week_left"
    DAY_LEFT = "day_left"


@dataclass(frozen=True, slots=True)
class Notice:
    """What one recipient is told. ``id`` is the same each time it is sent.

    Whoever delivers it asks at ``condition_url``, just before, whether it still applies.
    """

    id: str
    recipient: Identifier = field(repr=False)
    subject: str
    body: str
    text: str
    """The text message."""
    sender: str
    """Whom the text message is from."""
    condition_url: str


class Notices(Protocol):
    """Altinn's notices: it looks up where a person or an organisation is reached."""

    def send(self, notice: Notice) -> Outcome:
        """Order it: sent once however often it is ordered under its id, or refused for good.

        Raises Unavailable when nobody knows whether it was taken.
        """
        ...


class WebhookFailure(StrEnum):
    """Why a call got no answer."""

    ADDRESS = "address_refused"
    """The URL leads where this service may not send."""
    SILENT = "not_tried"
    """Not tried, because the other side has just been silent several times on end."""
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    MALFORMED = "not_http"


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """What came of a call: the status of the answer, or what was in its way."""

    status: int = 0
    failure: WebhookFailure | None = None

    @property
    def is_success(self) -> bool:
        """Whether the message was taken."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """In one word."""
        return self.failure.value if self.failure else f"status_{self.status}"


class WebhookSender(Protocol):
    """Calls to addresses that fagsystemer have named."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        """POST the body once, only to where the operator's rule lets it go; follow no redirect. Never raises."""
        ...
