"""«Del dokument» in KS' interface: one request with metadata and the document publishes a share.

KS has not published the format of the body; we assume Dokumentlager's (docs/ks-compatible.md).

Guarantees:
- A request that is rejected or cut short leaves no share.
- A document of any length passes through memory in pieces.
- Every share has an end, and only persons and organisations as recipients.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from deldokument.domain.errors import InvalidFields, InvalidInput, ServiceError
from deldokument.domain.identifiers import Consumer
from deldokument.domain.share import MAX_RECIPIENTS, Share, ShareState
from deldokument.domain.upload import MAX_LENGTH
from deldokument.domain.uuids import uuid_of
from deldokument.services.shares.api_drafts import create_draft
from deldokument.services.shares.drafts import DraftFields, discard_draft
from deldokument.services.shares.publishing import publish_share
from deldokument.services.shares.recipients import RecipientInput
from deldokument.services.uploads.deferred_length import add_document_of_unknown_length, finalize_length
from deldokument.web.http.dispatch import json_object
from deldokument.web.ks.account_schemas import text_of
from deldokument.web.ks.callers import Caller
from deldokument.web.ks.forms import METADATA_LENGTH, SharingForm
from deldokument.web.transfer.request_body import content_length, receive

_MAX_TTL = timedelta(days=36500)
_NUMBERS = {
    "PERSON": ("fnr", re.compile(r"[0-9]{11}")),
    "ORGANISASJON": ("orgnr", re.compile(r"[0-9]{9}")),
}
_FIELDS = {
    "reference": "korrelasjonsid",
    "expires_at": "tilgjengeligTil",
    "documents": "dokument",
    "recipients": "eksponertFor",
    "archived": "arkivert",
}
_METADATA_SECONDS = 120.0
_AROUND = METADATA_LENGTH + 64 * 1024
"""Maximum number of bytes of a form besides its document."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The content of the part ``metadata`` in our terms."""

    name: str
    media_type: str
    reference: str
    expires_at: datetime
    archived: bool | None
    """None if not given: then the administrator's confirmation for the integration applies."""
    recipients: tuple[RecipientInput, ...]
    fields: tuple[str, ...]
    """The recipients' fields by KS' names, for errors."""


async def share_document(caller: Caller) -> Response:
    """Share the document; answer 201 with Dokumentlager's description of it, and its link as the Location."""
    request = caller.request
    if request.query_params.get("kryptert", "false").lower() != "false":
        raise InvalidInput("kryptert", "document_encrypted")
    account_id = caller.path_id("kontoId")
    form = SharingForm(request.headers.get("content-type", ""), request.receive)
    try:
        async with asyncio.timeout(_METADATA_SECONDS):
            raw = await form.read_metadata()
    except TimeoutError:
        raise ClientDisconnect from None
    metadata = read_metadata(raw, caller.deps.clock.now())
    share = await run_in_threadpool(_draft, caller, account_id, metadata)
    try:
        return await _received(caller, form, share, metadata)
    except BaseException as error:
        with suppress(ServiceError):
            await run_in_threadpool(discard_draft, caller.deps, caller.sharer, share.id)
        raise (
            _renamed(error, metadata, caller) if isinstance(error, InvalidInput | InvalidFields) else error
        ) from None


def _draft(caller: Caller, account_id: str, metadata: Metadata) -> Share:
    words = DraftFields(
        account_id=account_id,
        reference=metadata.reference,
        archived=metadata.archived,
        expires_at=metadata.expires_at,
    )
    try:
        return create_draft(caller.deps, caller.sharer, words, metadata.recipients)
    except (InvalidInput, InvalidFields) as error:
        raise _renamed(error, metadata, caller) from None


def _renamed(error: InvalidInput | InvalidFields, metadata: Metadata, caller: Caller) -> InvalidFields:
    """Return the same errors with the field names that the caller knows.

    Clients made for KS have no field for archiving; their error explains what their administrator can do.
    """
    faults = error.errors if isinstance(error, InvalidFields) else [error]
    known = _FIELDS | {f"recipients[{index}].number": name for index, name in enumerate(metadata.fields)}
    unsaid = metadata.archived is None and isinstance(caller.sharer, Consumer)
    return InvalidFields(
        [
            InvalidInput(_FIELDS["archived"], "archived_unconfirmed")
            if unsaid and fault.code == "archived_missing"
            else fault.at(known.get(fault.field, fault.field))
            for fault in faults
        ]
    )


