"""Due records are found, and erasing leaves exactly what the contract allows."""

from dataclasses import replace

import pytest

from deldokument.domain.errors import NotFound
from deldokument.domain.shares.share import DRAFT_LIFETIME, SYSTEM_DRAFT_LIFETIME, Receipt, ShareState
from deldokument.domain.tenants.tenancy import Integration
from deldokument.store.database import Database
from tests.contract.records import (
    ACCOUNT,
    DAY,
    HOUR,
    NOW,
    TENANT,
    append,
    available,
    begin_upload,
    complete_document_of,
    document_of,
    draft,
    ended,
    keep,
    recipient_of,
    settle,
    upload_of,
)


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)


def test_a_share_is_due_at_its_end_and_not_before(database: Database) -> None:
    later, sooner = available(expires_at=NOW), available(expires_at=NOW - HOUR)
    keep(database, later, sooner, available(expires_at=NOW + HOUR), ended(), draft())
    with database.write() as tx:
        assert tx.retention.due_shares(NOW, 10) == [sooner, later]
        assert tx.retention.due_shares(NOW, 1) == [sooner]


def test_what_is_due_may_be_asked_in_a_reading_transaction(database: Database) -> None:
    due = available(expires_at=NOW)
    keep(database, due)
    with database.read() as tx:
        assert tx.retention.due_shares(NOW, 10) == [due]


def test_only_untouched_drafts_are_stale(database: Database) -> None:
    stale = draft(changed_at=NOW - HOUR)
    keep(database, stale, draft(changed_at=NOW), available(changed_at=NOW - DAY))
    with database.write() as tx:
        assert tx.retention.stale_drafts(NOW + DRAFT_LIFETIME, 10) == [stale]


def test_a_draft_of_a_system_is_stale_sooner_unless_it_is_proposed(database: Database) -> None:
    system = Integration("system", ACCOUNT.id, "991825827", "Fagsystem AS", NOW)
    with database.write() as tx:
        tx.integrations.add(system)
    old = {"changed_at": NOW - HOUR}
    of_system = {"member_id": None, "integration_id": system.id}
    members, systems = draft(**old), draft(**old, **of_system)
    proposed = draft(**old, **of_system, proposed_by=system.id)
    keep(database, members, systems, proposed, draft(changed_at=NOW + DRAFT_LIFETIME, **of_system))
    with database.write() as tx:
        assert tx.retention.stale_drafts(NOW + SYSTEM_DRAFT_LIFETIME, 10) == [systems]
        everything = {share.id for share in tx.retention.stale_drafts(NOW + DRAFT_LIFETIME, 10)}
        assert everything == {members.id, systems.id, proposed.id}


def test_the_keys_of_closed_shares_are_to_be_destroyed(database: Database) -> None:
    over = ended()
    thrown_away = draft(state=ShareState.ABANDONED, closed_at=NOW)
    keep(database, over, thrown_away, ended(key_destroyed_at=NOW), available(), draft())
    with database.write() as tx:
        assert tx.retention.keys_to_destroy(NOW, 10) == [thrown_away, over]
        assert tx.retention.keys_to_destroy(NOW, 1) == [thrown_away]


def test_the_key_of_what_can_still_be_undone_is_not_to_be_destroyed(database: Database) -> None:
    discarded = draft(state=ShareState.ABANDONED, closed_at=NOW, undo_until=NOW + HOUR, undo_by="m")
    keep(database, discarded)
    with database.write() as tx:
        assert tx.retention.keys_to_destroy(NOW, 10) == []
        assert tx.retention.keys_to_destroy(NOW + HOUR, 10) == [discarded]


def test_blobs_are_released_once_the_key_is_destroyed(database: Database) -> None:
    share, alive, without = available(), available(), ended(key_destroyed_at=NOW)
    keep(database, share, alive, without)
    upload, other = begin_upload(database, share), begin_upload(database, alive)
    parts, kept = append(database, upload, 30, 20), append(database, other, 10)
    with database.write() as tx:
        tx.shares.save(replace(share, state=ShareState.ENDED, closed_at=NOW))
        assert tx.retention.blobs_to_release(10) == [without.id]
        tx.shares.save(replace(share, state=ShareState.ENDED, closed_at=NOW, key_destroyed_at=NOW))
        assert set(tx.retention.blobs_to_release(10)) == {share.id, without.id}
        tx.retention.release_blobs([share.id, without.id], NOW)
    with database.read() as tx:
        assert tx.retention.blobs_to_release(10) == []
        assert set(tx.uploads.garbage(10)) == {part.id for part in parts}
        assert tx.uploads.get(upload.id) is None
        assert tx.uploads.parts(other.id) == kept


