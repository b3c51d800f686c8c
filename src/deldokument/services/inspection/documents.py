"""Inspection: reads each complete document for SHA-256, CRC-32, media type by content, and the scanner's verdict.

Guarantees:
- The record is sealed and bound to the manifest that was read. Without a record the document cannot be downloaded.
- Inspection is idempotent: after a crash the document is read again.
- Only one worker inspects a document. It claims the document for a minute and renews the claim while reading.
- With a scanner, no document gets a record before the scanner has reported on it. It is scanned again after a day, and
  once a day while its share is a draft.
- The content is decrypted as a stream and never written.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.manifest import InspectionRecord, Manifest, manifest_hash, open_manifest, seal_inspection
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, Unavailable
from deldokument.domain.shares.scanning import ScanReport
from deldokument.domain.shares.share import CLOSED, Document, Share, ShareState, Verdict
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.inspection import Scanner, ScannerClosed
from deldokument.services.audit.recording import record_event
from deldokument.services.downloads.part_reader import STEP, read_parts
from deldokument.services.encryption import EncryptedColumn, existing_key, seal_field, share_key_id
from deldokument.services.inspection.archives import scan_opened
from deldokument.services.shares.scans.scan_records import scan_record, seal_scan

CLAIM = timedelta(minutes=1)
"""Duration of a worker's claim on a document; after a crash the document waits this long."""
BACK_OFF = timedelta(minutes=10)
"""Pause before a document that could not be inspected is tried again."""
SCAN_BACK_OFF = timedelta(minutes=1)
"""The same, if the scanner has failed while it examined the document. It may restart, or may fail again."""
RESCAN_AFTER = timedelta(hours=24)
"""Time after the first scan, and after each scan in a draft. By then, engines know malware that was new."""
_HEAD = 64 * 1024


class Inspector:
    """The inspection loop of one worker. Remembers claims that it could not release in the database."""

    def __init__(self, limit: int = 10) -> None:
        self._limit = limit
        self._unreleased: dict[str, tuple[datetime, datetime]] = {}
        """By document: when it may be tried again, and when the claim has lapsed and may be of another worker."""

    def __call__(self, deps: Dependencies) -> int:
        """Inspect up to ``limit`` documents; return how many were done.

        A document that cannot be inspected now does not block the others. If its claim cannot be released in the
        database, the round ends; the next one first releases it. Raises: the first error, at the end; Unavailable.
        """
        self._release_claims(deps)
        waiting = _waiting(deps, self._limit)
        if waiting and deps.scanner is not None:
            # Checked first, so that no document is read in vain.
            deps.scanner.engine()
        done, errors = 0, list[Exception]()
        for document in waiting:
            try:
                done += _claim(deps, document) and _inspect(deps, document)
            except Exception as error:
                errors.append(error)
                now = deps.clock.now()
                again = now + _pause_after(error)
                self._unreleased[document.id] = again, now + CLAIM
                self._release_claims(deps)
        if errors:
            raise errors[0]
        return done

    def _release_claims(self, deps: Dependencies) -> None:
        for document_id, (again, lapses) in list(self._unreleased.items()):
            if deps.clock.now() < lapses:
                _keep(deps, document_id, again)
            del self._unreleased[document_id]


def _pause_after(error: Exception) -> timedelta:
    """Return the pause before the next attempt: none if an unavailable store may soon answer, or this worker ends.

    Without a pause, a document that is corrupt or crashes the scanner would come first in every round.
    """
    if isinstance(error, ScannerClosed):
        return timedelta()
    if not isinstance(error, Unavailable):
        return BACK_OFF
    return SCAN_BACK_OFF if error.code == "scanner" else timedelta()


def _waiting(deps: Dependencies, limit: int) -> list[Document]:
    """Return documents to inspect, new ones first. Without a scanner, no document is scanned again."""
    now = deps.clock.now()
    with deps.database.read() as tx:
        new = tx.retention.uninspected_documents(now, limit)
        return new + (tx.retention.due_rescans(now, limit - len(new)) if deps.scanner else [])


def _claim(deps: Dependencies, document: Document) -> bool:
    """Claim the document.

    A document of a damaged share waits for ``BACK_OFF``, because its inspection could not be saved.
    """
    now = deps.clock.now()
    with deps.database.write() as tx:
        share = tx.shares.get(document.share_id)
        is_damaged = share is not None and not share.intact
        claimed = tx.retention.claim_inspection(document.id, now, now + (BACK_OFF if is_damaged else CLAIM))
        return claimed and not is_damaged


def _keep(deps: Dependencies, document_id: str, until: datetime) -> None:
    with deps.database.write() as tx:
        tx.retention.keep_inspection(document_id, until)


