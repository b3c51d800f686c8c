"""The end: nothing early, nothing twice, nothing left; a crash anywhere means that it is done again."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deldokument import worker
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Gone, NotFound, Unavailable, existing
from deldokument.domain.shares.share import Share, ShareState
from deldokument.services.accounts import deletion
from deldokument.services.auth import sessions
from deldokument.services.downloads import access, offers
from deldokument.services.encryption import NO_TENANT, audit_key_id, share_key_id
from deldokument.services.maintenance import retention, share_keys
from deldokument.services.rate_limit import forget_allowances
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.additions import drop_stale_additions
from deldokument.services.shares.published import publishing
from deldokument.services.tenants.offboarding import complete_deletions, offboard_tenant
from deldokument.store.database import Database
from deldokument.store.migrations import migrate
from tests.fakes.integrity import tagging
from tests.support.faults.faulty_ports import Crash, FaultyDatabase, FaultyKeyring
from tests.support.stage.stage import FJELL, KARI, NOON, OLA, PER, SIV, VIGDIS, Stage, person, run_all, set_stage

INSTANT = timedelta(microseconds=1)


def share_of(stage: Stage, share_id: str) -> Share:
    with stage.deps.database.read() as tx:
        return existing(tx.shares.get(share_id))


def kinds(stage: Stage, share_id: str) -> list[EventKind]:
    with stage.deps.database.read() as tx:
        return [event.kind for _, event in tx.audit.events(share_id=share_id)]


def stored(stage: Stage) -> set[str]:
    return {blob.name for blob in stage.deps.blobs.list()}


def test_a_share_ends_at_its_end_and_not_an_instant_before(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    stage.clock.instant = NOON + timedelta(days=10) - INSTANT
    forget_allowances(stage.deps)
    assert run_all(stage.deps) == 0
    assert share_of(stage, share_id).state is ShareState.AVAILABLE
    stage.clock.instant += INSTANT
    assert retention.end_due_shares(stage.deps) == 1
    assert share_of(stage, share_id).state is ShareState.ENDED
    assert share_of(stage, share_id).closed_at == stage.clock.now()
    assert retention.end_due_shares(stage.deps) == 0


def test_a_draft_that_nobody_touched_for_seven_days_is_abandoned_and_one_that_was_touched_is_not(stage: Stage) -> None:
    old, touched = stage.draft().id, stage.draft().id
    stage.upload(old, "a.txt", b"a")
    stage.clock.advance(hours=1)
    stage.upload(touched, "b.txt", b"b")
    stage.clock.advance(days=6, hours=23)
    assert retention.abandon_stale_drafts(stage.deps) == 0
    assert share_of(stage, old).stale_at == stage.clock.now()
    stage.clock.instant += INSTANT
    assert retention.abandon_stale_drafts(stage.deps) == 1
    assert share_of(stage, old).state is ShareState.ABANDONED
    assert share_of(stage, touched).state is ShareState.DRAFT
    run_all(stage.deps)
    assert stage.deps.keyring.ids("share:") == [share_key_id(touched)]
    assert len(stored(stage)) == 1


def test_nothing_of_a_living_share_is_destroyed(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL)
    keys, blobs = stage.deps.keyring.ids(""), stored(stage)
    stage.clock.advance(days=9)
    run_all(stage.deps)
    assert (stage.deps.keyring.ids(""), stored(stage)) == (keys, blobs)
    assert offers.open_share(stage.deps, person(OLA), share_id)


@pytest.mark.parametrize("end", ["ended", "withdrawn", "abandoned"])
def test_however_a_share_is_over_its_key_goes_first_and_then_its_bytes(stage: Stage, end: str) -> None:
    if end == "abandoned":
        share_id = stage.draft().id
        stage.upload(share_id, "a.txt", b"innhold")
        drafts.discard_draft(stage.deps, person(KARI), share_id)
    else:
        share_id = stage.publish(OLA, message="Hei")
    if end == "withdrawn":
        publishing.withdraw_share(stage.deps, person(KARI), share_id)
    elif end == "ended":
        stage.clock.advance(days=10)
        assert retention.end_due_shares(stage.deps) == 1
    assert retention.release_blobs(stage.deps) == 0
    assert share_keys.destroy_share_keys(stage.deps) == 1
    assert stage.deps.keyring.ids("share:") == []
    assert len(stored(stage)) == 1
    assert share_of(stage, share_id).sealed_share_texts == b""
    assert retention.release_blobs(stage.deps) == 1
    assert retention.delete_garbage(stage.deps) == 1
    assert stored(stage) == set()
    forget_allowances(stage.deps)
    assert run_all(stage.deps) == 0
    assert kinds(stage, share_id)[-1] is EventKind.SHARE_KEY_DESTROYED


class HardKeyring:
    """One that takes fifteen seconds for each call, and does not destroy what it refuses."""

    def __init__(self, stage: Stage, refused: str = "") -> None:
        self._stage, self._refused = stage, refused

    def destroy(self, entry_ids: Collection[str]) -> None:
        self._stage.clock.advance(seconds=15)
        if self._refused in entry_ids:
            raise Unavailable("keyring")
        self._stage.deps.keyring.destroy(entry_ids)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage.deps.keyring, name)


def with_keys(stage: Stage) -> int:
    with stage.deps.database.read() as tx:
        return sum(tx.shares.get(key.removeprefix("share:")) is not None for key in stage.deps.keyring.ids("share:"))


@pytest.fixture
def five_over(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Five shares that are over, the first first; their keys are destroyed one by one."""
    monkeypatch.setattr(share_keys, "_AT_ONCE", 1)
    over = []
    for _ in range(5):
        over.append(stage.draft().id)
        drafts.discard_draft(stage.deps, person(KARI), over[-1])
        stage.clock.advance(seconds=1)
    return over


