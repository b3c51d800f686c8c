"""Report of one share: sharer, recipients, documents, receipts, end, and its events in the event chain.

A report is signed part by part: `digests` has the SHA-256 of each part, and one signature covers all of them. So a
verifier can name the changed part. docs/audit.md is normative.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from deldokument.domain.audit import AuditEvent, canonical, instant_text
from deldokument.domain.chain import Mark
from deldokument.domain.shares.share import RecipientKind

FORMAT: Final = "deldokument-share-report"
VERSION: Final = 1
REPORT_LABEL: Final = b"deldokument/share-report/1\n"
SEAL: Final = "seal"
"""The name of the member that signs all others."""


@dataclass(frozen=True, slots=True)
class ReportReceipt:
    """A person (masked) who opened the share, or the state of a document for the person, and since when.

    ``state`` is ``opened``, ``started``, ``sent`` or ``received``. ``direct``: the person's own machine acknowledged
    every byte.
    """

    state: str
    at: datetime
    person: str
    document: str | None = None
    direct: bool = False


@dataclass(frozen=True, slots=True)
class ReportRecipient:
    """A recipient, perhaps removed since. ``number`` is masked unless the report has full numbers.

    ``id`` is for pages only; the JSON identifies a recipient by its number.
    """

    id: str
    kind: RecipientKind
    number: str
    name: str
    label: str
    receipts: tuple[ReportReceipt, ...]
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """A document, perhaps removed since, with the last verdict on it.

    ``sha256`` is in hexadecimal; None if the document was never read whole.
    """

    id: str
    name: str
    length: int
    sha256: str | None
    verdict: str | None
    examined_at: datetime | None
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReportEvent:
    """An event of the share with its place in the chain. No hash of the chain covers ``who``."""

    event: AuditEvent
    place: Mark
    previous: bytes
    who: str


@dataclass(frozen=True, slots=True)
class ShareReport:
    """The content of a report.

    - ``chain``: the key of the event chain, which is the tenant's id
    - ``last``: the last event of the chain when the report was made
    - ``events_left_out``: the report omits earlier events
    - ``key_destroyed``: the event of the destruction of the share key; None before it
    - ``is_proven``: all its sources passed their integrity checks; otherwise it is not signed
    """

    made_at: datetime
    service: str
    has_full_numbers: bool
    chain: str
    last: Mark
    tenant_number: str
    tenant_name: str
    account: str
    share_id: str
    title: str
    reference: str
    confidential: bool
    sharer: str
    state: str
    published_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    recipients: tuple[ReportRecipient, ...]
    documents: tuple[ReportDocument, ...]
    events: tuple[ReportEvent, ...]
    events_left_out: bool
    key_destroyed: ReportEvent | None
    is_proven: bool

    @property
    def is_final(self) -> bool:
        """Whether its content can no longer change: the share has ended and its key is destroyed."""
        return self.key_destroyed is not None

    def content(self, certificate: str) -> dict[str, Any]:
        """Return the report as JSON values, part by part, without the seal. ``certificate`` (PEM) verifies the seal."""
        key = self.key_destroyed
        return {
            "format": FORMAT,
            "version": VERSION,
            "service": self.service,
            "made_at": _instant(self.made_at),
            "final": self.is_final,
            "full_numbers": self.has_full_numbers,
            "share": {
                "id": self.share_id,
                "tenant": {"organization_number": self.tenant_number, "name": self.tenant_name},
                "account": self.account,
                "title": self.title,
                "reference": self.reference,
                "confidential": self.confidential,
                "shared_by": self.sharer,
                "state": self.state,
                "published_at": _instant(self.published_at),
                "expires_at": _instant(self.expires_at),
                "closed_at": _instant(self.closed_at),
            },
            "recipients": [_recipient(recipient) for recipient in self.recipients],
            "documents": [_document(document) for document in self.documents],
            "events": [_event(event) for event in self.events],
            "events_left_out": self.events_left_out,
            "chain": {"id": self.chain, **_mark(self.last)},
            "key_destroyed": {"at": _instant(key.event.at), **_mark(key.place)} if key else None,
            "certificates": [certificate],
        }


def digests(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of each part of a report, in hexadecimal, without the seal."""
    return {name: hashlib.sha256(canonical(part)).hexdigest() for name, part in content.items() if name != SEAL}


def statement(parts: Mapping[str, str]) -> bytes:
    """Return the bytes that the service signs."""
    return REPORT_LABEL + canonical(dict(parts))


def _recipient(recipient: ReportRecipient) -> dict[str, Any]:
    return {
        "kind": recipient.kind,
        "number": recipient.number,
        "name": recipient.name,
        "label": recipient.label,
        "removed_at": _instant(recipient.removed_at),
        "receipts": [
            {"state": one.state, "at": _instant(one.at), "person": one.person}
            | ({"document": one.document, "direct": one.direct} if one.document else {})
            for one in recipient.receipts
        ],
    }


def _document(document: ReportDocument) -> dict[str, Any]:
    instants = {"examined_at": _instant(document.examined_at), "removed_at": _instant(document.removed_at)}
    return asdict(document) | instants


def _event(event: ReportEvent) -> dict[str, Any]:
    at, kind, share, subject, details = event.event.content()
    return {
        "number": event.place.number,
        "at": at,
        "kind": kind,
        "share": share,
        "subject": subject,
        "details": dict(details),
        "previous": event.previous.hex(),
        "hash": event.place.hash.hex(),
        "who": event.who,
    }


def _mark(mark: Mark) -> dict[str, Any]:
    return {"number": mark.number, "hash": mark.hash.hex()}


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)
