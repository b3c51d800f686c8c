"""Routes for documents of a share and for receipts. Clients upload the bytes to /uploads (tus), not here."""

from fastapi import APIRouter, Response

from deldokument.domain.errors import require
from deldokument.domain.shares.share import ShareState
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display.receipts import list_receipts
from deldokument.services.shares.drafts import additions, drafts
from deldokument.services.shares.published import changes
from deldokument.services.uploads import append
from deldokument.web.api.cursors import Cursor, Limit, read_cursor, write_cursor
from deldokument.web.api.dependencies import ApiContext
from deldokument.web.api.middleware import PREFIX
from deldokument.web.api.models import Items
from deldokument.web.api.openapi import problems
from deldokument.web.api.share_models import (
    AdditionInput,
    Document,
    DocumentInput,
    NewDocument,
    Receipt,
    Share,
    Upload,
    milliseconds,
)
from deldokument.web.api.shares import is_available, shown

router = APIRouter(prefix="/shares/{share_id}", tags=["documents"])


@router.post("/documents", status_code=201, summary="Upload a document", responses=problems(404, 409))
def add_document(call: ApiContext, share_id: str, sent: DocumentInput, response: Response) -> NewDocument:
    """Announce a document, and get the address and the token for uploading it.

    Beside a published share, the document is one of its `pending_documents`. Its recipients get it when it is added.
    An unfinished document with the same name, length and time is resumed where it stopped, with a new token.
    """
    announce = additions.add_document if is_available(call, share_id) else drafts.add_document
    ticket = announce(
        call.deps,
        call.consumer,
        share_id,
        name=sent.name,
        length=sent.length,
        modified_at=milliseconds(sent.modified_at),
    )
    if sent.length == 0:
        append.create_upload(call.deps, ticket.token, length=0)
    response.headers["Location"] = f"{PREFIX}/shares/{share_id}/documents/{ticket.document_id}"
    documents = _documents(shown(call, share_id))
    base = f"{call.deps.config.public_url}/uploads"
    upload = Upload(
        url=f"{base}/{ticket.upload_id}",
        creation_url=base,
        token=ticket.token,
        offset=ticket.offset,
        expires_at=ticket.expires_at,
    )
    return NewDocument(document=next(one for one in documents if one.id == ticket.document_id), upload=upload)


@router.get("/documents/{document_id}", summary="Get a document of a share", responses=problems(404))
def get_document(call: ApiContext, share_id: str, document_id: str) -> Document:
    """Return the document as it is now: how far its upload has come, its verdict, and whether recipients get it."""
    found = _documents(shown(call, share_id))
    return require(next((one for one in found if one.id == document_id), None), "document")


def _documents(share: Share) -> list[Document]:
    """Return the documents of a share, including pending ones."""
    return share.documents + share.pending_documents


@router.post("/additions", summary="Add pending documents to a published share", responses=problems(404, 409))
def add_documents(call: ApiContext, share_id: str, sent: AdditionInput) -> Share:
    """Offer documents that are uploaded and `inspected` to the share's recipients, all at once.

    If a member of the account must approve it, `change_proposed` is true until then. A repeated request returns the
    same. Until the scan is over the error is `files_unscanned`: try again.
    """
    changes.change_share(call.deps, call.consumer, share_id, Change(documents=tuple(sent.documents)))
    return shown(call, share_id)


@router.delete(
    "/documents/{document_id}",
    status_code=204,
    summary="Remove a document",
    responses=problems(404, 409),
)
def remove_document(call: ApiContext, share_id: str, document_id: str) -> None:
    """Remove the document and delete its bytes. A published share keeps at least one.

    Of a published share, no recipient gets more bytes of it after five seconds. It stays in `removed_documents`. A
    pending one leaves nothing.
    """
    share = shown(call, share_id)
    if document_id in {one.id for one in share.pending_documents}:
        additions.take_back(call.deps, call.consumer, share_id, document_id)
    elif share.state is ShareState.AVAILABLE:
        changes.remove_document(call.deps, call.consumer, share_id, document_id)
    else:
        drafts.remove_document(call.deps, call.consumer, share_id, document_id)


@router.get(
    "/receipts",
    tags=["receipts"],
    summary="List who has opened, and how far each document has come",
    responses=problems(404),
)
def get_receipts(call: ApiContext, share_id: str, limit: Limit = 50, cursor: Cursor = "") -> Items[Receipt]:
    """Return the receipts, oldest first. Persons are masked."""
    place = read_cursor(cursor, 3)
    after = (place[0], place[1][0], place[1][1], place[1][2]) if place else None
    found = list_receipts(call.deps, call.consumer, share_id, after=after, limit=limit)
    return Items(items=[Receipt.model_validate(one) for one in found.receipts], next=write_cursor(found.next))
