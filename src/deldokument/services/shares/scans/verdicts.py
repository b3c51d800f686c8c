"""Inspection results of documents, read back from their sealed records.

Guarantees:
- A record is valid only for its manifest.
- A document with a verdict unknown to this version is not released.
- A held document is released only by a sealed decision about the same verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.manifest import InspectionRecord, open_inspection, open_manifest
from deldokument.domain.errors import InvalidInput
from deldokument.domain.shares.scan_policy import Handling, ScanPolicy, handling_of
from deldokument.domain.shares.share import Document, Share, Verdict
from deldokument.domain.tenants.tenancy import Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.scans.scan_records import Release, ScanRecord, open_release, open_scan


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of a document's inspection: the media type of its content, the verdict, and the handling by the policy.

    ``sha256`` is in hexadecimal. ``scan``: the details of the malware scan, if there was one. ``release``: a member's
    decision to release the held document after a warning. ``etag`` identifies exactly these bytes.
    """

    media_type: str
    verdict: Verdict
    sha256: str = field(default="", compare=False)
    scan: ScanRecord | None = None
    handling: Handling = field(default=Handling.REFUSED, compare=False)
    release: Release | None = None
    etag: str = field(default="", compare=False)

    @property
    def is_released(self) -> bool:
        """Whether recipients can get the document, perhaps after a warning."""
        return self.handling in _RELEASED

    @property
    def needs_warning(self) -> bool:
        """Whether recipients get the document only after they have confirmed a warning."""
        return self.handling is Handling.WARNED

    @property
    def is_held(self) -> bool:
        """Whether the document waits for a member's decision."""
        return self.handling is Handling.HELD


_RELEASED: Final = frozenset({Handling.RELEASED, Handling.WARNED})
_UNREADABLE: Final = Finding("application/octet-stream", Verdict.ERROR)


def read_record(share_key: bytes, document: Document) -> InspectionRecord:
    """Open the inspection record of a document that has one. Raises: IntegrityError."""
    manifest = open_manifest(share_key, bytes.fromhex(document.id), document.sealed_manifest)
    return open_inspection(share_key, manifest, document.sealed_inspection)


def finding_of(share_key: bytes | None, document: Document, policy: ScanPolicy) -> Finding | None:
    """Return the record's finding; None before the inspection, and after the share key has been destroyed.

    ``policy``: the scan policy of the document's tenant.

    For pages: a record that does not open gives the verdict ERROR, so that the other documents can still be shown.
    """
    if share_key is None or not document.sealed_inspection:
        return None
    try:
        record = read_record(share_key, document)
        verdict = verdict_of(record)
        scan, handling = open_scan(share_key, document, verdict), handling_of(policy, verdict)
        release = open_release(share_key, document, verdict) if handling is Handling.HELD else None
    except IntegrityError:
        return _UNREADABLE
    handling = Handling.WARNED if release else handling
    return Finding(record.media_type, verdict, record.sha256.hex(), scan, handling, release, record.etag)


def foreseen_verdict(deps: Dependencies) -> Verdict | None:
    """Return the verdict that every readable document will get without a scanner; None if there is one."""
    return Verdict.NOT_SCANNED if deps.scanner is None else None


def verdict_of(record: InspectionRecord) -> Verdict:
    """Return the verdict; ERROR, which is never released, for a value written by a later version."""
    try:
        return Verdict(record.verdict)
    except ValueError:
        return Verdict.ERROR


def scan_errors(
    deps: Dependencies, share: Share, tenant: Tenant, documents: Sequence[Document], *, must_be_inspected: bool
) -> list[InvalidInput]:
    """Return the reasons why verdicts, or missing verdicts, forbid offering the documents to recipients."""
    share_key = existing_key(deps.keyring, share_key_id(share.id))
    policy = deps.config.scan_policy_of(tenant)
    findings = [finding_of(share_key, document, policy) for document in documents]
    errors: list[InvalidInput] = []
    if any(finding and finding.verdict is Verdict.INFECTED for finding in findings):
        errors.append(InvalidInput("documents", "files_infected"))
    if must_be_inspected and None in findings:
        errors.append(InvalidInput("documents", "files_unscanned"))
    return errors
