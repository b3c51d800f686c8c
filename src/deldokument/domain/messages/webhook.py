"""Webhooks: event types for a fagsystem, and the rules for target addresses (SSRF protection).

A registered URL makes the service send requests from inside its own network. So a URL must be https to a name on the
public internet. An address not known to be public is treated as private and refused.

Guarantees:
- Registration and every delivery apply the same rule.

Resolves no names and sends nothing.

Sources: IANA's special-purpose address registries for IPv4 and IPv6; RFC 6890, 6052, 3056, 4380.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, Self
from urllib.parse import urlsplit

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import InvalidInput

MAX_WEBHOOKS: Final = 10
"""Maximum number of webhooks of an integration."""
MAX_URL_LENGTH: Final = 2000
MAX_FAILURE_PERIOD: Final = timedelta(days=3)
"""How long a webhook may fail without a single success before it is disabled."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class WebhookEvent(StrEnum):
    """Event types of webhooks, in the past tense."""

    PUBLISHED = "share.published"
    OPENED = "share.opened"
    DOWNLOADED = "document.downloaded"
    RECEIVED = "document.received"
    RECIPIENT_ADDED = "recipient.added"
    RECIPIENT_REMOVED = "recipient.removed"
    DOCUMENT_ADDED = "document.added"
    DOCUMENT_REMOVED = "document.removed"
    CORRECTED = "share.corrected"
    INFECTED = "document.infected"
    ACCESS_REQUESTED = "share.access_requested"
    EXTENDED = "share.extended"
    WITHDRAWN = "share.withdrawn"
    ENDED = "share.ended"
    REPORT_READY = "share.report_ready"


WEBHOOK_EVENTS: Final = {
    EventKind.SHARE_PUBLISHED: WebhookEvent.PUBLISHED,
    EventKind.SHARE_OPENED: WebhookEvent.OPENED,
    EventKind.DOCUMENT_DOWNLOADED: WebhookEvent.DOWNLOADED,
    EventKind.DOCUMENTS_CONFIRMED: WebhookEvent.RECEIVED,
    EventKind.RECIPIENT_ADDED: WebhookEvent.RECIPIENT_ADDED,
    EventKind.RECIPIENT_REMOVED: WebhookEvent.RECIPIENT_REMOVED,
    EventKind.DOCUMENT_ADDED: WebhookEvent.DOCUMENT_ADDED,
    EventKind.DOCUMENT_REMOVED: WebhookEvent.DOCUMENT_REMOVED,
    EventKind.SHARE_CORRECTED: WebhookEvent.CORRECTED,
    EventKind.CONFIDENTIALITY_CHANGED: WebhookEvent.CORRECTED,
    EventKind.DOCUMENT_INSPECTED: WebhookEvent.INFECTED,
    EventKind.ACCESS_REQUESTED: WebhookEvent.ACCESS_REQUESTED,
    EventKind.EXPIRY_CHANGED: WebhookEvent.EXTENDED,
    EventKind.SHARE_WITHDRAWN: WebhookEvent.WITHDRAWN,
    EventKind.SHARE_ENDED: WebhookEvent.ENDED,
    EventKind.SHARE_KEY_DESTROYED: WebhookEvent.REPORT_READY,
}
"""Audit events that are sent to webhooks, with their event types."""


