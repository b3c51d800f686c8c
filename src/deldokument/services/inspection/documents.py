"""Inspection: reads each complete document once for SHA-256, CRC-32, media type by content, and verdict.

Guarantees:
- The record is sealed and bound to the manifest that was read. Without it nobody gets a byte.
- Inspection is idempotent: after a crash the document is read again.
- Of several workers one inspects a document. It claims the document for a minute and renews the claim while reading.

There is no malware scanner, and the verdict says so.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.manifest import InspectionRecord, Manifest, manifest_hash, open_manifest, seal_inspection
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, ServiceError, Unavailable
from deldokument.domain.share import CLOSED, Document, Verdict
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.downloads.part_reader import STEP, read_parts
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.verdicts import WITHOUT_SCANNER

CLAIM = timedelta(minutes=1)
"""Duration of a worker's claim on a document; after a crash the document waits this long."""
BACK_OFF = timedelta(minutes=10)
"""Pause before a document that could not be inspected is tried again."""
_HEAD = 64 * 1024


class Inspector:
    """The inspection of one worker. Remembers claims that the database did not release."""

    def __init__(self, limit: int = 10) -> None:
        self._limit = limit
        self._unreleased: dict[str, tuple[datetime, datetime]] = {}
        """By document: when it may be tried again, and when the claim has lapsed and may be of another worker."""

    def __call__(self, deps: Dependencies) -> int:
        """Inspect up to ``limit`` documents; return how many were done.

        A document that cannot be inspected now does not block the others. If the database does not release its claim,
        the round ends and the next one begins with that. Raises: the first error, at the end; Unavailable.
        """
        self._release_claims(deps)
        with deps.database.read() as tx:
            waiting: Sequence[Document] = tx.retention.uninspected(deps.clock.now(), self._limit)
        done, troubles = 0, list[ServiceError | IntegrityError]()
        for document in waiting:
            try:
                done += _claimed(deps, document) and _inspect(deps, document)
            except (ServiceError, IntegrityError) as error:
                troubles.append(error)
                now = deps.clock.now()
                # An unavailable store may soon answer. A corrupt document would otherwise come first in every round.
                again = now if isinstance(error, Unavailable) else now + BACK_OFF
                self._unreleased[document.id] = again, now + CLAIM
                self._release_claims(deps)
        if troubles:
            raise troubles[0]
        return done

    def _release_claims(self, deps: Dependencies) -> None:
        for document_id, (again, lapses) in list(self._unreleased.items()):
            if deps.clock.now() < lapses:
                _keep(deps, document_id, again)
            del self._unreleased[document_id]


def inspect_documents(deps: Dependencies, *, limit: int = 10) -> int:
    """Do one round of an `Inspector` of its own."""
    return Inspector(limit)(deps)


def _claimed(deps: Dependencies, document: Document) -> bool:
    now = deps.clock.now()
    with deps.database.write() as tx:
        return tx.retention.claim_inspection(document.id, now, now + CLAIM)


def _keep(deps: Dependencies, document_id: str, until: datetime) -> None:
    with deps.database.write() as tx:
        tx.retention.keep_inspection(document_id, until)


def _inspect(deps: Dependencies, document: Document) -> bool:
    share_key = existing_key(deps.keyring, share_key_id(document.share_id))
    document_id = bytes.fromhex(document.id)
    manifest = open_manifest(share_key, document_id, document.sealed_manifest)
    found = _read(deps, document, manifest, derive(share_key, Purpose.DATA, document_id))
    sealed = seal_inspection(share_key, manifest, found)
    with deps.database.write() as tx:
        share, current = tx.shares.lock(document.share_id), tx.shares.document(document.id)
        if share is None or share.state in CLOSED or current is None or current.inspected_at is not None:
            return False
        tx.shares.save_document(replace(current, sealed_inspection=sealed, inspected_at=deps.clock.now()))
        record_event(deps, tx, EventKind.DOCUMENT_INSPECTED, share=share, document=document.id, verdict=found.verdict)
    return True


def _read(deps: Dependencies, document: Document, manifest: Manifest, data_key: bytes) -> InspectionRecord:
    digest, crc, head = hashlib.sha256(), 0, b""
    verdict = WITHOUT_SCANNER
    claimed_at = deps.clock.now()
    try:
        for _, buffer in read_parts(deps, manifest, data_key, 0, manifest.length, STEP):
            digest.update(buffer)
            crc = zlib.crc32(buffer, crc)
            head = head or bytes(buffer[:_HEAD])
            if (now := deps.clock.now()) - claimed_at > CLAIM / 3:
                _keep(deps, document.id, now + CLAIM)
                claimed_at = now
    except (IntegrityError, Broken):
        verdict = Verdict.ERROR
    return InspectionRecord(manifest_hash(manifest), digest.digest(), crc, deps.media_types.guess(head), verdict)
