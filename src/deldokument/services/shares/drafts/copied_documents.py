"""Documents that are copied from an open share into a new draft.

Guarantees:
- Only the sharer can copy documents, and only while the share is open.
- The quota and limits of uploads apply, and are checked before anything is stored.
- The source of a copy is encrypted for the draft, so a writer of the database cannot choose another.

A worker copies the bytes; see `services.downloads.copying`. Until then the draft cannot be published.
"""

import hashlib
import secrets

from deldokument.domain.errors import Conflict, existing
from deldokument.domain.shares.policy import Denied, Reason, may_copy
from deldokument.domain.shares.share import Document, Share, new_document_id, new_id
from deldokument.domain.shares.upload import UPLOAD_LIFETIME, Upload
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership
from deldokument.services.encryption import EncryptedColumn, existing_key, open_field, seal_field, share_key_id
from deldokument.services.shares.display.views import file_name
from deldokument.services.shares.rights.authorization import stop_error, stop_of
from deldokument.services.shares.rights.limits import check_upload_count
from deldokument.services.shares.rights.quota import check_quota
from deldokument.store.transaction import Transaction

STOPPED = frozenset({Reason.FROZEN, Reason.DELETED, Reason.BEHIND})
"""Denials of a copy that may end: it can be made later."""


def copy_documents(deps: Dependencies, tx: Transaction, original: Share, draft: Share, membership: Membership) -> None:
    """Add the documents of an open share to the new draft of this membership; a worker copies their bytes.

    Raises: Conflict if the share is over, or belongs to another sharer; Frozen; InvalidInput if quota or limits do not
    allow them.
    """
    original = existing(tx.shares.get(original.id))
    mine, stop = {membership.account.id}, stop_of(tx, original)
    decision = may_copy(original, mine, membership.id, deps.clock.now(), stop=stop)
    if isinstance(decision, Denied):
        if decision.reason in STOPPED:
            raise stop_error(decision.reason)
        raise Conflict("documents_of_another" if decision.reason is Reason.NOT_SHARER else "documents_over")
    documents = [document for document in tx.shares.documents([original.id]) if document.is_complete]
    check_upload_count(deps, tx, membership, len(documents))
    check_quota(deps, tx, membership.account, sum(document.length for document in documents))
    old_key, key = existing_key(deps.keyring, original.audit_key_id), existing_key(deps.keyring, draft.audit_key_id)
    share_key = existing_key(deps.keyring, share_key_id(draft.id))
    for document in documents:
        copied_id, upload_id = new_document_id(), new_id()
        copied = Document(
            id=copied_id,
            share_id=draft.id,
            sealed_name=seal_field(key, file_name(old_key, document), EncryptedColumn.FILE_NAME, copied_id),
            length=document.length,
            position=document.position,
            modified_at=document.modified_at,
        )
        upload = Upload(
            id=upload_id,
            document_id=copied_id,
            share_id=draft.id,
            member_id=membership.member_id,
            integration_id=membership.integration_id,
            length=document.length,
            offset=0,
            # Of a token that is discarded at once, so that only the worker can fill the upload.
            token_hash=hashlib.sha256(secrets.token_bytes(32)).digest(),
            deadline=deps.clock.now() + UPLOAD_LIFETIME,
            sealed_source=seal_field(share_key, document.id, EncryptedColumn.COPY_SOURCE, upload_id),
        )
        tx.shares.add_document(copied)
        tx.uploads.add(upload)


def source_id(share_key: bytes, upload: Upload) -> str:
    """Return the id of the document to copy. Raises: IntegrityError if it was not sealed for this upload."""
    return open_field(share_key, upload.sealed_source or b"", EncryptedColumn.COPY_SOURCE, upload.id)