def test_what_a_slow_keyring_has_destroyed_is_noted_before_the_database_ends_the_transaction(
    stage: Stage, five_over: list[str]
) -> None:
    slow = replace(stage.deps, keyring=HardKeyring(stage))
    began = stage.clock.now()
    assert share_keys.destroy_share_keys(slow) == 2
    assert stage.clock.now() - began < timedelta(seconds=60)
    assert [share_of(stage, each).key_destroyed_at is not None for each in five_over] == [True] * 2 + [False] * 3
    assert [share_keys.destroy_share_keys(slow) for _ in range(3)] == [2, 1, 0]
    assert with_keys(stage) == 0


def test_a_key_that_the_keyring_refuses_keeps_no_other_from_its_end(stage: Stage, five_over: list[str]) -> None:
    hard = replace(stage.deps, keyring=HardKeyring(stage, share_key_id(five_over[0])))
    for _ in range(5):
        with pytest.raises(Unavailable):
            share_keys.destroy_share_keys(hard)
    assert [share_of(stage, each).key_destroyed_at is not None for each in five_over] == [False] + [True] * 4
    assert with_keys(stage) == 1


def test_a_crash_between_key_and_commit_is_repaired_in_the_next_round(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    dying = replace(stage.deps, keyring=FaultyKeyring(stage.deps.keyring, dies_after_destroy=True))
    with pytest.raises(Crash):
        share_keys.destroy_share_keys(dying)
    assert stage.deps.keyring.ids("share:") == []
    assert share_of(stage, share_id).key_destroyed_at is None
    with pytest.raises(Gone):
        offers.open_share(stage.deps, person(OLA), share_id)
    assert share_keys.destroy_share_keys(stage.deps) == 1
    assert share_of(stage, share_id).key_destroyed_at == stage.clock.now()
    assert kinds(stage, share_id).count(EventKind.SHARE_KEY_DESTROYED) == 1


@pytest.mark.parametrize("number", range(len(worker.ROUNDS) - 1))
def test_a_crash_in_any_round_is_repaired_in_the_next(stage: Stage, number: int) -> None:
    stage.publish(OLA)
    stage.upload(stage.draft().id, "a.txt", b"a")
    where = {"tenant_id": stage.tenant.id, "account_id": stage.avtaler.id}
    deletion.delete_account(stage.deps, **where, typed_name=stage.avtaler.name)
    stage.clock.advance(days=10)
    for reconcile in worker.ROUNDS[:number]:
        reconcile(stage.deps)
    if number >= worker.ROUNDS.index(retention.erase_spent_shares):
        stage.clock.advance(days=500)
    if worker.ROUNDS[number] is retention.destroy_audit_keys:
        retention.erase_spent_shares(stage.deps)
    if worker.ROUNDS[number] is complete_deletions:
        ending = {"tenant_id": stage.barnevern.tenant_id, "typed_name": "Prøve kommune"}
        offboard_tenant(stage.deps, **ending, person=person(VIGDIS))
    if worker.ROUNDS[number] is drop_stale_additions:
        stage.upload_beside(stage.publish(OLA, expires_at=stage.clock.now() + timedelta(days=20)), "b.txt")
        stage.clock.advance(days=8)
    dying = replace(stage.deps, database=FaultyDatabase(stage.deps.database, fail=Crash()))
    with pytest.raises(Crash):
        worker.ROUNDS[number](dying)
    stage.clock.advance(days=12)
    run_all(stage.deps)
    assert stage.deps.keyring.ids("share:") == []
    assert stored(stage) == set()
    with stage.deps.database.read() as tx:
        assert tx.audit.verify() is None


def test_rounds_are_idempotent(stage: Stage) -> None:
    stage.publish(OLA)
    stage.draft()
    stage.clock.advance(days=11)
    assert run_all(stage.deps) > 0
    with stage.deps.database.read() as tx:
        before = len(tx.audit.events())
    assert run_all(stage.deps) == 0
    with stage.deps.database.read() as tx:
        assert len(tx.audit.events()) == before


def test_until_the_retention_period_is_over_the_sharer_sees_with_whom_it_was_shared(stage: Stage) -> None:
    share_id = stage.publish(OLA, title="Vedtak")
    stage.clock.advance(days=10)
    run_all(stage.deps)
    stage.clock.instant += timedelta(days=365) - INSTANT
    run_all(stage.deps)
    shown = queries.show_share(stage.deps, person(KARI), share_id)[0]
    assert (shown.texts.title, shown.recipients[0].display) == ("Vedtak", f"{OLA[:6]} *****")
    with pytest.raises(Gone):
        offers.open_share(stage.deps, person(OLA), share_id)
    stage.clock.instant += INSTANT
    run_all(stage.deps)
    for reader in (OLA, SIV):
        with pytest.raises(NotFound):
            offers.open_share(stage.deps, person(reader), share_id)
    with pytest.raises(NotFound):
        queries.show_share(stage.deps, person(KARI), share_id)
    assert queries.list_shares(stage.deps, person(KARI)).shares == ()


def test_after_the_retention_period_nothing_names_anybody(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL, title="Vedtak", reference="2026/7")
    offers.open_share(stage.deps, person(PER), share_id)
    key_id = share_of(stage, share_id).audit_key_id
    stage.clock.advance(days=10)
    run_all(stage.deps)
    stage.clock.advance(days=400)
    run_all(stage.deps)
    assert key_id not in stage.deps.keyring.ids("audit:")
    erased = share_of(stage, share_id)
    assert (erased.sealed_audit_texts, erased.reference_hash) == (b"", b"")
    with stage.deps.database.read() as tx:
        assert tx.shares.recipients([share_id]) == []
        assert tx.shares.documents([share_id]) == []
        assert tx.receipts.of_shares([share_id]) == []
        events = [event for _, event in tx.audit.events(share_id=share_id)]
        subjects = {event.subject_id for event in events if event.subject_id}
        assert subjects
        assert tx.subjects.by_ids(subjects) == []
        assert tx.audit.verify() is None
    assert erased.state is ShareState.ENDED


def test_no_subject_is_left_when_a_worker_dies_as_its_audit_key_is_destroyed(stage: Stage) -> None:
    stage.publish(OLA)
    stage.clock.advance(days=10)
    run_all(stage.deps)
    with stage.deps.database.read() as tx:
        subjects = {event.subject_id for _, event in tx.audit.events() if event.subject_id}
        assert tx.subjects.by_ids(subjects)
    stage.clock.advance(days=400)
    retention.erase_spent_shares(stage.deps)
    dying = replace(stage.deps, keyring=FaultyKeyring(stage.deps.keyring, dies_after_destroy=True))
    with pytest.raises(Crash):
        retention.destroy_audit_keys(dying)
    run_all(stage.deps)
    with stage.deps.database.read() as tx:
        assert tx.subjects.by_ids(subjects) == []


def test_an_audit_key_is_kept_while_one_share_or_the_period_needs_it(stage: Stage) -> None:
    stage.publish(OLA, expires_at=NOON + timedelta(days=60))
    own = audit_key_id(stage.tenant.id, NOON)
    stage.clock.advance(days=60)
    run_all(stage.deps)
    stage.clock.advance(days=364)
    run_all(stage.deps)
    assert own in stage.deps.keyring.ids("audit:")
    stage.clock.advance(days=2)
    run_all(stage.deps)
    assert own not in stage.deps.keyring.ids("audit:")


def test_the_key_of_the_present_month_stays_though_nobody_uses_it(stage: Stage) -> None:
    share = stage.draft()
    assert retention.destroy_audit_keys(stage.deps) == 0
    stage.clock.advance(days=30)
    assert retention.destroy_audit_keys(stage.deps) == 0
    assert share.audit_key_id in stage.deps.keyring.ids("audit:")


def test_who_was_refused_by_no_tenant_is_forgotten_too(stage: Stage) -> None:
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(SIV), "x" * 22)
    assert stage.deps.keyring.ids(f"audit:{NO_TENANT}") == [audit_key_id(None, NOON)]
    stage.clock.advance(days=365 + 31)
    run_all(stage.deps)
    assert audit_key_id(None, NOON) not in stage.deps.keyring.ids("audit:")