class DisabledFor(StrEnum):
    """Reason why a webhook is disabled."""

    GONE = "gone"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Subscription of an integration's systems to events of the account.

    ``failing_since``: the first failure after the last success. ``revision`` counts the changes that take rights away.
    """

    id: str
    integration_id: str
    sealed_url: bytes
    sealed_secret: bytes
    events: frozenset[WebhookEvent]
    created_at: datetime
    failing_since: datetime | None = None
    disabled_at: datetime | None = None
    disabled_for: DisabledFor | None = None
    revision: int = 1

    def disable(self, now: datetime, why: DisabledFor) -> Self:
        """Return the webhook, disabled for this reason."""
        return replace(self, disabled_at=now, disabled_for=why, revision=self.revision + 1)

    def has_failed_too_long(self, now: datetime) -> bool:
        """Return whether it has failed for so long that it must be disabled."""
        return self.failing_since is not None and now - self.failing_since >= MAX_FAILURE_PERIOD


@dataclass(frozen=True, slots=True)
class AddressRule:
    """Permitted targets: public addresses, and private ``networks`` that the operator configures.

    Networks of the service's own machines may have public addresses. The operator's ``denied`` networks are never
    permitted; the networks of this machine's interfaces (``own``) are permitted only if ``networks`` contains them.
    ``private``, for demo and tests only: any address and port, without TLS.
    """

    ports: frozenset[int] = frozenset({443})
    networks: frozenset[Network] = frozenset()
    denied: frozenset[Network] = frozenset()
    own: frozenset[Network] = frozenset()
    private: bool = False

    def admits(self, address: Address) -> bool:
        """Return whether a connection to the address is permitted."""
        if self.private:
            return True
        if _is_in(address, self.denied):
            return False
        return _is_in(address, self.networks) or (is_public(address) and not _is_in(address, self.own))


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """A checked URL in its components. ``path`` includes the query."""

    secure: bool
    host: str
    port: int
    path: str


_PRINTABLE = re.compile(r"[!-~]+")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MAX_HOST_LENGTH: Final = 253
_HIGHEST_PORT: Final = 65535


def parse_url(text: str, rule: AddressRule) -> WebhookUrl:
    """Return the URL of a webhook.

    Accepts only spellings that every URL parser reads alike: a plain address or a DNS name.
    Raises: InvalidInput if it is malformed or the rule does not permit it.
    """
    if len(text) > MAX_URL_LENGTH:
        raise InvalidInput("url", "webhook_url_length", longest=MAX_URL_LENGTH)
    if not _PRINTABLE.fullmatch(text) or "\\" in text or "#" in text:
        raise InvalidInput("url", "webhook_url_malformed")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidInput("url", "webhook_url_malformed") from None
    if parts.scheme not in {"https", "http"} or "@" in parts.netloc or not parts.hostname:
        raise InvalidInput("url", "webhook_url_malformed")
    if "[" in parts.netloc and not isinstance(_literal(parts.hostname), IPv6Address):
        # IPvFuture (RFC 3986, 3.2.2): urlsplit removes the brackets, and a name would be left.
        raise InvalidInput("url", "webhook_url_malformed")
    if parts.scheme == "http" and not rule.private:
        raise InvalidInput("url", "webhook_url_not_https")
    secure = parts.scheme == "https"
    port = (443 if secure else 80) if port is None else port
    if not 0 < port <= _HIGHEST_PORT or not (rule.private or port in rule.ports):
        raise InvalidInput("url", "webhook_url_port")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return WebhookUrl(secure, _checked_host(parts.hostname, rule), port, path)


def _checked_host(host: str, rule: AddressRule) -> str:
    """Return the host in lower case.

    Refuses names of one label, which belong to a private network, and numbers in unusual notation.
    """
    if "%" in host:
        raise InvalidInput("url", "webhook_url_malformed")
    address = _literal(host)
    if address is not None:
        if not rule.admits(address):
            raise InvalidInput("url", "webhook_url_private")
        return host
    labels = host.split(".")
    well_formed = len(host) <= _MAX_HOST_LENGTH and all(map(_LABEL.fullmatch, labels))
    if not well_formed or _NUMERIC.fullmatch(labels[-1]):
        raise InvalidInput("url", "webhook_url_malformed")
    if len(labels) == 1 and not rule.private:
        raise InvalidInput("url", "webhook_url_private")
    return host


def _is_in(address: Address, networks: frozenset[Network]) -> bool:
    return any(address in network for network in networks)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


_PRIVATE_IPV4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # a public number, but in Azure it is the host of the virtual machine
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_IPV6: Final = IPv6Network("2000::/3")
"""Global unicast. Addresses that embed an IPv4 address (mapped, compatible, NAT64) are outside it."""
_PRIVATE_IPV6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, including Teredo
        "2001:db8::/32",
        "2002::/16",  # 6to4: contains an IPv4 address
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)


def is_public(address: Address) -> bool:
    """Return whether the address can be reached from the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _PRIVATE_IPV4)
    return address in _GLOBAL_IPV6 and not any(address in network for network in _PRIVATE_IPV6)


def parse_events(names: list[str]) -> frozenset[WebhookEvent]:
    """Return the set of named events.

    Raises: InvalidInput if it is empty or a name is unknown.
    """
    try:
        events = frozenset(map(WebhookEvent, names))
    except ValueError:
        raise InvalidInput("events", "webhook_event_unknown") from None
    if not events:
        raise InvalidInput("events", "webhook_events_missing")
    return events
