"""Accounts with their rules, what they hold, and their integrations are kept and found as the contract says."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.adapters.sql.database import SqlDatabase
from deldokument.domain.errors import Conflict, NotFound
from deldokument.domain.tenancy import UNDO, Account, AccountRules, Contact, Integration, IntegrationRights, Member
from deldokument.ports.repositories.tenants import AccountContents
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
    settle,
)

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
)
FAGSYSTEM = Integration("acos", ACCOUNT.id, "312824450", "FJELL AS", NOW)


@pytest.fixture(autouse=True)
def settled(database: SqlDatabase) -> None:
    settle(database)


def test_an_account_is_changed_in_every_field_and_counts_its_changes(database: SqlDatabase) -> None:
    changed = Account(ACCOUNT.id, TENANT.id, "Plan og bygg", RULES, 1, NOW, NOW + HOUR, NOW + DAY, NOW + UNDO)
    with database.write() as tx:
        saved = tx.tenancies.save_account(changed)
    assert saved == replace(changed, revision=2)
    with database.read() as tx:
        assert tx.tenancies.account(ACCOUNT.id) == saved
        assert tx.tenancies.accounts_of_tenant(TENANT.id) == [saved]


def test_of_two_changes_of_one_revision_the_second_is_refused(database: SqlDatabase) -> None:
    with database.write() as tx:
        first = tx.tenancies.save_account(replace(ACCOUNT, name="Plan"))
    with pytest.raises(Conflict, match="changed_meanwhile"), database.write() as tx:
        tx.tenancies.save_account(replace(ACCOUNT, name="Bygg"))
    with database.write() as tx:
        assert tx.tenancies.account(ACCOUNT.id) == first
        assert tx.tenancies.save_account(replace(first, name="Bygg")).revision == 3


def test_an_account_that_is_not_there_is_not_saved(database: SqlDatabase) -> None:
    with pytest.raises(Conflict, match="changed_meanwhile"), database.write() as tx:
        tx.tenancies.save_account(replace(ACCOUNT, id="nothing", name="Plan"))


def test_a_transaction_goes_on_after_a_name_that_another_account_has(database: SqlDatabase) -> None:
    with database.write() as tx:
        tx.tenancies.add_account(Account("barnevern", TENANT.id, "Barnevern"))
        with pytest.raises(Conflict, match="account_name_taken"):
            tx.tenancies.save_account(replace(ACCOUNT, name="Barnevern"))
        tx.tenancies.save_account(replace(ACCOUNT, name="Plan"))
    with database.read() as tx:
        assert [account.name for account in tx.tenancies.accounts_of_tenant(TENANT.id)] == ["Barnevern", "Plan"]


def test_a_locked_account_waits_for_nobody_but_other_writers(database: SqlDatabase) -> None:
    names: list[str] = []
    holds, written = threading.Event(), threading.Event()

    def second() -> None:
        holds.wait(10)
        with database.write() as tx:
            names.append(found.name if (found := tx.tenancies.lock_account(ACCOUNT.id)) else "")
        written.set()

    thread = threading.Thread(target=second)
    thread.start()
    with database.write() as tx:
        assert tx.tenancies.lock_account(ACCOUNT.id) == ACCOUNT
        assert tx.tenancies.lock_account("nothing") is None
        holds.set()
        with database.read() as other:
            assert other.tenancies.account(ACCOUNT.id) == ACCOUNT
        assert not written.wait(0.3)
        tx.tenancies.save_account(replace(ACCOUNT, name="Plan"))
    thread.join(10)
    assert names == ["Plan"]


def test_contents_count_what_is_there_now_and_nothing_of_others(database: SqlDatabase) -> None:
    other = Account("other", TENANT.id, "Barnevern")
    shares = [draft(), available(), available(), ended(), ended(key_destroyed_at=NOW + DAY)]
    with database.write() as tx:
        tx.tenancies.add_account(other)
        tx.tenancies.add_member(Member("odd", ACCOUNT.id, b"hash of odd", b"n", b"m", NOW))
        tx.tenancies.add_member(Member("siv", ACCOUNT.id, b"hash of siv", b"n", b"m", NOW, removed_at=NOW))
        tx.tenancies.add_member(Member("kari there", other.id, KARI.lookup_hash, b"n", b"m", NOW))
    keep(database, *shares, available(account_id=other.id, member_id="kari there"))
    with database.write() as tx:
        for share in shares:
            tx.shares.add_document(document_of(share, length=3_000_000_000))
    with database.read() as tx:
        held = tx.tenancies.contents(ACCOUNT.id)
        assert held == AccountContents(members=2, drafts=1, open_shares=2, documents=4, stored_bytes=12_000_000_000)
        assert tx.tenancies.contents(other.id) == AccountContents(1, 0, 1, 0, 0)
        assert tx.tenancies.contents("nothing") == AccountContents(0, 0, 0, 0, 0)


def test_an_erased_share_is_in_no_account(database: SqlDatabase) -> None:
    share = ended(key_destroyed_at=NOW + DAY)
    keep(database, share)
    with database.write() as tx:
        tx.shares.add_document(document_of(share))
        tx.retention.erase_shares([share.id], NOW + DAY)
    with database.read() as tx:
        assert tx.tenancies.contents(ACCOUNT.id) == AccountContents(1, 0, 0, 0, 0)


def test_accounts_are_spent_in_the_order_of_their_deletion_until_their_end_is_noted(database: SqlDatabase) -> None:
    late = Account("late", TENANT.id, "Sent", deleted_at=NOW - HOUR)
    early = Account("early", TENANT.id, "Tidlig", deleted_at=NOW - DAY)
    after = Account("after", TENANT.id, "Etterpå", deleted_at=NOW + timedelta(microseconds=1))
    over = Account("over", TENANT.id, "Slutt", deleted_at=NOW - DAY, ended_at=NOW)
    with database.write() as tx:
        for account in (late, early, after, over):
            tx.tenancies.add_account(account)
        assert tx.tenancies.spent_accounts(NOW, 10) == [early, late]
        assert tx.tenancies.spent_accounts(NOW - HOUR, 10) == [early, late]
        assert tx.tenancies.spent_accounts(NOW, 1) == [early]
        assert tx.tenancies.spent_accounts(NOW - DAY - HOUR, 10) == []
        tx.tenancies.save_account(replace(early, ended_at=NOW))
        assert tx.tenancies.spent_accounts(NOW, 10) == [late]


def test_workers_at_the_same_time_get_different_spent_accounts(database: SqlDatabase) -> None:
    with database.write() as tx:
        for name in ("Ein", "To"):
            tx.tenancies.add_account(Account(name, TENANT.id, name, deleted_at=NOW))
    found: dict[str, list[Account]] = {}

    def other() -> None:
        # On SQLite it waits: there is one writer.
        with database.write() as tx:
            found["other"] = tx.tenancies.spent_accounts(NOW, 1)

    thread = threading.Thread(target=other)
    with database.write() as tx:
        found["one"] = tx.tenancies.spent_accounts(NOW, 1)
        thread.start()
        thread.join(0.5)
        for account in found["one"]:
            tx.tenancies.save_account(replace(account, ended_at=NOW))
    thread.join(10)
    # Deleted at the same instant: either may come first.
    assert sorted(account.id for account in found["one"] + found["other"]) == ["Ein", "To"]


def test_nobody_shares_from_a_deleted_account_but_from_a_closed_one_the_choice_is_the_services(
    database: SqlDatabase,
) -> None:
    with database.write() as tx:
        closed = tx.tenancies.save_account(replace(ACCOUNT, closed_at=NOW))
        assert tx.tenancies.memberships(KARI.lookup_hash) == [(KARI, closed)]
        tx.tenancies.save_account(replace(closed, deleted_at=NOW))
        assert tx.tenancies.memberships(KARI.lookup_hash) == []


def test_all_members_of_an_account_and_nobody_else_are_let_go(database: SqlDatabase) -> None:
    other, gone = Account("other", TENANT.id, "Barnevern"), NOW - DAY
    with database.write() as tx:
        tx.tenancies.add_account(other)
        tx.tenancies.add_member(Member("siv", ACCOUNT.id, b"hash of siv", b"n", b"m", gone, removed_at=gone))
        tx.tenancies.add_member(Member("odd", ACCOUNT.id, b"hash of odd", b"n", b"m", NOW))
        tx.tenancies.add_member(Member("kari there", other.id, KARI.lookup_hash, b"n", b"m", NOW))
        tx.tenancies.remove_members(ACCOUNT.id, NOW + HOUR)
    with database.read() as tx:
        removed = {name: member.removed_at for name in ("kari", "odd", "siv") if (member := tx.tenancies.member(name))}
        assert removed == {"kari": NOW + HOUR, "odd": NOW + HOUR, "siv": gone}
        assert [member.id for member in tx.tenancies.members_of_account(other.id)] == ["kari there"]


def test_integrations_are_listed_by_name_while_they_live(database: SqlDatabase) -> None:
    another = Integration("sak", ACCOUNT.id, "983544622", "ÅS SAK AS", NOW)
    with database.write() as tx:
        tx.tenancies.add_integration(another)
        tx.tenancies.add_integration(FAGSYSTEM)
    with database.write() as tx:
        assert tx.tenancies.integrations(ACCOUNT.id) == [FAGSYSTEM, another]
        assert tx.tenancies.integrations("nothing") == []
        assert tx.tenancies.remove_integration(another.id, NOW)
        assert not tx.tenancies.remove_integration(another.id, NOW)
        assert not tx.tenancies.remove_integration("nothing", NOW)
        assert tx.tenancies.integrations(ACCOUNT.id) == [FAGSYSTEM]


def test_an_organisation_has_rights_to_an_account_once_until_they_are_removed(database: SqlDatabase) -> None:
    again = replace(FAGSYSTEM, id="acos again")
    with database.write() as tx:
        tx.tenancies.add_integration(FAGSYSTEM)
        with pytest.raises(Conflict, match="integration_exists"):
            tx.tenancies.add_integration(again)
        tx.tenancies.remove_integration(FAGSYSTEM.id, NOW)
        tx.tenancies.add_integration(again)
    with database.read() as tx:
        assert tx.tenancies.integrations(ACCOUNT.id) == [again]


def test_integrations_are_found_by_organisation_where_it_can_be_shared_from(database: SqlDatabase) -> None:
    second, deleted = Account("second", TENANT.id, "Arkiv"), Account("deleted", TENANT.id, "Skole", deleted_at=NOW)
    with database.write() as tx:
        for account in (second, deleted):
            tx.tenancies.add_account(account)
        for account in (ACCOUNT, second, deleted):
            tx.tenancies.add_integration(replace(FAGSYSTEM, id=f"in {account.id}", account_id=account.id))
        tx.tenancies.add_integration(replace(FAGSYSTEM, id="other", organization_number="983544622"))
    with database.write() as tx:
        found = tx.tenancies.integrations_of(FAGSYSTEM.organization_number)
        assert [(integration.id, account) for integration, account in found] == [
            ("in second", second),
            (f"in {ACCOUNT.id}", ACCOUNT),
        ]
        tx.tenancies.remove_integration("in second", NOW)
        assert len(tx.tenancies.integrations_of(FAGSYSTEM.organization_number)) == 1
        tx.tenancies.save_tenant(replace(TENANT, ended_at=NOW))
        assert tx.tenancies.integrations_of(FAGSYSTEM.organization_number) == []


def test_an_integration_is_kept_with_its_rights_its_use_and_its_password(database: SqlDatabase) -> None:
    changed = replace(FAGSYSTEM, rights=IntegrationRights.READ, used_at=NOW, password_hash=b"digest")
    with database.write() as tx:
        tx.tenancies.add_integration(FAGSYSTEM)
        assert tx.tenancies.integration(FAGSYSTEM.id) == FAGSYSTEM
        tx.tenancies.save_integration(changed)
    with database.read() as tx:
        assert tx.tenancies.integration(FAGSYSTEM.id) == changed
        assert tx.tenancies.integrations(ACCOUNT.id) == [changed]
        assert tx.tenancies.integration("nothing") is None
    with pytest.raises(NotFound), database.write() as tx:
        tx.tenancies.save_integration(replace(FAGSYSTEM, id="nothing"))


def test_an_ended_account_leaves_its_name_to_another(database: SqlDatabase) -> None:
    with database.write() as tx:
        gone = replace(ACCOUNT, name="Byggesak (slettet 2026-03-02)", deleted_at=NOW, ended_at=NOW + UNDO)
        tx.tenancies.save_account(gone)
        tx.tenancies.add_account(Account("new", TENANT.id, ACCOUNT.name))
    with database.read() as tx:
        assert [account.id for account in tx.tenancies.accounts_of_tenant(TENANT.id)] == ["new", ACCOUNT.id]
