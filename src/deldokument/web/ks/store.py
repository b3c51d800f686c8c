"""The interface of Fiks Dokumentlager, as KS' published Java client calls it (docs/ks-compatible.md).

Each document has its own share: its upload publishes the share, and its deletion withdraws it. So handlers take a
document's id where the rest of the service takes a share's.
"""

import re
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response

from deldokument.domain.errors import InvalidInput, NotFound, require
from deldokument.domain.identifiers import Consumer
from deldokument.services.accounts.members import Membership
from deldokument.services.accounts.statistics import document_counts
from deldokument.services.downloads.content import open_own_document
from deldokument.services.shares.display.history import share_history
from deldokument.services.shares.published import stored_documents
from deldokument.services.uploads.exchange_keys import offered_certificate
from deldokument.web.ks.account_schemas import account_statistics, text_of
from deldokument.web.ks.callers import Caller
from deldokument.web.ks.metadata import end_field, read_end
from deldokument.web.ks.sharing import share_document
from deldokument.web.ks.store_schemas import document_metadata, document_with_events, search_result, updated_document
from deldokument.web.transfer.downloads import content_response

_MAX_EVENTS = 10_000
_COUNT = re.compile(r"[0-9]{1,10}")
_CRITERION = "korrelasjonsid"


async def upload(caller: Caller) -> Response:
    """Share the uploaded document."""
    await run_in_threadpool(_membership, caller)
    return await share_document(caller)


def _membership(caller: Caller) -> Membership:
    """Return the caller's membership in the account of the path. Raises: NotFound, also for another tenant's path."""
    tenant_id, account_id = caller.path_id("fiksOrgId"), caller.path_id("kontoId")
    mine = (one for one in caller.memberships if (one.tenant.id, one.account.id) == (tenant_id, account_id))
    return require(next(mine, None), "account")


def _place(caller: Caller) -> tuple[Any, Any, str, str]:
    account = _membership(caller).account
    return caller.deps, caller.sharer, account.id, caller.document_id


def public_key(caller: Caller) -> Response:
    """Return the certificate to which the caller may encrypt documents."""
    return PlainTextResponse(offered_certificate(caller.deps, caller.sharer))


def show(caller: Caller) -> Response:
    """Return a document with its events."""
    deps, sharer, account_id, document_id = _place(caller)
    document = stored_documents.show_document(deps, sharer, document_id, account_id)
    history = share_history(deps, sharer, document.share_id, limit=_MAX_EVENTS)
    return JSONResponse(document_with_events(document, history.events))


def move_end(caller: Caller) -> Response:
    """Move the document's end."""
    end = read_end(caller.body)
    try:
        until = stored_documents.move_end(*_place(caller), end)
    except InvalidInput as error:
        raise error.at(end_field(end) if error.field == "expires_at" else error.field) from None
    return JSONResponse(updated_document(caller.document_id, until))


def delete(caller: Caller) -> Response:
    """Delete the document: its content is destroyed, and its share withdrawn."""
    stored_documents.delete_document(*_place(caller))
    return Response(status_code=200)


def delete_all(caller: Caller) -> Response:
    """Delete every document with the korrelasjonsid in the path."""
    account = _membership(caller).account
    stored_documents.delete_documents(caller.deps, caller.sharer, account.id, caller.request.path_params[_CRITERION])
    return Response(status_code=204)


def search(caller: Caller) -> Response:
    """Return the documents of the account with a korrelasjonsid, page by page."""
    account = _membership(caller).account
    unknown = next((name for name, value in caller.body.items() if value is not None and name != _CRITERION), None)
    reference = text_of(caller.body, _CRITERION)
    if unknown or not reference.strip():
        raise InvalidInput(unknown or _CRITERION, "search_criterion")
    skip = _count(caller, "fra", 0, range(2**31))
    counts = range(1, stored_documents.MAX_FOUND + 1)
    # In KS' description the parameter that its client sends as "til" has another name.
    limit = _count(caller, "antall", _count(caller, "til", 100, counts), counts)
    found = stored_documents.find_documents(caller.deps, caller.sharer, account.id, reference, skip=skip, limit=limit)
    return JSONResponse(search_result(*found))


def _count(caller: Caller, name: str, usual: int, allowed: range) -> int:
    """Return a number in the query; ``usual`` if it is missing. KS' client then sends "null"."""
    text = caller.request.query_params.get(name, "null")
    if text == "null":
        return usual
    if not _COUNT.fullmatch(text) or int(text) not in allowed:
        raise InvalidInput(name, "field_malformed")
    return int(text)


def statistics(caller: Caller) -> Response:
    """Return the statistics of the account."""
    account = _membership(caller).account
    return JSONResponse(account_statistics(account, document_counts(caller.deps, account.id)))


def download(caller: Caller) -> Response:
    """Send a document to the system that shared it, if the share is exposed to that system."""
    if not isinstance(caller.sharer, Consumer):
        raise NotFound("persons download on the pages")
    content = open_own_document(caller.deps, caller.sharer, caller.document_id)
    return content_response(caller.deps, caller.request, content, lambda: True)


def metadata(caller: Caller) -> Response:
    """Return a document's metadata, to callers who may see its share."""
    return JSONResponse(
        document_metadata(stored_documents.show_document(caller.deps, caller.sharer, caller.document_id))
    )
