"""Sealed details of malware scans, and sealed decisions to release what a policy holds.

Guarantees:
- Both open for their document only, and count only beside a record with the same verdict.
- They are sealed under the share key, so they end with the share.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from deldokument.crypto.keys import Purpose, derive
from deldokument.domain.scanning import ScanReport
from deldokument.domain.share import Document, Verdict
from deldokument.services.encryption import EncryptedColumn, open_field, seal_field


@dataclass(frozen=True, slots=True)
class ScanRecord:
    """Details of a scan. Times are in ISO 8601; ``signatures_at`` is empty if the engine does not give it.

    ``limit``: the longest length that is scanned, of a document that is longer; otherwise 0.
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


def scan_record(report: ScanReport, now: datetime) -> ScanRecord:
    """Return the record of a report made now."""
    engine = report.engine
    dated = engine.signatures_at.isoformat() if engine.signatures_at else ""
    return ScanRecord(
        report.verdict.value, engine.name, engine.version, dated, now.isoformat(), report.signature, report.limit
    )


def seal_scan(share_key: bytes, document_id: str, record: ScanRecord) -> bytes:
    """Seal the details for their document."""
    text = json.dumps(asdict(record), separators=(",", ":"))
    return seal_field(_key(share_key, document_id), text, EncryptedColumn.SCAN, document_id)


def open_scan(share_key: bytes, document: Document, verdict: Verdict) -> ScanRecord | None:
    """Return the details of the scan with that verdict; None if there are none, or only of another verdict.

    Raises: IntegrityError.
    """
    if document.sealed_scan is None:
        return None
    text = open_field(_key(share_key, document.id), document.sealed_scan, EncryptedColumn.SCAN, document.id)
    try:
        record = ScanRecord(**json.loads(text))
    except (TypeError, ValueError):
        # Details of a later version, which this one cannot read.
        return None
    return record if record.verdict == verdict else None


def seal_release(share_key: bytes, document_id: str, release: Release) -> bytes:
    """Seal the decision for its document."""
    text = json.dumps(asdict(release), separators=(",", ":"))
    return seal_field(_key(share_key, document_id), text, EncryptedColumn.RELEASE, document_id)


def open_release(share_key: bytes, document: Document, verdict: Verdict) -> Release | None:
    """Return the decision about that verdict; None if there is none, or only about another verdict.

    Raises: IntegrityError.
    """
    if document.sealed_release is None:
        return None
    text = open_field(_key(share_key, document.id), document.sealed_release, EncryptedColumn.RELEASE, document.id)
    release = Release(**json.loads(text))
    return release if release.verdict == verdict else None


def _key(share_key: bytes, document_id: str) -> bytes:
    return derive(share_key, Purpose.SCAN, bytes.fromhex(document_id))
