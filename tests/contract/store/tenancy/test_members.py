"""Members are kept, found, paged through and erased as the contracts say."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.errors import Conflict, NotFound, existing
from deldokument.domain.tenants.tenancy import Account, Member
from deldokument.store.database import Database
from deldokument.store.transaction import Transaction
from tests.contract.records import ACCOUNT, DAY, HOUR, KARI, NOW, TENANT, available, keep, settle
from tests.fakes.integrity import tagging
from tests.support.query_plans import EVERYTHING_READ, plans, statements

OTHER = replace(TENANT, id="other", organization_number="983544622", retention=timedelta(days=30))
THERE = Account("there", OTHER.id, "Barnevern")


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)
    with database.write() as tx:
        tx.tenants.add(OTHER)
        tx.accounts.add(THERE)


def member(name: str, account: Account = ACCOUNT, **changes: object) -> Member:
    base = Member(name, account.id, f"hash of {name}".encode(), b"number", b"name", NOW)
    return replace(base, **changes)  # type: ignore[arg-type]


def add(database: Database, *members: Member) -> None:
    with database.write() as tx:
        for one in members:
            tx.members.add(one)


def test_a_member_comes_back_as_it_was_kept(database: Database) -> None:
    whole = member("siv", used_at=NOW + HOUR, removed_at=NOW + DAY, erased_at=NOW + DAY + HOUR)
    add(database, whole)
    with database.read() as tx:
        assert tx.members.get("siv") == whole


def test_many_persons_are_found_at_once_in_the_account_alone(database: Database) -> None:
    siv = member("siv")
    add(database, siv, member("odd"), member("siv there", THERE, lookup_hash=siv.lookup_hash))
    wanted = {siv.lookup_hash, KARI.lookup_hash, b"nobody", *(f"{n}".encode() for n in range(1200))}
    with database.write() as tx:
        tx.members.remove(KARI.id, NOW)
    with database.read() as tx:
        assert tx.members.by_hashes(ACCOUNT.id, wanted) == [siv]
        assert tx.members.by_hashes(ACCOUNT.id, []) == []


def test_living_members_are_counted_in_the_account_alone(database: Database) -> None:
    add(database, member("siv"), member("odd"), member("ola", THERE))
    with database.write() as tx:
        tx.members.remove("odd", NOW)
    with database.read() as tx:
        assert [tx.members.count(a) for a in (ACCOUNT.id, THERE.id, "none")] == [2, 1, 0]


def test_a_page_goes_on_just_after_the_last_one_also_among_equal_times(database: Database) -> None:
    add(database, *(member(f"m{n}", added_at=NOW + HOUR * (n // 3)) for n in range(7)))
    seen: list[str] = []
    before = None
    with database.read() as tx:
        while page := tx.members.of_account(ACCOUNT.id, before=before, limit=2):
            seen += [one.id for one in page]
            before = (page[-1].added_at, page[-1].id)
    assert seen == ["m6", "m5", "m4", "m3", "m2", "m1", "m0", "kari"]


def test_the_use_of_a_member_is_noted(database: Database) -> None:
    with database.write() as tx:
        tx.members.record_use(KARI.id, NOW + HOUR)
    with database.read() as tx:
        assert tx.members.get(KARI.id) == replace(KARI, used_at=NOW + HOUR)


def spent(tx: Transaction, days: float, limit: int = 10) -> list[tuple[str, str]]:
    return tx.retention.spent_members(NOW + timedelta(days=days), limit)


def test_removed_members_are_spent_after_their_tenants_own_retention(database: Database) -> None:
    add(database, member("siv"), member("ola", THERE), member("per", THERE), member("living"))
    with database.write() as tx:
        for name, days in (("siv", 0), ("ola", 1), ("per", 0)):
            tx.members.remove(name, NOW + timedelta(days=days))
    with database.write() as tx:
        assert spent(tx, 29.9) == []
        assert spent(tx, 30) == [("per", OTHER.id)]
        assert spent(tx, 364) == [("per", OTHER.id), ("ola", OTHER.id)]
        assert set(spent(tx, 365)) == {("per", OTHER.id), ("ola", OTHER.id), ("siv", TENANT.id)}
        assert len(spent(tx, 365, limit=2)) == 2


def test_an_erased_member_is_nobody_and_stays_for_what_refers_to_it(database: Database) -> None:
    share = available()
    keep(database, share)
    later = NOW + timedelta(days=400)
    with database.write() as tx:
        tx.members.remove(KARI.id, NOW)
        tx.retention.erase_member(KARI.id, later)
    with database.write() as tx:
        erased = replace(KARI, lookup_hash=b"", sealed_identifier=b"", sealed_name=b"", removed_at=NOW, erased_at=later)
        assert tx.members.get(KARI.id) == erased
        assert tx.retention.spent_members(later, 10) == []
        assert tx.shares.get(share.id) == share
        with pytest.raises(NotFound):
            tx.retention.erase_member("nobody", later)


@pytest.fixture(params=["sqlite", "postgresql"])
def young_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database in which nothing has been measured yet: one that is used again remembers."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    with request.getfixturevalue("postgres_server").database() as url:
        yield url


def test_a_young_database_does_not_go_through_all_tenants_for_one_person(young_url: str) -> None:
    database = tagging(Database(young_url))
    with database.write() as tx:
        for number in range(300):
            tenant = replace(TENANT, id=f"t{number}", organization_number=f"{number:09}")
            tx.tenants.add(tenant)
            tx.accounts.add(Account(f"a{number}", tenant.id, "Byggesak"))
    add(database, member("siv", Account("a7", "t7", "Byggesak")))
    with statements() as asked, database.read() as tx:
        [(found, account)] = tx.members.of_person(member("siv").lookup_hash)
    assert (found.id, account.id) == ("siv", "a7")
    database.close()
    assert not EVERYTHING_READ.search(plans(young_url, asked))


def test_a_removed_member_shares_from_nowhere(database: Database) -> None:
    with database.write() as tx:
        assert tx.members.remove(KARI.id, NOW)
        assert not tx.members.remove(KARI.id, NOW)
        assert not tx.members.remove("nobody", NOW)
    with database.read() as tx:
        assert tx.members.of_person(KARI.lookup_hash) == []
        assert tx.members.of_account(ACCOUNT.id) == []
        assert tx.members.get(KARI.id) == replace(KARI, removed_at=NOW)


def test_a_living_member_is_marked_absent_once_and_present_once(database: Database) -> None:
    with database.write() as tx:
        assert [tx.members.mark_absent(KARI.id, NOW) for _ in range(2)] == [True, False]
        assert existing(tx.members.get(KARI.id)).absent_since == NOW
        assert [tx.members.mark_absent(KARI.id, None) for _ in range(2)] == [True, False]
        assert tx.members.get(KARI.id) == KARI
        tx.members.remove(KARI.id, NOW)
        assert not tx.members.mark_absent(KARI.id, NOW)


def test_a_person_is_a_living_member_of_an_account_once(database: Database) -> None:
    again = replace(KARI, id="kari again")
    with pytest.raises(Conflict, match="member_exists"), database.write() as tx:
        tx.members.add(again)
    with database.write() as tx:
        tx.members.remove(KARI.id, NOW)
        tx.members.add(again)
    with database.read() as tx:
        assert tx.members.of_account(ACCOUNT.id) == [again]


def test_memberships_come_by_account_name(database: Database) -> None:
    other = Account("other", TENANT.id, "Barnevern")
    there = Member("kari there", other.id, KARI.lookup_hash, b"n", b"m", NOW)
    with database.write() as tx:
        tx.accounts.add(other)
        tx.members.add(there)
        tx.members.add(Member("siv", other.id, b"hash of siv", b"n", b"m", NOW))
    with database.read() as tx:
        assert tx.members.of_person(KARI.lookup_hash) == [(there, other), (KARI, ACCOUNT)]


def test_nobody_shares_from_a_tenant_that_has_not_taken_the_service_into_use(database: Database) -> None:
    with database.write() as tx:
        tx.tenants.save(replace(TENANT, activated_at=None))
    with database.read() as tx:
        assert tx.members.of_person(KARI.lookup_hash) == []


def test_nobody_shares_from_a_deleted_account_but_from_a_closed_one_the_choice_is_the_services(
    database: Database,
) -> None:
    with database.write() as tx:
        closed = tx.accounts.save(replace(ACCOUNT, closed_at=NOW))
        assert tx.members.of_person(KARI.lookup_hash) == [(KARI, closed)]
        tx.accounts.save(replace(closed, deleted_at=NOW))
        assert tx.members.of_person(KARI.lookup_hash) == []


def test_all_members_of_an_account_and_nobody_else_are_removed(database: Database) -> None:
    other, gone = Account("other", TENANT.id, "Barnevern"), NOW - DAY
    with database.write() as tx:
        tx.accounts.add(other)
        tx.members.add(Member("siv", ACCOUNT.id, b"hash of siv", b"n", b"m", gone, removed_at=gone))
        tx.members.add(Member("odd", ACCOUNT.id, b"hash of odd", b"n", b"m", NOW))
        tx.members.add(Member("kari there", other.id, KARI.lookup_hash, b"n", b"m", NOW))
        tx.members.remove_all(ACCOUNT.id, NOW + HOUR)
    with database.read() as tx:
        removed = {name: member.removed_at for name in ("kari", "odd", "siv") if (member := tx.members.get(name))}
        assert removed == {"kari": NOW + HOUR, "odd": NOW + HOUR, "siv": gone}
        assert [member.id for member in tx.members.of_account(other.id)] == ["kari there"]
