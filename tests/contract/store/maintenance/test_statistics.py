"""Counts of shares in every state, by account and time of publication; erasing what they count changes none of them."""

from dataclasses import replace
from datetime import datetime

import pytest

from deldokument.crypto.stream import CAPACITY, FULL_PART_PLAINTEXT, HEADER, ciphertext_length
from deldokument.domain.errors import NotFound
from deldokument.domain.messages.outbox import Cost
from deldokument.domain.shares.share import Receipt, Share, ShareState
from deldokument.domain.shares.statistics import DocumentCounts, Month, NoticeCounts, ShareCounts
from deldokument.domain.tenants.tenancy import Account
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
    draft,
    ended,
    keep,
    recipient_of,
    settle,
)

OTHER = Account("other", TENANT.id, "Avtaler")
ELSEWHERE = Account("elsewhere", "neighbour", "Byggesak")


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)
    with database.write() as tx:
        tx.tenants.add(replace(TENANT, id="neighbour", organization_number="983544622"))
        tx.accounts.add(OTHER)
        tx.accounts.add(ELSEWHERE)


def counted(
    database: Database, *, start: datetime = NOW, stop: datetime = NOW + DAY, now: datetime = NOW
) -> dict[str, ShareCounts]:
    """Of the tenant, by account; and of each account by itself, which must be the same."""
    with database.read() as tx:
        found = tx.statistics.published_by_tenant(TENANT.id, start, stop, now)
        for account_id in (ACCOUNT.id, OTHER.id):
            alone = tx.statistics.published_from_account(account_id, start, stop, now)
            assert alone == found.get(account_id, ShareCounts())
    return found


def test_notices_are_counted_by_account_month_and_cost_code(database: Database) -> None:
    november, december = Month(2026, 11), Month(2026, 12)
    with database.write() as tx:
        for account, month, code, messages in (
            (ACCOUNT, november, "4711", 1),
            (ACCOUNT, november, "4711", 2),
            (ACCOUNT, november, "", 1),
            (ACCOUNT, december, "4711", 1),
            (OTHER, november, "4711", 3),
            (ELSEWHERE, november, "4711", 1),
        ):
            tx.statistics.count_notice(account.id, month, Cost(code, messages))
    with database.read() as tx:
        assert tx.statistics.notices([ACCOUNT.id, OTHER.id], november, november) == sorted(
            [
                NoticeCounts(ACCOUNT.id, november, "", 1, 1),
                NoticeCounts(ACCOUNT.id, november, "4711", 2, 3),
                NoticeCounts(OTHER.id, november, "4711", 1, 3),
            ],
            key=lambda one: (one.account_id, one.cost_code),
        )
        assert tx.statistics.notices([ACCOUNT.id], december, december) == [
            NoticeCounts(ACCOUNT.id, december, "4711", 1, 1)
        ]
        assert tx.statistics.notices([], november, december) == []


def publish(database: Database, share: Share, *lengths: int) -> Share:
    """A share that is there as the program puts it: with its documents counted."""
    keep(database, share)
    with database.write() as tx:
        for length in lengths:
            tx.shares.add_document(complete_document_of(share, length=length))
        tx.statistics.count_documents(share.id)
    return share


def receive(database: Database, share: Share, *, opened: datetime | None = None, whole: datetime | None = None) -> None:
    """One more recipient opens the share, or has all of a document."""
    recipient = recipient_of(share, lookup_hash=f"{opened} {whole}".encode())
    with database.write() as tx:
        tx.shares.add_recipient(recipient)
        if opened:
            tx.receipts.save(Receipt(share.id, None, recipient.id, "subject", opened, opened))
        if whole:
            document = tx.shares.documents([share.id])[0]
            receipt = Receipt(share.id, document.id, recipient.id, "subject", whole - HOUR, whole, (), whole)
            tx.receipts.save(receipt)


def every_kind(database: Database) -> None:
    """Shares in all states; those that were published have a document of 100 bytes each."""
    publish(database, draft(), 100)
    publish(database, draft(state=ShareState.ABANDONED, closed_at=NOW), 100)
    publish(database, available(), 100)
    receive(database, publish(database, available(), 100), opened=NOW)
    receive(database, publish(database, available(), 100), opened=NOW, whole=NOW + HOUR)
    publish(database, available(expires_at=NOW + HOUR), 100)
    publish(database, ended(closed_at=NOW), 100)
    receive(database, publish(database, ended(closed_at=NOW, key_destroyed_at=NOW), 100), opened=NOW)
    publish(database, ended(state=ShareState.WITHDRAWN, closed_at=NOW, key_destroyed_at=NOW), 100)


def test_shares_in_every_state_are_counted_as_what_they_are(database: Database) -> None:
    every_kind(database)
    assert counted(database) == {
        ACCOUNT.id: ShareCounts(shares=7, documents=7, length=700, opened=3, downloaded=1, unopened=2, deleted=2)
    }


def test_a_share_that_nobody_opened_in_time_is_counted_before_any_worker_came(database: Database) -> None:
    publish(database, available(expires_at=NOW + HOUR))
    assert counted(database, now=NOW + HOUR - HOUR / 3600)[ACCOUNT.id].unopened == 0
    assert counted(database, now=NOW + HOUR)[ACCOUNT.id].unopened == 1


