"""Warnings: confirmed once by each person for each document and verdict, and for nobody else."""

from dataclasses import replace

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, NotFound
from deldokument.domain.shares.share import Verdict
from deldokument.services.downloads.content import open_document
from deldokument.services.downloads.offers import open_share
from deldokument.services.downloads.warnings import confirm_warnings
from tests.fakes.scanner import MemoryScanner
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import FJELL, NOON, OLA, PER, SIV, Stage, person


@pytest.fixture
def scanner(stage: Stage) -> MemoryScanner:
    """A scanner that finds everything too large."""
    memory = MemoryScanner(NOON, verdict=Verdict.TOO_LARGE)
    stage.deps = replace(stage.deps, scanner=memory)
    return memory


def confirmations(stage: Stage) -> list[object]:
    """The verdicts that were confirmed, in order."""
    events = [event for _, event in stage.trail() if event.kind is EventKind.WARNING_CONFIRMED]
    return [(event.details or {})["verdict"] for event in events]


def test_a_person_confirms_once_for_each_document_and_verdict(stage: Stage, scanner: MemoryScanner) -> None:
    share_id = stage.publish(OLA, FJELL)
    [document_id] = stage.document_ids(share_id)
    for _ in range(2):
        confirm_warnings(stage.deps, person(OLA), share_id, document_id)
    assert confirmations(stage) == ["too_large"]
    assert [one.needs_warning for one in open_share(stage.deps, person(OLA), share_id).documents] == [False]
    assert [one.needs_warning for one in open_share(stage.deps, person(PER), share_id).documents] == [True]
    with pytest.raises(Conflict, match="document_unconfirmed"):
        open_document(stage.deps, person(PER), share_id, document_id)
    scanner.verdict = Verdict.ENCRYPTED
    stage.clock.advance(hours=24)
    inspect_documents(stage.deps)
    with pytest.raises(Conflict, match="document_unconfirmed"):
        open_document(stage.deps, person(OLA), share_id, document_id)
    confirm_warnings(stage.deps, person(OLA), share_id)
    assert confirmations(stage) == ["too_large", "encrypted"]
    assert open_document(stage.deps, person(OLA), share_id, document_id).length == 7


@pytest.mark.usefixtures("scanner")
def test_only_recipients_confirm_and_only_documents_of_the_share(stage: Stage) -> None:
    share_id, other = stage.publish(OLA), stage.publish(OLA)
    with pytest.raises(NotFound):
        confirm_warnings(stage.deps, person(SIV), share_id)
    with pytest.raises(NotFound):
        confirm_warnings(stage.deps, person(OLA), share_id, *stage.document_ids(other))
    assert confirmations(stage) == []


def test_there_is_nothing_to_confirm_before_the_scan_or_about_what_is_clean(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    confirm_warnings(stage.deps, person(OLA), share_id)
    assert confirmations(stage) == []
