"""A writer of the database who makes shares look over, or not over: their keys go by proof alone."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, text, update

from deldokument import worker
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import Gone, NotFound, existing
from deldokument.domain.shares.share import ShareState
from deldokument.services.accounts import deletion
from deldokument.services.downloads import offers
from deldokument.services.encryption import share_key_id
from deldokument.services.maintenance import share_keys
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.drafts import discarding, drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.services.tenants.offboarding import offboard_tenant
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.tables.audit import audit_event
from deldokument.store.tables.shares import share
from tests.attacker.database.test_event_log import append
from tests.support.stage.accounts import set_rules
from tests.support.stage.stage import KARI, NOON, OLA, Stage, person, run_all
from tests.support.stored_data import as_owner

LONG_AGO = NOON - timedelta(days=3000)
FAR_AWAY = NOON + timedelta(days=3000)
ENDED = {"state": ShareState.ENDED, "closed_at": NOON}
MANY = 12
"""More than fit into the batches of these tests."""


def change(stage: Stage, *share_ids: str, **values: Any) -> None:
    """Overwrite columns of these shares, or of all."""
    with as_owner(stage.database_url) as connection:
        statement = update(share).values(values)
        connection.execute(statement.where(share.c.id.in_(share_ids)) if share_ids else statement)


def row_of(stage: Stage, share_id: str) -> dict[str, Any]:
    """The share's row, to be put back later."""
    with as_owner(stage.database_url) as connection:
        return dict(connection.execute(select(share).where(share.c.id == share_id)).one()._mapping)


def put_back(stage: Stage, row: dict[str, Any]) -> None:
    """Put an older row back."""
    change(stage, row["id"], **row)


def work(stage: Stage) -> None:
    """All that the worker does, a patrol and a sweep too."""
    run_all(stage.deps)
    patrol = worker.Patrol()
    while patrol(stage.deps):
        pass
    run_all(stage.deps)
    worker.Sweeper()(stage.deps)
    worker.Sweeper()(stage.deps)


def later(stage: Stage, **passed: float) -> None:
    """Let time pass while the worker runs."""
    stage.clock.advance(**passed)
    with stage.deps.database.write() as tx:
        tx.deployment.record_heartbeat(stage.clock.now())


def has_key(stage: Stage, share_id: str) -> bool:
    return share_key_id(share_id) in stage.deps.keyring.ids("share:")


def kinds(stage: Stage, share_id: str) -> list[EventKind]:
    with stage.deps.database.read() as tx:
        return [event.kind for _, event in tx.audit.events(share_id=share_id)]


def alarms(stage: Stage) -> set[str]:
    """The ids of the shares that are reported as damaged."""
    return {row.id for row in stage.deps.damage.take() if row.kind == "share"}


def test_all_shares_marked_as_ended_keep_their_keys_and_raise_alarms(stage: Stage) -> None:
    living = {stage.publish(OLA) for _ in range(3)}
    change(stage, **ENDED)
    work(stage)
    assert {share_id for share_id in living if has_key(stage, share_id)} == living == alarms(stage)
    for share_id in living:
        with pytest.raises(Gone):
            offers.open_share(stage.deps, person(OLA), share_id)
        assert EventKind.SHARE_KEY_DESTROYED not in kinds(stage, share_id)


def test_shares_marked_as_ended_do_not_keep_others_from_their_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share_keys, "_BATCH", 5)
    marked = [stage.draft().id for _ in range(MANY)]
    withdrawn = stage.publish(OLA)
    publishing.withdraw_share(stage.deps, person(KARI), withdrawn)
    change(stage, *marked, state=ShareState.ABANDONED, closed_at=LONG_AGO)
    assert share_keys.destroy_share_keys(stage.deps) == 1
    assert not has_key(stage, withdrawn)
    assert all(has_key(stage, share_id) for share_id in marked)


