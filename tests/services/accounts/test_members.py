"""Who may share from an account: registered once, listed masked, found by number, out at the next request."""

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput, NotFound, existing
from deldokument.domain.tenants.tenancy import Account
from deldokument.services.accounts import members
from deldokument.services.accounts.members import MemberView
from deldokument.services.maintenance import retention
from deldokument.services.shares.display import queries
from deldokument.services.shares.published import publishing
from tests.support.browser import EWA
from tests.support.stage.confirmed import add_member
from tests.support.stage.stage import KARI, NOON, ODD, OLA, SIV, Stage, person


def place(stage: Stage, account: Account | None = None) -> dict[str, str]:
    chosen = account or stage.avtaler
    return {"tenant_id": chosen.tenant_id, "account_id": chosen.id}


def events(stage: Stage, kind: EventKind) -> list[tuple[str | None, dict[str, str | int]]]:
    """The full number of who did it, with the details."""
    return [(number, dict(event.details or {})) for number, event in stage.trail() if event.kind is kind]


def test_a_member_is_registered_once_for_each_account(stage: Stage) -> None:
    view = add_member(stage.deps, **place(stage), number=OLA, name=" Ola  Moen ")
    assert view == MemberView(view.id, "Ola Moen", f"{OLA[:6]} *****", NOON, None, None, None)
    with pytest.raises(Conflict, match="member_exists"):
        add_member(stage.deps, **place(stage), number=f"{OLA[:6]} {OLA[6:]}", name="Ola Moen")
    add_member(stage.deps, **place(stage, stage.byggesak), number=OLA, name="Ola Moen")


def test_the_faults_of_number_and_name_are_reported_at_once(stage: Stage) -> None:
    with pytest.raises(InvalidInput, match="person_number_length") as one:
        add_member(stage.deps, **place(stage), number="1", name="Ola Moen")
    assert one.value.field == "number"
    with pytest.raises(InvalidInput, match="name_length"):
        add_member(stage.deps, **place(stage), number=OLA, name=" ")
    with pytest.raises(InvalidFields) as both:
        add_member(stage.deps, **place(stage), number="1", name=" ")
    assert [error.field for error in both.value.errors] == ["number", "name"]


@pytest.mark.parametrize("account", ["of another tenant", "unknown"])
def test_an_account_of_another_tenant_looks_like_none_at_all(stage: Stage, account: str) -> None:
    vigdis = stage.members["vigdis"]
    where = {
        "tenant_id": stage.tenant.id,
        "account_id": stage.barnevern.id if account == "of another tenant" else "unknown",
    }
    for ask in (
        lambda: add_member(stage.deps, **where, number=OLA, name="Ola Moen"),
        lambda: members.list_members(stage.deps, **where),
        lambda: members.find_member(stage.deps, **where, number=OLA),
        lambda: members.show_member(stage.deps, **where, member_id=vigdis),
        lambda: members.remove_member(stage.deps, **where, member_id=vigdis),
        lambda: members.mark_absent(stage.deps, **where, member_id=vigdis, absent=True),
    ):
        with pytest.raises(NotFound):
            ask()
    assert len(members.list_members(stage.deps, **place(stage, stage.barnevern)).members) == 1


def test_a_member_of_another_account_is_not_found_in_this_one(stage: Stage) -> None:
    for member_id in (stage.members["kari"], stage.members["vigdis"], "unknown"):
        with pytest.raises(NotFound):
            members.show_member(stage.deps, **place(stage), member_id=member_id)
        with pytest.raises(NotFound):
            members.remove_member(stage.deps, **place(stage), member_id=member_id)
    assert members.memberships(stage.deps, person(KARI))


def test_nobody_is_registered_before_the_tenant_has_taken_the_service_into_use_or_after_its_end(stage: Stage) -> None:
    for changes, code in (({"activated_at": None}, "not_in_use"), ({"ended_at": NOON}, "service_ended")):
        stage.change_tenant(**changes)
        with pytest.raises(Conflict, match=code):
            add_member(stage.deps, **place(stage), number=OLA, name="Ola Moen")


def test_an_account_that_is_deleted_takes_no_member_and_shows_none(stage: Stage) -> None:
    stage.change_account(stage.avtaler, deleted_at=NOON)
    with pytest.raises(NotFound):
        add_member(stage.deps, **place(stage), number=OLA, name="Ola Moen")
    with pytest.raises(NotFound):
        members.list_members(stage.deps, **place(stage))


def test_members_are_listed_the_last_added_first_with_their_numbers_masked(stage: Stage) -> None:
    stage.clock.advance(minutes=1)
    stage.add(OLA, "Ola Moen", stage.avtaler)
    listed = members.list_members(stage.deps, **place(stage))
    assert (listed.account.name, listed.count, listed.next) == ("Avtaler", 3, None)
    assert (listed.members[0].name, listed.members[0].masked) == ("Ola Moen", f"{OLA[:6]} *****")
    assert {view.name for view in listed.members} == {"Ola Moen", "Kari Lunde", "Odd Bakken"}


def test_a_long_list_goes_on_where_it_left_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "PAGE", 2)
    stage.add(OLA, "Ola Moen", stage.avtaler)
    first = members.list_members(stage.deps, **place(stage))
    assert first.next
    second = members.list_members(stage.deps, **place(stage), before=first.next)
    assert (len(first.members), len(second.members), second.next) == (2, 1, None)
    assert len({view.id for view in first.members + second.members}) == 3


