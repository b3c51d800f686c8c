"""«Del dokument» in KS' interface: one request with metadata and the document publishes a share.

KS has not published the format of the body; we assume Dokumentlager's (docs/ks-compatible.md).

Guarantees:
- A request that is rejected or cut short leaves no share.
- A document of any length passes through memory in pieces.
- Of uploads with one idempotency key and the same metadata, one shares a document. The document itself is not compared:
  it is not known before it has arrived.
- A refused or interrupted upload frees its idempotency key.
"""

import asyncio
import hashlib
from contextlib import suppress
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive

from deldokument.crypto.keys import frame
from deldokument.domain.errors import InvalidFields, InvalidInput, ServiceError
from deldokument.domain.identifiers import Consumer
from deldokument.domain.shares.share import Share, ShareState
from deldokument.domain.shares.text_fields import ShareTexts
from deldokument.domain.shares.upload import MAX_LENGTH
from deldokument.domain.uuids import uuid_of
from deldokument.services.api.idempotency import StoredResponse
from deldokument.services.shares.display.queries import view_share
from deldokument.services.shares.drafts.api_drafts import create_draft
from deldokument.services.shares.drafts.drafts import DraftFields, discard_draft, remove_document
from deldokument.services.shares.published.publishing import publish_share
from deldokument.services.shares.published.stored_documents import show_document
from deldokument.services.uploads.deferred_length import add_document_of_unknown_length, finalize_length
from deldokument.services.uploads.exchange_keys import exchange_pairs
from deldokument.web.http.idempotency import once
from deldokument.web.ks.callers import Caller
from deldokument.web.ks.forms import METADATA_LENGTH, DecryptedBody, SharingForm
from deldokument.web.ks.metadata import Metadata, end_field, read_metadata
from deldokument.web.transfer.request_body import content_length, receive

_FIELDS = {
    "reference": "korrelasjonsid",
    "documents": "dokument",
    "recipients": "eksponertFor",
    "archived": "arkivert",
}
_METADATA_SECONDS = 120.0
_REFUSED = StoredResponse(400, {}, b"")
"""Recorded for every failure: the failed upload has left nothing."""
_AROUND = METADATA_LENGTH + 64 * 1024 + MAX_LENGTH // 100
"""Maximum number of bytes of a form besides its document: metadata, boundaries, and what a sender's encryption adds."""


async def share_document(caller: Caller) -> Response:
    """Share the document; return 201 with its description by Dokumentlager's schema, and its link as the Location."""
    request = caller.request
    encrypted = request.query_params.get("kryptert", "false").lower()
    if encrypted not in {"true", "false"}:
        raise InvalidInput("kryptert", "field_malformed")
    # Checked before the body is read.
    caller.path_id("kontoId")
    form = SharingForm(request.headers.get("content-type", ""), request.receive)
    try:
        async with asyncio.timeout(_METADATA_SECONDS):
            raw = await form.read_metadata()
    except TimeoutError:
        raise ClientDisconnect from None
    metadata = read_metadata(raw)
    document = form.receive_document
    if encrypted == "true":
        pairs = await run_in_threadpool(exchange_pairs, caller.deps, caller.sharer)
        document = DecryptedBody(document, pairs).receive_document
    upload = partial(_share, caller, form, document, metadata)
    key = request.headers.get("idempotency-key")
    if key is None or not isinstance(caller.sharer, Consumer):
        return await upload("")
    digest = hashlib.sha256(frame(request.scope["path"].encode(), request.scope["query_string"], raw)).digest()
    return await once(caller.deps, caller.sharer, key, digest, upload, failure=_REFUSED)


async def _share(caller: Caller, form: SharingForm, document: Receive, metadata: Metadata, share_id: str) -> Response:
    share = await run_in_threadpool(_draft, caller, caller.path_id("kontoId"), metadata, share_id)
    if share_id and (shared := await run_in_threadpool(_shared_before, caller, share, metadata)):
        return shared
    try:
        return await _receive_document(caller, form, document, share, metadata)
    except BaseException as error:
        with suppress(ServiceError):
            await run_in_threadpool(discard_draft, caller.deps, caller.sharer, share.id)
        raise (
            _rename_fields(error, metadata, caller) if isinstance(error, InvalidInput | InvalidFields) else error
        ) from None