async def _received(caller: Caller, form: SharingForm, share: Share, metadata: Metadata) -> Response:
    deps, sharer = caller.deps, caller.sharer
    ticket = await run_in_threadpool(
        add_document_of_unknown_length, deps, sharer, share.id, name=metadata.name, at_most=_at_most(caller.request)
    )
    body = Request(caller.request.scope, form.receive_document)
    await receive(deps, body, ticket.token, ticket.upload_id, offset=0, announced=None)
    await form.finish()
    document = await run_in_threadpool(finalize_length, deps, ticket.token, ticket.upload_id)
    published = await run_in_threadpool(publish_share, deps, sharer, share.id)
    answer = {
        "id": uuid_of(document.id),
        "dokumentnavn": metadata.name,
        "mimeType": metadata.media_type,
        "ukryptertStorrelse": document.length,
        "kryptertStorrelse": document.stored_length,
    }
    waits = {"venterPaGodkjenning": True} if published.state is ShareState.DRAFT else {}
    return JSONResponse(answer | waits, 201, {"Location": f"{deps.config.public_url}/d/{share.id}"})


def _at_most(request: Request) -> int | None:
    """Return an upper limit of the document's length: the whole request is longer, but not by much."""
    length = content_length(request)
    if length is None:
        return None
    return min(length, MAX_LENGTH) if length <= MAX_LENGTH + _AROUND else length


def read_metadata(raw: bytes, now: datetime) -> Metadata:
    """Return the content of the part. Raises: InvalidInput, or InvalidFields with every error."""
    body = json_object(raw, "metadata")
    faults: list[InvalidInput] = []
    name = text_of(body, "dokumentnavn")
    if not name:
        faults.append(InvalidInput("dokumentnavn", "field_missing"))
    if body.get("ikkeLagreDokumentLastetNed"):
        faults.append(InvalidInput("ikkeLagreDokumentLastetNed", "downloads_always_recorded"))
    if body.get("sikkerhetsniva") not in (None, 3, 4):
        faults.append(InvalidInput("sikkerhetsniva", "field_malformed"))
    expires_at = now
    try:
        expires_at = _end(body, now)
    except InvalidInput as error:
        faults.append(error)
    recipients = _recipients(body, faults)
    if faults:
        raise InvalidFields(faults)
    archived = body.get("arkivert")
    return Metadata(
        name=name,
        media_type=text_of(body, "mimetype") or "application/octet-stream",
        reference=text_of(body, "korrelasjonsid"),
        expires_at=expires_at,
        archived=archived if isinstance(archived, bool) else None,
        recipients=tuple(recipient for _, recipient in recipients),
        fields=tuple(field for field, _ in recipients),
    )


def _end(body: Mapping[str, Any], now: datetime) -> datetime:
    """Return the end, from either ``ttl`` in seconds or ``tilgjengeligTil``; exactly one is required."""
    ttl, until = body.get("ttl"), text_of(body, "tilgjengeligTil")
    if (ttl is None) == (not until):
        raise InvalidInput("ttl", "end_wanted")
    if until:
        return _instant(until)
    if not isinstance(ttl, int) or isinstance(ttl, bool):
        raise InvalidInput("ttl", "field_malformed")
    if ttl < 0:
        raise InvalidInput("ttl", "end_wanted")
    return now + min(timedelta(seconds=min(ttl, 10**11)), _MAX_TTL)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("tilgjengeligTil", "field_malformed") from None
    if instant.tzinfo is None:
        raise InvalidInput("tilgjengeligTil", "field_malformed")
    return instant


def _recipients(body: Mapping[str, Any], faults: list[InvalidInput]) -> list[tuple[str, RecipientInput]]:
    listed = body.get("eksponertFor")
    if not isinstance(listed, list) or not listed:
        faults.append(InvalidInput("eksponertFor", "recipients_missing"))
        return []
    if len(listed) > MAX_RECIPIENTS:
        faults.append(InvalidInput("eksponertFor", "too_many_recipients", longest=MAX_RECIPIENTS))
        return []
    found: list[tuple[str, RecipientInput]] = []
    for index, exposed in enumerate(listed):
        try:
            found.append(_recipient(exposed, f"eksponertFor[{index}]"))
        except InvalidInput as error:
            faults.append(error)
    return found


def _recipient(exposed: object, field: str) -> tuple[str, RecipientInput]:
    if not isinstance(exposed, dict):
        raise InvalidInput(field, "field_malformed")
    kind = _NUMBERS.get(str(exposed.get("type")))
    if kind is None:
        raise InvalidInput(f"{field}.type", "recipient_type")
    if exposed.get("ressursId") is not None:
        raise InvalidInput(f"{field}.ressursId", "recipient_type")
    name, form = kind
    number = text_of(exposed, name)
    if not form.fullmatch(number):
        raise InvalidInput(f"{field}.{name}", "field_malformed")
    return f"{field}.{name}", RecipientInput(number)
