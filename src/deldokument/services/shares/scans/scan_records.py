"""Sealed details of malware scans, and sealed decisions to release held documents.

Guarantees:
- Both open only for their document, and apply only with an inspection record of the same verdict.
- They are sealed under the share key, so they become unreadable when the share ends.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeVar

from deldokument.crypto.keys import Purpose, derive
from deldokument.domain.shares.scanning import ScanReport
from deldokument.domain.shares.share import Document, Verdict
from deldokument.services.encryption import EncryptedColumn, open_json, seal_json


@dataclass(frozen=True, slots=True)
class ScanRecord:
    """Details of a scan. Times are in ISO 8601; ``signatures_at`` is empty if the engine does not give it.

    ``limit``: for a document that was too long, the maximum length that is scanned; otherwise 0.
    """

    verdict: str
    engine: str
    version: str
    signatures_at: str
    scanned_at: str
    signature: str = ""
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Release:
    """A member's decision to release a document that the policy holds for this verdict. ``at`` is in ISO 8601."""

    verdict: str
    member_id: str
    at: str


_Record = TypeVar("_Record", ScanRecord, Release)


def scan_record(report: ScanReport, now: datetime) -> ScanRecord:
    """Return the record of a report made now."""
    engine = report.engine
    dated = engine.signatures_at.isoformat() if engine.signatures_at else ""
    return ScanRecord(
        report.verdict.value, engine.name, engine.version, dated, now.isoformat(), report.signature, report.limit
    )


def seal_scan(share_key: bytes, document_id: str, record: ScanRecord) -> bytes:
    """Seal the details for their document."""
    return _seal(share_key, document_id, record, EncryptedColumn.SCAN)


def open_scan(share_key: bytes, document: Document, verdict: Verdict) -> ScanRecord | None:
    """Return the details of the scan; None if there are none, or they are of another verdict.

    Raises: IntegrityError.
    """
    return _open(share_key, document, document.sealed_scan, EncryptedColumn.SCAN, ScanRecord, verdict)


def seal_release(share_key: bytes, document_id: str, release: Release) -> bytes:
    """Seal the decision for its document."""
    return _seal(share_key, document_id, release, EncryptedColumn.RELEASE)


def open_release(share_key: bytes, document: Document, verdict: Verdict) -> Release | None:
    """Return the release decision; None if there is none, or it is about another verdict.

    Raises: IntegrityError.
    """
    return _open(share_key, document, document.sealed_release, EncryptedColumn.RELEASE, Release, verdict)


def _seal(share_key: bytes, document_id: str, record: _Record, column: EncryptedColumn) -> bytes:
    return seal_json(_key(share_key, document_id), asdict(record), column, document_id)


def _open(
    share_key: bytes,
    document: Document,
    sealed: bytes | None,
    column: EncryptedColumn,
    kind: type[_Record],
    verdict: Verdict,
) -> _Record | None:
    if sealed is None:
        return None
    try:
        record = kind(**open_json(_key(share_key, document.id), sealed, column, document.id))
    except (TypeError, ValueError):
        # A record of a later version, which this version cannot read.
        return None
    return record if record.verdict == verdict else None


def _key(share_key: bytes, document_id: str) -> bytes:
    return derive(share_key, Purpose.SCAN, bytes.fromhex(document_id))