def test_documents_and_bytes_are_added_up_beyond_what_32_bits_hold(database: Database) -> None:
    publish(database, available(), 5 * 2**30, 1, 0)
    publish(database, available(), 5 * 2**30)
    assert counted(database) == {ACCOUNT.id: ShareCounts(shares=2, documents=4, length=10 * 2**30 + 1)}


def test_erasing_a_share_changes_no_figure(database: Database) -> None:
    every_kind(database)
    before = counted(database)
    with database.write() as tx:
        spent = tx.retention.spent_shares(NOW + 2 * TENANT.retention, 100)
        for share in spent:
            tx.retention.erase_shares([share.id], NOW + TENANT.retention)
    assert len(spent) == 4
    with database.read() as tx:
        assert tx.shares.documents([share.id for share in spent]) == []
        assert tx.receipts.of_shares([share.id for share in spent]) == []
    assert counted(database) == before


def test_a_share_that_is_saved_again_keeps_its_counts(database: Database) -> None:
    share = publish(database, available(), 100)
    receive(database, share, opened=NOW, whole=NOW + HOUR)
    before = counted(database)
    with database.write() as tx:
        tx.shares.save(replace(share, expires_at=NOW + 2 * DAY))
    assert counted(database) == before


def test_a_share_is_opened_and_downloaded_once_however_many_recipients_do_so(database: Database) -> None:
    share = publish(database, available(), 100)
    for day in range(3):
        receive(database, share, opened=NOW + day * DAY, whole=NOW + day * DAY + HOUR)
    assert counted(database) == {ACCOUNT.id: ShareCounts(shares=1, documents=1, length=100, opened=1, downloaded=1)}


def test_a_download_without_a_look_at_the_page_counts_as_opened(database: Database) -> None:
    share = publish(database, available(), 100)
    receive(database, share, whole=NOW + HOUR)
    assert counted(database)[ACCOUNT.id].opened == 1


def test_a_download_that_was_broken_off_is_no_download(database: Database) -> None:
    share = publish(database, available(), 100)
    recipient = recipient_of(share)
    with database.write() as tx:
        [document] = tx.shares.documents([share.id])
        tx.shares.add_recipient(recipient)
        tx.receipts.save(Receipt(share.id, document.id, recipient.id, "subject", NOW, NOW, ((0, 99),)))
    found = counted(database)[ACCOUNT.id]
    assert (found.opened, found.downloaded) == (1, 0)


def test_a_period_has_its_first_instant_and_not_its_last(database: Database) -> None:
    publish(database, available(published_at=NOW))
    publish(database, available(published_at=NOW + DAY, expires_at=NOW + 2 * DAY))
    assert counted(database)[ACCOUNT.id].shares == 1
    assert counted(database, stop=NOW + 2 * DAY)[ACCOUNT.id].shares == 2
    assert counted(database, start=NOW + HOUR) == {}


def test_each_account_of_the_tenant_is_counted_by_itself_and_no_other_tenants(database: Database) -> None:
    publish(database, available())
    publish(database, available(account_id=OTHER.id))
    publish(database, available(account_id=OTHER.id))
    publish(database, available(account_id=ELSEWHERE.id, tenant_id="neighbour"))
    assert {account: found.shares for account, found in counted(database).items()} == {ACCOUNT.id: 1, OTHER.id: 2}


def test_the_first_publication_of_a_tenant_is_known(database: Database) -> None:
    publish(database, draft())
    with database.read() as tx:
        assert tx.statistics.first_published_at(TENANT.id) is None
    publish(database, available())
    publish(database, available(published_at=NOW - DAY))
    publish(database, available(account_id=ELSEWHERE.id, tenant_id="neighbour", published_at=NOW - 2 * DAY))
    with database.read() as tx:
        assert tx.statistics.first_published_at(TENANT.id) == NOW - DAY


def test_counting_the_documents_of_an_unknown_share_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound), database.write() as tx:
        tx.statistics.count_documents("nothing")


def test_documents_of_an_account_are_counted_by_what_is_left_of_them(database: Database) -> None:
    every_kind(database)
    publish(database, available(account_id=OTHER.id), 7)
    with database.read() as tx:
        assert tx.statistics.documents_of_account(ACCOUNT.id) == DocumentCounts(
            named=8, stored=7, destroyed=2, length=700, stored_length=0
        )
        assert tx.statistics.documents_of_account(ELSEWHERE.id) == DocumentCounts()


def test_destroyed_documents_are_still_counted_when_their_names_are_erased(database: Database) -> None:
    share = publish(database, ended(closed_at=NOW, key_destroyed_at=NOW), 100, 100)
    with database.write() as tx:
        tx.retention.erase_shares([share.id], NOW)
    with database.read() as tx:
        assert tx.statistics.documents_of_account(ACCOUNT.id) == DocumentCounts(destroyed=2)


@pytest.mark.parametrize("length", [1, CAPACITY - HEADER, CAPACITY - HEADER + 1, FULL_PART_PLAINTEXT])
def test_the_stored_length_is_that_of_the_encrypted_parts(database: Database, length: int) -> None:
    share = draft()
    keep(database, share)
    append(database, begin_upload(database, share, length=length + 5), length, 5)
    with database.read() as tx:
        stored = tx.statistics.documents_of_account(ACCOUNT.id).stored_length
    assert stored == ciphertext_length(length) + ciphertext_length(5)