def test_the_marked_shares_end_on_their_own_dates(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    change(stage, **ENDED)
    work(stage)
    assert has_key(stage, share_id)
    later(stage, days=10)
    assert share_keys.destroy_share_keys(stage.deps) == 1
    assert not has_key(stage, share_id)


@pytest.mark.parametrize(
    "forged",
    [
        {"expires_at": LONG_AGO},
        {"expires_at": LONG_AGO, "card": b""},
        ENDED | {"key_destroyed_at": LONG_AGO},
        ENDED | {"card": b"", "erased_at": NOON},
    ],
    ids=["expired", "expired-without-card", "destroyed", "erased-without-card"],
)
def test_no_column_of_a_living_share_ends_it(stage: Stage, forged: dict[str, Any]) -> None:
    share_id = stage.publish(OLA)
    change(stage, share_id, **forged)
    work(stage)
    assert has_key(stage, share_id)
    assert share_id in alarms(stage)
    assert not {EventKind.SHARE_ENDED, EventKind.SHARE_KEY_DESTROYED}.intersection(kinds(stage, share_id))


def test_a_draft_with_a_changed_age_is_not_abandoned(stage: Stage) -> None:
    draft = stage.draft()
    change(stage, draft.id, changed_at=LONG_AGO)
    work(stage)
    assert has_key(stage, draft.id)
    assert EventKind.DRAFT_ABANDONED not in kinds(stage, draft.id)


@pytest.mark.embedded("only SQLite's file can be made to admit a text as a number")
def test_an_end_that_is_a_text_ends_nothing_and_stops_nothing(stage: Stage) -> None:
    share_id, other = stage.publish(OLA), stage.publish(OLA)
    publishing.withdraw_share(stage.deps, person(KARI), other)
    with as_owner(stage.database_url) as connection:
        _admit_any_type(connection)
        values = {"id": share_id, "closed_at": "never"}
        connection.execute(text("UPDATE share SET state = 'ended', closed_at = :closed_at WHERE id = :id"), values)
    work(stage)
    assert (has_key(stage, share_id), has_key(stage, other)) == (True, False)


def _admit_any_type(connection: Connection) -> None:
    connection.execute(text("PRAGMA writable_schema = ON"))
    loosened = "UPDATE sqlite_master SET sql = replace(sql, 'STRICT', '') WHERE name = 'share'"
    connection.execute(text(loosened))
    connection.execute(text("PRAGMA writable_schema = RESET"))


@pytest.mark.parametrize("state", [ShareState.AVAILABLE, ShareState.ENDED])
def test_an_older_row_with_an_earlier_end_does_not_end_the_share_before_its_later_one(
    stage: Stage, state: ShareState
) -> None:
    share_id = stage.publish(OLA)
    older = row_of(stage, share_id)
    changes.change_share(stage.deps, person(KARI), share_id, Change(expires_at=NOON + timedelta(days=20)))
    closed = None if state is ShareState.AVAILABLE else LONG_AGO
    put_back(stage, older | {"state": state, "closed_at": closed})
    later(stage, days=11)
    work(stage)
    assert has_key(stage, share_id)
    assert share_id in alarms(stage)
    later(stage, days=10)
    work(stage)
    assert not has_key(stage, share_id)


def test_an_older_row_with_a_later_end_does_not_keep_the_key_after_the_earlier_one(stage: Stage) -> None:
    share_id = stage.publish(OLA, expires_at=NOON + timedelta(days=20))
    older = row_of(stage, share_id)
    changes.change_share(stage.deps, person(KARI), share_id, Change(expires_at=NOON + timedelta(days=10)))
    put_back(stage, older)
    later(stage, days=9)
    work(stage)
    assert has_key(stage, share_id)
    later(stage, days=2)
    work(stage)
    assert not has_key(stage, share_id)


def test_an_older_row_does_not_keep_the_key_of_a_withdrawn_share(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    older = row_of(stage, share_id)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    put_back(stage, older)
    work(stage)
    assert not has_key(stage, share_id)


def test_the_row_of_a_draft_that_is_put_back_does_not_abandon_the_published_share(stage: Stage) -> None:
    draft = stage.draft()
    older = row_of(stage, draft.id)
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words(expires_at=NOON + timedelta(days=20)))
    stage.add_recipients(draft.id, OLA)
    stage.upload(draft.id, "vedtak.pdf", b"innhold")
    publishing.publish_share(stage.deps, person(KARI), draft.id)
    put_back(stage, older)
    later(stage, days=8)
    work(stage)
    assert has_key(stage, draft.id)
    later(stage, days=13)
    work(stage)
    assert not has_key(stage, draft.id)


def test_a_discarded_draft_that_was_restored_is_not_abandoned_by_its_older_row(stage: Stage) -> None:
    draft = stage.draft()
    discarding.discard_with_grace(stage.deps, person(KARI), draft.id)
    older = row_of(stage, draft.id)
    discarding.restore_draft(stage.deps, person(KARI), draft.id)
    put_back(stage, older)
    later(stage, minutes=1)
    work(stage)
    assert has_key(stage, draft.id)


@pytest.mark.parametrize("kind", [EventKind.SHARE_WITHDRAWN, EventKind.SHARE_ENDED, EventKind.DRAFT_ABANDONED])
def test_a_forged_event_ends_nothing(stage: Stage, kind: EventKind) -> None:
    share_id = stage.publish(OLA)
    with as_owner(stage.database_url) as connection:
        append(connection, stage, AuditEvent(NOON, kind, stage.tenant.id, share_id, None, {"revision": 9}))
    change(stage, share_id, **ENDED, card=b"")
    work(stage)
    assert has_key(stage, share_id)


def test_a_forged_revision_does_not_keep_a_key(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    forged = AuditEvent(NOON, EventKind.SHARE_CORRECTED, stage.tenant.id, share_id, None, {"revision": 99})
    with as_owner(stage.database_url) as connection:
        append(connection, stage, forged)
        number = select(audit_event.c.number).order_by(audit_event.c.number.desc()).limit(1).scalar_subquery()
        is_last = (audit_event.c.chain == stage.tenant.id) & (audit_event.c.number == number)
        connection.execute(update(audit_event).where(is_last).values(revision=99, details='{"revision": 99'))
    later(stage, days=10)
    work(stage)
    assert not has_key(stage, share_id)


@pytest.mark.parametrize("is_withdrawn", [False, True])
def test_without_a_card_a_share_ends_by_its_events(stage: Stage, is_withdrawn: bool) -> None:
    share_id = stage.publish(OLA)
    if is_withdrawn:
        publishing.withdraw_share(stage.deps, person(KARI), share_id)
    change(stage, share_id, card=b"")
    work(stage)
    assert has_key(stage, share_id) is not is_withdrawn
    later(stage, days=10)
    work(stage)
    assert not has_key(stage, share_id)


def test_a_publication_that_was_undone_leaves_a_draft_by_its_events(stage: Stage) -> None:
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=2))
    share_id = stage.publish(OLA)
    publishing.undo_publication(stage.deps, person(KARI), share_id)
    change(stage, share_id, card=b"", state=ShareState.ABANDONED, closed_at=LONG_AGO)
    later(stage, days=6)
    work(stage)
    assert has_key(stage, share_id)
    later(stage, days=2)
    work(stage)
    assert not has_key(stage, share_id)


