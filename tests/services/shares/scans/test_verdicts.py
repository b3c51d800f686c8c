"""What inspection found, as pages and the API read it: of exactly this document, and never more than is known."""

from dataclasses import replace

import pytest

from deldokument.crypto.manifest import InspectionRecord, manifest_hash, open_manifest, seal_inspection
from deldokument.domain.errors import Conflict, NotReady, existing
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY
from deldokument.domain.shares.share import Document, Verdict
from deldokument.services.downloads import content as downloads_content
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.scans.verdicts import Finding, finding_of
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import OLA, Stage, person

PDF = b"%PDF-1.7\n1 0 obj\n"


def shared(stage: Stage, content: bytes = PDF) -> tuple[bytes, Document]:
    """The share key and the one document of a published share."""
    share_id = stage.publish(OLA, content=content)
    [document_id] = stage.document_ids(share_id)
    with stage.deps.database.read() as tx:
        document = existing(tx.shares.document(document_id))
    return existing_key(stage.deps.keyring, share_key_id(share_id)), document


def judged(share_key: bytes, document: Document, verdict: str) -> Document:
    """The same document with a record that says this."""
    manifest = open_manifest(share_key, bytes.fromhex(document.id), document.sealed_manifest)
    record = InspectionRecord(manifest_hash(manifest), bytes(32), 0, "application/pdf", verdict)
    return replace(document, sealed_inspection=seal_inspection(share_key, manifest, record))


def test_without_a_scanner_every_document_that_can_be_read_is_not_scanned(stage: Stage) -> None:
    share_key, document = shared(stage)
    assert finding_of(share_key, document, DEFAULT_POLICY) == Finding("application/pdf", Verdict.NOT_SCANNED)


def test_before_the_inspection_and_without_the_share_key_nothing_is_said(stage: Stage) -> None:
    share_key, document = shared(stage)
    assert finding_of(share_key, replace(document, sealed_inspection=b""), DEFAULT_POLICY) is None
    assert finding_of(None, document, DEFAULT_POLICY) is None


def test_a_record_that_does_not_open_hides_no_other_document_and_releases_nothing(stage: Stage) -> None:
    share_key, document = shared(stage)
    other = shared(stage)[1]
    for spoilt in (
        replace(document, sealed_inspection=other.sealed_inspection),
        replace(document, sealed_manifest=other.sealed_manifest),
    ):
        found = finding_of(share_key, spoilt, DEFAULT_POLICY)
        assert found == Finding("application/octet-stream", Verdict.ERROR)
        assert not found.is_released


@pytest.mark.parametrize(
    ("verdict", "read", "released"),
    [
        ("clean", Verdict.CLEAN, True),
        ("not_scanned", Verdict.NOT_SCANNED, True),
        ("infected", Verdict.INFECTED, False),
        ("error", Verdict.ERROR, False),
        ("heard_of_by_a_later_version", Verdict.ERROR, False),
    ],
)
def test_a_verdict_that_this_version_does_not_know_releases_nothing(
    stage: Stage, verdict: str, read: Verdict, released: bool
) -> None:
    share_key, document = shared(stage)
    result = judged(share_key, document, verdict)
    found = finding_of(share_key, result, DEFAULT_POLICY)
    assert found == Finding("application/pdf", read)
    assert (found.is_released, found.needs_warning) == (released, False)
    with recording(stage.deps.database) as tx:
        tx.shares.save_document(result)
    if released:
        assert downloads_content.open_document(stage.deps, person(OLA), document.share_id, document.id).length == len(
            PDF
        )
        return
    refused = "document_infected" if read is Verdict.INFECTED else "inspection_refused"
    with pytest.raises((NotReady, Conflict), match=refused):
        downloads_content.open_document(stage.deps, person(OLA), document.share_id, document.id)


@pytest.mark.parametrize("verdict", ["too_large", "encrypted"])
def test_what_could_not_be_examined_is_released_after_a_warning(stage: Stage, verdict: str) -> None:
    share_key, document = shared(stage)
    found = existing(finding_of(share_key, judged(share_key, document, verdict), DEFAULT_POLICY))
    assert (found.is_released, found.needs_warning) == (True, True)
