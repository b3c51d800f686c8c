"""Copies of a share's documents: a worker decrypts each document, and encrypts it for the new draft.

    waiting ──claimed──> copied part by part ──same SHA-256──> complete, then inspected like any upload
                              └──no longer readable─────> failed, its parts garbage

Guarantees:
- A part is committed only if the sharer may copy the source at that moment, in the same transaction.
- A copy is complete only if its SHA-256 is the one in the source's inspection record.
- The content is decrypted as a stream, at most a few MiB at a time, and never written in the clear.
- After a crash the copy continues at its offset. The stored bytes before it are read back for the SHA-256.
- Only one worker copies a document. It claims the document for a minute and renews the claim while copying.

A source that is not yet inspected, or is stopped by the operator, is copied later.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.manifest import Manifest, ManifestPart, open_manifest
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, Conflict, Frozen, NotFound, NotReady, require
from deldokument.domain.shares.policy import Denied, may_copy
from deldokument.domain.shares.share import Document, Share, ShareState, Verdict, new_id
from deldokument.domain.shares.upload import UPLOAD_LIFETIME, CopyFailure, Upload
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.downloads.access import check_clock
from deldokument.services.downloads.part_reader import STEP, read_parts
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.drafts.copied_documents import STOPPED, source_id
from deldokument.services.shares.rights.authorization import stop_error, stop_of
from deldokument.services.shares.scans.verdicts import read_record, verdict_of
from deldokument.services.uploads.append import Append, accounts_of_uploader, complete, locked_share, uploader_of
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction

CLAIM = timedelta(minutes=1)
"""Duration of a worker's claim on a copy; after a crash the copy waits this long."""
BACK_OFF = timedelta(seconds=10)
"""Pause before a copy that cannot be made now is tried again."""
_REFUSED = {Verdict.INFECTED: CopyFailure.INFECTED, Verdict.ERROR: CopyFailure.DAMAGED}


class _FailedError(Exception):
    """Error: the document cannot be copied, now or later."""

    def __init__(self, failure: CopyFailure) -> None:
        super().__init__(failure.value)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class _Source:
    """The document to copy."""

    document_id: str
    manifest: Manifest
    data_key: bytes
    sha256: bytes


def make_copies(deps: Dependencies, *, limit: int = 10) -> int:
    """Copy up to ``limit`` documents; return how many were done, including permanent failures.

    A document that cannot be copied now does not block the others. Raises: the first error, at the end; Unavailable if
    the node's clock is wrong.
    """
    with deps.database.read() as tx:
        waiting = tx.copies.waiting(deps.clock.now(), limit)
    if waiting:
        check_clock(deps)
    done, errors = 0, list[Exception]()
    for upload in waiting:
        current = _claim(deps, upload.id)
        try:
            done += current is not None and _copy(deps, current)
        except Exception as error:
            errors.append(error)
            _keep(deps, upload.id, deps.clock.now() + BACK_OFF)
    if errors:
        raise errors[0]
    return done


def _claim(deps: Dependencies, upload_id: str) -> Upload | None:
    """Return the current upload with a deadline for this pass; None if another worker copies it."""
    now = deps.clock.now()
    with deps.database.write() as tx:
        upload = tx.uploads.get(upload_id) if tx.copies.claim(upload_id, now, now + CLAIM) else None
    # The stored deadline would end a copy whose source was stopped for a day, although its draft still exists.
    return replace(upload, deadline=now + UPLOAD_LIFETIME) if upload else None


def _keep(deps: Dependencies, upload_id: str, until: datetime) -> None:
    with deps.database.write() as tx:
        tx.copies.keep(upload_id, until)


def _copy(deps: Dependencies, upload: Upload) -> bool:
    """Copy one document; return whether it is done, or has failed permanently."""
    try:
        _copy_content(deps, upload)
    except _FailedError as error:
        _give_up(deps, upload, error.failure)
    except NotFound:
        _give_up(deps, upload, CopyFailure.GONE)
    except (Frozen, NotReady):
        _keep(deps, upload.id, deps.clock.now() + BACK_OFF)
        return False
    except Conflict:
        # The draft has ended, or another worker was faster.
        return False
    return True


def _copy_content(deps: Dependencies, upload: Upload) -> None:
    """Copy the document.

    Raises: NotFound if the sharer may no longer copy it; Conflict or Frozen as any append.
    """
    share_key = existing_key(deps.keyring, share_key_id(upload.share_id))
    document_id = _source_id(deps, upload, share_key)
    try:
        source = _open_source(deps, upload, document_id)
        _CopyingPass(deps, upload, source, derive(share_key, Purpose.DATA, bytes.fromhex(upload.document_id))).run()
    except (IntegrityError, Broken):
        # Parts and keys of a source that has just ended are gone, too.
        with deps.database.read() as tx:
            _readable(deps, tx, upload, document_id)
        raise _FailedError(CopyFailure.DAMAGED) from None


