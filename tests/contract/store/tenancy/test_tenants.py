"""Tenants are stored and found as the contract says; a missing row of the other tables is None."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.errors import Conflict, NotFound
from deldokument.domain.tenants.tenancy import Contact, PeriodRule
from deldokument.store.database import Database
from deldokument.store.tenancy.staff import RoleKinds
from tests.contract.records import ACCOUNT, TENANT, settle


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)


def test_a_tenant_comes_back_as_it_was_kept(database: Database) -> None:
    with database.read() as tx:
        assert tx.tenants.get(TENANT.id) == TENANT
        assert tx.tenants.by_number(TENANT.organization_number) == TENANT
        assert tx.tenants.all() == [TENANT]


def test_a_missing_row_is_none(database: Database) -> None:
    with database.read() as tx:
        assert tx.tenants.get("nobody") is None
        assert tx.tenants.by_number("000000000") is None
        assert tx.accounts.get("nobody") is None
        assert tx.members.get("nobody") is None
        assert tx.members.of_person(b"nobody") == []
        assert tx.staff.administrators_by_hash(b"nobody") == []
        assert tx.staff.role_kinds(b"nobody") == RoleKinds(False, False, False)


def test_many_come_at_once_in_the_order_they_were_asked_for_without_those_that_are_not_there(
    database: Database,
) -> None:
    tenant, account = (
        replace(TENANT, id="a-tenant", organization_number="1"),
        replace(ACCOUNT, id="an-account", name="1"),
    )
    with database.write() as tx:
        tx.tenants.add(tenant)
        tx.accounts.add(account)
        assert tx.tenants.by_ids([TENANT.id, tenant.id]) == {TENANT.id: TENANT, tenant.id: tenant}
    with database.read() as tx:
        assert tx.accounts.get(account.id) == account
        for ids in (["nobody", ACCOUNT.id, account.id], [account.id, ACCOUNT.id]):
            assert list(tx.accounts.by_ids(ids)) == [one for one in ids if one != "nobody"]
        assert list(tx.tenants.by_ids([tenant.id, TENANT.id]).values()) == [tenant, TENANT]
        assert tx.tenants.by_ids([]) == {}


def test_a_changed_tenant_is_changed_in_every_field(database: Database) -> None:
    period = PeriodRule(timedelta(hours=2), timedelta(days=3), timedelta(microseconds=7_777_777_777_777))
    changed = replace(
        TENANT,
        name="Storvik kommune",
        contact=Contact("1", "2", "3"),
        period=period,
        ask_archived=False,
        scan_policy="stale=held",
        retention=timedelta(days=30),
        activated_at=None,
    )
    with database.write() as tx:
        tx.tenants.save(changed)
    with database.read() as tx:
        assert tx.tenants.get(TENANT.id) == changed


def test_saving_an_unknown_tenant_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound), database.write() as tx:
        tx.tenants.save(replace(TENANT, id="other", organization_number="1"))


def test_two_tenants_never_have_one_organisation_number(database: Database) -> None:
    with pytest.raises(Conflict, match="tenant_exists"), database.write() as tx:
        tx.tenants.add(replace(TENANT, id="other"))


def test_a_locked_tenant_is_the_tenant(database: Database) -> None:
    with database.write() as tx:
        assert tx.tenants.lock(TENANT.id) == TENANT
        assert tx.tenants.lock("nobody") is None