def _inspect(deps: Dependencies, document: Document) -> bool:
    share_key = existing_key(deps.keyring, share_key_id(document.share_id))
    document_id = bytes.fromhex(document.id)
    manifest = open_manifest(share_key, document_id, document.sealed_manifest)
    found, report = _read(deps, document, manifest, derive(share_key, Purpose.DATA, document_id))
    now = deps.clock.now()
    with deps.database.write() as tx:
        share, current = tx.shares.lock(document.share_id), tx.additions.document(document.id)
        if share is None or share.state in CLOSED or current is None:
            return False
        if current.sealed_inspection != document.sealed_inspection:
            # Another worker has inspected it meanwhile.
            return False
        # So a published document was scanned within a day, and is scanned once more.
        is_to_be_scanned_again = document.inspected_at is None or share.state is ShareState.DRAFT
        # While it was read, a member may have released the document, or added it to the share.
        inspected = replace(
            current,
            sealed_inspection=seal_inspection(share_key, manifest, found),
            inspected_at=document.inspected_at or now,
            sealed_scan=seal_scan(share_key, document.id, scan_record(report, now)) if report else None,
            rescan_at=now + RESCAN_AFTER if report and is_to_be_scanned_again else None,
            sealed_sha256=current.sealed_sha256 or _sealed_sha256(deps, share, document.id, found),
        )
        tx.shares.save_document(inspected)
        record_event(deps, tx, EventKind.DOCUMENT_INSPECTED, share=share, document=document.id, verdict=found.verdict)
    return True


def _sealed_sha256(deps: Dependencies, share: Share, document_id: str, found: InspectionRecord) -> bytes:
    """Return the SHA-256 for the share's report, which outlives the share key; empty if the reading failed."""
    if found.verdict == Verdict.ERROR:
        return b""
    key = existing_key(deps.keyring, share.audit_key_id)
    return seal_field(key, found.sha256.hex(), EncryptedColumn.FILE_SHA256, document_id)


class _Reading:
    """One pass through a document's content. Renews the claim on the way."""

    def __init__(self, deps: Dependencies, document: Document) -> None:
        self._deps = deps
        self._document = document
        self._claimed_at = deps.clock.now()
        self.digest, self.crc, self.head = hashlib.sha256(), 0, b""

    def through(self, buffers: Iterable[tuple[int, memoryview]]) -> Iterator[memoryview]:
        """Yield the buffers after they have been counted."""
        for _, buffer in buffers:
            self.digest.update(buffer)
            self.crc = zlib.crc32(buffer, self.crc)
            self.head = self.head or bytes(buffer[:_HEAD])
            self.keep_claim()
            yield buffer

    def keep_claim(self) -> None:
        """Renew the claim if a third of it is over."""
        if (now := self._deps.clock.now()) - self._claimed_at > CLAIM / 3:
            _keep(self._deps, self._document.id, now + CLAIM)
            self._claimed_at = now


def _read(
    deps: Dependencies, document: Document, manifest: Manifest, data_key: bytes
) -> tuple[InspectionRecord, ScanReport | None]:
    reading, report = _Reading(deps, document), None
    content = reading.through(read_parts(deps, manifest, data_key, 0, manifest.length, STEP))
    try:
        if deps.scanner is not None:
            report = deps.scanner.scan(content, manifest.length, reading.keep_claim)
        for _ in content:
            # The scanner has not asked for the rest.
            continue
        if deps.scanner and report and report.verdict is Verdict.TOO_LARGE:
            report = _scan_archive(deps, deps.scanner, manifest, data_key, reading) or report
        report = report and report.with_fresh_signatures(deps.clock.now(), deps.config.max_signature_age)
        verdict = report.verdict if report else Verdict.NOT_SCANNED
    except (IntegrityError, Broken):
        verdict, report = Verdict.ERROR, None
    media_type = deps.media_types.guess(reading.head)
    hashed = manifest_hash(manifest)
    return InspectionRecord(hashed, reading.digest.digest(), reading.crc, media_type, verdict), report


def _scan_archive(
    deps: Dependencies,
    scanner: Scanner,
    manifest: Manifest,
    data_key: bytes,
    reading: _Reading,
) -> ScanReport | None:
    """Scan the members of an archive, read by random access; return None for another format."""

    def stream(start: int, stop: int) -> Iterator[memoryview]:
        for _, buffer in read_parts(deps, manifest, data_key, start, stop, STEP):
            reading.keep_claim()
            yield buffer

    def read(start: int, stop: int) -> bytes:
        within = min(start, manifest.length), min(stop, manifest.length)
        return b"".join(map(bytes, stream(*within)))

    return scan_opened(scanner, reading.head, read, stream, manifest.length, reading.keep_claim)


def rescan_open_shares(deps: Dependencies) -> int:
    """Schedule a scan of every document of open shares; return their number.

    Recipients can download them meanwhile.

    Raises: Unavailable if there is no scanner, or it cannot be used.
    """
    if deps.scanner is None:
        raise Unavailable("scanner", detail="no scanner is configured: set DELDOKUMENT_SCANNER_URL")
    deps.scanner.engine()
    with deps.database.write() as tx:
        return tx.retention.schedule_rescans(deps.clock.now())