class _CopyingPass:
    """One pass through the content of a document. Renews the claim while copying."""

    def __init__(self, deps: Dependencies, upload: Upload, source: _Source, data_key: bytes) -> None:
        self._deps = deps
        self._upload = upload
        self._source = source
        self._data_key = data_key
        self._append = Append(deps, upload, data_key, on_commit=self._check)
        self._digest = hashlib.sha256()
        self._claimed_at = deps.clock.now()

    def run(self) -> None:
        """Copy the missing bytes, and complete the document if its SHA-256 is right."""
        try:
            for buffer in self._read_stored():
                self._count(buffer)
            for buffer in self._missing():
                # Not after the last buffer, because that would complete the document.
                self._append.commit()
                self._append.write([buffer])
                self._count(buffer)
            if self._digest.digest() != self._source.sha256:
                raise _FailedError(CopyFailure.DAMAGED)
            if self._upload.length:
                self._append.finish()
            else:
                self._complete_empty()
        finally:
            self._append.abandon()

    def _read_stored(self) -> Iterator[memoryview]:
        """Yield the stored part of the copy."""
        upload = self._upload
        with self._deps.database.read() as tx:
            parts = tx.uploads.parts(upload.id)
        found = [ManifestPart(bytes.fromhex(one.id), one.offset, one.length, one.header) for one in parts]
        manifest = Manifest(bytes.fromhex(upload.document_id), upload.offset, tuple(found))
        for _, buffer in read_parts(self._deps, manifest, self._data_key, 0, upload.offset, STEP):
            yield buffer

    def _missing(self) -> Iterator[memoryview]:
        """Yield the rest of the source."""
        source, upload = self._source, self._upload
        for _, buffer in read_parts(self._deps, source.manifest, source.data_key, upload.offset, upload.length, STEP):
            yield buffer

    def _count(self, buffer: memoryview) -> None:
        self._digest.update(buffer)
        if (now := self._deps.clock.now()) - self._claimed_at > CLAIM / 3:
            _keep(self._deps, self._upload.id, now + CLAIM)
            self._claimed_at = now

    def _check(self, tx: Transaction, offset: int) -> None:
        """Raise unless the sharer may copy the source now. With the last byte, record the copy."""
        upload = self._upload
        document, share = _readable(self._deps, tx, upload, self._source.document_id)
        if offset == upload.length:
            details = {"document": document.id, "copy": upload.share_id}
            person = uploader_of(self._deps, tx, upload)
            record_event(self._deps, tx, EventKind.DOCUMENT_COPIED, share=share, person=person, **details)

    def _complete_empty(self) -> None:
        with self._deps.database.write() as tx:
            share = locked_share(self._deps, tx, self._upload)
            current = require(tx.uploads.get(self._upload.id), "upload")
            if current.is_finished:
                raise Conflict("upload_finished")
            self._check(tx, 0)
            complete(self._deps, tx, share, self._upload)


def _source_id(deps: Dependencies, upload: Upload, share_key: bytes) -> str:
    try:
        return source_id(share_key, upload)
    except IntegrityError:
        deps.damage.report(DamagedRow("upload", upload.id))
        raise _FailedError(CopyFailure.DAMAGED) from None


def _open_source(deps: Dependencies, upload: Upload, document_id: str) -> _Source:
    """Return the source. Raises: NotReady before its inspection; IntegrityError or Broken if it is damaged."""
    with deps.database.read() as tx:
        document, _ = _readable(deps, tx, upload, document_id)
    if not document.sealed_inspection:
        raise NotReady("inspection_running")
    share_key, name = existing_key(deps.keyring, share_key_id(document.share_id)), bytes.fromhex(document.id)
    record = read_record(share_key, document)
    failure = _REFUSED.get(verdict_of(record))
    if failure:
        raise _FailedError(failure)
    manifest = open_manifest(share_key, name, document.sealed_manifest)
    return _Source(document.id, manifest, derive(share_key, Purpose.DATA, name), record.sha256)


def _readable(deps: Dependencies, tx: Transaction, upload: Upload, document_id: str) -> tuple[Document, Share]:
    """Return the source and its share, if the sharer of the copy may copy it now. Raises: NotFound; Frozen."""
    document = tx.shares.document(document_id)
    share = tx.shares.get(document.share_id) if document else None
    stop = stop_of(tx, share) if share else None
    accounts, sharer_id = accounts_of_uploader(tx, upload), upload.member_id or upload.integration_id or ""
    decision = may_copy(share, accounts, sharer_id, deps.clock.now(), stop=stop)
    if isinstance(decision, Denied) and decision.reason in STOPPED:
        raise stop_error(decision.reason)
    if document is None or share is None or isinstance(decision, Denied):
        raise NotFound("source of a copy")
    return document, share


def _give_up(deps: Dependencies, upload: Upload, failure: CopyFailure) -> None:
    """Replace the upload by an empty one with the reason; its parts become garbage in the same transaction."""
    now = deps.clock.now()
    with deps.database.write() as tx:
        share, current = tx.shares.lock(upload.share_id), tx.uploads.get(upload.id)
        if share is None or share.state is not ShareState.DRAFT or current is None or current.is_finished:
            return
        tx.uploads.remove(current.id, now)
        tx.uploads.add(replace(current, id=new_id(), offset=0, sealed_source=None, copy_failure=failure))
