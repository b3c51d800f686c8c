"""Request and response models of shares, recipients, documents and receipts."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from deldokument.domain.shares.access_requests import REASON_LENGTH
from deldokument.domain.shares.share import CLOSED, MAX_DOCUMENTS, MAX_RECIPIENTS, ShareState
from deldokument.domain.shares.text_fields import TEXT_FIELDS
from deldokument.domain.shares.typed_texts import LABEL_LENGTH
from deldokument.domain.shares.upload import MAX_LENGTH
from deldokument.services.shares.display.views import DocumentView, ShareView
from deldokument.services.shares.recipients.recipients import RecipientInput as NewRecipient
from deldokument.web.api.models import Given, Instant, Sent, Text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
Title = Annotated[Text, Field(max_length=TEXT_FIELDS["title"].longest, examples=["Vedtak i byggesak"])]
MessageText = Annotated[Text, Field(max_length=TEXT_FIELDS["message"].longest)]
Reference = Annotated[Text, Field(max_length=TEXT_FIELDS["reference"].longest, examples=["26/1042"])]
Id = Annotated[Text, Field(max_length=100)]


class RecipientInput(Sent):
    """A person by fødselsnummer or D-nummer, or an organisation by its number.

    `confirmed`: the number is from a register of your own. The default is true for a person. For an organisation it is
    needed only while Enhetsregisteret does not answer.
    """

    number: Annotated[Text, Field(max_length=40, examples=["21879498012", "312824450"])]
    label: Annotated[Text, Field(max_length=LABEL_LENGTH, examples=["søker"])] = ""
    confirmed: bool | None = None

    def to_service(self) -> NewRecipient:
        """Return the recipient as the services' input."""
        return NewRecipient(self.number, self.label, self.confirmed)


class ShareFields(Sent):
    """Fields of a share. Title, message, reference and `confidential` can be changed after publication too."""

    title: Title | None = None
    message: MessageText | None = None
    reference: Reference | None = None
    confidential: bool | None = None
    archived: bool | None = None
    notify: bool | None = None
    expires_at: Instant | None = None

    def texts(self) -> dict[str, str]:
        """Return the given texts, by name."""
        return {name: text for name in TEXT_FIELDS if (text := getattr(self, name)) is not None}


class ShareInput(ShareFields):
    """A new share. `confidential` and `notify` default to the account's rules."""

    account_id: Id
    recipients: Annotated[list[RecipientInput], Field(max_length=MAX_RECIPIENTS)] | None = None


class ShareChange(ShareFields):
    """Fields to change. A field that is absent or null keeps its value."""

    account_id: Id | None = None


class RecipientsInput(Sent):
    """Recipients to add: all of them or none."""

    recipients: Annotated[list[RecipientInput], Field(min_length=1, max_length=MAX_RECIPIENTS)]


class RecipientChange(Sent):
    """A recipient's new label, in your own words. Recipients do not see it."""

    label: Annotated[Text, Field(max_length=LABEL_LENGTH, examples=["søker"])]


class ExpiryInput(Sent):
    """The new end: the first instant at which the share may no longer be opened."""

    expires_at: Instant


class RefusalInput(Sent):
    """Why recipients who ask get no more time and no new share. They read it on the share's page."""

    reason: Annotated[Text, Field(max_length=REASON_LENGTH)] = ""


class AdditionInput(Sent):
    """Ids of pending documents to add to the published share: all of them or none."""

    documents: Annotated[list[Id], Field(min_length=1, max_length=MAX_DOCUMENTS)]


class DocumentInput(Sent):
    """A file to upload. The name may be a path in a shared folder, separated by slashes."""

    name: Annotated[Text, Field(max_length=1000, examples=["vedtak.pdf"])]
    length: Annotated[
        int, Field(json_schema_extra={"minimum": 0, "maximum": MAX_LENGTH, "examples": [1048576]}, description="Bytes.")
    ]
    modified_at: Instant | None = None


class Recipient(Given):
    """A recipient of a share. `display` is a person's masked number, or an organisation's number.

    `name` is the name of an organisation, empty for a person. `removed_at`: when it was removed from a published share.
    `asking_since`: it waits for an answer to a request for more time or a new share.
    """

    id: str
    kind: Literal["person", "organization"]
    display: str
    name: str
    label: str
    confirmed: bool
    removed_at: Instant | None
    asking_since: Instant | None


