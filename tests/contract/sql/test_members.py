"""Members, administrators and operators are kept, found, paged through and erased as the contracts say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.adapters.sql.database import SqlDatabase
from deldokument.domain.errors import Conflict, NotFound
from deldokument.domain.tenancy import Account, Administrator, Member, Operator
from deldokument.ports.repositories.transaction import Transaction
from tests.contract.records import ACCOUNT, DAY, HOUR, KARI, NOW, TENANT, available, keep, settle
from tests.support.query_plans import EVERYTHING_READ, plans, statements

OTHER = replace(TENANT, id="other", organization_number="983544622", retention=timedelta(days=30))
THERE = Account("there", OTHER.id, "Barnevern")


@pytest.fixture(autouse=True)
def settled(database: SqlDatabase) -> None:
    settle(database)
    with database.write() as tx:
        tx.tenancies.add_tenant(OTHER)
        tx.tenancies.add_account(THERE)


def member(name: str, account: Account = ACCOUNT, **changes: object) -> Member:
    base = Member(name, account.id, f"hash of {name}".encode(), b"number", b"name", NOW)
    return replace(base, **changes)  # type: ignore[arg-type]


def add(database: SqlDatabase, *members: Member) -> None:
    with database.write() as tx:
        for one in members:
            tx.tenancies.add_member(one)


def test_a_member_comes_back_as_it_was_kept(database: SqlDatabase) -> None:
    whole = member("siv", used_at=NOW + HOUR, removed_at=NOW + DAY, erased_at=NOW + DAY + HOUR)
    add(database, whole)
    with database.read() as tx:
        assert tx.tenancies.member("siv") == whole


def test_many_persons_are_found_at_once_in_the_account_alone(database: SqlDatabase) -> None:
    siv = member("siv")
    add(database, siv, member("odd"), member("siv there", THERE, lookup_hash=siv.lookup_hash))
    wanted = {siv.lookup_hash, KARI.lookup_hash, b"nobody", *(f"{n}".encode() for n in range(1200))}
    with database.write() as tx:
        tx.tenancies.remove_member(KARI.id, NOW)
    with database.read() as tx:
        assert tx.tenancies.members_by_hashes(ACCOUNT.id, wanted) == [siv]
        assert tx.tenancies.members_by_hashes(ACCOUNT.id, []) == []


def test_living_members_are_counted_in_the_account_alone(database: SqlDatabase) -> None:
    add(database, member("siv"), member("odd"), member("ola", THERE))
    with database.write() as tx:
        tx.tenancies.remove_member("odd", NOW)
    with database.read() as tx:
        assert [tx.tenancies.count_members(a) for a in (ACCOUNT.id, THERE.id, "none")] == [2, 1, 0]


def test_a_page_goes_on_just_after_the_last_one_also_among_equal_times(database: SqlDatabase) -> None:
    add(database, *(member(f"m{n}", added_at=NOW + HOUR * (n // 3)) for n in range(7)))
    seen: list[str] = []
    before = None
    with database.read() as tx:
        while page := tx.tenancies.members_of_account(ACCOUNT.id, before=before, limit=2):
            seen += [one.id for one in page]
            before = (page[-1].added_at, page[-1].id)
    assert seen == ["m6", "m5", "m4", "m3", "m2", "m1", "m0", "kari"]


def test_the_use_of_a_member_is_noted(database: SqlDatabase) -> None:
    with database.write() as tx:
        tx.tenancies.use_member(KARI.id, NOW + HOUR)
    with database.read() as tx:
        assert tx.tenancies.member(KARI.id) == replace(KARI, used_at=NOW + HOUR)


def spent(tx: Transaction, days: float, limit: int = 10) -> list[tuple[str, str]]:
    return tx.retention.spent_members(NOW + timedelta(days=days), limit)


def test_removed_members_are_spent_after_their_tenants_own_retention(database: SqlDatabase) -> None:
    add(database, member("siv"), member("ola", THERE), member("per", THERE), member("living"))
    with database.write() as tx:
        for name, days in (("siv", 0), ("ola", 1), ("per", 0)):
            tx.tenancies.remove_member(name, NOW + timedelta(days=days))
    with database.write() as tx:
        assert spent(tx, 29.9) == []
        assert spent(tx, 30) == [("per", OTHER.id)]
        assert spent(tx, 364) == [("per", OTHER.id), ("ola", OTHER.id)]
        assert set(spent(tx, 365)) == {("per", OTHER.id), ("ola", OTHER.id), ("siv", TENANT.id)}
        assert len(spent(tx, 365, limit=2)) == 2


def test_an_erased_member_is_nobody_and_stays_for_what_refers_to_it(database: SqlDatabase) -> None:
    share = available()
    keep(database, share)
    later = NOW + timedelta(days=400)
    with database.write() as tx:
        tx.tenancies.remove_member(KARI.id, NOW)
        tx.retention.erase_member(KARI.id, later)
    with database.write() as tx:
        erased = replace(KARI, lookup_hash=b"", sealed_identifier=b"", sealed_name=b"", removed_at=NOW, erased_at=later)
        assert tx.tenancies.member(KARI.id) == erased
        assert tx.retention.spent_members(later, 10) == []
        assert tx.shares.get(share.id) == share
        with pytest.raises(NotFound):
            tx.retention.erase_member("nobody", later)


def test_an_administrator_is_removed_from_one_tenant_once(database: SqlDatabase) -> None:
    anne = Administrator("anne", TENANT.id, b"hash of anne", b"number", b"name")
    elsewhere = replace(anne, id="anne there", tenant_id=OTHER.id)
    with database.write() as tx:
        for one in (anne, elsewhere):
            tx.tenancies.add_administrator(one)
        assert tx.tenancies.remove_administrator(anne.id)
        assert not tx.tenancies.remove_administrator(anne.id)
    with database.read() as tx:
        assert tx.tenancies.administrators(TENANT.id) == []
        assert tx.tenancies.administrations(b"hash of anne") == [elsewhere]


def test_a_person_is_an_operator_once_until_removed(database: SqlDatabase) -> None:
    siv = Operator("siv", b"hash of siv", b"number", b"name")
    with database.write() as tx:
        tx.tenancies.add_operator(siv)
        with pytest.raises(Conflict, match="operator_exists"):
            tx.tenancies.add_operator(replace(siv, id="siv again"))
    with database.write() as tx:
        assert tx.tenancies.operators() == [siv]
        assert tx.tenancies.operator(b"hash of siv") == siv
        assert tx.tenancies.operator(b"nobody") is None
        assert tx.tenancies.remove_operator(siv.id)
        assert not tx.tenancies.remove_operator(siv.id)
        assert tx.tenancies.operators() == []


def test_a_locked_tenant_is_the_tenant(database: SqlDatabase) -> None:
    with database.write() as tx:
        assert tx.tenancies.lock_tenant(TENANT.id) == TENANT
        assert tx.tenancies.lock_tenant("nobody") is None


@pytest.fixture(params=["sqlite", "postgresql"])
def young_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database in which nothing has been measured yet: one that is used again remembers."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    with request.getfixturevalue("postgres_server").database() as url:
        yield url


def test_a_young_database_does_not_go_through_all_tenants_for_one_person(young_url: str) -> None:
    database = SqlDatabase(young_url)
    with database.write() as tx:
        for number in range(300):
            tenant = replace(TENANT, id=f"t{number}", organization_number=f"{number:09}")
            tx.tenancies.add_tenant(tenant)
            tx.tenancies.add_account(Account(f"a{number}", tenant.id, "Byggesak"))
    add(database, member("siv", Account("a7", "t7", "Byggesak")))
    with statements() as asked, database.read() as tx:
        [(found, account)] = tx.tenancies.memberships(member("siv").lookup_hash)
    assert (found.id, account.id) == ("siv", "a7")
    database.close()
    assert not EVERYTHING_READ.search(plans(young_url, asked))
