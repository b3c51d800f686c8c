"""The report of a share: what it says, who gets it, how long, and that a forged part is found and named."""

import base64
import hashlib
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from deldokument.adapters.documents.signing import create_seal_certificate, verify_signature
from deldokument.domain.audit import EventKind
from deldokument.domain.chain import Flaw
from deldokument.domain.errors import Conflict, InvalidInput, NotFound, RightMissing, existing
from deldokument.domain.messages.outbox import Channel
from deldokument.domain.shares.report import digests, statement
from deldokument.ports.documents import RenderedDocument
from deldokument.services.audit import export
from deldokument.services.audit.recording import record_event
from deldokument.services.audit.report_verification import (
    ReportFault,
    ReportVerdict,
    compare_with_export,
    verify_report,
)
from deldokument.services.audit.verification import marks_of
from deldokument.services.downloads import offers
from deldokument.services.shares.display import report as reports
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.store.audit.audit import EventFilter
from tests.fakes.scanner import MemoryScanner
from tests.services.downloads.test_content import part_ids
from tests.services.shares.display.test_disclosure import set_rules
from tests.services.shares.display.test_receipts import download
from tests.support.deployment.memory import folder_in_memory
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import FJELL, KARI, NOON, ODD, OLA, SIV, Stage, person, run_all, seal, set_stage
from tests.support.stored_data import bytes_of, do_as_owner, put_in_its_place

Report = dict[str, Any]
MASKED = f"{OLA[:6]} *****"


def report_of(stage: Stage, share_id: str, number: str = KARI) -> Report:
    """The signed report, as its file has it."""
    found = reports.report_file(stage.deps, reports.share_report(stage.deps, person(number), share_id))
    return json.loads(found)  # type: ignore[no-any-return]


def verdict(report: Report, *certificates: bytes) -> ReportVerdict:
    return verify_report(json.dumps(report).encode(), certificates=certificates, is_signed=verify_signature)


def read_and_withdrawn(stage: Stage) -> str:
    """A share that Ola has opened and downloaded, and that is over."""
    share_id = stage.publish(OLA, FJELL, title="Vedtak")
    offers.open_share(stage.deps, person(OLA), share_id)
    download(stage, share_id, OLA)
    stage.clock.advance(hours=1)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    run_all(stage.deps)
    return share_id


@pytest.fixture(scope="module")
def final() -> Iterator[tuple[Report, list[bytes]]]:
    """A final report, and an export of the whole event log of after it."""
    with folder_in_memory() as folder:
        stage = set_stage(folder)
        report = report_of(stage, read_and_withdrawn(stage))
        whole = export.begin_event_export(stage.deps, wanted=EventFilter(stage.tenant.id), form="json")
        yield report, b"".join(export.export_lines(stage.deps, whole)).splitlines()
        stage.close()


@pytest.fixture
def report(final: tuple[Report, list[bytes]]) -> Report:
    """A report that may be changed."""
    return deepcopy(final[0])


def test_an_interim_report_says_who_shared_what_with_whom_and_how_far_it_came(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL, title="Vedtak", reference="24/117")
    offers.open_share(stage.deps, person(OLA), share_id)
    download(stage, share_id, OLA)
    report = report_of(stage, share_id)
    assert report["final"] is False
    assert report["key_destroyed"] is None
    said = report["share"]
    assert (said["title"], said["reference"], said["account"]) == ("Vedtak", "24/117", "Byggesak")
    assert (said["shared_by"], said["state"], said["closed_at"]) == ("Kari Lunde", "available", None)
    [document] = report["documents"]
    assert (document["name"], document["length"], document["verdict"]) == ("vedtak.pdf", 7, "not_scanned")
    assert document["sha256"] == hashlib.sha256(b"innhold").hexdigest()
    ola, fjell = report["recipients"]
    assert [(one["state"], one["person"]) for one in ola["receipts"]] == [("opened", MASKED), ("sent", MASKED)]
    assert (fjell["number"], fjell["name"], fjell["receipts"]) == ("312 824 450", "FJELL AS", [])
    assert OLA not in json.dumps(report)