def test_a_deployment_without_tenants_forgets_after_a_year(tmp_path: Path) -> None:
    stage = set_stage(tmp_path)
    empty = tagging(Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}"))
    migrate(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    deps = replace(stage.deps, database=empty)
    with pytest.raises(NotFound):
        access.authorize(deps, person(SIV), "x" * 22)
    stage.clock.advance(days=396)
    assert retention.destroy_audit_keys(deps) > 0
    empty.close()
    stage.close()


def test_idle_sessions_and_logins_are_forgotten(stage: Stage) -> None:
    started = sessions.begin_login(stage.deps, return_to="/", locale="nb")
    sessions.complete_login(
        stage.deps, {"state": "state-1"}, browser_secret=started.browser_secret, previous_secret=None
    )
    sessions.begin_login(stage.deps, return_to="/", locale="nb")
    stage.clock.advance(minutes=30)
    assert retention.end_idle_sessions(stage.deps) == 0
    stage.clock.instant += INSTANT
    assert retention.end_idle_sessions(stage.deps) > 0
    assert retention.end_idle_sessions(stage.deps) == 0


def test_a_clock_that_leaps_halts_destruction_until_it_is_confirmed(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    assert retention.record_heartbeat(stage.deps)
    stage.clock.advance(hours=1)
    assert retention.record_heartbeat(stage.deps)
    stage.clock.advance(days=20)
    for _ in range(2):
        assert not retention.record_heartbeat(stage.deps)
        with pytest.raises(Unavailable):
            worker.end_what_is_over(stage.deps)
    assert share_of(stage, share_id).state is ShareState.AVAILABLE
    with pytest.raises(Gone):
        offers.open_share(stage.deps, person(OLA), share_id)
    retention.confirm_clock(stage.deps)
    assert worker.end_what_is_over(stage.deps) > 0
    assert share_of(stage, share_id).state is ShareState.ENDED
    with stage.deps.database.read() as tx:
        assert EventKind.CLOCK_CONFIRMED in {event.kind for _, event in tx.audit.events()}


class Overtaken:
    """A clock whose first answer is overtaken by a leap that an operator confirms."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._has_answered = False

    def now(self) -> datetime:
        answer = self._stage.clock.now()
        if not self._has_answered:
            self._has_answered = True
            self._stage.clock.advance(hours=2)
            retention.confirm_clock(self._stage.deps)
        return answer

    def skew(self) -> timedelta:
        return self._stage.clock.skew()


def test_a_time_from_before_the_confirmation_is_not_noted_after_it(stage: Stage) -> None:
    assert retention.record_heartbeat(stage.deps)
    stage.clock.advance(minutes=1)
    assert retention.record_heartbeat(replace(stage.deps, clock=Overtaken(stage)))
    assert retention.record_heartbeat(stage.deps)


def test_many_loops_beat_once_a_second(stage: Stage) -> None:
    def heartbeat() -> datetime | None:
        assert retention.record_heartbeat(stage.deps)
        with stage.deps.database.read() as tx:
            return tx.deployment.get().heartbeat_at

    first = heartbeat()
    stage.clock.advance(seconds=0.9)
    assert heartbeat() == first
    stage.clock.advance(seconds=0.1)
    assert heartbeat() == stage.deps.clock.now() != first
    stage.clock.advance(seconds=-0.5)
    assert heartbeat() == stage.deps.clock.now()


def test_a_halt_stays_though_the_clock_goes_back(stage: Stage) -> None:
    retention.record_heartbeat(stage.deps)
    stage.clock.advance(days=20)
    assert not retention.record_heartbeat(stage.deps)
    stage.clock.advance(days=-20)
    assert not retention.record_heartbeat(stage.deps)


def test_a_clock_that_is_set_back_ends_nothing_early(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    retention.record_heartbeat(stage.deps)
    stage.clock.advance(hours=-1)
    assert retention.record_heartbeat(stage.deps)
    assert run_all(stage.deps) == 0
    assert share_of(stage, share_id).state is ShareState.AVAILABLE
