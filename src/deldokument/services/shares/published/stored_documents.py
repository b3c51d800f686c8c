"""Use cases of KS' document store, which addresses documents instead of shares.

Guarantees:
- A document of an account that the sharer may not use is reported as not found.
- A document is deleted, and its end moved, only if its share has no other documents, which would be affected too.
- Deletion by reference ends only shares of systems. A blank reference matches none.

A document counts as deleted when its share has ended or was withdrawn. Its name is kept until the share is erased.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.manifest import open_manifest
from deldokument.crypto.stream import ciphertext_length
from deldokument.domain.errors import Conflict, Gone, NotFound, existing
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.share import CLOSED, Document, Share, ShareState
from deldokument.domain.tenants.tenancy import End, instant_of
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import share_key_id
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display.queries import list_shares
from deldokument.services.shares.display.views import ShareView, share_view
from deldokument.services.shares.drafts.api_drafts import change_draft
from deldokument.services.shares.drafts.drafts import discard_draft
from deldokument.services.shares.published.changes import change_share
from deldokument.services.shares.published.publishing import withdraw_share
from deldokument.services.shares.rights.authorization import document_for_reading

MAX_FOUND = 10_000
PAGE = 50
_UNKNOWN_TYPE = "application/octet-stream"
_LIVING = (ShareState.DRAFT, ShareState.AVAILABLE)
_KEPT = (*_LIVING, ShareState.WITHDRAWN, ShareState.ENDED)


@dataclass(frozen=True, slots=True)
class DocumentDetails:
    """A document with data of its share.

    ``media_type`` is the detected type; generic before the inspection and after the end. ``stored_length`` is None
    after the end.
    """

    id: str
    share_id: str
    name: str
    media_type: str
    length: int
    stored_length: int | None
    reference: str
    created_at: datetime
    expires_at: datetime | None
    is_deleted: bool


def show_document(
    deps: Dependencies, sharer: Sharer, document_id: str, account_id: str | None = None
) -> DocumentDetails:
    """Return a document, of this account if one is given. Raises: NotFound."""
    with deps.database.read() as tx:
        document, share = document_for_reading(deps, tx, sharer, document_id)
        _check_account(share, account_id)
        view = share_view(deps, tx, share)
    return next(one for one in _details(deps, [view], [document]) if one.id == document_id)


def find_documents(
    deps: Dependencies, sharer: Sharer, account_id: str, reference: str, *, skip: int, limit: int
) -> tuple[int, list[DocumentDetails]]:
    """Return the number of the account's documents with the reference, and a page of them, newest shares first.

    At most MAX_FOUND shares are searched.
    """
    if not reference.strip():
        # The list would treat an empty reference as no filter.
        return 0, []
    views = list_shares(deps, sharer, account_id=account_id, states=_KEPT, reference=reference, limit=MAX_FOUND).shares
    with deps.database.read() as tx:
        documents = tx.shares.documents([view.share.id for view in views])
    found = _details(deps, views, documents)
    return len(found), found[skip : skip + limit]


def delete_document(deps: Dependencies, sharer: Sharer, account_id: str, document_id: str) -> None:
    """End the share of the document: withdraw it, or discard the draft.

    Raises: NotFound or RightMissing; Conflict if the share has more documents; Gone if it is over.
    """
    _end(deps, sharer, _its_share(deps, sharer, account_id, document_id))


def delete_documents(deps: Dependencies, sharer: Sharer, account_id: str, reference: str) -> None:
    """End every share of the account that a system shared and that has the reference. Raises: RightMissing."""
    if not reference.strip():
        return
    before: tuple[datetime, str] | None = None
    while True:
        page = list_shares(
            deps, sharer, account_id=account_id, states=_LIVING, reference=reference, before=before, limit=PAGE
        )
        for view in page.shares:
            if view.system:
                # The share has ended in the meantime.
                with suppress(Gone):
                    _end(deps, sharer, view.share)
        before = page.next
        if before is None:
            return


def move_end(deps: Dependencies, sharer: Sharer, account_id: str, document_id: str, end: End) -> datetime:
    """Change the end of the document's share; return it.

    Raises: as ``delete_document``, and InvalidInput for an end that the account does not allow.
    """
    share = _its_share(deps, sharer, account_id, document_id)
    if share.state is ShareState.DRAFT:
        return existing(change_draft(deps, sharer, share.id, lambda words: replace(words, expires_at=end)).expires_at)
    now = deps.clock.now()
    until = instant_of(end, now)
    try:
        change_share(deps, sharer, share.id, Change(expires_at=until), asked_at=now)
    except Conflict:
        raise Gone("document_deleted") from None
    return until


def _end(deps: Dependencies, sharer: Sharer, share: Share) -> None:
    """Discard the draft, or withdraw the share. Raises: Gone if it is over."""
    if share.state is ShareState.DRAFT:
        # It was published or discarded in the meantime.
        with suppress(Conflict):
            discard_draft(deps, sharer, share.id)
            return
    try:
        withdraw_share(deps, sharer, share.id)
    except Conflict:
        raise Gone("document_deleted") from None


def _its_share(deps: Dependencies, sharer: Sharer, account_id: str, document_id: str) -> Share:
    """Return the share of this document, if it has no other. Raises: NotFound, RightMissing or Conflict."""
    with deps.database.read() as tx:
        _, share = document_for_reading(deps, tx, sharer, document_id)
        _check_account(share, account_id)
        if len(tx.shares.documents([share.id])) > 1:
            raise Conflict("document_not_alone")
    return share


def _check_account(share: Share, account_id: str | None) -> None:
    if account_id is not None and share.account_id != account_id:
        raise NotFound("document of another account")


def _details(deps: Dependencies, views: Sequence[ShareView], documents: Sequence[Document]) -> list[DocumentDetails]:
    living = [view.share.id for view in views if view.share.state not in CLOSED]
    keys = deps.keyring.get([share_key_id(share_id) for share_id in living])
    sealed = {document.id: document for document in documents}
    return [
        DocumentDetails(
            id=shown.id,
            share_id=view.share.id,
            name=shown.name,
            media_type=shown.finding.media_type if shown.finding else _UNKNOWN_TYPE,
            length=shown.length,
            stored_length=_stored_length(keys, view.share, sealed[shown.id]),
            reference=view.texts.reference,
            created_at=view.share.published_at or view.share.created_at,
            expires_at=view.share.expires_at,
            is_deleted=view.share.state in CLOSED,
        )
        for view in views
        for shown in view.documents
        if shown.id in sealed
    ]


def _stored_length(keys: Mapping[str, bytes], share: Share, document: Document) -> int | None:
    key = keys.get(share_key_id(share.id))
    if key is None or not document.sealed_manifest:
        return None
    try:
        manifest = open_manifest(key, bytes.fromhex(document.id), document.sealed_manifest)
    except IntegrityError:
        # One damaged document must not hide the others.
        return None
    return sum(ciphertext_length(part.length) for part in manifest.parts)
