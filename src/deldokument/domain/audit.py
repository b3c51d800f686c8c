"""Audit events, and the hash chain that links each event to the previous one.

An event contains no identifier of a person: ``subject_id`` is random. Identifiers are in a separate table, which can be
erased. The hash chain covers only permanent data, so erasing does not break it. Module chain verifies a chain.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

GENESIS = bytes(32)
"""Previous hash of the first event in a chain."""
NO_TENANT = "-"
"""Key of the chain for events that concern no tenant."""

EventContent = tuple[str, str, str | None, str | None, Mapping[str, str | int]]
"""Content of an event, as in its JSON: time, kind, share, subject, details."""


class EventKind(StrEnum):
    """All kinds of audit events, in the past tense."""

    TENANT_CREATED = "tenant_created"
    TENANT_RULES_CHANGED = "tenant_rules_changed"
    TENANT_FROZEN = "tenant_frozen"
    TENANT_UNFROZEN = "tenant_unfrozen"
    TENANT_ACTIVATED = "tenant_activated"
    TENANT_EXPORTED = "tenant_exported"
    TENANT_ENDED = "tenant_ended"
    TENANT_FORGOTTEN = "tenant_forgotten"
    DELETION_RECORDED = "deletion_recorded"
    AGREEMENT_PUBLISHED = "agreement_published"
    MAIN_AGREEMENT_RECORDED = "main_agreement_recorded"
    SIGNING_BEGUN = "signing_begun"
    SIGNING_REFUSED = "signing_refused"
    SERVICE_AGREEMENT_SIGNED = "service_agreement_signed"
    ASSESSMENT_RECORDED = "assessment_recorded"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_RENAMED = "account_renamed"
    ACCOUNT_RULES_CHANGED = "account_rules_changed"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_REOPENED = "account_reopened"
    ACCOUNT_DELETED = "account_deleted"
    ACCOUNT_DELETION_UNDONE = "account_deletion_undone"
    ACCOUNT_ENDED = "account_ended"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_UNFROZEN = "account_unfrozen"
    INTEGRATION_ADDED = "integration_added"
    INTEGRATION_CHANGED = "integration_changed"
    INTEGRATION_REMOVED = "integration_removed"
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_REMOVED = "webhook_removed"
    WEBHOOK_DISABLED = "webhook_disabled"
    MEMBER_ADDED = "member_added"
    MEMBER_CONFIRMED = "member_confirmed"
    MEMBER_ABSENT = "member_absent"
    MEMBER_PRESENT = "member_present"
    MEMBER_REMOVED = "member_removed"
    MEMBER_ERASED = "member_erased"
    ADMINISTRATOR_ADDED = "administrator_added"
    ADMINISTRATOR_ANNOUNCED = "administrator_announced"
    ADMINISTRATOR_CONFIRMED = "administrator_confirmed"
    ADMINISTRATOR_REMOVED = "administrator_removed"
    OPERATOR_ADDED = "operator_added"
    OPERATOR_REMOVED = "operator_removed"
    EVENT_LOG_OPENED = "event_log_opened"
    EVENT_LOG_EXPORTED = "event_log_exported"
    LOGGED_IN = "logged_in"
    LOGGED_OUT = "logged_out"
    ADDRESS_CONFIRMED = "address_confirmed"
    ADDRESS_REMOVED = "address_removed"
    DRAFT_STARTED = "draft_started"
    DRAFT_CHANGED = "draft_changed"
    DRAFT_HANDED_OVER = "draft_handed_over"
    DRAFT_ABANDONED = "draft_abandoned"
    DRAFT_RESTORED = "draft_restored"
    DOCUMENT_COMPLETED = "document_completed"
    DOCUMENT_REMOVED = "document_removed"
    DOCUMENT_ADDED = "document_added"
    DOCUMENT_TAKEN_BACK = "document_taken_back"
    DOCUMENT_INSPECTED = "document_inspected"
    DOCUMENT_RELEASED = "document_released"
    DOCUMENT_HELD = "document_held"
    SHARE_PROPOSED = "share_proposed"
    SHARE_APPROVED = "share_approved"
    PROPOSAL_RETURNED = "proposal_returned"
    SHARE_PUBLISHED = "share_published"
    SHARE_UNPUBLISHED = "share_unpublished"
    SHARE_OPENED = "share_opened"
    SHARE_DENIED = "share_denied"
    REFUSALS_LIMITED = "refusals_limited"
    DOCUMENT_DOWNLOADED = "document_downloaded"
    DOCUMENTS_CONFIRMED = "documents_confirmed"
    WARNING_CONFIRMED = "warning_confirmed"
    DOCUMENT_READ_BACK = "document_read_back"
    READ_BACK_ENDED = "read_back_ended"
    DOCUMENT_COPIED = "document_copied"
    NUMBERS_DISCLOSED = "numbers_disclosed"
    RECIPIENT_ADDED = "recipient_added"
    RECIPIENT_REMOVED = "recipient_removed"
    CHANGE_PROPOSED = "change_proposed"
    CHANGE_APPROVED = "change_approved"
    CHANGE_RETURNED = "change_returned"
    SHARE_CORRECTED = "share_corrected"
    CONFIDENTIALITY_CHANGED = "confidentiality_changed"
    EXPIRY_CHANGED = "expiry_changed"
    SHARE_WITHDRAWN = "share_withdrawn"
    SHARE_FROZEN = "share_frozen"
    SHARE_UNFROZEN = "share_unfrozen"
    SHARE_ENDED = "share_ended"
    SHARE_KEY_DESTROYED = "share_key_destroyed"
    SHARE_ERASED = "share_erased"
    REMINDER_REQUESTED = "reminder_requested"
    ACCESS_REQUESTED = "access_requested"
    ACCESS_REFUSED = "access_refused"
    RECIPIENT_NOTIFIED = "recipient_notified"
    MESSAGE_GIVEN_UP = "message_given_up"
    AUDIT_KEY_DESTROYED = "audit_key_destroyed"
    CLOCK_CONFIRMED = "clock_confirmed"
    EARLY_ENDS_HALTED = "early_ends_halted"
    EARLY_ENDS_CONFIRMED = "early_ends_confirmed"
    ORPHANS_SWEPT = "orphans_swept"
    ROW_DAMAGED = "row_damaged"
    DATABASE_RESTORED = "database_restored"


BY_RECIPIENTS = frozenset(
    {
        EventKind.SHARE_OPENED,
        EventKind.DOCUMENT_DOWNLOADED,
        EventKind.DOCUMENTS_CONFIRMED,
        EventKind.WARNING_CONFIRMED,
        EventKind.ACCESS_REQUESTED,
    }
)
"""Events of a share whose subject is a recipient. Sharers see the masked number."""
BY_OPERATORS = frozenset({EventKind.SHARE_FROZEN, EventKind.SHARE_UNFROZEN})
"""Events of a share whose subject is an operator, whom sharers do not see."""
REVISING = frozenset(
    {
        EventKind.DRAFT_STARTED,
        EventKind.DRAFT_CHANGED,
        EventKind.DRAFT_HANDED_OVER,
        EventKind.DRAFT_ABANDONED,
        EventKind.DRAFT_RESTORED,
        EventKind.SHARE_PROPOSED,
        EventKind.PROPOSAL_RETURNED,
        EventKind.SHARE_PUBLISHED,
        EventKind.SHARE_UNPUBLISHED,
        EventKind.RECIPIENT_ADDED,
        EventKind.RECIPIENT_REMOVED,
        EventKind.DOCUMENT_REMOVED,
        EventKind.DOCUMENT_ADDED,
        EventKind.DOCUMENT_INSPECTED,
        EventKind.DOCUMENT_RELEASED,
        EventKind.DOCUMENT_HELD,
        EventKind.SHARE_CORRECTED,
        EventKind.READ_BACK_ENDED,
        EventKind.CONFIDENTIALITY_CHANGED,
        EventKind.EXPIRY_CHANGED,
        EventKind.CHANGE_PROPOSED,
        EventKind.CHANGE_APPROVED,
        EventKind.CHANGE_RETURNED,
        EventKind.SHARE_WITHDRAWN,
        EventKind.SHARE_FROZEN,
        EventKind.SHARE_UNFROZEN,
        EventKind.SHARE_ENDED,
    }
)
"""Events about a change of what decides about a share. The event's details have the share's next ``revision``."""

NAMING_DOCUMENTS = frozenset(
    {
        EventKind.SHARE_PROPOSED,
        EventKind.SHARE_APPROVED,
        EventKind.SHARE_PUBLISHED,
        EventKind.DOCUMENT_ADDED,
        EventKind.DOCUMENT_REMOVED,
    }
)
"""Events whose detail ``versions`` is the digest of the share's documents, once they are fixed."""

