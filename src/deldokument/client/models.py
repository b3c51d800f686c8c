"""What the service tells, as typed values. Fields that it comes to tell later are passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deldokument.client.settings import is_safe


@dataclass(frozen=True, slots=True)
class Account:
    """Where shares belong. ``shortest``, ``standard``, ``longest``: how long its shares may be available."""

    id: str
    name: str
    organization_number: str
    organization: str
    shortest: timedelta
    standard: timedelta
    longest: timedelta
    confidential: bool
    four_eyes: bool
    notify: bool
    archive_question: bool
    closed: bool


@dataclass(frozen=True, slots=True)
class To:
    """A recipient to share with. ``number`` has 11 digits for a person, 9 for an organisation.

    ``label`` is your own word for it («søker»). ``confirmed``: you have the number from a register of your own.
    """

    number: str
    label: str = ""
    confirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient of a share; ``display`` is its number, a person's masked."""

    id: str
    kind: str
    display: str
    name: str
    label: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a share; ``offset`` is how many bytes of it the service has.

    ``verdict`` is ``not_scanned`` for every document that the service could read, as it has no malware scanner;
    ``error`` for one that it could not. None until it has been read, after the share's end, and from a service of an
    earlier version. Later versions add values; only ``clean`` says that it was scanned and nothing was found.
    """

    id: str
    name: str
    length: int
    offset: int
    complete: bool
    inspected: bool
    verdict: str | None


@dataclass(frozen=True, slots=True)
class Share:
    """A share. ``state``: draft, available, withdrawn, ended or abandoned. ``proposed``: waits for an approval."""

    id: str
    account_id: str
    state: str
    proposed: bool
    title: str
    message: str
    reference: str
    confidential: bool
    archived: bool
    notify: bool
    created_at: datetime
    published_at: datetime | None
    expires_at: datetime | None
    closed_at: datetime | None
    link: str
    recipients: tuple[Recipient, ...]
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """That somebody opened the share (``document_id`` None) or was sent bytes of a document, for one recipient.

    ``complete``: every byte of the document was sent. Only then is it downloaded. ``person`` is who did it, masked.
    """

    recipient_id: str
    recipient: str
    document_id: str | None
    document_name: str | None
    event: str
    person: str
    first_at: datetime
    last_at: datetime
    complete: bool


@dataclass(frozen=True, slots=True)
class Ticket:
    """Where a document's bytes go, and the token that allows it and nothing else."""

    document_id: str
    offset: int
    url: str
    creation_url: str
    token: str


Json = Mapping[str, Any]


def account(found: Json) -> Account:
    """An account as the service writes it."""
    tenant, period = found["tenant"], found["period"]
    return Account(
        id=found["id"],
        name=found["name"],
        organization_number=tenant["organization_number"],
        organization=tenant["name"],
        shortest=timedelta(seconds=period["shortest_seconds"]),
        standard=timedelta(seconds=period["standard_seconds"]),
        longest=timedelta(seconds=period["longest_seconds"]),
        **{name: bool(found[name]) for name in ("confidential", "four_eyes", "notify", "archive_question", "closed")},
    )


def share(found: Json) -> Share:
    """A share as the service writes it."""
    return Share(
        id=found["id"],
        account_id=found["account_id"],
        state=found["state"],
        proposed=bool(found["proposed"]),
        title=found["title"],
        message=found["message"],
        reference=found["reference"],
        confidential=bool(found["confidential"]),
        archived=bool(found["archived"]),
        notify=bool(found["notify"]),
        created_at=_instant(found["created_at"]),
        published_at=_maybe(found["published_at"]),
        expires_at=_maybe(found["expires_at"]),
        closed_at=_maybe(found["closed_at"]),
        link=found["link"],
        recipients=tuple(
            Recipient(**{name: r[name] for name in ("id", "kind", "display", "name", "label", "confirmed")})
            for r in found["recipients"]
        ),
        documents=tuple(
            Document(
                **{name: d[name] for name in ("id", "name", "length", "offset", "complete", "inspected")},
                verdict=d.get("verdict"),
            )
            for d in found["documents"]
        ),
    )


def receipt(found: Json) -> Receipt:
    """A receipt as the service writes it."""
    return Receipt(
        **{name: found[name] for name in ("recipient_id", "recipient", "document_id", "document_name", "event")},
        person=found["person"],
        first_at=_instant(found["first_at"]),
        last_at=_instant(found["last_at"]),
        complete=bool(found["complete"]),
    )


def ticket(found: Json) -> Ticket:
    """What a document's bytes need, as the service writes it. Raises ValueError for addresses without TLS."""
    document, upload = found["document"], found["upload"]
    if not (is_safe(upload["url"]) and is_safe(upload["creation_url"])):
        raise ValueError("an upload without TLS")
    return Ticket(
        document_id=document["id"],
        offset=upload["offset"],
        url=upload["url"],
        creation_url=upload["creation_url"],
        token=upload["token"],
    )


def written(instant: datetime) -> str:
    """An instant as the service reads it."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)