def test_a_member_is_found_by_the_full_number_alone(stage: Stage) -> None:
    found = members.find_member(stage.deps, **place(stage), number=f"{ODD[:6]} {ODD[6:]}")
    assert found
    assert (found.id, found.name) == (stage.members["odd"], "Odd Bakken")
    assert members.find_member(stage.deps, **place(stage), number=SIV) is None
    with pytest.raises(InvalidInput, match="person_number_length"):
        members.find_member(stage.deps, **place(stage), number=ODD[:6])


def test_a_member_that_is_removed_shares_no_more_and_may_be_added_again(stage: Stage) -> None:
    draft = stage.draft(ODD, stage.avtaler)
    members.remove_member(stage.deps, **place(stage), member_id=stage.members["odd"])
    assert members.memberships(stage.deps, person(ODD)) == []
    with pytest.raises(NotFound):
        stage.draft(ODD, stage.avtaler)
    with pytest.raises(NotFound):
        publishing.publish_share(stage.deps, person(ODD), draft.id)
    account, gone = members.show_member(stage.deps, **place(stage), member_id=stage.members["odd"])
    assert (account, gone.removed_at) == (stage.avtaler, NOON)
    stage.add(ODD, "Odd Bakken", stage.avtaler)
    assert stage.draft(ODD, stage.avtaler).account_id == stage.avtaler.id


def test_a_removal_asked_for_twice_happens_once(stage: Stage) -> None:
    for _ in range(2):
        members.remove_member(stage.deps, **place(stage), member_id=stage.members["odd"], person=person(EWA))
    details = {"account": stage.avtaler.id, "member": stage.members["odd"]}
    assert events(stage, EventKind.MEMBER_REMOVED) == [(EWA, details)]


def test_absence_asked_for_twice_is_logged_once_with_who_asked(stage: Stage) -> None:
    odd, details = stage.members["odd"], {"account": stage.avtaler.id, "member": stage.members["odd"]}
    for revision, kind in ((2, EventKind.MEMBER_ABSENT), (3, EventKind.MEMBER_PRESENT)):
        absent = kind is EventKind.MEMBER_ABSENT
        for _ in range(2):
            members.mark_absent(stage.deps, **place(stage), member_id=odd, absent=absent, person=person(EWA))
        assert events(stage, kind) == [(EWA, details | {"revision": revision})]
        assert (members.show_member(stage.deps, **place(stage), member_id=odd)[1].absent_since is not None) is absent


def test_a_removed_member_is_not_marked_absent(stage: Stage) -> None:
    stage.remove("odd")
    members.mark_absent(stage.deps, **place(stage), member_id=stage.members["odd"], absent=True)
    assert events(stage, EventKind.MEMBER_ABSENT) == []


def test_who_registered_a_member_is_written_down_and_the_member_is_not_named(stage: Stage) -> None:
    view = add_member(stage.deps, **place(stage), number=OLA, name="Ola Moen", person=person(EWA))
    added = events(stage, EventKind.MEMBER_ADDED)
    assert [details for number, details in added if number == EWA] == [{"account": stage.avtaler.id, "member": view.id}]
    assert sum(number is None for number, _ in added) == len(stage.members)


def test_memberships_have_account_tenant_and_own_name(stage: Stage) -> None:
    found = members.memberships(stage.deps, person(KARI))
    assert [(m.account.name, m.tenant.name, m.name) for m in found] == [
        ("Avtaler", "Eksempel kommune", "Kari Lunde"),
        ("Byggesak", "Eksempel kommune", "Kari Lunde"),
    ]
    assert members.memberships(stage.deps, person(SIV)) == []


def test_a_removed_member_is_nobody_after_the_tenants_retention_period_and_not_an_instant_before(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    stage.remove("kari")
    stage.clock.advance(days=365, microseconds=-1)
    assert retention.erase_spent_members(stage.deps) == 0
    stage.clock.advance(microseconds=1)
    assert retention.erase_spent_members(stage.deps) == 1
    assert retention.erase_spent_members(stage.deps) == 0
    where = place(stage, stage.byggesak)
    _, gone = members.show_member(stage.deps, **where, member_id=stage.members["kari"])
    assert (gone.name, gone.masked, gone.removed_at) == ("", "", NOON)
    assert events(stage, EventKind.MEMBER_ERASED) == [(None, {"member": stage.members["kari"]})]
    with stage.deps.database.read() as tx:
        assert existing(tx.shares.get(share_id)).member_id == stage.members["kari"]


def test_a_share_of_an_erased_member_is_read_by_the_others(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    stage.remove("kari")
    with stage.deps.database.write() as tx:
        tx.retention.erase_member(stage.members["kari"], NOON)
    view, _ = queries.show_share(stage.deps, person(ODD), share_id)
    assert view.share.id == share_id
    assert [view.share.id for view in queries.list_shares(stage.deps, person(ODD)).shares] == [share_id]


def test_an_erased_member_can_be_registered_again_as_a_new_one(stage: Stage) -> None:
    stage.remove("odd")
    with stage.deps.database.write() as tx:
        tx.retention.erase_member(stage.members["odd"], NOON)
    assert stage.add(ODD, "Odd Bakken", stage.avtaler) != stage.members["odd"]
    assert [m.account.name for m in members.memberships(stage.deps, person(ODD))] == ["Avtaler"]
