"""Receipts are written, replaced and read on as the contract says."""

from dataclasses import replace

import pytest

from deldokument.domain.shares.share import Receipt
from deldokument.store.audit.subjects import Subject
from deldokument.store.database import Database
from deldokument.store.engine.integrity import DamagedRow, DamageReports
from tests.contract.records import DAY, HOUR, NOW, available, complete_document_of, keep, recipient_of, settle
from tests.fakes.integrity import tagging
from tests.support.stored_data import do_as_owner


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)


def test_a_receipt_is_replaced_by_the_next_of_the_same(database: Database) -> None:
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


def test_a_persons_receipts_are_found_by_the_hashes_of_the_subjects(database: Database) -> None:
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


def test_no_list_of_receipts_reads_their_ranges(database: Database) -> None:
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


def test_many_receipts_are_written_at_once_and_found_for_whom_and_what_they_are(database: Database) -> None:
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


def test_receipts_are_read_on_from_any_of_them_the_oldest_first(database: Database) -> None:
    share, other = available(), available()
    keep(database, share, other)
    recipient, elsewhere = recipient_of(share), recipient_of(other)
    saved = [
        Receipt(share.id, document, recipient.id, subject, at, at)
        for at in (NOW, NOW + HOUR)
        for document in (None, "a", "b")
        for subject in (f"x {at}", f"y {at}")
    ]
    with database.write() as tx:
        tx.shares.add_recipient(recipient)
        tx.shares.add_recipient(elsewhere)
        tx.receipts.save(Receipt(other.id, None, elsewhere.id, "x", NOW, NOW))
        for receipt in reversed(saved):
            tx.receipts.save(receipt)
    with database.read() as tx:
        assert tx.receipts.of_share(share.id, None, 100) == saved
        for number, receipt in enumerate(saved):
            place = receipt.first_at, receipt.document_id or "", receipt.recipient_id, receipt.subject_id
            assert tx.receipts.of_share(share.id, place, 3) == saved[number + 1 : number + 4]


@pytest.fixture
def damage() -> DamageReports:
    return DamageReports()


@pytest.fixture
def listed(database: Database, damage: DamageReports) -> tuple[Database, list[Receipt]]:
    """A share with three receipts, two of whose ranges are known; and a database that reports damage."""
    share, ours = available(), tagging(database, damage=damage)
    keep(ours, share)
    recipient, document = recipient_of(share), complete_document_of(share)
    opened = Receipt(share.id, None, recipient.id, "subject", NOW, NOW)
    begun = replace(opened, document_id=document.id, first_at=NOW + HOUR, last_at=NOW + DAY, covered=((0, 10),))
    others = replace(begun, subject_id="other", first_at=NOW + 2 * HOUR, completed_at=NOW + DAY)
    with ours.write() as tx:
        tx.shares.add_recipient(recipient)
        tx.subjects.add(Subject("subject", share.audit_key_id, b"own", b"sealed"))
        tx.receipts.save_all([opened, begun, others])
    return ours, [opened, begun, others]


@pytest.mark.parametrize(
    "change",
    [
        "completed_at = 1",
        "confirmed_at = 1",
        "direct = true",
        "event_at = 1",
        "first_at = 1",
        "last_at = last_at + 1",
        "subject_id = 'Ola'",
        "document_id = 'another'",
        "covered_hash = tag",
        "tag = covered_hash",
    ],
)
def test_a_changed_receipt_is_none_wherever_it_is_read(
    listed: tuple[Database, list[Receipt]], database_url: str, damage: DamageReports, change: str
) -> None:
    database, (opened, begun, others) = listed
    do_as_owner(database_url, f"UPDATE receipt SET {change} WHERE document_id <> '' AND subject_id = 'subject'")
    left = [opened, replace(others, covered=())]
    with database.read() as tx:
        assert tx.receipts.of_shares([begun.share_id]) == left
        assert tx.receipts.of_share(begun.share_id, None, 10) == left
        assert tx.receipts.of_person([begun.share_id], [b"own"]) == [opened]
        assert tx.receipts.get(begun.share_id, begun.document_id, begun.recipient_id, "subject") is None
        assert tx.receipts.of_subject(begun.share_id, "subject", [str(begun.document_id)]) == []
    assert damage.take() == [DamagedRow("receipt", begun.share_id)]


def test_forged_ranges_complete_nothing(
    listed: tuple[Database, list[Receipt]], database_url: str, damage: DamageReports
) -> None:
    database, (_, begun, _) = listed
    do_as_owner(database_url, "UPDATE receipt SET covered = '[[0,99]]' WHERE subject_id = 'subject'")
    with database.read() as tx:
        assert tx.receipts.get(begun.share_id, begun.document_id, begun.recipient_id, "subject") is None
    assert damage.take() == [DamagedRow("receipt", begun.share_id)]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_damaged_receipts_hide_no_others_on_a_page(
    listed: tuple[Database, list[Receipt]], database_url: str, limit: int
) -> None:
    database, (opened, _, others) = listed
    do_as_owner(database_url, "UPDATE receipt SET direct = true WHERE document_id <> '' AND subject_id = 'subject'")
    with database.read() as tx:
        page = tx.receipts.of_share(opened.share_id, None, limit)
        assert page == [opened, replace(others, covered=())][:limit]
