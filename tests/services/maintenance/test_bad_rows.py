"""One tampered row does not stop the worker from processing the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from deldokument import worker
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import NotFound, Unavailable
from deldokument.domain.messages.outbox import Channel, OutgoingMessage
from deldokument.domain.shares.share import ShareState
from deldokument.services.accounts import deletion
from deldokument.services.audit import damage
from deldokument.services.audit.checkpoints import sign_checkpoints
from deldokument.services.encryption import AUDIT_PREFIX, share_key_id
from deldokument.services.inspection.documents import BACK_OFF, Inspector
from deldokument.services.maintenance import retention
from deldokument.services.notifications.dispatch import take_messages
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.additions import drop_stale_additions
from deldokument.services.shares.published import publishing
from deldokument.store.engine.integrity import DamagedRow
from tests.support.stage.stage import KARI, NOON, OLA, VIGDIS, Stage, person, run_all
from tests.support.stored_data import admit_null, as_owner, do_as_owner

NEVER = 10**18
"""Microseconds: beyond every calendar."""
LAST = 253_402_300_799_999_999
"""The last microsecond of the year 9999, the last that Python has."""


def change(stage: Stage, statement: str, **values: object) -> None:
    with as_owner(stage.database_url) as connection:
        assert connection.execute(text(statement), values).rowcount > 0


@pytest.mark.parametrize(("table", "column"), [("share", "card"), ("member", "tag"), ("tenant", "tag")])
def test_a_tag_that_is_missing_is_damage_and_stops_no_end(stage: Stage, table: str, column: str) -> None:
    share_id, other = stage.publish(OLA), barneverns(stage)
    admit_null(stage.database_url, table, column)
    key = {"share": share_id, "member": members_id(stage), "tenant": stage.tenant.id}[table]
    change(stage, f"UPDATE {table} SET {column} = NULL WHERE id = :key", key=key)
    with pytest.raises(NotFound):
        queries.view_share(stage.deps, person(KARI), share_id)
    later(stage, days=40)
    rounds(stage, worker.ENDING)
    assert (has_key(stage, share_id), has_key(stage, other)) == (False, False)


def members_id(stage: Stage) -> str:
    with stage.deps.database.read() as tx:
        return tx.members.of_account(stage.byggesak.id, limit=1)[0].id


def barneverns(stage: Stage) -> str:
    """A published share of another tenant."""
    draft = drafts.start_draft(stage.deps, person(VIGDIS), account_id=stage.barnevern.id)
    drafts.save_draft(stage.deps, person(VIGDIS), draft.id, stage.words(account_id=stage.barnevern.id))
    stage.add_recipients(draft.id, OLA, sharer=VIGDIS)
    stage.upload(draft.id, "vedtak.pdf", b"innhold", sharer=VIGDIS)
    publishing.publish_share(stage.deps, person(VIGDIS), draft.id)
    return draft.id


def state_of(stage: Stage, share_id: str) -> ShareState:
    with as_owner(stage.database_url) as connection:
        found = connection.execute(text("SELECT state FROM share WHERE id = :key"), {"key": share_id})
        return ShareState(found.scalar_one())


def is_erased(stage: Stage, share_id: str) -> bool:
    with as_owner(stage.database_url) as connection:
        found = connection.execute(text("SELECT erased_at FROM share WHERE id = :key"), {"key": share_id})
        return found.scalar_one() is not None


def has_key(stage: Stage, share_id: str) -> bool:
    return bool(stage.deps.keyring.get([share_key_id(share_id)]))


def later(stage: Stage, **time: int) -> None:
    """So much later, with a worker that is started then."""
    stage.clock.advance(**time)
    do_as_owner(stage.database_url, "UPDATE deployment SET heartbeat_at = NULL")


def rounds(stage: Stage, some: worker.Rounds) -> None:
    """A few rounds of the worker, which go on after an error."""
    for _ in range(3):
        with going_on():
            worker.end_what_is_over(stage.deps, some)


@contextmanager
def going_on() -> Iterator[None]:
    try:
        yield
    except Unavailable:
        raise
    except Exception:  # The worker logs it.
        return


@pytest.fixture
def both(stage: Stage) -> tuple[str, str]:
    """A share of each of two tenants. The first one's row is changed, and comes first."""
    return stage.publish(OLA), barneverns(stage)