class Document(Given):
    """A file of a share. `offset`: number of durable bytes. `inspected`: the service has read it after the upload.

    `removed_at`: when it was removed from a published share.

    `verdict`: the result of a scan for malware; null until the file has been read, and again after the share's end.
    Without a scanner, a file that could be read is `not_scanned`, one that could not is `error`. Later versions add
    values. Only `clean` means that a file was scanned and nothing was found.

    `handling`: whether recipients get the file. `waiting`: not before it has been read. `released`: yes. `warned`:
    after they have confirmed a warning on their page. `held`: not before a member of the account releases it on the
    share's page. `refused`: never. It is null after the share's end, and for a removed document.
    """

    id: str
    name: str
    length: int
    modified_at: Instant | None
    offset: int
    complete: bool
    inspected: bool
    verdict: Annotated[str | None, Field(examples=["not_scanned"])]
    handling: Annotated[str | None, Field(examples=["released"])]
    removed_at: Instant | None


class Share(Given):
    """Documents for named recipients, for a limited period. Send `link` to the recipients; it is not secret.

    `proposed`: a draft that waits for a member of the account to approve it. `proposed_expires_at`: a later end that
    does. `change_proposed`: another change of the published share does. `return_reason`: why a member did not approve
    what your system last proposed; it is for the case, and may hold personal data. `pending_documents`: uploaded beside
    the published share, and not offered to its recipients yet.
    """

    id: str
    account_id: str
    state: ShareState
    proposed: bool
    title: str
    message: str
    reference: str
    confidential: bool
    archived: bool
    notify: bool
    created_at: Instant
    published_at: Instant | None
    expires_at: Instant | None
    proposed_expires_at: Instant | None
    change_proposed: bool
    return_reason: str | None
    closed_at: Instant | None
    link: str
    recipients: list[Recipient]
    removed_recipients: list[Recipient]
    documents: list[Document]
    removed_documents: list[Document]
    pending_documents: list[Document]


class Upload(Given):
    """Where to upload the document with tus 1.0.0: PATCH to `url` from `offset`, authorised by `token` alone.

    `creation_url` is for clients that create uploads themselves, and for partial uploads. `token` is valid for this
    document only, until `expires_at`.
    """

    url: str
    creation_url: str
    token: str
    offset: int
    expires_at: Instant


class NewDocument(Given):
    """A document, and where to upload it."""

    document: Document
    upload: Upload


class Receipt(Given):
    """A record that a person (masked) opened the share or downloaded from a document, for a recipient.

    `state`: `started` (partly downloaded), `sent` (downloaded: sent to the end, over a connection that stayed until
    then) or `received` (confirmed by the person). It is null for an opening. Only `received` proves receipt.
    `complete`: downloaded. `direct`: the person's own machine acknowledged the bytes; otherwise a proxy may hold some.
    """

    recipient_id: str
    recipient: str
    document_id: str | None
    document_name: str | None
    event: Literal["opened", "downloaded"]
    person: str
    first_at: Instant
    last_at: Instant
    complete: bool
    state: Literal["started", "sent", "received"] | None
    direct: bool
    confirmed_at: Instant | None


def share_of(view: ShareView) -> Share:
    """Return a share as the API represents it."""
    return Share(
        id=view.share.id,
        account_id=view.account.id,
        state=view.share.state,
        proposed=view.is_proposed,
        **asdict(view.texts),
        confidential=view.share.confidential,
        archived=view.share.archived,
        notify=view.share.notify,
        created_at=view.share.created_at,
        published_at=view.share.published_at,
        expires_at=view.share.expires_at,
        proposed_expires_at=view.change.expires_at if view.change else None,
        change_proposed=view.change is not None and not replace(view.change, expires_at=None).is_empty,
        return_reason=(view.return_note.reason or None) if view.return_note and view.system else None,
        closed_at=view.share.closed_at,
        link=view.link,
        recipients=[Recipient.model_validate(one) for one in view.recipients],
        removed_recipients=[Recipient.model_validate(one) for one in view.removed_recipients],
        documents=[_document(one, is_over=view.share.state in CLOSED) for one in view.documents],
        removed_documents=[_document(one, is_over=True) for one in view.removed_documents],
        pending_documents=[_document(one, is_over=False) for one in view.pending_documents],
    )


def _document(view: DocumentView, *, is_over: bool) -> Document:
    return Document(
        id=view.id,
        name=view.name,
        length=view.length,
        modified_at=_instant(view.modified_at),
        offset=view.offset,
        complete=view.complete,
        inspected=view.inspected,
        verdict=view.finding.verdict if view.finding else None,
        handling=_handling(view, is_over=is_over),
        removed_at=view.removed_at,
    )


def _handling(view: DocumentView, *, is_over: bool) -> str | None:
    if view.finding is None:
        return None if is_over else "waiting"
    return view.finding.handling.value


def milliseconds(instant: datetime | None) -> int | None:
    """Return an instant in milliseconds since 1970, as documents store their file's time."""
    return None if instant is None else (instant - _EPOCH) // _MILLISECOND


def _instant(milliseconds: int | None) -> datetime | None:
    """Return the instant; None also for a time outside the calendar, which browsers may send."""
    try:
        return None if milliseconds is None else _EPOCH + milliseconds * _MILLISECOND
    except OverflowError:
        return None
