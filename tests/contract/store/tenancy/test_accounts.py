"""Accounts with their rules are kept, found and counted as the contract says."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.errors import Conflict, existing
from deldokument.domain.tenants.tenancy import UNDO, Account, AccountRules, Contact, Member, NoticeChannel
from deldokument.store.database import Database
from deldokument.store.tenancy.accounts import AccountUsage
from tests.contract.records import (
    ACCOUNT,
    DAY,
    HOUR,
    KARI,
    NOW,
    TENANT,
    available,
    document_of,
    draft,
    ended,
    keep,
    recipient_of,
    settle,
)
from tests.support.query_plans import statements

RULES = AccountRules(
    contact=Contact("55 00 00 00", "bygg@lillevik.example", "10-14"),
    standard=timedelta(days=7, microseconds=1),
    longest=timedelta(days=60),
    confidential=False,
    quota=5_000_000_000_000,
    four_eyes=True,
    notify=True,
    sms_sender="Lillevik",
    sms_cost_code="4711",
    full_numbers=True,
    name_tenant=True,
    notice_channel=NoticeChannel.SMS_FIRST,
    undo_window=timedelta(minutes=30),
)


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)


def test_an_account_is_changed_in_every_field_and_counts_its_changes(database: Database) -> None:
    changed = Account(ACCOUNT.id, TENANT.id, "Plan og bygg", RULES, 1, NOW, NOW + HOUR, NOW + DAY, NOW + UNDO)
    with database.write() as tx:
        saved = tx.accounts.save(changed)
    assert saved == replace(changed, revision=2)
    with database.read() as tx:
        assert tx.accounts.get(ACCOUNT.id) == saved
        assert tx.accounts.of_tenant(TENANT.id) == [saved]


def test_of_two_changes_of_one_revision_the_second_is_refused(database: Database) -> None:
    with database.write() as tx:
        first = tx.accounts.save(replace(ACCOUNT, name="Plan"))
    with pytest.raises(Conflict, match="changed_meanwhile"), database.write() as tx:
        tx.accounts.save(replace(ACCOUNT, name="Bygg"))
    with database.write() as tx:
        assert tx.accounts.get(ACCOUNT.id) == first
        assert tx.accounts.save(replace(first, name="Bygg")).revision == 3


def test_an_account_that_is_not_there_is_not_saved(database: Database) -> None:
    with pytest.raises(Conflict, match="changed_meanwhile"), database.write() as tx:
        tx.accounts.save(replace(ACCOUNT, id="nothing", name="Plan"))


def test_a_transaction_goes_on_after_a_name_that_another_account_has(database: Database) -> None:
    with database.write() as tx:
        tx.accounts.add(Account("barnevern", TENANT.id, "Barnevern"))
        with pytest.raises(Conflict, match="account_name_taken"):
            tx.accounts.save(replace(ACCOUNT, name="Barnevern"))
        tx.accounts.save(replace(ACCOUNT, name="Plan"))
    with database.read() as tx:
        assert [account.name for account in tx.accounts.of_tenant(TENANT.id)] == ["Barnevern", "Plan"]


def test_a_locked_account_waits_for_nobody_but_other_writers(database: Database) -> None:
    names: list[str] = []
    holds, written = threading.Event(), threading.Event()

    def second() -> None:
        holds.wait(10)
        with database.write() as tx:
            names.append(found.name if (found := tx.accounts.lock(ACCOUNT.id)) else "")
        written.set()

    thread = threading.Thread(target=second)
    thread.start()
    with database.write() as tx:
        assert tx.accounts.lock(ACCOUNT.id) == ACCOUNT
        assert tx.accounts.lock("nothing") is None
        holds.set()
        with database.read() as other:
            assert other.accounts.get(ACCOUNT.id) == ACCOUNT
        assert not written.wait(0.3)
        tx.accounts.save(replace(ACCOUNT, name="Plan"))
    thread.join(10)
    assert names == ["Plan"]


def test_contents_count_what_is_there_now_and_nothing_of_others(database: Database) -> None:
    other = Account("other", TENANT.id, "Barnevern")
    shares = [draft(), available(), available(), ended(), ended(key_destroyed_at=NOW + DAY)]
    with database.write() as tx:
        tx.accounts.add(other)
        tx.members.add(Member("odd", ACCOUNT.id, b"hash of odd", b"n", b"m", NOW))
        tx.members.add(Member("siv", ACCOUNT.id, b"hash of siv", b"n", b"m", NOW, removed_at=NOW))
        tx.members.add(Member("kari there", other.id, KARI.lookup_hash, b"n", b"m", NOW))
    keep(database, *shares, available(account_id=other.id, member_id="kari there"))
    with database.write() as tx:
        for share in shares:
            tx.shares.add_document(document_of(share, length=3_000_000_000))
    with database.read() as tx:
        held = tx.accounts.usage(ACCOUNT.id)
        assert held == AccountUsage(members=2, drafts=1, open_shares=2, documents=4, stored_bytes=12_000_000_000)
        assert tx.accounts.usage(other.id) == AccountUsage(1, 0, 1, 0, 0)
        assert tx.accounts.usage("nothing") == AccountUsage(0, 0, 0, 0, 0)


def test_an_erased_share_is_in_no_account(database: Database) -> None:
    share = ended(key_destroyed_at=NOW + DAY)
    keep(database, share)
    with database.write() as tx:
        tx.shares.add_document(document_of(share))
        tx.retention.erase_shares([share.id], NOW + DAY)
    with database.read() as tx:
        assert tx.accounts.usage(ACCOUNT.id) == AccountUsage(1, 0, 0, 0, 0)


def test_accounts_are_spent_in_the_order_of_their_deletion_until_their_end_is_noted(database: Database) -> None:
    late = Account("late", TENANT.id, "Sent", deleted_at=NOW - HOUR)
    early = Account("early", TENANT.id, "Tidlig", deleted_at=NOW - DAY)
    after = Account("after", TENANT.id, "Etterpå", deleted_at=NOW + timedelta(microseconds=1))
    over = Account("over", TENANT.id, "Slutt", deleted_at=NOW - DAY, ended_at=NOW)
    with database.write() as tx:
        for account in (late, early, after, over):
            tx.accounts.add(account)
        assert tx.accounts.accounts_to_end(NOW, 10) == [early, late]
        assert tx.accounts.accounts_to_end(NOW - HOUR, 10) == [early, late]
        assert tx.accounts.accounts_to_end(NOW, 1) == [early]
        assert tx.accounts.accounts_to_end(NOW - DAY - HOUR, 10) == []
        tx.accounts.save(replace(early, ended_at=NOW))
        assert tx.accounts.accounts_to_end(NOW, 10) == [late]


def test_workers_at_the_same_time_get_different_spent_accounts(database: Database) -> None:
    with database.write() as tx:
        for name in ("Ein", "To"):
            tx.accounts.add(Account(name, TENANT.id, name, deleted_at=NOW))
    found: dict[str, list[Account]] = {}

    def other() -> None:
        # On SQLite it waits: there is one writer.
        with database.write() as tx:
            found["other"] = tx.accounts.accounts_to_end(NOW, 1)

    thread = threading.Thread(target=other)
    with database.write() as tx:
        found["one"] = tx.accounts.accounts_to_end(NOW, 1)
        thread.start()
        thread.join(0.5)
        for account in found["one"]:
            tx.accounts.save(replace(account, ended_at=NOW))
    thread.join(10)
    # Deleted at the same instant: either may come first.
    assert sorted(account.id for account in found["one"] + found["other"]) == ["Ein", "To"]


def test_an_ended_account_leaves_its_name_to_another(database: Database) -> None:
    with database.write() as tx:
        gone = replace(ACCOUNT, name="Byggesak (slettet 2026-03-02)", deleted_at=NOW, ended_at=NOW + UNDO)
        tx.accounts.save(gone)
        tx.accounts.add(Account("new", TENANT.id, ACCOUNT.name))
    with database.read() as tx:
        assert [account.id for account in tx.accounts.of_tenant(TENANT.id)] == ["new", ACCOUNT.id]


def test_an_account_name_is_unique_in_its_tenant_alone(database: Database) -> None:
    with database.write() as tx:
        tx.tenants.add(replace(TENANT, id="other", organization_number="983544622"))
        tx.accounts.add(Account("elsewhere", "other", ACCOUNT.name))
    with pytest.raises(Conflict, match="account_name_taken"), database.write() as tx:
        tx.accounts.add(Account("again", TENANT.id, ACCOUNT.name))


def test_a_transaction_goes_on_after_a_refused_name(database: Database) -> None:
    with database.write() as tx:
        with pytest.raises(Conflict):
            tx.accounts.add(Account("again", TENANT.id, ACCOUNT.name))
        tx.accounts.add(Account("other", TENANT.id, "Barnevern"))
    with database.read() as tx:
        assert [account.name for account in tx.accounts.of_tenant(TENANT.id)] == ["Barnevern", "Byggesak"]


def test_accounts_are_listed_in_norwegian_order(database: Database) -> None:
    with database.write() as tx:
        for number, name in enumerate(["Årsmøte", "Ærlighet", "zoologi", "Økonomi", "arkiv"]):
            tx.accounts.add(Account(f"a{number}", TENANT.id, name))
    with database.read() as tx:
        names = [account.name for account in tx.accounts.of_tenant(TENANT.id)]
    assert names == ["arkiv", "Byggesak", "zoologi", "Ærlighet", "Økonomi", "Årsmøte"]


def test_an_account_is_read_with_its_tenant(database: Database) -> None:
    for begin in (database.read, database.write):
        with statements() as sent, begin() as tx:
            found = tx.accounts.get(ACCOUNT.id), tx.tenants.get(TENANT.id)
        assert found == (ACCOUNT, TENANT)
        assert len(sent) == 1


def test_a_tenant_that_was_read_with_its_account_is_read_again_after_a_statement_that_may_have_waited(
    database: Database,
) -> None:
    with database.write() as tx:
        tx.accounts.get(ACCOUNT.id)
        tx.tenants.save(replace(TENANT, name="Storevik kommune"))
        assert existing(tx.tenants.get(TENANT.id)).name == "Storevik kommune"


def test_an_account_needs_its_tenant(database: Database) -> None:
    with pytest.raises(Conflict, match="state_changed"), database.write() as tx:
        tx.accounts.add(Account("lost", "nowhere", "Lost"))


def test_the_stored_bytes_are_those_of_drafts_and_of_open_shares_until_their_keys_are_gone(
    database: Database,
) -> None:
    shares = draft(), available(), ended(), ended(key_destroyed_at=NOW + DAY)
    keep(database, *shares)
    with database.write() as tx:
        for share in shares:
            tx.shares.add_document(document_of(share, length=3_000_000_000))
            if share.published_at:
                tx.statistics.count_documents(share.id)
    with database.read() as tx:
        assert tx.accounts.stored_bytes(ACCOUNT.id) == tx.accounts.usage(ACCOUNT.id).stored_bytes == 9_000_000_000
        assert tx.accounts.stored_bytes("nothing") == 0


def test_the_recipients_of_an_accounts_published_shares_are_found_by_hash(database: Database) -> None:
    published, unpublished = available(), draft(audit_key_id="audit:tenant:2026-04")
    erased = ended(erased_at=NOW + DAY, audit_key_id="audit:tenant:2026-02")
    keep(database, published, unpublished, erased)
    with database.write() as tx:
        tx.shares.add_recipient(recipient_of(published))
        tx.shares.add_recipient(recipient_of(unpublished, lookup_hash=b"hash of siv"))
    with database.read() as tx:
        assert sorted(tx.accounts.audit_key_ids(ACCOUNT.id)) == ["audit:tenant:2026-03", "audit:tenant:2026-04"]
        assert tx.accounts.shared_with(ACCOUNT.id, [b"hash of ola", b"hash of siv", b"other"]) == {b"hash of ola"}
        assert tx.accounts.shared_with("another", [b"hash of ola"]) == set()
        assert tx.accounts.shared_with(ACCOUNT.id, []) == set()