def test_releasing_drops_manifests_and_inspection_records_but_not_names(database: Database) -> None:
    share = ended(key_destroyed_at=NOW)
    keep(database, share)
    kept = complete_document_of(share, inspected_at=NOW)
    document = replace(kept, sealed_inspection=b"verdict", sealed_scan=b"details", sealed_release=b"r", rescan_at=NOW)
    with database.write() as tx:
        tx.shares.add_document(document)
        tx.retention.release_blobs([share.id], NOW)
    with database.read() as tx:
        dropped = {"sealed_manifest": b"", "sealed_inspection": b"", "sealed_scan": None, "sealed_release": None}
        assert tx.shares.documents([share.id]) == [replace(document.with_verdict_hash(), **dropped, rescan_at=None)]


def test_complete_documents_of_living_shares_are_to_be_inspected(database: Database) -> None:
    writing, open_share, over = draft(), available(), ended()
    keep(database, writing, open_share, over)
    second = complete_document_of(writing, completed_at=NOW + HOUR)
    first = complete_document_of(open_share)
    others = [
        document_of(writing),
        complete_document_of(writing, inspected_at=NOW, sealed_inspection=b"verdict"),
        complete_document_of(over),
    ]
    with database.write() as tx:
        for document in [second, first, *others]:
            tx.shares.add_document(document)
        assert tx.retention.uninspected_documents(NOW, 10) == [first, second]
        assert tx.retention.uninspected_documents(NOW, 1) == [first]


def test_documents_of_living_shares_are_scanned_again_when_it_is_time_and_by_one_worker(database: Database) -> None:
    writing, open_share, over = draft(), available(), ended()
    keep(database, writing, open_share, over)
    seen = {"sealed_inspection": b"verdict", "inspected_at": NOW}
    later = complete_document_of(open_share, rescan_at=NOW + HOUR, **seen).with_verdict_hash()
    due = complete_document_of(writing, rescan_at=NOW, **seen).with_verdict_hash()
    never = complete_document_of(open_share, **seen)
    with database.write() as tx:
        for document in (later, due, never, complete_document_of(over, rescan_at=NOW, **seen)):
            tx.shares.add_document(document)
        assert tx.retention.due_rescans(NOW, 10) == [due]
        assert tx.retention.due_rescans(NOW + HOUR, 10) == [due, later]
        assert not tx.retention.claim_inspection(later.id, NOW, NOW + HOUR)
        assert tx.retention.claim_inspection(due.id, NOW, NOW + HOUR)
        assert not tx.retention.claim_inspection(due.id, NOW, NOW + HOUR)
        assert tx.retention.due_rescans(NOW, 10) == []


def test_on_demand_the_documents_of_open_shares_are_to_be_scanned_again(database: Database) -> None:
    writing, open_share, over = draft(), available(), ended()
    keep(database, writing, open_share, over)
    seen = {"sealed_inspection": b"verdict", "inspected_at": NOW}
    wanted = complete_document_of(open_share, **seen).with_verdict_hash()
    with database.write() as tx:
        for document in (wanted, complete_document_of(open_share)):
            tx.shares.add_document(document)
        for share in (writing, over):
            tx.shares.add_document(complete_document_of(share, **seen))
        assert tx.retention.schedule_rescans(NOW) == 1
        assert tx.retention.due_rescans(NOW, 10) == [replace(wanted, rescan_at=NOW)]


def test_a_share_is_spent_when_its_tenants_retention_period_has_passed(database: Database) -> None:
    with database.write() as tx:
        tx.tenants.add(replace(TENANT, id="brief", organization_number="983544622", retention=DAY))
    over = NOW - TENANT.retention
    spent, brief = ended(closed_at=over), ended(tenant_id="brief", closed_at=NOW - DAY)
    keep(database, spent, brief, ended(closed_at=over + HOUR), ended(closed_at=over, erased_at=NOW), draft())
    with database.write() as tx:
        found = tx.retention.spent_shares(NOW, 10)
        assert sorted(share.id for share in found) == sorted([spent.id, brief.id])
        assert len(tx.retention.spent_shares(NOW, 1)) == 1
        assert tx.retention.spent_shares(NOW - HOUR, 10) == []