def test_a_final_report_says_where_in_the_signed_chain_the_key_was_destroyed(report: Report) -> None:
    assert report["final"] is True
    assert report["share"]["state"] == "withdrawn"
    assert report["documents"][0]["verdict"] == "not_scanned"
    [destroyed] = [one for one in report["events"] if one["kind"] == EventKind.SHARE_KEY_DESTROYED]
    assert report["key_destroyed"] == {name: destroyed[name] for name in ("at", "number", "hash")}
    assert report["chain"]["number"] >= destroyed["number"]


def test_a_final_report_has_the_sha256_of_each_document_also_of_a_removed_one(stage: Stage) -> None:
    share_id = stage.publish(OLA, also=["kart.pdf"])
    removed, kept = stage.document_ids(share_id)
    changes.remove_document(stage.deps, person(KARI), share_id, removed)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    run_all(stage.deps)
    final = report_of(stage, share_id)
    assert final["final"] is True
    found = {one["id"]: one["sha256"] for one in final["documents"]}
    assert found == dict.fromkeys([kept, removed], hashlib.sha256(b"innhold").hexdigest())


def test_the_sha256_is_of_a_document_that_was_read_whole(stage: Stage) -> None:
    share_id = stage.draft().id
    drafts.save_draft(stage.deps, person(KARI), share_id, stage.words())
    stage.add_recipients(share_id, OLA)
    whole, spoilt = (stage.upload(share_id, name, b"innhold") for name in ("a.txt", "b.txt"))
    spoil(stage, spoilt)
    publishing.publish_share(stage.deps, person(KARI), share_id)
    inspect_documents(stage.deps)
    documents = {one["id"]: (one["verdict"], one["sha256"]) for one in report_of(stage, share_id)["documents"]}
    digest = hashlib.sha256(b"innhold").hexdigest()
    assert documents == {whole: ("not_scanned", digest), spoilt: ("error", None)}
    # A later reading that fails does not take it away.
    spoil(stage, whole)
    with stage.deps.database.write() as tx:
        tx.retention.schedule_rescans(stage.clock.now())
    stage.clock.advance(minutes=1)
    inspect_documents(replace(stage.deps, scanner=MemoryScanner(NOON)))
    assert report_of(stage, share_id)["documents"][0]["verdict"] == "error"
    assert report_of(stage, share_id)["documents"][0]["sha256"] == digest