HEADS = {
    "set back": "UPDATE audit_head SET number = 1 WHERE chain = :chain",
    "below the first": "UPDATE audit_head SET number = -5 WHERE chain = :chain",
    "beyond all events": "UPDATE audit_head SET number = 9223372036854775807 WHERE chain = :chain",
    "another hash": "UPDATE audit_head SET hash = substr(hash, 1, 0) WHERE chain = :chain",
    "an event beyond it": (
        "INSERT INTO audit_event (chain, number, at, kind, previous, hash, tag)"
        " SELECT h.chain, h.number + 1, e.at, e.kind, e.hash, e.hash, e.tag FROM audit_head h JOIN audit_event e"
        " ON e.chain = h.chain AND e.number = 1 WHERE h.chain = :chain"
    ),
}


@pytest.mark.parametrize("fault", HEADS)
def test_a_tampered_head_of_the_event_log_does_not_stop_expiry(stage: Stage, both: tuple[str, str], fault: str) -> None:
    change(stage, HEADS[fault], chain=stage.tenant.id)
    later(stage, days=11)
    rounds(stage, worker.ENDING)
    assert [state_of(stage, share_id) for share_id in both] == [ShareState.ENDED, ShareState.ENDED]
    assert [has_key(stage, share_id) for share_id in both] == [False, False]
    assert DamagedRow("audit_head", stage.tenant.id) in stage.deps.damage.take()


def test_a_chain_with_its_head_set_back_is_whole_again_after_the_next_event(stage: Stage) -> None:
    stage.publish(OLA)
    with stage.deps.database.read() as tx:
        length = tx.audit.head(stage.tenant.id).number
    change(stage, HEADS["set back"], chain=stage.tenant.id)
    stage.draft()
    with stage.deps.database.read() as tx:
        assert tx.audit.head(stage.tenant.id).number > length
        assert tx.audit.verify(stage.tenant.id) is None


def test_an_event_inserted_after_the_head_is_still_found_by_verification(stage: Stage) -> None:
    stage.publish(OLA)
    with stage.deps.database.read() as tx:
        inserted = tx.audit.head(stage.tenant.id).number + 1
    change(stage, HEADS["an event beyond it"], chain=stage.tenant.id)
    stage.draft()
    with stage.deps.database.read() as tx:
        fault = tx.audit.verify(stage.tenant.id)
    assert fault is not None
    assert fault.number == inserted


def test_alarms_are_recorded_though_their_own_event_log_was_changed(stage: Stage) -> None:
    retention.confirm_clock(stage.deps)
    change(stage, "UPDATE audit_head SET number = 0 WHERE chain = '-'")
    stage.deps.damage.report(DamagedRow("share", stage.draft().id))
    damage.record_damage(stage.deps)
    assert EventKind.ROW_DAMAGED in [event.kind for _, event in stage.trail()]


TIMES = {
    "begun": "UPDATE share SET created_at = :never WHERE id = :key",
    "closed": "UPDATE share SET changed_at = -:never WHERE id = :key",
}


@pytest.mark.parametrize("which", TIMES)
@pytest.mark.parametrize("never", [NEVER, LAST])
def test_a_time_out_of_range_does_not_stop_expiry(stage: Stage, both: tuple[str, str], which: str, never: int) -> None:
    change(stage, TIMES[which], key=both[0], never=never)
    later(stage, days=11)
    rounds(stage, worker.ENDING)
    assert state_of(stage, both[1]) is ShareState.ENDED
    assert not has_key(stage, both[1])


@pytest.mark.parametrize("never", [NEVER, LAST])
def test_a_time_out_of_range_does_not_stop_the_patrol(stage: Stage, both: tuple[str, str], never: int) -> None:
    change(stage, "UPDATE share SET expires_at = expires_at + :later WHERE id = :key", later=10**15, key=both[1])
    change(stage, "UPDATE share SET expires_at = :never WHERE id = :key", never=never, key=both[0])
    later(stage, days=11)
    patrol = worker.Patrol()
    while patrol(stage.deps):
        pass
    rounds(stage, worker.ENDING)
    assert not has_key(stage, both[1])


@pytest.mark.parametrize("never", [NEVER, LAST])
def test_a_time_out_of_range_does_not_stop_erasure(stage: Stage, never: int) -> None:
    change(stage, "UPDATE tenant SET frozen_at = :never WHERE id = :key", never=never, key=stage.barnevern.tenant_id)
    assert worker.end_what_is_over(stage.deps, worker.FORGETTING) == 0


