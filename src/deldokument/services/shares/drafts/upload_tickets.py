"""Announcement of a document, and the ticket for its upload.

Guarantees:
- A document counts against limits and quota from its announcement, before its first byte.
- An unfinished document of the same name, length and time continues at its offset, with a new token.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from deldokument.domain.errors import InvalidInput
from deldokument.domain.shares.share import MAX_DOCUMENTS, Document, Share, new_document_id, new_id
from deldokument.domain.shares.typed_texts import check_document_name
from deldokument.domain.shares.upload import UPLOAD_LIFETIME, Upload, check_length
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership
from deldokument.services.encryption import EncryptedColumn, existing_key, seal_field
from deldokument.services.shares.display.views import file_name
from deldokument.services.shares.rights.limits import check_upload_count
from deldokument.services.shares.rights.quota import check_quota
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class NewDocument:
    """An announced document. ``modified_at``: its own time, in milliseconds since 1970."""

    name: str
    length: int
    modified_at: int | None

    @classmethod
    def checked(cls, name: str, length: int, modified_at: int | None) -> NewDocument:
        """Return the document with a checked name. Raises: InvalidInput; TooLarge for more than 5 GiB."""
        return cls(check_document_name(name), check_length(length), modified_at)


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """The data for the upload of one document. The token is valid for that upload only, until ``expires_at``.

    ``offset``: number of bytes uploaded in one stream. ``partials``: the document's partial uploads so far, in the
    order of their starts.
    """

    document_id: str
    file: NewDocument
    upload_id: str
    token: str
    offset: int
    expires_at: datetime
    partials: tuple[Upload, ...] = ()


def announce(
    deps: Dependencies,
    tx: Transaction,
    share: Share,
    membership: Membership,
    file: NewDocument,
    *,
    pending_since: datetime | None = None,
) -> UploadTicket:
    """Insert the document with its upload, or continue an unfinished one. The share's row must be locked.

    Raises: InvalidInput for too many documents or uploads, or more bytes than the account's quota allows.
    """
    token = secrets.token_urlsafe(32)
    present = tx.additions.with_documents([share.id])
    known = _find_unfinished(deps, tx, share, present, file)
    deadline, token_hash = deps.clock.now() + UPLOAD_LIFETIME, hashlib.sha256(token.encode()).digest()
    if known is not None:
        renewed = replace(known, token_hash=token_hash, deadline=deadline)
        tx.uploads.renew_token(
            replace(renewed, member_id=membership.member_id, integration_id=membership.integration_id)
        )
        partials = tuple(tx.uploads.partials(known.id))
        return UploadTicket(known.document_id, file, known.id, token, known.offset, deadline, partials)
    check_upload_count(deps, tx, membership)
    check_quota(deps, tx, membership.account, file.length)
    document = _insert_document(deps, tx, share, present, file, pending_since)
    upload = Upload(
        id=new_id(),
        document_id=document.id,
        share_id=share.id,
        member_id=membership.member_id,
        integration_id=membership.integration_id,
        length=file.length,
        offset=0,
        token_hash=token_hash,
        deadline=deadline,
    )
    tx.uploads.add(upload)
    return UploadTicket(document.id, file, upload.id, token, 0, deadline)


def _find_unfinished(
    deps: Dependencies, tx: Transaction, share: Share, present: Sequence[Document], file: NewDocument
) -> Upload | None:
    key = existing_key(deps.keyring, share.audit_key_id)
    same = [
        document.id
        for document in present
        if not document.is_complete
        and (document.length, document.modified_at) == (file.length, file.modified_at)
        and file_name(key, document) == file.name
    ]
    # An upload that a worker copies is not resumed: it has other bytes of that name and length.
    uploads = (upload for upload in tx.uploads.of_documents(same) if not upload.is_copy)
    return next((upload for upload in uploads if not upload.is_partial), None)


def _insert_document(
    deps: Dependencies,
    tx: Transaction,
    share: Share,
    present: Sequence[Document],
    file: NewDocument,
    pending_since: datetime | None,
) -> Document:
    if len(present) >= MAX_DOCUMENTS:
        raise InvalidInput("documents", "too_many_documents", longest=MAX_DOCUMENTS)
    key, document_id = existing_key(deps.keyring, share.audit_key_id), new_document_id()
    document = Document(
        id=document_id,
        share_id=share.id,
        sealed_name=seal_field(key, file.name, EncryptedColumn.FILE_NAME, document_id),
        length=file.length,
        position=max((d.position for d in present), default=0) + 1,
        modified_at=file.modified_at,
        pending_since=pending_since,
    )
    tx.shares.add_document(document)
    return document