def test_an_erased_share_keeps_state_and_times_alone(database: Database) -> None:
    share, other = ended(), ended()
    keep(database, share, other)
    recipient, document = recipient_of(share), complete_document_of(share)
    upload = upload_of(document)
    kept = recipient_of(other)
    with database.write() as tx:
        tx.shares.add_recipient(recipient)
        tx.shares.add_recipient(kept)
        tx.shares.add_document(document)
        tx.uploads.add(upload)
        tx.receipts.save(Receipt(share.id, document.id, recipient.id, "subject", NOW, NOW))
    parts = append(database, upload, 10)
    with database.write() as tx:
        tx.retention.erase_shares([share.id], NOW + 2 * DAY)
    with database.read() as tx:
        assert tx.shares.get(share.id) == replace(
            share,
            sealed_audit_texts=b"",
            sealed_share_texts=b"",
            reference_hash=b"",
            sealed_change=None,
            sealed_return_note=None,
            erased_at=NOW + 2 * DAY,
        )
        assert tx.shares.recipients([share.id, other.id]) == [kept]
        assert tx.shares.documents([share.id]) == []
        assert tx.receipts.of_shares([share.id]) == []
        assert tx.uploads.garbage(10) == [parts[0].id]
        assert tx.retention.spent_shares(NOW + 1000 * DAY, 10) == [other]


def test_erasing_an_unknown_share_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound), database.write() as tx:
        tx.retention.erase_shares(["nothing"], NOW)


def test_shares_are_closed_and_their_keys_noted_as_destroyed_many_at_a_time(database: Database) -> None:
    over, other = [available(sealed_change=b"change", sealed_return_note=b"note") for _ in range(600)], available()
    keep(database, *over, other)
    keys = [share.id for share in over]
    with database.write() as tx:
        tx.retention.close(keys, ShareState.ENDED, NOW + DAY)
        tx.retention.note_destroyed_keys(keys, NOW + 2 * DAY)
    closed = {"state": ShareState.ENDED, "closed_at": NOW + DAY, "changed_at": NOW + DAY}
    with database.read() as tx:
        assert tx.shares.get(other.id) == other
        for share in (over[0], over[-1]):
            assert tx.shares.get(share.id) == replace(
                share,
                **closed,
                key_destroyed_at=NOW + 2 * DAY,
                sealed_share_texts=b"",
                sealed_change=None,
                sealed_return_note=None,
            )
        assert tx.retention.keys_to_destroy(NOW + 2 * DAY, 10) == []
        assert len(tx.retention.blobs_to_release(1000)) == len(over)


def test_audit_keys_are_in_use_while_a_share_is_not_erased(database: Database) -> None:
    keep(
        database,
        draft(audit_key_id="one"),
        ended(audit_key_id="one", erased_at=NOW),
        ended(audit_key_id="two"),
        ended(audit_key_id="three", erased_at=NOW),
    )
    with database.read() as tx:
        assert tx.retention.audit_keys_in_use() == {"one", "two"}


def test_a_document_is_claimed_by_one_worker_until_it_is_released(database: Database) -> None:
    share = draft()
    keep(database, share)
    document = complete_document_of(share)
    with database.write() as tx:
        tx.shares.add_document(document)
        assert tx.retention.claim_inspection(document.id, NOW, NOW + HOUR)
    with database.write() as tx:
        assert tx.retention.uninspected_documents(NOW, 10) == []
        assert not tx.retention.claim_inspection(document.id, NOW, NOW + HOUR)
        tx.retention.keep_inspection(document.id, NOW + 2 * HOUR)
        assert tx.retention.uninspected_documents(NOW + HOUR, 10) == []
        tx.retention.keep_inspection(document.id, NOW)
        assert tx.retention.uninspected_documents(NOW, 10) == [document]
        tx.shares.save_document(replace(document, inspected_at=NOW))
        assert not tx.retention.claim_inspection(document.id, NOW + DAY, NOW + 2 * DAY)
