"""Scanning in the worker: no document is released before the scanner has reported, and the report is sealed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from deldokument.adapters.scan_samples import TEST_VIRUS
from deldokument.crypto.errors import IntegrityError
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidFields, NotReady, Unavailable, existing
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY
from deldokument.domain.shares.share import Document, ShareState, Verdict
from deldokument.services.downloads.content import may_send_on, open_archive, open_document
from deldokument.services.downloads.warnings import confirm_warnings
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.inspection import documents
from deldokument.services.inspection.documents import rescan_open_shares
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.shares.scans.scan_records import ScanRecord, open_scan, seal_scan
from deldokument.services.shares.scans.verdicts import Finding, finding_of, foreseen_verdict
from tests.fakes.scanner import SIGNATURE, MemoryScanner
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, NOON, ODD, OLA, Stage, person

HOUR = timedelta(hours=1)


@pytest.fixture
def scanner(stage: Stage) -> MemoryScanner:
    """The scanner of the stage, with signatures of an hour ago."""
    memory = MemoryScanner(NOON - HOUR)
    stage.deps = replace(stage.deps, scanner=memory)
    return memory


def stored(stage: Stage, document_id: str) -> tuple[bytes, Document]:
    """The share key and the document."""
    with stage.deps.database.read() as tx:
        document = existing(tx.shares.document(document_id))
    return existing_key(stage.deps.keyring, share_key_id(document.share_id)), document


def finding(stage: Stage, document_id: str) -> Finding | None:
    """What pages read of the inspection."""
    return finding_of(*stored(stage, document_id), DEFAULT_POLICY)


def opened(stage: Stage, document_id: str) -> int:
    """The length that the recipient gets."""
    _, document = stored(stage, document_id)
    return open_document(stage.deps, person(OLA), document.share_id, document_id).length


@pytest.mark.usefixtures("scanner")
def test_a_report_is_sealed_with_engine_signatures_and_time(stage: Stage) -> None:
    [document_id] = stage.document_ids(stage.publish(OLA))
    found = existing(finding(stage, document_id))
    dated = (NOON - HOUR).isoformat()
    assert found.scan == ScanRecord("clean", "Memory", "1", dated, NOON.isoformat())
    assert (found.verdict, opened(stage, document_id)) == (Verdict.CLEAN, 7)
    assert foreseen_verdict(stage.deps) is None
    assert foreseen_verdict(replace(stage.deps, scanner=None)) is Verdict.NOT_SCANNED


def test_no_byte_is_released_while_the_scanner_is_away_and_the_document_waits(
    stage: Stage, scanner: MemoryScanner
) -> None:
    scanner.down = True
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    document_id = stage.upload(share.id, "a.txt", b"innhold")
    publishing.publish_share(stage.deps, person(KARI), share.id)
    with pytest.raises(Unavailable, match="scanner"):
        inspect_documents(stage.deps)
    assert finding(stage, document_id) is None
    with pytest.raises(NotReady, match="inspection_running"):
        opened(stage, document_id)
    with stage.deps.database.read() as tx:
        assert tx.backlog.waiting(stage.clock.now())["inspection"].count == 1  # type: ignore[index]
    scanner.down = False
    assert inspect_documents(stage.deps) == 1
    assert opened(stage, document_id) == 7


def test_a_document_on_which_the_scanner_failed_is_scanned_again_and_holds_up_no_other(
    stage: Stage, scanner: MemoryScanner
) -> None:
    share = stage.draft()
    first, second = (stage.upload(share.id, name, b"innhold") for name in ("a.txt", "b.txt"))
    scanner.fails = 1
    with pytest.raises(Unavailable, match="scanner"):
        inspect_documents(stage.deps)
    assert sorted(finding(stage, one) is None for one in (first, second)) == [False, True]
    assert inspect_documents(stage.deps) == 0
    stage.clock.advance(minutes=1)
    assert inspect_documents(stage.deps) == 1


@pytest.mark.usefixtures("scanner")
def test_a_draft_with_malware_is_not_published(stage: Stage) -> None:
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    document_id = stage.upload(share.id, "a.com", TEST_VIRUS)
    inspect_documents(stage.deps)
    with pytest.raises(InvalidFields) as caught:
        publishing.publish_share(stage.deps, person(KARI), share.id)
    assert [(error.field, error.code) for error in caught.value.errors] == [("documents", "files_infected")]
    # A scanner that is away later changes nothing.
    with pytest.raises(InvalidFields):
        publishing.publish_share(replace(stage.deps, scanner=None), person(KARI), share.id)
    found = existing(finding(stage, document_id))
    assert (found.verdict, existing(found.scan).signature) == (Verdict.INFECTED, SIGNATURE)
    assert not found.is_released
    drafts.remove_document(stage.deps, person(KARI), share.id, document_id)
    stage.upload(share.id, "a.txt", b"innhold")
    assert publishing.publish_share(stage.deps, person(KARI), share.id).state is ShareState.AVAILABLE


def test_malware_found_after_publication_closes_the_document(stage: Stage, scanner: MemoryScanner) -> None:
    share_id = stage.publish(OLA)
    [document_id] = stage.document_ids(share_id)
    stage.clock.advance(hours=23)
    assert inspect_documents(stage.deps) == 0
    stage.clock.advance(hours=1)
    scanner.verdict, scanner.signatures_at = Verdict.INFECTED, stage.clock.now()
    assert inspect_documents(stage.deps) == 1
    with pytest.raises(Conflict, match="document_infected"):
        opened(stage, document_id)
    verdicts = [event.details for _, event in stage.trail() if event.kind is EventKind.DOCUMENT_INSPECTED]
    assert [existing(details)["verdict"] for details in verdicts] == ["clean", "infected"]
    stage.clock.advance(hours=48)
    assert inspect_documents(stage.deps) == 0


@pytest.mark.usefixtures("scanner")
def test_a_document_of_a_draft_is_scanned_each_day_and_once_more_when_it_is_shared(stage: Stage) -> None:
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    stage.upload(share.id, "a.txt", b"innhold")
    assert inspect_documents(stage.deps) == 1
    for _ in range(3):
        stage.clock.advance(hours=24)
        assert inspect_documents(stage.deps) == 1
    publishing.publish_share(stage.deps, person(KARI), share.id)
    stage.clock.advance(hours=24)
    assert inspect_documents(stage.deps) == 1
    stage.clock.advance(hours=48)
    assert inspect_documents(stage.deps) == 0


def test_malware_cuts_the_running_downloads_of_its_document_and_no_other(stage: Stage, scanner: MemoryScanner) -> None:
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    first, second = (stage.upload(share.id, name, b"innhold") for name in ("a.txt", "b.txt"))
    publishing.publish_share(stage.deps, person(KARI), share.id)
    inspect_documents(stage.deps)
    stage.clock.advance(hours=24)
    running = [open_document(stage.deps, person(OLA), share.id, one) for one in (first, second)]
    running.append(open_archive(stage.deps, person(OLA), share.id))
    with stage.deps.database.read() as tx:
        due = {one.id: one for one in tx.retention.due_rescans(stage.clock.now(), 10)}
    for document_id, verdict, sent_on in (
        (second, Verdict.CLEAN, [True] * 3),
        (first, Verdict.INFECTED, [False, True, False]),
    ):
        scanner.verdict, scanner.signatures_at = verdict, stage.clock.now()
        assert documents._inspect(stage.deps, due[document_id])
        stage.clock.advance(seconds=4)
        assert [may_send_on(stage.deps, content) for content in running] == sent_on
    publishing.withdraw_share(stage.deps, person(KARI), share.id)
    assert not may_send_on(stage.deps, running[1])


@pytest.mark.usefixtures("scanner")
def test_without_a_scanner_nothing_is_scanned_again(stage: Stage) -> None:
    [document_id] = stage.document_ids(stage.publish(OLA))
    stage.clock.advance(hours=24)
    assert inspect_documents(replace(stage.deps, scanner=None)) == 0
    assert existing(finding(stage, document_id)).verdict is Verdict.CLEAN


def test_of_two_workers_that_scan_a_document_again_one_counts(stage: Stage, scanner: MemoryScanner) -> None:
    stage.publish(OLA)
    stage.clock.advance(hours=24)
    scanner.signatures_at = stage.clock.now()
    with stage.deps.database.read() as tx:
        [due] = tx.retention.due_rescans(stage.clock.now(), 10)
    assert inspect_documents(stage.deps) == 1
    assert documents._inspect(stage.deps, due) is False


@pytest.mark.parametrize(
    ("age", "verdict"),
    [(timedelta(days=7), Verdict.CLEAN), (timedelta(days=7, seconds=1), Verdict.STALE), (None, Verdict.STALE)],
)
def test_clean_by_old_signatures_or_those_without_a_date_is_stale(
    stage: Stage, scanner: MemoryScanner, age: timedelta | None, verdict: Verdict
) -> None:
    scanner.signatures_at = None if age is None else NOON - age
    [document_id] = stage.document_ids(stage.publish(OLA))
    assert existing(finding(stage, document_id)).verdict is verdict


def test_malware_found_with_old_signatures_is_malware(stage: Stage, scanner: MemoryScanner) -> None:
    scanner.signatures_at = None
    share = stage.draft()
    document_id = stage.upload(share.id, "a.com", TEST_VIRUS)
    inspect_documents(stage.deps)
    assert existing(finding(stage, document_id)).verdict is Verdict.INFECTED


def test_a_document_above_the_limit_is_still_read_for_its_checksums(stage: Stage, scanner: MemoryScanner) -> None:
    scanner.max_bytes = 6
    [document_id] = stage.document_ids(stage.publish(OLA))
    found = existing(finding(stage, document_id))
    assert (found.verdict, existing(found.scan).limit, found.media_type) == (Verdict.TOO_LARGE, 6, "text/plain")
    confirm_warnings(stage.deps, person(OLA), stored(stage, document_id)[1].share_id)
    assert opened(stage, document_id) == 7


@pytest.mark.parametrize("verdict", sorted(set(DEFAULT_POLICY) - {Verdict.NOT_SCANNED}))
def test_an_unexamined_document_is_released_only_after_a_warning_alone_and_in_the_zip(
    stage: Stage, scanner: MemoryScanner, verdict: Verdict
) -> None:
    scanner.verdict = verdict
    share_id = stage.publish(OLA)
    [document_id] = stage.document_ids(share_id)
    with pytest.raises(Conflict, match="document_unconfirmed"):
        opened(stage, document_id)
    with pytest.raises(Conflict, match="document_unconfirmed"):
        open_archive(stage.deps, person(OLA), share_id)
    confirm_warnings(stage.deps, person(OLA), share_id, document_id)
    assert opened(stage, document_id) == 7
    assert open_archive(stage.deps, person(OLA), share_id).length > 7


def test_on_demand_every_document_of_open_shares_is_scanned_again_and_no_other(
    stage: Stage, scanner: MemoryScanner
) -> None:
    open_share, withdrawn = stage.publish(OLA), stage.publish(OLA)
    publishing.withdraw_share(stage.deps, person(KARI), withdrawn)
    stage.upload(stage.draft().id, "a.txt", b"innhold")
    inspect_documents(stage.deps)
    assert rescan_open_shares(stage.deps) == 1
    # The claim of the first scan lapses meanwhile.
    stage.clock.advance(minutes=1)
    scanner.verdict = Verdict.INFECTED
    assert inspect_documents(stage.deps) == 1
    [document_id] = stage.document_ids(open_share)
    assert existing(finding(stage, document_id)).verdict is Verdict.INFECTED
    assert inspect_documents(stage.deps) == 0


def test_nothing_is_scanned_again_on_demand_without_a_scanner_that_can_be_used(
    stage: Stage, scanner: MemoryScanner
) -> None:
    with pytest.raises(Unavailable, match="DELDOKUMENT_SCANNER_URL"):
        rescan_open_shares(replace(stage.deps, scanner=None))
    scanner.down = True
    with pytest.raises(Unavailable, match="scanner"):
        rescan_open_shares(stage.deps)


@pytest.mark.usefixtures("scanner")
def test_a_second_person_approves_only_what_was_scanned(stage: Stage) -> None:
    stage.change_account(stage.avtaler, rules=replace(stage.avtaler.rules, four_eyes=True))
    share = stage.draft(account=stage.avtaler)
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words(account_id=stage.avtaler.id))
    stage.add_recipients(share.id, OLA)
    stage.upload(share.id, "a.txt", b"innhold")
    proposed = publishing.publish_share(stage.deps, person(KARI), share.id)

    def approve() -> ShareState:
        return publishing.approve_share(stage.deps, person(ODD), share.id, seen=proposed.changed_at.isoformat()).state

    with pytest.raises(InvalidFields) as caught:
        approve()
    assert [(error.field, error.code) for error in caught.value.errors] == [("documents", "files_unscanned")]
    inspect_documents(stage.deps)
    assert approve() is ShareState.AVAILABLE


@dataclass(frozen=True)
class LaterRecord(ScanRecord):
    """The details as a later version may write them."""

    archive: str = "zip"


@pytest.mark.usefixtures("scanner")
@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda key, one: seal_scan(key, one.id, ScanRecord("infected", "E", "1", "", "", "x")), None),
        (lambda _key, one: one.sealed_scan and one.sealed_scan[:-1] + bytes([one.sealed_scan[-1] ^ 1]), IntegrityError),
        (lambda _key, _one: None, None),
        (lambda key, one: seal_scan(key, one.id, LaterRecord("clean", "E", "1", "", "")), None),
    ],
)
def test_details_that_do_not_fit_the_record_do_not_count(
    stage: Stage,
    spoil: Callable[[bytes, Document], bytes | None],
    found: type[IntegrityError] | None,
) -> None:
    [document_id] = stage.document_ids(stage.publish(OLA))
    key, document = stored(stage, document_id)
    spoilt = replace(document, sealed_scan=spoil(key, document))
    if found is None:
        assert open_scan(key, spoilt, Verdict.CLEAN) is None
        assert finding_of(key, spoilt, DEFAULT_POLICY) == Finding("text/plain", Verdict.CLEAN)
    else:
        assert existing(finding_of(key, spoilt, DEFAULT_POLICY)).verdict is Verdict.ERROR