ROW_EVENTS = (
    EventKind.ACCOUNT_CREATED,
    EventKind.ACCOUNT_RENAMED,
    EventKind.ACCOUNT_RULES_CHANGED,
    EventKind.ACCOUNT_CLOSED,
    EventKind.ACCOUNT_REOPENED,
    EventKind.ACCOUNT_DELETED,
    EventKind.ACCOUNT_DELETION_UNDONE,
    EventKind.ACCOUNT_ENDED,
    EventKind.ACCOUNT_FROZEN,
    EventKind.ACCOUNT_UNFROZEN,
    EventKind.INTEGRATION_ADDED,
    EventKind.INTEGRATION_CHANGED,
    EventKind.INTEGRATION_REMOVED,
    EventKind.WEBHOOK_ADDED,
    EventKind.WEBHOOK_DISABLED,
    EventKind.WEBHOOK_REMOVED,
    EventKind.MEMBER_ADDED,
    EventKind.MEMBER_ABSENT,
    EventKind.MEMBER_PRESENT,
    EventKind.MEMBER_REMOVED,
    EventKind.MEMBER_ERASED,
    EventKind.ADMINISTRATOR_ADDED,
    EventKind.ADMINISTRATOR_REMOVED,
    EventKind.OPERATOR_ADDED,
    EventKind.OPERATOR_REMOVED,
)
"""Events about a row that decides about access: the one that the first of ``ROW_DETAILS`` in their details names."""
ROW_DETAILS = ("webhook", "integration", "member", "administrator", "operator", "account")
TENANT_ROW_EVENTS = (
    EventKind.TENANT_CREATED,
    EventKind.TENANT_RULES_CHANGED,
    EventKind.TENANT_FROZEN,
    EventKind.TENANT_UNFROZEN,
    EventKind.TENANT_ACTIVATED,
    EventKind.TENANT_ENDED,
    EventKind.TENANT_FORGOTTEN,
)
"""Events about the row of the tenant to whose chain they belong."""
REMOVALS = (
    EventKind.INTEGRATION_REMOVED,
    EventKind.WEBHOOK_REMOVED,
    EventKind.MEMBER_REMOVED,
    EventKind.ADMINISTRATOR_REMOVED,
    EventKind.OPERATOR_REMOVED,
)
"""Events after which a row gives nothing any more. A person or system that is added again gets a new row."""
TAKING_AWAY = frozenset(
    {
        *REMOVALS,
        EventKind.TENANT_RULES_CHANGED,
        EventKind.TENANT_FROZEN,
        EventKind.TENANT_ENDED,
        EventKind.ACCOUNT_RULES_CHANGED,
        EventKind.ACCOUNT_CLOSED,
        EventKind.ACCOUNT_DELETED,
        EventKind.ACCOUNT_FROZEN,
        EventKind.INTEGRATION_CHANGED,
        EventKind.MEMBER_PRESENT,
        EventKind.DRAFT_HANDED_OVER,
        EventKind.RECIPIENT_REMOVED,
        EventKind.DOCUMENT_REMOVED,
        EventKind.DOCUMENT_HELD,
        EventKind.CONFIDENTIALITY_CHANGED,
        EventKind.EXPIRY_CHANGED,
        EventKind.READ_BACK_ENDED,
        EventKind.SHARE_UNPUBLISHED,
        EventKind.SHARE_WITHDRAWN,
        EventKind.SHARE_FROZEN,
    }
)
"""Events that take something away, or may do so. An older copy of the database gives it back."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One audit event. ``details`` holds only codes, counts and random ids."""

    at: datetime
    kind: EventKind
    tenant_id: str | None = None
    share_id: str | None = None
    subject_id: str | None = None
    details: Mapping[str, str | int] | None = None

    @property
    def chain(self) -> str:
        """Key of the event's chain: the tenant, or a common key for events that concern no tenant."""
        return self.tenant_id or NO_TENANT

    @property
    def is_download(self) -> bool:
        """Whether the event says that every byte of a document has been sent to a person for the first time."""
        return self.kind is EventKind.DOCUMENT_DOWNLOADED and bool((self.details or {}).get("whole"))

    @property
    def row(self) -> tuple[str, str] | None:
        """Kind and id of the row with a tag that the event is about; None for other events."""
        if self.kind in TENANT_ROW_EVENTS:
            return "tenant", self.chain
        if self.kind not in ROW_EVENTS:
            return None
        details = self.details or {}
        return next(((name, str(details[name])) for name in ROW_DETAILS if name in details), None)

    def content(self) -> EventContent:
        """Return the content that the hash covers."""
        return instant_text(self.at), self.kind.value, self.share_id, self.subject_id, dict(self.details or {})

    def link(self, number: int, previous: bytes) -> bytes:
        """Return the event's hash as number ``number`` of its chain, after the event whose hash is ``previous``."""
        return link(self.chain, number, previous, self.content())


def instant_text(at: datetime) -> str:
    """Return an instant in the form that hashes and signatures cover: UTC, with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def link(chain: str, number: int, previous: bytes, content: EventContent) -> bytes:
    """Return the SHA-256 of the previous hash followed by chain, number and content in canonical JSON."""
    return hashlib.sha256(previous + canonical([chain, number, *content])).digest()


def canonical(value: object) -> bytes:
    """Return the canonical JSON that is hashed and signed.

    Raises: ValueError or TypeError if the value has none.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return text.encode("ascii")
