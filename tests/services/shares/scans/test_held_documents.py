"""Documents that the scan policy holds: nobody gets one before a member has decided, and the decision is recorded."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Frozen, NotFound, existing
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY, Handling
from deldokument.domain.shares.share import Verdict
from deldokument.services.downloads.content import open_archive, open_document
from deldokument.services.downloads.warnings import confirm_warnings
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.inspection import documents
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.shares.scans.held_documents import hold_document, release_document
from deldokument.services.shares.scans.verdicts import Finding, finding_of
from tests.fakes.scanner import MemoryScanner
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import KARI, NOON, ODD, OLA, SIV, Stage, person

HELD = DEFAULT_POLICY | {Verdict.ENCRYPTED: Handling.HELD}


@pytest.fixture
def scanner(stage: Stage) -> MemoryScanner:
    """A scanner that finds everything encrypted, of an operator that holds that."""
    memory = MemoryScanner(NOON, verdict=Verdict.ENCRYPTED)
    stage.deps = replace(stage.deps, scanner=memory, config=replace(stage.deps.config, scan_policy=HELD))
    return memory


def shared(stage: Stage) -> tuple[str, str]:
    """A published share and its document."""
    share_id = stage.publish(OLA)
    return share_id, *stage.document_ids(share_id)


def finding(stage: Stage, document_id: str) -> Finding:
    """What pages read."""
    with stage.deps.database.read() as tx:
        document = existing(tx.shares.document(document_id))
    key = existing_key(stage.deps.keyring, share_key_id(document.share_id))
    return existing(finding_of(key, document, HELD))


def refusal(stage: Stage, share_id: str, document_id: str) -> str:
    """Why the recipient does not get the document, alone and in the zip; empty if it comes."""
    openings: list[Callable[[], object]] = [
        lambda: open_document(stage.deps, person(OLA), share_id, document_id),
        lambda: open_archive(stage.deps, person(OLA), share_id),
    ]
    codes = set[str]()
    for opening in openings:
        try:
            opening()
            codes.add("")
        except Conflict as error:
            codes.add(error.code)
    [code] = codes
    return code


@pytest.mark.usefixtures("scanner")
def test_a_held_document_comes_only_after_a_decision_and_a_warning(stage: Stage) -> None:
    share_id, document_id = shared(stage)
    assert refusal(stage, share_id, document_id) == "document_held"
    # A confirmation of the recipient releases nothing, and is not recorded.
    confirm_warnings(stage.deps, person(OLA), share_id)
    assert refusal(stage, share_id, document_id) == "document_held"
    for _ in range(2):
        release_document(stage.deps, person(KARI), share_id, document_id)
    assert refusal(stage, share_id, document_id) == "document_unconfirmed"
    confirm_warnings(stage.deps, person(OLA), share_id)
    assert refusal(stage, share_id, document_id) == ""
    for _ in range(2):
        hold_document(stage.deps, person(KARI), share_id, document_id)
    assert refusal(stage, share_id, document_id) == "document_held"
    decided = [event.kind for _, event in stage.trail() if (event.details or {}).get("verdict") == "encrypted"]
    assert decided == [
        EventKind.DOCUMENT_INSPECTED,
        EventKind.DOCUMENT_RELEASED,
        EventKind.WARNING_CONFIRMED,
        EventKind.DOCUMENT_HELD,
    ]


def test_a_decision_counts_for_its_document_and_verdict_only(stage: Stage, scanner: MemoryScanner) -> None:
    share_id, document_id = shared(stage)
    release_document(stage.deps, person(KARI), share_id, document_id)
    other_id = shared(stage)[1]
    with recording(stage.deps.database) as tx:
        moved, other = existing(tx.shares.document(document_id)), existing(tx.shares.document(other_id))
        tx.shares.save_document(replace(other, sealed_release=moved.sealed_release))
    assert finding(stage, other_id).verdict is Verdict.ERROR
    scanner.verdict = Verdict.TOO_LARGE
    stage.deps = replace(
        stage.deps, config=replace(stage.deps.config, scan_policy=HELD | {Verdict.TOO_LARGE: Handling.HELD})
    )
    stage.clock.advance(hours=24)
    inspect_documents(stage.deps)
    assert refusal(stage, share_id, document_id) == "document_held"


def test_a_new_scan_with_the_same_verdict_keeps_the_decision(stage: Stage, scanner: MemoryScanner) -> None:
    share_id, document_id = shared(stage)
    stage.clock.advance(hours=24)
    with stage.deps.database.read() as tx:
        [due] = tx.retention.due_rescans(stage.clock.now(), 10)
    # The member decides while the worker reads the document.
    release_document(stage.deps, person(KARI), share_id, document_id)
    scanner.signatures_at = stage.clock.now()
    assert documents._inspect(stage.deps, due)
    assert finding(stage, document_id).release is not None


@pytest.mark.usefixtures("scanner")
def test_only_members_of_the_account_decide_about_documents_of_the_share(stage: Stage) -> None:
    share_id, document_id = shared(stage)
    other = shared(stage)[1]
    for number in (SIV, ODD, OLA):
        with pytest.raises(NotFound):
            release_document(stage.deps, person(number), share_id, document_id)
    with pytest.raises(NotFound):
        release_document(stage.deps, person(KARI), share_id, other)
    stage.change_tenant(frozen_at=NOON)
    with pytest.raises(Frozen):
        release_document(stage.deps, person(KARI), share_id, document_id)


def test_what_is_not_held_or_not_scanned_or_over_cannot_be_released(stage: Stage, scanner: MemoryScanner) -> None:
    scanner.verdict = Verdict.INFECTED
    draft = stage.draft()
    document_id = stage.upload(draft.id, "a.txt", b"innhold")
    with pytest.raises(Conflict, match="document_not_held"):
        release_document(stage.deps, person(KARI), draft.id, document_id)
    inspect_documents(stage.deps)
    with pytest.raises(Conflict, match="document_not_held"):
        release_document(stage.deps, person(KARI), draft.id, document_id)
    share_id, shared_id = shared(stage)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    with pytest.raises(Conflict, match="share_over"):
        release_document(stage.deps, person(KARI), share_id, shared_id)


@pytest.mark.usefixtures("scanner")
def test_with_four_eyes_another_member_than_the_sharer_decides(stage: Stage) -> None:
    stage.change_account(stage.avtaler, rules=replace(stage.avtaler.rules, four_eyes=True))
    share = stage.draft(account=stage.avtaler)
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words(account_id=stage.avtaler.id))
    stage.add_recipients(share.id, OLA)
    document_id = stage.upload(share.id, "a.txt", b"innhold")
    inspect_documents(stage.deps)
    with pytest.raises(Conflict, match="own_held_document"):
        release_document(stage.deps, person(KARI), share.id, document_id)
    release_document(stage.deps, person(ODD), share.id, document_id)
    assert finding(stage, document_id).needs_warning
