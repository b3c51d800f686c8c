"""Sharing in one request: fields, recipients and small documents become a published share.

Guarantees:
- All or nothing: the share cannot be opened before all documents are uploaded.
- A refused request leaves at most an abandoned draft.
- A request repeated under the same id, after a crash, reuses the draft and replaces its documents.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from deldokument.domain.errors import Broken, Conflict, NotReady, ServiceError, StorageFull, Unavailable
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.share import Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.services.shares.drafts.api_drafts import create_draft
from deldokument.services.shares.drafts.drafts import DraftFields, add_document, discard_draft, remove_document
from deldokument.services.shares.published.publishing import publish_share
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.uploads.append import begin_append, create_upload
from deldokument.services.uploads.part_writer import FEED

_PASSING = (Unavailable, NotReady, StorageFull, Broken)


@dataclass(frozen=True, slots=True)
class SmallDocument:
    """A document with its content in memory."""

    name: str
    content: bytes = field(repr=False)


def share_at_once(
    deps: Dependencies,
    sharer: Sharer,
    words: DraftFields,
    recipients: Sequence[RecipientInput],
    documents: Sequence[SmallDocument],
    share_id: str = "",
) -> Share:
    """Publish a new share, or propose it if the account requires four eyes.

    Raises: Conflict if the share with that id is abandoned; the errors of each step.
    """
    draft = create_draft(deps, sharer, words, recipients, share_id)
    if draft.state is ShareState.ABANDONED:
        raise Conflict("share_over")
    if draft.state is not ShareState.DRAFT:
        return draft
    try:
        _remove_documents(deps, sharer, draft)
        uploaded = [_upload(deps, sharer, draft, document) for document in documents]
        return publish_share(deps, sharer, draft.id, uploaded, end=words.expires_at)
    except ServiceError as error:
        # After a transient error the same request, repeated under the same id, continues with this draft.
        if not (share_id and isinstance(error, _PASSING)):
            with suppress(ServiceError):
                discard_draft(deps, sharer, draft.id)
        raise


def _remove_documents(deps: Dependencies, sharer: Sharer, draft: Share) -> None:
    with deps.database.read() as tx:
        left = tx.shares.documents([draft.id])
    for document in left:
        remove_document(deps, sharer, draft.id, document.id)


def _upload(deps: Dependencies, sharer: Sharer, draft: Share, document: SmallDocument) -> str:
    """Upload a document to the draft; return its id."""
    length = len(document.content)
    ticket = add_document(deps, sharer, draft.id, name=document.name, length=length, modified_at=None)
    upload = create_upload(deps, ticket.token, length=length)
    if not length:
        return ticket.document_id
    append = begin_append(deps, ticket.token, upload.id, offset=0, announced=length)
    try:
        view = memoryview(document.content)
        for start in range(0, length, FEED):
            append.write([view[start : start + FEED]])
        append.finish()
    finally:
        append.abandon()
    return ticket.document_id
