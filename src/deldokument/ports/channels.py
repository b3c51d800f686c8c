"""Contracts of the outgoing channels: e-mail, notices to recipients, webhooks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from deldokument.domain.identifiers import Identifier
from deldokument.domain.messages.email_addresses import Language
from deldokument.domain.messages.outbox import Outcome
from deldokument.domain.tenants.tenancy import NoticeChannel


class EmailKind(StrEnum):
    """The kinds of e-mail."""

    CODE = "address_code"
    DOWNLOADED = "downloaded"
    ENDING = "ending_soon"
    APPROVAL = "approval_wanted"
    CHANGE = "change_wanted"
    REQUEST = "access_requested"
    SIGNATURE = "signature_wanted"
    MALWARE = "malware_found"
    ABSENT = "marked_absent"
    PRESENT = "marked_present"
    ENTRY = "let_in_by_others"
    HANDOVER = "draft_handed_over"


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail to one address.

    ``id`` and ``at`` are the same at every attempt, and so are the bytes of the message.
    """

    id: str
    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    language: Language
    at: datetime


class EmailSender(Protocol):
    """Sender of e-mail through a mail server."""

    def send(self, letter: Email) -> Outcome:
        """Submit the e-mail; return whether it was sent, can be retried, or was refused for good.

        Raises nothing for failures of the server.
        """
        ...


class NoticeKind(StrEnum):
    """The kinds of notice to recipients."""

    SHARED = "shared"
    WEEK_LEFT = "week_left"
    DAY_LEFT = "day_left"
    REMINDED = "reminded"
    """A reminder that a sharer has asked for."""
    ADDED = "added"
    """Documents were added to a share."""
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice to one recipient. ``id`` is the same at every attempt.

    Just before delivery, Altinn asks ``condition_url`` whether the notice still applies.
    """

    id: str
    recipient: Identifier = field(repr=False)
    subject: str
    body: str
    text: str
    """The text message."""
    sender: str
    """The sender name of the text message."""
    channel: NoticeChannel
    condition_url: str


class Notices(Protocol):
    """Sender of notices: Altinn Notifications, which looks up the contact details of a person or an organisation."""

    def send(self, notice: Notice) -> Outcome:
        """Order the notice; return whether it was ordered or refused for good.

        Idempotent: orders with the same id are sent once. Raises: Unavailable if the outcome is unknown.
        """
        ...


class WebhookFailure(StrEnum):
    """Reason why a webhook call got no HTTP response."""

    ADDRESS = "address_refused"
    """The URL leads to an address that the operator's rule does not allow."""
    SILENT = "not_tried"
    """Not tried: the circuit breaker is open after several calls in a row without a response."""
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    MALFORMED = "not_http"


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """Result of a webhook call: the HTTP status, or the reason why there is none."""

    status: int = 0
    failure: WebhookFailure | None = None

    @property
    def is_success(self) -> bool:
        """Whether the receiver accepted the message (2xx)."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The result as a stored code."""
        return self.failure.value if self.failure else f"status_{self.status}"


class WebhookSender(Protocol):
    """HTTP client for the webhook addresses of fagsystemer."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        """POST the body once, only to an address that the operator's rule allows. Follow no redirect. Never raises."""
        ...
