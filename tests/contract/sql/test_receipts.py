"""Receipts are written, replaced and read on as the contract says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deldokument.adapters.sql.database import SqlDatabase
from deldokument.domain.share import Receipt
from deldokument.ports.repositories.subjects import Subject
from tests.contract.records import DAY, HOUR, NOW, available, complete_document_of, keep, recipient_of, settle


@pytest.fixture(autouse=True)
def settled(database: SqlDatabase) -> None:
    settle(database)


def test_a_receipt_is_replaced_by_the_next_of_the_same(database: SqlDatabase) -> None:
    share = available()
    keep(database, share)
    recipient, document = recipient_of(share), complete_document_of(share)
    opened = Receipt(share.id, None, recipient.id, "subject", NOW, NOW)
    begun = Receipt(share.id, document.id, recipient.id, "subject", NOW, NOW + HOUR, ((0, 10), (20, 30)))
    whole = replace(begun, last_at=NOW + DAY, covered=((0, 100),), completed_at=NOW + DAY, event_at=NOW + HOUR)
    with database.write() as tx:
        tx.shares.add_recipient(recipient)
        for receipt in (opened, begun):
            assert tx.receipts.get(share.id, receipt.document_id, recipient.id, "subject") is None
            tx.receipts.save(receipt)
        assert tx.receipts.get(share.id, document.id, recipient.id, "subject") == begun
        tx.receipts.save(whole)
    with database.read() as tx:
        assert tx.receipts.get(share.id, None, recipient.id, "subject") == opened
        assert tx.receipts.get(share.id, document.id, recipient.id, "subject") == whole
        assert tx.receipts.get(share.id, document.id, recipient.id, "other") is None
        assert tx.receipts.of_shares([share.id]) == [opened, replace(whole, covered=())]


def test_a_persons_receipts_are_found_by_the_hashes_of_the_subjects(database: SqlDatabase) -> None:
    share = available()
    keep(database, share)
    recipient = recipient_of(share)
    own, others = (Receipt(share.id, None, recipient.id, subject, NOW, NOW) for subject in ("own", "others"))
    with database.write() as tx:
        tx.shares.add_recipient(recipient)
        for receipt in (own, others):
            tx.receipts.save(receipt)
            subject_id = receipt.subject_id
            tx.subjects.add(Subject(subject_id, share.audit_key_id, subject_id.encode(), b"sealed"))
    with database.read() as tx:
        assert tx.receipts.of_person([share.id, "other"], [b"own", b"own before"]) == [own]
        assert tx.receipts.of_person(["other"], [b"own"]) == tx.receipts.of_person([share.id], []) == []


def test_no_list_of_receipts_reads_their_ranges(database: SqlDatabase) -> None:
    share = available()
    keep(database, share)
    recipient, document = recipient_of(share), complete_document_of(share)
    begun = Receipt(share.id, document.id, recipient.id, "subject", NOW, NOW, ((0, 10), (20, 30)))
    with database.write() as tx:
        tx.shares.add_recipient(recipient)
        tx.receipts.save(begun)
    with database.read() as tx:
        listed = [*tx.receipts.of_shares([share.id]), *tx.receipts.of_share(share.id, None, 10)]
        assert tx.receipts.of_subject(share.id, "subject", [document.id]) == [begun]
    assert listed == [replace(begun, covered=())] * 2


def test_many_receipts_are_written_at_once_and_found_for_whom_and_what_they_are(database: SqlDatabase) -> None:
    share = available()
    keep(database, share)
    recipient = recipient_of(share)
    many = [Receipt(share.id, f"d{number}", recipient.id, "subject", NOW, NOW) for number in range(1200)]
    whole = [replace(many[number], covered=((0, 5),), completed_at=NOW + HOUR) for number in (3, 700)]
    with database.write() as tx:
        tx.shares.add_recipient(recipient)
        for receipts in (many, [replace(many[1], subject_id="other")], whole):
            tx.receipts.save_all(receipts)
    wanted = {f"d{number}" for number in range(1100)}
    with database.read() as tx:
        found = {r.document_id: r for r in tx.receipts.of_subject(share.id, "subject", [*wanted, "unknown"])}
        assert len(tx.receipts.of_shares([share.id])) == 1201
    assert set(found) == wanted
    assert [found["d3"], found["d700"], found["d1"]] == [*whole, many[1]]


def test_receipts_are_read_on_from_any_of_them_the_oldest_first(database: SqlDatabase) -> None:
    share, other = available(), available()
    keep(database, share, other)
    recipient, elsewhere = recipient_of(share), recipient_of(other)
    told = [
        Receipt(share.id, document, recipient.id, subject, at, at)
        for at in (NOW, NOW + HOUR)
        for document in (None, "a", "b")
        for subject in (f"x {at}", f"y {at}")
    ]
    with database.write() as tx:
        tx.shares.add_recipient(recipient)
        tx.shares.add_recipient(elsewhere)
        tx.receipts.save(Receipt(other.id, None, elsewhere.id, "x", NOW, NOW))
        for receipt in reversed(told):
            tx.receipts.save(receipt)
    with database.read() as tx:
        assert tx.receipts.of_share(share.id, None, 100) == told
        for number, receipt in enumerate(told):
            place = receipt.first_at, receipt.document_id or "", receipt.recipient_id, receipt.subject_id
            assert tx.receipts.of_share(share.id, place, 3) == told[number + 1 : number + 4]