@pytest.mark.usefixtures("both")
def test_a_time_out_of_range_does_not_stop_checkpoints(stage: Stage) -> None:
    sign_checkpoints(stage.deps)
    first, *_ = sorted((stage.tenant.id, stage.barnevern.tenant_id))
    change(stage, "UPDATE audit_checkpoint SET signed_at = -:never WHERE chain = :key", never=NEVER, key=first)
    stage.publish(OLA)
    later(stage, days=2)
    assert sign_checkpoints(stage.deps)


def test_an_unknown_value_does_not_stop_other_accounts_or_steps(stage: Stage, both: tuple[str, str]) -> None:
    for account, name in ((stage.avtaler, "Avtaler"), (stage.byggesak, "Byggesak")):
        deletion.delete_account(stage.deps, tenant_id=stage.tenant.id, account_id=account.id, typed_name=name)
        stage.clock.advance(minutes=1)
    change(stage, "UPDATE account SET notice_channel = 'nonsense' WHERE id = :key", key=stage.avtaler.id)
    later(stage, days=11)
    rounds(stage, worker.ENDING)
    assert not has_key(stage, both[1])
    with stage.deps.database.read() as tx:
        ended = tx.accounts.get(stage.byggesak.id)
    assert ended is not None
    assert ended.ended_at is not None


def test_an_unexpected_error_in_one_step_does_not_stop_the_others(stage: Stage) -> None:
    def fails(_deps: object) -> int:
        raise ZeroDivisionError

    share_id = stage.publish(OLA)
    later(stage, days=11)
    with pytest.raises(ZeroDivisionError):
        worker.end_what_is_over(stage.deps, (fails, *worker.ENDING))
    assert not has_key(stage, share_id)


def test_a_receipt_of_another_share_does_not_stop_erasure(stage: Stage, both: tuple[str, str]) -> None:
    longer = stage.publish(OLA, expires_at=NOON + timedelta(days=60))
    change(
        stage,
        "INSERT INTO receipt"
        " (share_id, document_id, recipient_id, subject_id, first_at, last_at, covered, direct, covered_hash, tag)"
        " SELECT :other, '', id, 'subject', 1, 1, '[]', false, lookup_hash, lookup_hash FROM recipient"
        " WHERE share_id = :key",
        other=longer,
        key=both[0],
    )
    later(stage, days=11)
    rounds(stage, worker.ENDING)
    later(stage, days=366)
    rounds(stage, worker.FORGETTING)
    assert [is_erased(stage, share_id) for share_id in both] == [True, True]


def test_an_upload_of_another_share_does_not_stop_the_release_of_ciphertext(
    stage: Stage, both: tuple[str, str]
) -> None:
    longer = stage.publish(OLA, expires_at=NOON + timedelta(days=60))
    [document] = stage.document_ids(both[0])
    change(stage, "UPDATE upload SET document_id = :document WHERE share_id = :key", document=document, key=longer)
    change(stage, "UPDATE document SET pending_since = 1 WHERE id = :key", key=document)
    before = len(list(stage.deps.blobs.list()))
    later(stage, days=11)
    rounds(stage, worker.ENDING)
    rounds(stage, worker.CLEARING)
    assert (before, len(list(stage.deps.blobs.list()))) == (3, 0)


def test_a_broken_constraint_of_one_share_does_not_stop_the_others(stage: Stage, both: tuple[str, str]) -> None:
    """Another share's partial upload names an upload of this one."""
    longer = stage.publish(OLA, expires_at=NOON + timedelta(days=60))
    change(
        stage,
        "UPDATE upload SET token_hash = NULL, partial_of = (SELECT id FROM upload WHERE share_id = :key)"
        " WHERE share_id = :other",
        key=both[0],
        other=longer,
    )
    later(stage, days=11)
    rounds(stage, worker.ENDING)
    rounds(stage, worker.CLEARING)
    assert len(list(stage.deps.blobs.list())) == 2


@pytest.mark.usefixtures("both")
def test_an_invalid_blob_name_does_not_stop_deletion(stage: Stage) -> None:
    change(stage, "INSERT INTO garbage VALUES ('nonsense', 0, :tenant)", tenant=stage.tenant.id)
    later(stage, days=11)
    run_all(stage.deps)
    assert list(stage.deps.blobs.list()) == []
    with stage.deps.database.read() as tx:
        assert tx.uploads.garbage(9, start="") == []


