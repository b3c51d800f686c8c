"""Reception of a document's bytes (tus append): encrypted into parts, acknowledged only when durable.

    feed ──> sealed part ──> durable object ──> compare-and-set of the offset, with the part rows ──> acknowledged

Guarantees:
- A part is written under a fresh name and made durable before the database refers to it.
- The offset moves by compare-and-set: of two writers at the same offset exactly one succeeds. No lock is held while
  bytes arrive.
- If a process dies, its uncommitted objects are unreferenced, and the orphan sweep deletes them.
- A request with a checksum is committed in one step or not at all.
- Every commit checks again that the share accepts the bytes, that the sharer may share, and that nothing is frozen.
- Nothing is committed after the upload's token has expired.

Protocol: tus 1.0.0. HTTP methods are in `web`.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.manifest import Manifest, ManifestPart, seal_manifest
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import (
    Broken,
    ChecksumMismatch,
    Conflict,
    Frozen,
    NotFound,
    ServiceError,
    StorageFull,
    TooLarge,
    existing,
    require,
)
from deldokument.domain.identifiers import Consumer, OrganizationNumber, Sharer, parse_person
from deldokument.domain.shares.policy import Denied, Reason, may_upload
from deldokument.domain.shares.share import Share, ShareState
from deldokument.domain.shares.upload import Part, Upload, remaining_for_partials
from deldokument.ports.blobs import Buffer
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_at
from deldokument.services.encryption import EncryptedColumn, existing_key, open_field, share_key_id
from deldokument.services.shares.approvals.proposals import touch_draft
from deldokument.services.shares.drafts.additions import remove_unpublished
from deldokument.services.shares.rights.authorization import stop_error, stop_of
from deldokument.services.uploads.compaction import compact_parts
from deldokument.services.uploads.part_writer import PartWriter
from deldokument.store.transaction import Transaction

CHECKSUMS = ("sha1", "sha256", "sha512")
COPIED = "copied"
"""In the detail ``how`` of the event of a completed document."""
OnCommit = Callable[[Transaction, int], None]
"""Called in the transaction that moves the offset to this one; an error of it stops the commit."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """Expected hash of the bytes in a request (tus checksum extension)."""

    algorithm: str
    digest: bytes


def token_digest(token: str) -> bytes:
    """Return the SHA-256 of an upload token, the only form in which it is stored."""
    return hashlib.sha256(token.encode()).digest()


def find_upload(deps: Dependencies, token: str, upload_id: str | None = None) -> Upload:
    """Return the upload of the token, if its deadline has not passed.

    Raises: NotFound, without a reason for the client; Conflict or Frozen for an unfinished upload whose share accepts
    no more bytes.
    """
    with deps.database.read() as tx:
        upload = _find_upload(tx, token, upload_id)
        if deps.clock.now() >= upload.deadline:
            raise NotFound("upload token has run out")
        if not upload.is_finished:
            _check_allowed(deps, tx, upload, existing(tx.shares.get(upload.share_id)))
    return upload


def _find_upload(tx: Transaction, token: str, upload_id: str | None) -> Upload:
    whole = require(tx.uploads.by_token(token_digest(token)), "upload")
    if upload_id in (None, whole.id):
        return whole
    upload = require(tx.uploads.get(upload_id), "upload")
    if upload.partial_of != whole.id:
        raise NotFound("upload")
    return upload


def create_upload(deps: Dependencies, token: str, *, length: int) -> Upload:
    """Return the upload that was announced with the draft (see services.shares.drafts.drafts). Idempotent.

    An empty document is complete at once. Raises: as ``find_upload``, and Conflict if ``length`` is not the announced
    one.
    """
    upload = find_upload(deps, token)
    if length != upload.length:
        raise Conflict("upload_length_differs", expected=upload.length)
    if upload.length == 0 and not upload.is_finished:
        with deps.database.write() as tx:
            share, current = locked_share(deps, tx, upload), require(tx.uploads.get(upload.id), "upload")
            if not current.is_finished:
                complete(deps, tx, share, upload)
    return upload


def terminate_upload(deps: Dependencies, token: str, upload_id: str) -> None:
    """Remove the upload and its document from the share (tus termination); of a partial upload, only itself.

    Raises: as ``find_upload``, and Conflict for a partial upload that has been joined.
    """
    upload = find_upload(deps, token, upload_id)
    with deps.database.write() as tx:
        share, person = locked_share(deps, tx, upload), uploader_of(deps, tx, upload)
        upload = require(tx.uploads.get(upload.id), "upload")
        if upload.is_partial:
            _remove_partial(tx, upload, deps.clock.now())
            return
        remove_unpublished(deps, tx, share, upload.document_id, person)


def _remove_partial(tx: Transaction, upload: Upload, now: datetime) -> None:
    if upload.is_finished:
        raise Conflict("upload_finished")
    tx.uploads.remove(upload.id, now)


def uploader_of(deps: Dependencies, tx: Transaction, upload: Upload) -> Sharer:
    """Return the sharer to whom the token was issued, for the audit trail."""
    if upload.member_id is None:
        integration = require(tx.integrations.get(upload.integration_id or ""), "uploader")
        return Consumer(OrganizationNumber(integration.organization_number))
    member, key = require(tx.members.get(upload.member_id), "uploader"), deps.integrity.directory_key()
    return parse_person(
        open_field(key, member.sealed_identifier, EncryptedColumn.MEMBER_NUMBER, member.id), allow_synthetic=True
    )


class Append:
    """Reception of the bytes of one request.

    Call ``read_from``, ``write`` and ``finish`` one at a time; ``commit`` may run concurrently in another thread.
    ``committed`` is the durable offset, which may be acknowledged.
    """

    def __init__(
        self,
        deps: Dependencies,
        upload: Upload,
        data_key: bytes,
        checksum: Checksum | None = None,
        on_commit: OnCommit | None = None,
    ) -> None:
        self._world = deps
        self._upload = upload
        self._data_key = data_key
        self._checksum = checksum
        self._on_commit = on_commit
        self._hash = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
        self._received = upload.offset
        self._parts = PartWriter(deps.blobs, upload, data_key)
        self._durable: list[Part] = []
        self._is_torn = False
        """Whether a part could not be made durable. No later part may be then: acknowledged bytes have no holes."""
        self.committed = upload.offset

    @property
    def waiting(self) -> int:
        """Number of sealed parts that wait for ``commit``."""
        return len(self._parts.sealed)

    def write(self, pieces: Sequence[Buffer]) -> None:
        """Receive at most FEED bytes. Raises: as ``read_from``."""
        self.read_from(partial(_gather, pieces))

    def read_from(self, fill: Callable[[memoryview], int]) -> int:
        """Receive the bytes that ``fill`` writes to the start of its buffer; return their number.

        Raises: TooLarge beyond the declared length, StorageFull, Unavailable.
        """
        return self._parts.read_from(lambda buffer: self._count_received(buffer, fill(buffer)))

    def _count_received(self, buffer: memoryview, count: int) -> int:
        if self._received + count > self._upload.length:
            raise TooLarge("upload_beyond_length", length=self._upload.length)
        if self._hash:
            self._hash.update(buffer[:count])
        self._received += count
        return count

    def commit(self) -> None:
        """Make the sealed parts durable and, unless the request has a checksum, move the offset.

        After a failure it may be called once more, for the parts before the failed one. Raises: Conflict if another
        writer was first, StorageFull, Unavailable, and the errors of ``locked_share``.
        """
        batch = [self._parts.sealed.popleft() for _ in range(len(self._parts.sealed))]
        try:
            while batch and not self._is_torn:
                part, writer = batch[0]
                writer.commit()
                self._durable.append(part)
                del batch[0]
        except BaseException:
            self._is_torn = True
            raise
        finally:
            for _, writer in batch:
                writer.abort()
        if not self._checksum:
            self._move_offset()

    def _move_offset(self) -> None:
        parts, self._durable = self._durable, []
        if not parts:
            return
        try:
            self.committed = _advance(self._world, self._upload, self.committed, parts, self._on_commit)
        except (Conflict, Frozen, NotFound, StorageFull, TooLarge):
            # Certainly not committed. After any other error the commit is uncertain, so the objects are left to the
            # sweep.
            self._world.blobs.delete([part.id for part in parts])
            raise

    def finish(self) -> int:
        """Seal and commit the rest; return the acknowledged offset.

        Raises: ChecksumMismatch, with nothing changed; otherwise as ``commit``.
        """
        if self._hash and self._checksum and self._hash.digest() != self._checksum.digest:
            raise ChecksumMismatch
        self._parts.finish()
        self.commit()
        self._move_offset()
        if self.committed < self._upload.length:
            compact_parts(self._world, self._upload.id, self._upload.document_id, self._data_key)
        return self.committed

    def abandon(self) -> None:
        """Delete everything that has not been committed. Safe to call at any time."""
        self._parts.abandon()
        parts, self._durable = self._durable, []
        # Objects that cannot be deleted now are left to the sweep.
        with suppress(ServiceError):
            self._world.blobs.delete([part.id for part in parts])


def begin_append(
    deps: Dependencies,
    token: str,
    upload_id: str,
    *,
    offset: int,
    announced: int | None,
    checksum: Checksum | None = None,
) -> Append:
    """Prepare to receive bytes at ``offset``.

    Raises: as ``find_upload``; Conflict for another offset or a finished upload; TooLarge.
    """
    upload = find_upload(deps, token, upload_id)
    upload.check_append(offset, announced)
    if upload.is_partial and announced:
        with deps.database.read() as tx:
            _check_partial_fits(tx, upload, offset + announced)
    share_key = existing_key(deps.keyring, share_key_id(upload.share_id))
    return Append(deps, upload, derive(share_key, Purpose.DATA, bytes.fromhex(upload.document_id)), checksum)


def _gather(pieces: Sequence[Buffer], buffer: memoryview) -> int:
    filled = 0
    for piece in pieces:
        buffer[filled : filled + len(piece)] = piece
        filled += len(piece)
    return filled


def _advance(deps: Dependencies, upload: Upload, old: int, parts: Sequence[Part], on_commit: OnCommit | None) -> int:
    new = parts[-1].stop
    if [part.offset for part in parts] != [old, *(part.stop for part in parts[:-1])]:
        # Otherwise the missing bytes in between would be acknowledged with the rest.
        raise Broken("parts do not follow each other")
    with deps.database.write() as tx:
        share = locked_share(deps, tx, upload)
        if deps.clock.now() >= upload.deadline:
            # The orphan sweep may have deleted the first objects of a request that has taken so long.
            raise NotFound("upload token has run out")
        if on_commit is not None:
            on_commit(tx, new)
        if upload.is_partial:
            _check_partial_fits(tx, upload, new)
        if not tx.uploads.advance(upload.id, old, new, parts):
            raise Conflict("upload_offset", expected=require(tx.uploads.get(upload.id), "upload").offset)
        if old == 0 and not upload.is_partial:
            # A document's bytes are stored once: when it is sent whole, the partial uploads are no longer needed.
            tx.uploads.discard_partials(upload.id, deps.clock.now())
        if new == upload.length and not upload.is_partial:
            complete(deps, tx, share, upload)
        else:
            touch_draft(deps, tx, share)
    return new


def _check_partial_fits(tx: Transaction, partial: Upload, end: int) -> None:
    """Raise TooLarge if the partial upload up to ``end``, with the other ones' bytes, exceeds the document.

    Bytes that it received before its connection broke are in its offset, and count once.
    """
    whole = require(tx.uploads.get(partial.partial_of or ""), "upload")
    others = [one for one in tx.uploads.partials(whole.id) if one.id != partial.id]
    if end > remaining_for_partials(whole, others):
        raise TooLarge("upload_beyond_length", length=whole.length)


def locked_share(deps: Dependencies, tx: Transaction, upload: Upload) -> Share:
    """Return the share, locked until the transaction ends, so that it cannot be published or ended meanwhile.

    Raises: Conflict if it accepts no more bytes, Frozen, or NotFound if the uploader may no longer share there.
    """
    share = require(tx.shares.lock(upload.share_id), "share")
    _check_allowed(deps, tx, upload, share)
    return share


def _check_allowed(deps: Dependencies, tx: Transaction, upload: Upload, share: Share) -> None:
    decision = may_upload(
        share,
        accounts_of_uploader(tx, upload),
        deps.clock.now(),
        stop=stop_of(tx, share),
        is_pending=share.state is not ShareState.DRAFT and _is_pending(tx, upload.document_id),
    )
    if decision == Denied(Reason.OVER):
        raise Conflict("not_a_draft")
    if isinstance(decision, Denied) and decision.reason in {Reason.FROZEN, Reason.BEHIND}:
        raise stop_error(decision.reason)
    if isinstance(decision, Denied):
        raise NotFound("upload")


def _is_pending(tx: Transaction, document_id: str) -> bool:
    document = tx.additions.document(document_id)
    return document is not None and document.pending_since is not None


def accounts_of_uploader(tx: Transaction, upload: Upload) -> set[str]:
    """Return the accounts from which the uploader may share now: the draft may have been moved to another account."""
    if upload.member_id is not None:
        member = require(tx.members.get(upload.member_id), "uploader")
        return {account.id for _, account in tx.members.of_person(member.lookup_hash)}
    integration = require(tx.integrations.get(upload.integration_id or ""), "uploader")
    living = tx.integrations.of_organization(integration.organization_number)
    return {account.id for one, account in living if one.may_share}


def complete(deps: Dependencies, tx: Transaction, share: Share, upload: Upload) -> None:
    """Complete the document and seal its manifest. The share must be locked.

    From then on, a change of the document in database or store is detected. Raises: Conflict for a complete document,
    so that a restored upload cannot give it a second manifest.
    """
    document = existing(tx.additions.document(upload.document_id))
    if document.is_complete:
        raise Conflict("upload_finished")
    document_id = bytes.fromhex(document.id)
    parts = tuple(
        ManifestPart(bytes.fromhex(part.id), part.offset, part.length, part.header)
        for part in tx.uploads.parts(upload.id)
    )
    share_key = existing_key(deps.keyring, share_key_id(share.id))
    sealed = seal_manifest(share_key, Manifest(document_id, document.length, parts))
    now = deps.clock.now()
    tx.shares.save_document(document.complete(sealed, now))
    tx.uploads.finish(upload.id, now)
    touch_draft(deps, tx, share)
    details: dict[str, str | int] = {"document": document.id, "length": document.length}
    if upload.is_copy:
        details["how"] = COPIED
    record_at(deps, tx, now, EventKind.DOCUMENT_COMPLETED, details, share=share)