def spoil(stage: Stage, document_id: str) -> None:
    """Change a byte of the document in the store."""
    [part], blobs = part_ids(stage, document_id), stage.deps.blobs
    sealed = bytes_of(blobs, part)
    put_in_its_place(blobs, part, sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_colleagues_are_named_recipients_masked_and_strangers_left_out(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    offers.open_share(stage.deps, person(OLA), share_id)
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(SIV), share_id)
    with stage.deps.database.write() as tx:
        share = existing(tx.shares.get(share_id))
        record_event(stage.deps, tx, EventKind.SHARE_FROZEN, share=share, person=person(SIV))
        for channel in (Channel.EMAIL, Channel.ALTINN):
            record_event(stage.deps, tx, EventKind.MESSAGE_GIVEN_UP, share=share, channel=channel.value)
    events = [(one["kind"], one["who"]) for one in report_of(stage, share_id)["events"]]
    assert (EventKind.SHARE_PUBLISHED, "Kari Lunde") in events
    assert (EventKind.SHARE_OPENED, MASKED) in events
    assert [who for kind, who in events if kind == EventKind.SHARE_FROZEN] == [""]
    kinds = [kind for kind, _ in events]
    assert EventKind.SHARE_DENIED not in kinds
    assert kinds.count(EventKind.MESSAGE_GIVEN_UP) == 1


def test_a_report_of_too_many_events_says_that_earlier_ones_are_left_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    share_id = stage.publish(OLA)
    assert report_of(stage, share_id)["events_left_out"] is False
    monkeypatch.setattr(reports, "MAX_EVENTS", 1)
    shortened = report_of(stage, share_id)
    assert shortened["events_left_out"] is True
    assert len(shortened["events"]) == 1
    assert verdict(shortened).fault is None


def test_only_members_of_the_account_get_a_report_and_a_draft_has_none(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    for number in (ODD, OLA, SIV):
        with pytest.raises(NotFound):
            report_of(stage, share_id, number)
    with pytest.raises(NotFound):
        report_of(stage, stage.draft().id)


def test_full_numbers_need_the_right_of_a_system_and_are_recorded(stage: Stage) -> None:
    integrate(stage)
    share_id = stage.publish(OLA)
    for sharer in (person(KARI), SYSTEM):
        with pytest.raises(RightMissing, match="full_numbers_missing"):
            reports.share_report(stage.deps, sharer, share_id, with_full_numbers=True)
    set_rules(stage, stage.byggesak, full_numbers=True)
    report = reports.share_report(stage.deps, SYSTEM, share_id, with_full_numbers=True)
    assert (report.sharer, {one.who for one in report.events}) == ("", {"", "FJELL AS"})
    assert (report.has_full_numbers, report.recipients[0].number) == (True, OLA)
    assert report.events[-1].event.kind is EventKind.NUMBERS_DISCLOSED
    assert reports.share_report(stage.deps, SYSTEM, share_id).recipients[0].number == MASKED


def test_the_report_can_be_had_until_the_retention_period_ends(stage: Stage) -> None:
    share_id = read_and_withdrawn(stage)
    stage.clock.advance(days=360)
    run_all(stage.deps)
    assert report_of(stage, share_id)["recipients"][0]["receipts"]
    stage.clock.advance(days=10)
    run_all(stage.deps)
    with pytest.raises(NotFound):
        report_of(stage, share_id)


def test_a_report_verifies_offline_with_the_certificate_alone_and_against_an_export(
    final: tuple[Report, list[bytes]],
) -> None:
    report, log = final
    result = verdict(report, seal().certificate())
    assert result.fault is None
    assert (result.share_id, result.is_final) == (report["share"]["id"], True)
    assert result.key_destroyed == report["key_destroyed"]["number"]
    assert compare_with_export(result, report["chain"]["id"], marks_of(log)) is None


def test_a_change_of_any_part_is_found_and_the_part_is_named(report: Report) -> None:
    parts = [name for name in report if name not in {"format", "version", "seal"}]
    assert len(parts) == 12
    for part in parts:
        forged = deepcopy(report)
        forged[part] = "changed"
        if part == "certificates":
            forged[part] = [*report[part], *report[part]]
        assert verdict(forged).fault == ReportFault(Flaw.CHANGED, part)


def leaves(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in a JSON value that are neither objects nor arrays."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield path
        return
    for name, child in inner:
        yield from leaves(child, (*path, name))


def test_a_change_of_any_single_value_is_refused(report: Report) -> None:
    paths = list(leaves(report))
    assert len(paths) > 100
    for path in paths:
        forged = deepcopy(report)
        target: Any = forged
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = "x" if target[path[-1]] != "x" else "y"
        if path[0] in {"format", "version"}:
            with pytest.raises(InvalidInput, match="report_unknown"):
                verdict(forged)
            continue
        found = verdict(forged, seal().certificate()).fault
        assert found is not None, path
        assert found.part == path[0]


@pytest.mark.parametrize("name", ["recipients", "another"])
def test_a_part_that_was_removed_or_added_is_named(report: Report, name: str) -> None:
    if name in report:
        del report[name]
    else:
        report[name] = []
    assert verdict(report).fault == ReportFault(Flaw.CHANGED, name)


def test_a_report_signed_with_another_key_is_refused(report: Report, tmp_path: Any) -> None:
    paths = tmp_path / "seal.key", tmp_path / "seal.pem"
    other = create_seal_certificate(*paths, operator_name="Falsk", operator_number="", at=NOON)
    assert verdict(report, other.certificate()).fault == ReportFault(Flaw.UNSIGNED, "seal")


def resigned(report: Report) -> Report:
    """The same with a seal that fits, as the service would sign it."""
    report["seal"]["parts"] = digests(report)
    signature = seal().sign(statement(report["seal"]["parts"]))
    report["seal"]["signature"] = base64.b64encode(signature).decode()
    return report


def test_an_event_that_does_not_give_its_hash_is_named_even_if_the_seal_fits(report: Report) -> None:
    report["events"][2]["at"] = report["events"][1]["at"].replace("12", "11", 1)
    number = report["events"][2]["number"]
    assert verdict(resigned(report)).fault == ReportFault(Flaw.ALTERED, "events", number)


def test_an_event_of_another_share_is_named_even_if_the_seal_fits(report: Report) -> None:
    report["share"]["id"] = "AAAAAAAAAAAAAAAAAAAAAA"
    assert verdict(resigned(report)).fault == ReportFault(Flaw.ALTERED, "events", report["events"][0]["number"])


def test_another_place_of_the_key_s_destruction_is_refused_even_if_the_seal_fits(report: Report) -> None:
    report["key_destroyed"]["number"] += 1
    assert verdict(resigned(report)).fault == ReportFault(Flaw.ALTERED, "key_destroyed")


def test_an_export_without_an_event_of_the_report_refutes_it(final: tuple[Report, list[bytes]]) -> None:
    report, log = final
    result, chain, number = verdict(report), report["chain"]["id"], report["key_destroyed"]["number"]
    marks = list(marks_of(log))
    shorter = [mark for mark in marks if mark.number != number]
    assert compare_with_export(result, chain, shorter) == ReportFault(Flaw.MISSING, "events", number)
    forged = [type(mark)(mark.number, bytes(32)) if mark.number == number else mark for mark in marks]
    assert compare_with_export(result, chain, forged) == ReportFault(Flaw.REWRITTEN, "events", number)
    assert compare_with_export(result, "another", marks) == ReportFault(Flaw.UNKNOWN, "chain")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"format": "deldokument-share-report", "version": 1, "seal": {}}']
)
def test_a_file_that_is_no_report_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="report_unknown"):
        verify_report(content, certificates=(), is_signed=verify_signature)


def test_the_text_of_a_report_is_sealed_as_pdf(stage: Stage) -> None:
    report = reports.share_report(stage.deps, person(KARI), stage.publish(OLA))
    sealed = reports.sealed_report(stage.deps, report, RenderedDocument("# Rapport", "Rapport", "", report.made_at))
    assert sealed.startswith(b"%PDF-")
    assert b"/ByteRange" in sealed


def test_a_report_with_an_event_that_the_service_did_not_write_is_not_signed(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    do_as_owner(stage.database_url, f"UPDATE audit_event SET hash = previous WHERE share_id = '{share_id}'")
    refuse(stage, share_id)


def test_a_report_without_a_document_with_a_changed_row_is_not_signed(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    do_as_owner(stage.database_url, "UPDATE document SET length = 1")
    refuse(stage, share_id)


def refuse(stage: Stage, share_id: str) -> None:
    """Neither form of the report is signed."""
    final = reports.share_report(stage.deps, person(KARI), share_id)
    with pytest.raises(Conflict, match="records_unproven"):
        reports.report_file(stage.deps, final)
    with pytest.raises(Conflict, match="records_unproven"):
        reports.sealed_report(stage.deps, final, RenderedDocument("Rapport", "Rapport", "1.0", final.made_at))