def test_unreadable_details_of_one_message_do_not_stop_the_others(stage: Stage, both: tuple[str, str]) -> None:
    now = stage.clock.now()
    with stage.deps.database.write() as tx:
        for share_id, tenant in zip(both, (stage.tenant.id, stage.barnevern.tenant_id), strict=True):
            tx.outbox.add(OutgoingMessage(share_id, Channel.EMAIL, "downloaded", tenant, share_id, share_id, now, now))
    change(stage, "UPDATE outbox SET details = '' WHERE id = :key", key=both[0])
    assert {one.id for one in take_messages(stage.deps, Channel.EMAIL, busy=())} == set(both)


def spoil(stage: Stage, entry_id: str) -> None:
    """An entry of the keyring that does not open."""
    store = stage.deps.keyring._store  # type: ignore[attr-defined]
    [entry] = store.read([entry_id])
    store.reseal([entry], [replace(entry, sealed=bytes(len(entry.sealed)))])


def test_a_key_that_does_not_open_does_not_stop_the_patrol(stage: Stage, both: tuple[str, str]) -> None:
    change(stage, "UPDATE share SET expires_at = expires_at + :later WHERE id = :key", later=10**15, key=both[1])
    spoil(stage, next(one for one in stage.deps.keyring.ids(AUDIT_PREFIX) if stage.tenant.id in one))
    later(stage, days=9)
    patrol = worker.Patrol()
    while patrol(stage.deps):
        pass
    later(stage, days=2)
    while patrol(stage.deps):
        pass
    rounds(stage, worker.ENDING)
    assert not has_key(stage, both[1])


def uninspected(stage: Stage, document_id: str) -> bool:
    with as_owner(stage.database_url) as connection:
        found = connection.execute(text("SELECT inspected_at FROM document WHERE id = :key"), {"key": document_id})
        return found.scalar_one() is None


def test_damaged_documents_do_not_crowd_others_out_of_the_inspection(stage: Stage) -> None:
    draft = stage.draft()
    for number in range(3):
        stage.upload(draft.id, f"{number}.pdf", b"x")
    change(stage, "UPDATE document SET tag = :forged", forged=b"forged")
    stage.clock.advance(minutes=1)
    waiting = stage.upload(stage.draft().id, "vedtak.pdf", b"innhold")
    Inspector(limit=2)(stage.deps)
    assert not uninspected(stage, waiting)


@pytest.mark.parametrize("never", [NEVER, LAST])
def test_a_time_out_of_range_does_not_stop_inspection(stage: Stage, never: int) -> None:
    draft = stage.draft()
    bad, waiting = stage.upload(draft.id, "a.pdf", b"x"), stage.upload(draft.id, "b.pdf", b"x")
    change(stage, "UPDATE document SET completed_at = :never WHERE id = :key", never=-never, key=bad)
    Inspector()(stage.deps)
    assert not uninspected(stage, waiting)


def test_the_documents_of_a_damaged_share_are_not_read_again_and_again(stage: Stage) -> None:
    draft = stage.draft()
    document = stage.upload(draft.id, "vedtak.pdf", b"innhold")
    change(stage, "UPDATE share SET card = :forged WHERE id = :key", forged=b"forged", key=draft.id)
    inspector = Inspector()
    assert inspector(stage.deps) == 0
    stage.clock.advance(minutes=2)
    with stage.deps.database.read() as tx:
        assert tx.retention.uninspected_documents(stage.clock.now(), 9) == []
        [later] = tx.retention.uninspected_documents(stage.clock.now() + BACK_OFF, 9)
    assert later.id == document


def test_an_unreadable_proposal_does_not_stop_the_removal_of_other_additions(stage: Stage) -> None:
    end = NOON + timedelta(days=30)
    one, other = stage.publish(OLA, expires_at=end), stage.publish(OLA, expires_at=end)
    stage.upload_beside(one, "a.pdf")
    stage.clock.advance(minutes=1)
    added = stage.upload_beside(other, "b.pdf")
    change(stage, "UPDATE share SET sealed_change = :forged WHERE id = :key", forged=b"forged", key=one)
    later(stage, days=8)
    with going_on():
        drop_stale_additions(stage.deps)
    with stage.deps.database.read() as tx:
        assert tx.additions.document(added) is None
