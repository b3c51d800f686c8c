"""Administrators, operators and the roles of one person are kept and found as the contract says."""

from dataclasses import replace

import pytest

from deldokument.domain.errors import Conflict
from deldokument.domain.tenants.tenancy import Administrator, Operator
from deldokument.store.database import Database
from deldokument.store.tenancy.staff import RoleKinds
from tests.contract.records import KARI, NOW, TENANT, settle

OTHER = replace(TENANT, id="other", organization_number="983544622")


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)
    with database.write() as tx:
        tx.tenants.add(OTHER)


def test_administrators_are_found_by_tenant_and_by_person(database: Database) -> None:
    administrator = Administrator("anne", TENANT.id, b"hash of anne", b"number", b"name")
    with database.write() as tx:
        tx.staff.add_administrator(administrator)
    with database.read() as tx:
        assert tx.staff.administrators(TENANT.id) == [administrator]
        assert tx.staff.administrators_by_hash(b"hash of anne") == [administrator]
        assert tx.staff.administrators("other") == []
    with pytest.raises(Conflict, match="administrator_exists"), database.write() as tx:
        tx.staff.add_administrator(replace(administrator, id="anne again"))


def test_one_query_says_which_roles_to_look_for(database: Database) -> None:
    other = replace(TENANT, id="tenant-2", organization_number="991825827")
    with database.write() as tx:
        tx.tenants.add(other)
        tx.staff.add_administrator(Administrator("b", TENANT.id, KARI.lookup_hash, b"number", b"name"))
        tx.staff.add_administrator(Administrator("a", other.id, KARI.lookup_hash, b"number", b"name"))
        tx.staff.add_operator(Operator("drift", b"hash of siv", b"number", b"name"))
    with database.read() as tx:
        assert tx.staff.role_kinds(KARI.lookup_hash) == RoleKinds(True, True, False)
        assert tx.staff.role_kinds(b"hash of siv") == RoleKinds(False, False, True)
    with database.write() as tx:
        tx.members.remove(KARI.id, NOW)
    with database.read() as tx:
        assert tx.staff.role_kinds(KARI.lookup_hash) == RoleKinds(False, True, False)


def test_an_administrator_is_removed_from_one_tenant_once(database: Database) -> None:
    anne = Administrator("anne", TENANT.id, b"hash of anne", b"number", b"name")
    elsewhere = replace(anne, id="anne there", tenant_id=OTHER.id)
    with database.write() as tx:
        for one in (anne, elsewhere):
            tx.staff.add_administrator(one)
        assert tx.staff.remove_administrator(anne.id)
        assert not tx.staff.remove_administrator(anne.id)
    with database.read() as tx:
        assert tx.staff.administrators(TENANT.id) == []
        assert tx.staff.administrators_by_hash(b"hash of anne") == [elsewhere]


def test_a_person_is_an_operator_once_until_removed(database: Database) -> None:
    siv = Operator("siv", b"hash of siv", b"number", b"name")
    with database.write() as tx:
        tx.staff.add_operator(siv)
        with pytest.raises(Conflict, match="operator_exists"):
            tx.staff.add_operator(replace(siv, id="siv again"))
    with database.write() as tx:
        assert tx.staff.operators() == [siv]
        assert tx.staff.operator_by_hash(b"hash of siv") == siv
        assert tx.staff.operator_by_hash(b"nobody") is None
        assert tx.staff.remove_operator(siv.id)
        assert not tx.staff.remove_operator(siv.id)
        assert tx.staff.operators() == []