def test_the_key_of_a_share_without_its_row_stays_until_its_end(stage: Stage) -> None:
    share_id, never_born = stage.publish(OLA), "0" * 22
    stage.deps.keyring.create(share_key_id(never_born))
    with as_owner(stage.database_url) as connection:
        connection.execute(delete(share).where(share.c.id == share_id))
    sweep = worker.Sweeper()
    for _ in range(2):
        sweep(stage.deps)
    assert (has_key(stage, share_id), has_key(stage, never_born)) == (True, False)
    assert DamagedRow("share", share_id) in stage.deps.damage.take()
    later(stage, days=10)
    for _ in range(2):
        sweep(stage.deps)
    assert not has_key(stage, share_id)


def test_an_older_row_does_not_keep_the_key_after_the_end_of_its_account(stage: Stage) -> None:
    share_id = stage.publish(OLA, expires_at=NOON + timedelta(days=60))
    older = row_of(stage, share_id)
    changes.change_share(stage.deps, person(KARI), share_id, Change(expires_at=NOON + timedelta(days=50)))
    put_back(stage, older | {"account_id": stage.avtaler.id})
    deletion.delete_account(
        stage.deps, tenant_id=stage.tenant.id, account_id=stage.byggesak.id, typed_name=stage.byggesak.name
    )
    later(stage, hours=23)
    work(stage)
    assert has_key(stage, share_id)
    later(stage, hours=2)
    work(stage)
    assert not has_key(stage, share_id)


def test_a_draft_that_is_put_back_after_the_end_of_its_tenant_loses_its_key_with_it(stage: Stage) -> None:
    draft = stage.draft()
    older = row_of(stage, draft.id)
    offboard_tenant(stage.deps, tenant_id=stage.tenant.id, typed_name=stage.tenant.name)
    put_back(stage, older)
    work(stage)
    assert not has_key(stage, draft.id)


def test_a_share_that_was_moved_to_a_deleted_account_is_not_ended_with_it(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    deletion.delete_account(
        stage.deps, tenant_id=stage.tenant.id, account_id=stage.avtaler.id, typed_name=stage.avtaler.name
    )
    change(stage, share_id, account_id=stage.avtaler.id)
    later(stage, hours=25)
    work(stage)
    assert has_key(stage, share_id)
    assert EventKind.SHARE_WITHDRAWN not in kinds(stage, share_id)
    assert share_id in alarms(stage)


def test_an_older_row_does_not_end_a_share_with_the_account_that_its_draft_has_left(stage: Stage) -> None:
    draft = stage.draft(account=stage.avtaler)
    stage.add_recipients(draft.id, OLA)
    older = row_of(stage, draft.id)
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words(expires_at=NOON + timedelta(days=20)))
    stage.upload(draft.id, "vedtak.pdf", b"innhold")
    publishing.publish_share(stage.deps, person(KARI), draft.id)
    deletion.delete_account(
        stage.deps, tenant_id=stage.tenant.id, account_id=stage.avtaler.id, typed_name=stage.avtaler.name
    )
    put_back(stage, older)
    later(stage, hours=25)
    work(stage)
    assert has_key(stage, draft.id)


def test_a_share_that_was_moved_to_an_ended_tenant_does_not_end_with_it(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    with stage.deps.database.write() as tx:
        other = existing(tx.tenants.get(stage.barnevern.tenant_id))
    offboard_tenant(stage.deps, tenant_id=other.id, typed_name=other.name)
    change(stage, share_id, tenant_id=other.id, account_id=stage.barnevern.id, **ENDED)
    work(stage)
    assert has_key(stage, share_id)
    with pytest.raises((Gone, NotFound)):
        offers.open_share(stage.deps, person(OLA), share_id)