def _shared_before(caller: Caller, share: Share, metadata: Metadata) -> Response | None:
    """Return the response for a share that an earlier attempt has published or proposed.

    Otherwise remove the documents of that attempt, and return None.
    """
    view = view_share(caller.deps, caller.sharer, share.id)
    if view.share.state is ShareState.AVAILABLE or view.is_proposed:
        known = show_document(caller.deps, caller.sharer, view.documents[0].id)
        return _answer(caller, view.share, metadata, known.id, known.length, known.stored_length or known.length)
    for one in view.documents:
        remove_document(caller.deps, caller.sharer, share.id, one.id)
    return None


def _draft(caller: Caller, account_id: str, metadata: Metadata, share_id: str) -> Share:
    if metadata.systems:
        _check_systems(caller, metadata)
    words = DraftFields(
        account_id=account_id,
        texts=ShareTexts(reference=metadata.reference),
        archived=metadata.archived,
        expires_at=metadata.end,
    )
    try:
        return create_draft(
            caller.deps, caller.sharer, words, metadata.recipients, share_id, read_back=bool(metadata.systems)
        )
    except (InvalidInput, InvalidFields) as error:
        raise _rename_fields(error, metadata, caller) from None


def _check_systems(caller: Caller, metadata: Metadata) -> None:
    """Raise InvalidFields unless the caller exposes the document to no system but itself.

    The id of any of the caller's integrations counts as its own, because one id and password work for all its accounts.
    """
    own = {membership.integration_id for membership in caller.memberships}
    faults = [InvalidInput(field, "exposed_to_other") for field, system in metadata.systems if system not in own]
    if faults:
        raise InvalidFields(faults)


def _rename_fields(error: InvalidInput | InvalidFields, metadata: Metadata, caller: Caller) -> InvalidFields:
    """Return the same errors with the field names that the caller knows.

    Clients made for KS have no field for archiving; their error explains what their administrator can do.
    """
    faults = error.errors if isinstance(error, InvalidFields) else [error]
    known = _FIELDS | {f"recipients[{index}].number": name for index, name in enumerate(metadata.recipient_fields)}
    known["expires_at"] = end_field(metadata.end)
    unsaid = metadata.archived is None and isinstance(caller.sharer, Consumer)
    return InvalidFields(
        [
            InvalidInput(_FIELDS["archived"], "archived_unconfirmed")
            if unsaid and fault.code == "archived_missing"
            else fault.at(known.get(fault.field, fault.field))
            for fault in faults
        ]
    )


async def _receive_document(
    caller: Caller, form: SharingForm, document: Receive, share: Share, metadata: Metadata
) -> Response:
    deps, sharer = caller.deps, caller.sharer
    ticket = await run_in_threadpool(
        add_document_of_unknown_length, deps, sharer, share.id, name=metadata.name, at_most=_at_most(caller.request)
    )
    body = Request(caller.request.scope, document)
    await receive(deps, body, ticket.token, ticket.upload_id, offset=0, announced=None)
    await form.finish()
    received = await run_in_threadpool(finalize_length, deps, ticket.token, ticket.upload_id)
    published = await run_in_threadpool(partial(publish_share, end=metadata.end), deps, sharer, share.id)
    return _answer(caller, published, metadata, received.id, received.length, received.stored_length)


def _answer(
    caller: Caller, share: Share, metadata: Metadata, document_id: str, length: int, stored_length: int
) -> Response:
    answer = {
        "id": uuid_of(document_id),
        "dokumentnavn": metadata.name,
        "mimeType": metadata.media_type,
        "ukryptertStorrelse": length,
        "kryptertStorrelse": stored_length,
    }
    waits = {"venterPaGodkjenning": True} if share.state is ShareState.DRAFT else {}
    return JSONResponse(answer | waits, 201, {"Location": f"{caller.deps.config.public_url}/d/{share.id}"})


def _at_most(request: Request) -> int | None:
    """Return an upper limit for the document's length: the length of the whole request, which is little longer."""
    length = content_length(request)
    if length is None:
        return None
    return min(length, MAX_LENGTH) if length <= MAX_LENGTH + _AROUND else length
