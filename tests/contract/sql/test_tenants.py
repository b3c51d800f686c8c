"""Tenants, accounts, members and administrators are kept and found as the contract says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.adapters.sql.database import SqlDatabase
from deldokument.domain.errors import Conflict, NotFound
from deldokument.domain.tenancy import Account, Administrator, Contact, Member, Operator, PeriodRule
from deldokument.ports.repositories.tenants import RoleIds
from tests.contract.records import ACCOUNT, KARI, NOW, TENANT, settle


@pytest.fixture(autouse=True)
def settled(database: SqlDatabase) -> None:
    settle(database)


def test_a_tenant_comes_back_as_it_was_kept(database: SqlDatabase) -> None:
    with database.read() as tx:
        assert tx.tenancies.tenant(TENANT.id) == TENANT
        assert tx.tenancies.tenant_by_number(TENANT.organization_number) == TENANT
        assert tx.tenancies.tenants() == [TENANT]


def test_what_is_not_there_is_none(database: SqlDatabase) -> None:
    with database.read() as tx:
        assert tx.tenancies.tenant("nobody") is None
        assert tx.tenancies.tenant_by_number("000000000") is None
        assert tx.tenancies.account("nobody") is None
        assert tx.tenancies.member("nobody") is None
        assert tx.tenancies.memberships(b"nobody") == []
        assert tx.tenancies.administrations(b"nobody") == []
        assert tx.tenancies.offices(b"nobody") == RoleIds(False, (), False)


def test_many_come_at_once_in_the_order_they_were_asked_for_without_those_that_are_not_there(
    database: SqlDatabase,
) -> None:
    tenant, account = (
        replace(TENANT, id="a-tenant", organization_number="1"),
        replace(ACCOUNT, id="an-account", name="1"),
    )
    with database.write() as tx:
        tx.tenancies.add_tenant(tenant)
        tx.tenancies.add_account(account)
        assert tx.tenancies.tenants_by_id([TENANT.id, tenant.id]) == {TENANT.id: TENANT, tenant.id: tenant}
    with database.read() as tx:
        assert tx.tenancies.account(account.id) == account
        for ids in (["nobody", ACCOUNT.id, account.id], [account.id, ACCOUNT.id]):
            assert list(tx.tenancies.accounts_by_id(ids)) == [one for one in ids if one != "nobody"]
        assert list(tx.tenancies.tenants_by_id([tenant.id, TENANT.id]).values()) == [tenant, TENANT]
        assert tx.tenancies.tenants_by_id([]) == {}


def test_a_changed_tenant_is_changed_in_every_field(database: SqlDatabase) -> None:
    period = PeriodRule(timedelta(hours=2), timedelta(days=3), timedelta(microseconds=7_777_777_777_777))
    changed = replace(
        TENANT,
        name="Storvik kommune",
        contact=Contact("1", "2", "3"),
        period=period,
        ask_archived=False,
        retention=timedelta(days=30),
        activated_at=None,
    )
    with database.write() as tx:
        tx.tenancies.save_tenant(changed)
    with database.read() as tx:
        assert tx.tenancies.tenant(TENANT.id) == changed


def test_saving_a_tenant_that_is_not_there_is_told(database: SqlDatabase) -> None:
    with pytest.raises(NotFound), database.write() as tx:
        tx.tenancies.save_tenant(replace(TENANT, id="other", organization_number="1"))


def test_two_tenants_never_have_one_organisation_number(database: SqlDatabase) -> None:
    with pytest.raises(Conflict, match="tenant_exists"), database.write() as tx:
        tx.tenancies.add_tenant(replace(TENANT, id="other"))


def test_an_account_name_is_unique_in_its_tenant_alone(database: SqlDatabase) -> None:
    with database.write() as tx:
        tx.tenancies.add_tenant(replace(TENANT, id="other", organization_number="983544622"))
        tx.tenancies.add_account(Account("elsewhere", "other", ACCOUNT.name))
    with pytest.raises(Conflict, match="account_name_taken"), database.write() as tx:
        tx.tenancies.add_account(Account("again", TENANT.id, ACCOUNT.name))


def test_a_transaction_goes_on_after_a_refused_name(database: SqlDatabase) -> None:
    with database.write() as tx:
        with pytest.raises(Conflict):
            tx.tenancies.add_account(Account("again", TENANT.id, ACCOUNT.name))
        tx.tenancies.add_account(Account("other", TENANT.id, "Barnevern"))
    with database.read() as tx:
        assert [account.name for account in tx.tenancies.accounts_of_tenant(TENANT.id)] == ["Barnevern", "Byggesak"]


def test_accounts_are_listed_in_norwegian_order(database: SqlDatabase) -> None:
    with database.write() as tx:
        for number, name in enumerate(["Årsmøte", "Ærlighet", "zoologi", "Økonomi", "arkiv"]):
            tx.tenancies.add_account(Account(f"a{number}", TENANT.id, name))
    with database.read() as tx:
        names = [account.name for account in tx.tenancies.accounts_of_tenant(TENANT.id)]
    assert names == ["arkiv", "Byggesak", "zoologi", "Ærlighet", "Økonomi", "Årsmøte"]


def test_a_removed_member_shares_from_nowhere(database: SqlDatabase) -> None:
    with database.write() as tx:
        assert tx.tenancies.remove_member(KARI.id, NOW)
        assert not tx.tenancies.remove_member(KARI.id, NOW)
        assert not tx.tenancies.remove_member("nobody", NOW)
    with database.read() as tx:
        assert tx.tenancies.memberships(KARI.lookup_hash) == []
        assert tx.tenancies.members_of_account(ACCOUNT.id) == []
        assert tx.tenancies.member(KARI.id) == replace(KARI, removed_at=NOW)


def test_a_person_is_a_living_member_of_an_account_once(database: SqlDatabase) -> None:
    again = replace(KARI, id="kari again")
    with pytest.raises(Conflict, match="member_exists"), database.write() as tx:
        tx.tenancies.add_member(again)
    with database.write() as tx:
        tx.tenancies.remove_member(KARI.id, NOW)
        tx.tenancies.add_member(again)
    with database.read() as tx:
        assert tx.tenancies.members_of_account(ACCOUNT.id) == [again]


def test_memberships_come_by_account_name(database: SqlDatabase) -> None:
    other = Account("other", TENANT.id, "Barnevern")
    there = Member("kari there", other.id, KARI.lookup_hash, b"n", b"m", NOW)
    with database.write() as tx:
        tx.tenancies.add_account(other)
        tx.tenancies.add_member(there)
        tx.tenancies.add_member(Member("siv", other.id, b"hash of siv", b"n", b"m", NOW))
    with database.read() as tx:
        assert tx.tenancies.memberships(KARI.lookup_hash) == [(there, other), (KARI, ACCOUNT)]


def test_nobody_shares_from_a_tenant_that_has_not_taken_the_service_into_use(database: SqlDatabase) -> None:
    with database.write() as tx:
        tx.tenancies.save_tenant(replace(TENANT, activated_at=None))
    with database.read() as tx:
        assert tx.tenancies.memberships(KARI.lookup_hash) == []


def test_administrators_are_found_by_tenant_and_by_person(database: SqlDatabase) -> None:
    administrator = Administrator("anne", TENANT.id, b"hash of anne", b"number", b"name")
    with database.write() as tx:
        tx.tenancies.add_administrator(administrator)
    with database.read() as tx:
        assert tx.tenancies.administrators(TENANT.id) == [administrator]
        assert tx.tenancies.administrations(b"hash of anne") == [administrator]
        assert tx.tenancies.administrators("other") == []
    with pytest.raises(Conflict, match="administrator_exists"), database.write() as tx:
        tx.tenancies.add_administrator(replace(administrator, id="anne again"))


def test_what_a_person_is_here_is_told_in_one_question(database: SqlDatabase) -> None:
    other = replace(TENANT, id="tenant-2", organization_number="991825827")
    with database.write() as tx:
        tx.tenancies.add_tenant(other)
        tx.tenancies.add_administrator(Administrator("b", TENANT.id, KARI.lookup_hash, b"number", b"name"))
        tx.tenancies.add_administrator(Administrator("a", other.id, KARI.lookup_hash, b"number", b"name"))
        tx.tenancies.add_operator(Operator("drift", b"hash of siv", b"number", b"name"))
    with database.read() as tx:
        assert tx.tenancies.offices(KARI.lookup_hash) == RoleIds(True, (other.id, TENANT.id), False)
        assert tx.tenancies.offices(b"hash of siv") == RoleIds(False, (), True)
    with database.write() as tx:
        tx.tenancies.remove_member(KARI.id, NOW)
    with database.read() as tx:
        assert tx.tenancies.offices(KARI.lookup_hash) == RoleIds(False, (other.id, TENANT.id), False)


def test_an_account_needs_its_tenant(database: SqlDatabase) -> None:
    with pytest.raises(Conflict, match="state_changed"), database.write() as tx:
        tx.tenancies.add_account(Account("lost", "nowhere", "Lost"))
