"""A whole share at once: words, recipients and small files in, a published share out.

Promises all or nothing: until everything is there nobody can open anything, and what is refused leaves an abandoned
draft at most. Done again under the same id, after a crash, it begins with what the first time left.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from deldokument.domain.errors import Broken, Conflict, NotReady, ServiceError, StorageFull, Unavailable
from deldokument.domain.identifiers import Sharer
from deldokument.domain.share import Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.services.shares.api_drafts import create_draft
from deldokument.services.shares.drafts import DraftFields, add_document, discard_draft, remove_document
from deldokument.services.shares.publishing import publish_share
from deldokument.services.shares.recipients import RecipientInput
from deldokument.services.uploads.append import begin_append, create_upload
from deldokument.services.uploads.part_writer import FEED

_PASSING = (Unavailable, NotReady, StorageFull, Broken)


@dataclass(frozen=True, slots=True)
class SmallDocument:
    """A document whose content is at hand."""

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
    """Publish, or propose where the account wants four eyes. Raises as each of the steps does."""
    draft = create_draft(deps, sharer, words, recipients, share_id)
    if draft.state is ShareState.ABANDONED:
        raise Conflict("share_over")
    if draft.state is not ShareState.DRAFT:
        return draft
    try:
        _remove_documents(deps, sharer, draft)
        uploaded = [_upload(deps, sharer, draft, document) for document in documents]
        return publish_share(deps, sharer, draft.id, uploaded)
    except ServiceError as error:
        # What may come right by itself goes on with this draft when it is done again under the same id.
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
    """The document's id."""
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
