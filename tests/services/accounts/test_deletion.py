"""Deleting an account: at once out of reach, undone within a day, ended after it, and nothing of others touched."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deldokument import worker
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, NotFound, existing
from deldokument.domain.shares.share import Share, ShareState
from deldokument.domain.tenants.tenancy import Account
from deldokument.services.accounts import deletion, integrations, lifecycle
from deldokument.services.accounts.deletion import end_deleted_accounts
from deldokument.services.accounts.members import memberships
from deldokument.services.maintenance import share_keys
from deldokument.services.shares.drafts import drafts as shares_drafts
from deldokument.services.shares.published import publishing
from deldokument.services.tenants import freezing
from deldokument.services.tenants.freezing import FreezeReason
from tests.support.browser import EWA
from tests.support.stage.stage import FJELL, KARI, ODD, OLA, Stage, person, run_all

OVER = timedelta(hours=24)


def of(stage: Stage, chosen: Account | None = None) -> dict[str, Any]:
    return {"tenant_id": stage.tenant.id, "account_id": (chosen or stage.byggesak).id, "person": person(EWA)}


def delete(stage: Stage, chosen: Account | None = None) -> Account:
    chosen = chosen or stage.byggesak
    return deletion.delete_account(stage.deps, **of(stage, chosen), typed_name=chosen.name)


def undo(stage: Stage) -> Account:
    return deletion.undo_deletion(stage.deps, **of(stage))


def account(stage: Stage, chosen: Account | None = None) -> Account:
    with stage.deps.database.read() as tx:
        return existing(tx.accounts.get((chosen or stage.byggesak).id))


def share(stage: Stage, share_id: str) -> Share:
    with stage.deps.database.read() as tx:
        return existing(tx.shares.get(share_id))


def details(stage: Stage, kind: EventKind) -> list[dict[str, Any]]:
    with stage.deps.database.read() as tx:
        every = [dict(event.details or {}) for _, event in tx.audit.events() if event.kind is kind]
    return [{name: value for name, value in one.items() if name != "revision"} for one in every]


def test_a_deleted_account_is_out_of_its_members_reach_at_once(stage: Stage) -> None:
    share_id = stage.publish()
    deleted = delete(stage)
    assert deleted.deleted_at == stage.clock.now()
    assert [m.account.name for m in memberships(stage.deps, person(KARI))] == ["Avtaler"]
    with pytest.raises(NotFound):
        shares_drafts.start_draft(stage.deps, person(KARI), account_id=stage.byggesak.id)
    with pytest.raises(NotFound):
        publishing.withdraw_share(stage.deps, person(KARI), share_id)


def test_deleting_is_recorded_with_how_much_it_takes_with_it(stage: Stage) -> None:
    stage.publish()
    stage.draft()
    delete(stage)
    expected = {"account": stage.byggesak.id, "drafts": 1, "open_shares": 1, "documents": 1}
    assert details(stage, EventKind.ACCOUNT_DELETED) == [expected]


@pytest.mark.parametrize("typed", ["", "Avtaler", "Byggesa", "Byggesak."])
def test_an_account_is_not_deleted_unless_its_name_is_typed(stage: Stage, typed: str) -> None:
    with pytest.raises(InvalidInput, match="name_differs") as caught:
        deletion.delete_account(stage.deps, **of(stage), typed_name=typed)
    assert caught.value.field == "typed_name"
    assert account(stage) == stage.byggesak


def test_what_the_operator_has_stopped_is_not_deleted_and_can_be_afterwards(stage: Stage) -> None:
    share_id = stage.publish()
    freezing.set_account_freeze(stage.deps, stage.byggesak.id, None, FreezeReason.AUTHORITY)
    with pytest.raises(Conflict, match="delete_while_frozen"):
        delete(stage)
    freezing.set_account_freeze(stage.deps, stage.byggesak.id, None, None)
    freezing.set_tenant_freeze(stage.deps, stage.tenant.id, None, FreezeReason.AUTHORITY)
    with pytest.raises(Conflict, match="delete_while_frozen"):
        delete(stage)
    stage.clock.advance(hours=25)
    run_all(stage.deps)
    assert share(stage, share_id).state is ShareState.AVAILABLE
    freezing.set_tenant_freeze(stage.deps, stage.tenant.id, None, None)
    assert delete(stage).deleted_at


@pytest.mark.parametrize("whole", [False, True], ids=["the account", "the tenant"])
def test_what_the_operator_stops_after_it_was_deleted_is_kept_until_it_goes_on(stage: Stage, whole: bool) -> None:
    share_id = stage.publish()
    delete(stage)
    if whole:
        freezing.set_tenant_freeze(stage.deps, stage.tenant.id, None, FreezeReason.AUTHORITY)
    else:
        freezing.set_account_freeze(stage.deps, stage.byggesak.id, None, FreezeReason.AUTHORITY)
    stage.clock.advance(hours=25)
    run_all(stage.deps)
    assert share(stage, share_id).state is ShareState.AVAILABLE
    assert account(stage).ended_at is None
    if whole:
        freezing.set_tenant_freeze(stage.deps, stage.tenant.id, None, None)
    else:
        freezing.set_account_freeze(stage.deps, stage.byggesak.id, None, None)
    run_all(stage.deps)
    assert share(stage, share_id).state is ShareState.WITHDRAWN
    assert account(stage).ended_at


def test_the_typed_name_need_not_have_the_same_capitals_and_spaces(stage: Stage) -> None:
    assert deletion.delete_account(stage.deps, **of(stage), typed_name=" byggesak ").deleted_at


def test_deleting_twice_is_deleting_once_and_gives_no_more_time(stage: Stage) -> None:
    first = delete(stage)
    stage.clock.advance(hours=1)
    assert delete(stage) == first
    assert len(details(stage, EventKind.ACCOUNT_DELETED)) == 1


def test_a_deletion_undone_within_a_day_gives_back_what_was_there(stage: Stage) -> None:
    share_id, draft = stage.publish(), stage.draft()
    lifecycle.close_account(stage.deps, **of(stage))
    delete(stage)
    stage.clock.advance(hours=23, minutes=59)
    restored = undo(stage)
    assert (restored.deleted_at, restored.closed_at is None) == (None, False)
    assert undo(stage) == restored
    assert share(stage, share_id).state is ShareState.AVAILABLE
    assert share(stage, draft.id).state is ShareState.DRAFT
    assert len(details(stage, EventKind.ACCOUNT_DELETION_UNDONE)) == 1
    stage.clock.advance(days=2)
    assert end_deleted_accounts(stage.deps) == 0
    assert {m.account.name for m in memberships(stage.deps, person(KARI))} == {"Byggesak", "Avtaler"}


def test_after_a_day_a_deletion_is_final(stage: Stage) -> None:
    delete(stage)
    stage.clock.advance(hours=24)
    with pytest.raises(Conflict, match="undo_too_late"):
        undo(stage)
    run_all(stage.deps)
    with pytest.raises(Conflict, match="undo_too_late"):
        undo(stage)


def test_a_share_that_ends_while_its_account_is_deleted_ends_then_and_stays_so(stage: Stage) -> None:
    share_id = stage.publish(expires_at=stage.clock.now() + timedelta(hours=2))
    delete(stage)
    stage.clock.advance(hours=2)
    run_all(stage.deps)
    ended = share(stage, share_id)
    assert (ended.state, ended.closed_at) == (ShareState.ENDED, stage.clock.now())
    assert ended.key_destroyed_at == stage.clock.now()
    stage.clock.advance(hours=1)
    undo(stage)
    assert share(stage, share_id) == ended


def test_before_a_day_has_passed_nothing_of_the_account_ends(stage: Stage) -> None:
    share_id = stage.publish()
    delete(stage)
    stage.clock.advance(hours=23, minutes=59, seconds=59)
    assert end_deleted_accounts(stage.deps) == 0
    assert share(stage, share_id).state is ShareState.AVAILABLE


def test_after_a_day_shares_are_withdrawn_and_drafts_abandoned_and_their_keys_destroyed(stage: Stage) -> None:
    share_id = stage.publish()
    delete(stage)
    stage.clock.advance(hours=12)
    with stage.deps.database.write() as tx:
        # As if somebody had begun it in the very moment of the deletion.
        tx.shares.add(replace(share(stage, share_id), id="late", state=ShareState.DRAFT, published_at=None))
        tx.shares.save(replace(existing(tx.shares.get("late")), changed_at=stage.clock.now()))
    stage.clock.advance(hours=12)
    run_all(stage.deps)
    assert share(stage, share_id).state is ShareState.WITHDRAWN
    assert share(stage, "late").state is ShareState.ABANDONED
    assert share(stage, share_id).key_destroyed_at == stage.clock.now()
    assert details(stage, EventKind.ACCOUNT_ENDED) == [{"account": stage.byggesak.id}]
    assert len(details(stage, EventKind.SHARE_WITHDRAWN)) == len(details(stage, EventKind.DRAFT_ABANDONED)) == 1


def test_a_share_that_is_due_when_its_account_ends_has_ended_and_was_not_withdrawn(stage: Stage) -> None:
    share_id = stage.publish(expires_at=stage.clock.now() + OVER)
    delete(stage)
    stage.clock.advance(hours=24)
    end_deleted_accounts(stage.deps)
    assert share(stage, share_id).state is ShareState.ENDED


def test_the_end_of_an_account_frees_its_name(stage: Stage) -> None:
    delete(stage)
    with pytest.raises(Conflict, match="account_name_held") as caught:
        lifecycle.create_account(stage.deps, tenant_id=stage.tenant.id, name="byggesak")
    assert caught.value.params["at"] == (stage.clock.now() + OVER).isoformat()
    stage.clock.advance(hours=24)
    run_all(stage.deps)
    ended = account(stage)
    assert (ended.name, ended.ended_at) == ("Byggesak (slettet 2026-11-24)", stage.clock.now())
    again = lifecycle.create_account(stage.deps, tenant_id=stage.tenant.id, name="Byggesak")
    assert again.id != ended.id
    with pytest.raises(Conflict, match="account_name_taken") as caught:
        lifecycle.create_account(stage.deps, tenant_id=stage.tenant.id, name=ended.name)
    assert caught.value.params == {}


def test_two_accounts_of_one_name_deleted_on_one_day_end_with_names_of_their_own(stage: Stage) -> None:
    taken = lifecycle.create_account(stage.deps, tenant_id=stage.tenant.id, name="BYGGESAK (slettet 2026-11-24)")
    delete(stage)
    stage.clock.advance(hours=24)
    run_all(stage.deps)
    assert account(stage).name == "Byggesak (slettet 2026-11-24, 2)"
    assert account(stage, taken).ended_at is None


def test_an_ended_account_is_named_by_the_day_in_norway(stage: Stage) -> None:
    stage.clock.instant = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    delete(stage)
    stage.clock.advance(hours=24)
    run_all(stage.deps)
    assert account(stage).name == "Byggesak (slettet 2026-11-25)"


def test_an_account_that_has_ended_keeps_neither_members_nor_integrations(stage: Stage) -> None:
    integrations.add_integration(stage.deps, **of(stage), organization_number=FJELL)
    delete(stage)
    stage.clock.advance(hours=24)
    run_all(stage.deps)
    with stage.deps.database.read() as tx:
        assert tx.members.of_account(stage.byggesak.id) == []
        assert existing(tx.members.get(stage.members["kari"])).removed_at == stage.clock.now()
        assert tx.integrations.of_account(stage.byggesak.id) == []


def test_nothing_of_other_accounts_is_touched(stage: Stage) -> None:
    integrations.add_integration(stage.deps, **of(stage, stage.avtaler), organization_number=FJELL)
    theirs = stage.draft(ODD, stage.avtaler)
    stage.publish()
    before = lifecycle.show_account(stage.deps, tenant_id=stage.tenant.id, account_id=stage.avtaler.id)
    delete(stage)
    stage.clock.advance(hours=24)
    while end_deleted_accounts(stage.deps):
        pass
    after = lifecycle.show_account(stage.deps, tenant_id=stage.tenant.id, account_id=stage.avtaler.id)
    assert after == before
    assert share(stage, theirs.id) == theirs
    assert account(stage, stage.barnevern) == stage.barnevern
    assert [m.account.name for m in memberships(stage.deps, person(ODD))] == ["Avtaler"]


def test_an_account_with_many_shares_ends_in_several_rounds(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "_BATCH", 2)
    drafts = [stage.draft() for _ in range(5)]
    delete(stage)
    stage.clock.advance(hours=24)
    assert [end_deleted_accounts(stage.deps) for _ in range(4)] == [3, 3, 2, 0]
    assert {share(stage, draft.id).state for draft in drafts} == {ShareState.ABANDONED}
    assert len(details(stage, EventKind.ACCOUNT_ENDED)) == 1


def test_the_worker_ends_deleted_accounts_before_it_destroys_keys() -> None:
    rounds = list(worker.ROUNDS)
    assert rounds.index(end_deleted_accounts) < rounds.index(share_keys.destroy_share_keys)


def test_a_share_that_ended_while_its_account_was_being_ended_is_left_as_it_is(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    found = share(stage, share_id)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    with stage.deps.database.write() as tx:
        assert list(deletion._end_shares(tx, [found], stage.clock.now())) == []
