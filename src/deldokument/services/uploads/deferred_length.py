"""Uploads of documents whose length is unknown until the last byte has arrived.

The upload is announced with a maximum length. The number of bytes received becomes its length.

Guarantees:
- Until then the upload is unfinished, so its draft cannot be published.
- The finished document has a sealed manifest like any other.
"""

from dataclasses import dataclass, replace

from deldokument.crypto.stream import ciphertext_length
from deldokument.domain.errors import existing, require
from deldokument.domain.identifiers import Sharer
from deldokument.ports.dependencies import Dependencies
from deldokument.services.shares.drafts.drafts import add_document
from deldokument.services.shares.drafts.upload_tickets import UploadTicket
from deldokument.services.shares.rights.authorization import editable_draft
from deldokument.services.shares.rights.quota import remaining_quota
from deldokument.services.uploads.append import complete, find_upload, locked_share


@dataclass(frozen=True, slots=True)
class SettledDocument:
    """A document received in full: its length, and the bytes stored for it."""

    id: str
    length: int
    stored_length: int


def add_document_of_unknown_length(
    deps: Dependencies, sharer: Sharer, share_id: str, *, name: str, at_most: int | None
) -> UploadTicket:
    """Announce a document of at most ``at_most`` bytes; None: as many as the account's quota allows.

    Raises: as ``add_document``, for example TooLarge; InvalidInput if the quota is used up.
    """
    if at_most is None:
        with deps.database.write() as tx:
            _, membership = editable_draft(deps, tx, sharer, share_id)
            at_most = max(remaining_quota(deps, tx, membership.account), 1)
    return add_document(deps, sharer, share_id, name=name, length=at_most, modified_at=None)


def finalize_length(deps: Dependencies, token: str, upload_id: str) -> SettledDocument:
    """Complete the document with the bytes received so far. Raises: NotFound, Conflict or Frozen, as any append."""
    upload = find_upload(deps, token, upload_id)
    with deps.database.write() as tx:
        share = locked_share(deps, tx, upload)
        current = require(tx.uploads.get(upload.id), "upload")
        if not current.is_finished:
            tx.uploads.shorten(current.id)
            document = existing(tx.additions.document(current.document_id))
            tx.shares.save_document(replace(document, length=current.offset))
            complete(deps, tx, share, replace(current, length=current.offset))
        stored = sum(ciphertext_length(part.length) for part in tx.uploads.parts(upload.id))
    return SettledDocument(current.document_id, current.offset, stored)
