"""Responses of the service as typed values. Unknown fields, of later versions, are ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from deldokument.client.errors import Unreachable
from deldokument.client.settings import is_safe

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_T = TypeVar("_T")
_Model = TypeVar("_Model", bound="DataclassInstance")


@dataclass(frozen=True, slots=True)
class Account:
    """An account that shares belong to.

    ``shortest``, ``standard`` and ``longest`` are the periods for which its shares may be available.
    ``confidential`` and ``notify`` are the defaults of its shares. ``four_eyes``: a second person must approve each.
    """

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

    ``label`` is your own label for the recipient («søker»). ``confirmed``: the number is from your own register.
    """

    number: str
    label: str = ""
    confirmed: bool | None = None

    def body(self) -> dict[str, Any]:
        """Return the recipient as JSON for a request."""
        given: dict[str, Any] = {"number": self.number}
        given |= {"label": self.label} if self.label else {}
        return given | ({} if self.confirmed is None else {"confirmed": self.confirmed})


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient of a share. ``display`` is its number, masked for a person; ``kind`` is person or organization."""

    id: str
    kind: str
    display: str
    name: str
    label: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a share. ``length`` is in bytes; ``offset`` is the number of bytes that the service has.

    ``verdict`` is the result of the malware scan. A service without a scanner gives ``not_scanned`` for a document that
    it could read, else ``error``. It is None until the document has been read, and after the share's end. Later
    versions add values. Only ``clean`` means that a scan found nothing.

    ``handling`` says whether recipients get it. ``waiting``: after the scan. ``released``: now. ``warned``: after a
    warning. ``held``: after a member of the account has released it on the share's page. ``refused``: never. None after
    the end.
    """

    id: str
    name: str
    length: int
    offset: int
    complete: bool
    inspected: bool
    verdict: str | None
    handling: str | None


@dataclass(frozen=True, slots=True)
class Share:
    """A share. ``state`` is draft, available, withdrawn, ended or abandoned.

    ``proposed``: the draft waits for another person's approval. ``proposed_expires_at``: a later end waits.
    ``change_proposed``: another change of the published share waits. ``return_reason``: why a person rejected the last
    proposal of this client; may contain personal data. ``pending_documents``: uploaded beside the published share.
    ``link`` is for the recipients and is not secret.
    """

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
    proposed_expires_at: datetime | None
    change_proposed: bool
    return_reason: str | None
    pending_documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A record that a person opened the share, or downloaded bytes of a document, on behalf of one recipient.

    ``document_id`` is None for an opening. ``person`` is that person's masked number.

    - ``state``: started (partly downloaded), sent (downloaded) or received (confirmed by the person, the only proof of
      receipt). None for an opening
    - ``complete``: the document was downloaded
    - ``direct``: the person's own machine acknowledged the bytes; otherwise a proxy may hold some of them
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
    state: str | None
    direct: bool
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a share.

    ``person`` is the masked recipient who opened or downloaded, ``system`` the organisation whose system acted.
    ``expires_at`` is the end that the event set. Each is None if it does not apply.
    """

    at: datetime
    event: str
    person: str | None
    system: str | None
    document_id: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ticket:
    """Where to upload a document, and a token that is valid only for that."""

    document_id: str
    offset: int
    url: str
    creation_url: str
    token: str


Json = Mapping[str, Any]


def account(found: Json) -> Account:
    """Parse an account of the API."""
    tenant, period = found["tenant"], found["period"]
    return parse(
        Account,
        found,
        organization_number=tenant["organization_number"],
        organization=tenant["name"],
        **{name: timedelta(seconds=period[f"{name}_seconds"]) for name in ("shortest", "standard", "longest")},
    )


def share(found: Json) -> Share:
    """Parse a share of the API."""
    return parse(
        Share,
        found,
        recipients=tuple(parse(Recipient, one) for one in found["recipients"]),
        documents=tuple(parse(Document, one) for one in found["documents"]),
        pending_documents=tuple(parse(Document, one) for one in found["pending_documents"]),
    )


def ticket(found: Json) -> Ticket:
    """Parse the upload of a new document. Raises: ValueError if an address is without TLS."""
    document, upload = found["document"], found["upload"]
    if not (is_safe(upload["url"]) and is_safe(upload["creation_url"])):
        raise ValueError("an upload without TLS")
    return parse(Ticket, upload, document_id=document["id"])


def format_instant(instant: datetime) -> str:
    """Return an instant as the API reads it: RFC 3339 in UTC."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


_READERS: Mapping[Any, Callable[[Any], Any]] = {
    "bool": bool,
    "datetime": datetime.fromisoformat,
    "datetime | None": _instant,
}
"""How a member becomes a field of the type. Members of other types are taken as they are."""


def parse(kind: type[_Model], found: Json, **given: Any) -> _Model:
    """Return the model: ``given`` fields, and all others from the members with the same names."""
    wanted = {one.name: _READERS.get(one.type) for one in fields(kind) if one.name not in given}
    return kind(**{name: read(found[name]) if read else found[name] for name, read in wanted.items()}, **given)


def read_response(parser: Callable[[Json], _T], found: Json) -> _T:
    """Return a parsed response. Raises: Unreachable if it has another format."""
    try:
        return parser(found)
    except (KeyError, TypeError, ValueError) as error:
        raise Unreachable(f"invalid response: unexpected format ({error!r})") from None
