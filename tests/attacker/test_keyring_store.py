"""A writer of the keyring's store alone, without the root key: old bytes that are put back open nothing."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import update

from deldokument.adapters.keys.keyring import SealedEntry, SealedStore, rotate_root
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, Gone, NotFound, Unavailable
from deldokument.services.audit import heads, restores
from deldokument.services.downloads.access import authorize
from deldokument.services.downloads.content import open_archive, open_document, open_own_document
from deldokument.services.downloads.offers import open_share
from deldokument.services.downloads.program_access import approve_program
from deldokument.services.encryption import AUDIT_PREFIX, share_key_id, tenant_key_id
from deldokument.services.maintenance import retention
from deldokument.services.maintenance.orphans import sweep_orphan_keys
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.tenants.offboarding import destroy_tenant_keys, offboard_tenant
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.engine.schema import metadata
from tests.attacker.attack import Attack, Request, as_writer, rows_of
from tests.attacker.victims import CONTENT, MESSAGE
from tests.services.auth.test_own_sessions import log_in
from tests.services.auth.test_programs import CHALLENGE
from tests.services.downloads.test_system_access import shared
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.snapshots import snapshot
from tests.support.stage.stage import KARI, NOON, OLA, Stage, person, run_all


def store_of(stage: Stage) -> SealedStore:
    store: SealedStore = stage.deps.keyring._store  # type: ignore[attr-defined]
    return store


def entry_of(stage: Stage, entry_id: str) -> SealedEntry:
    [entry] = store_of(stage).read([entry_id])
    return entry


def put_back(stage: Stage, entry: SealedEntry) -> None:
    """Write the old bytes, under any root key."""
    store = store_of(stage)
    fresh = SealedEntry(entry.id, store.root(), entry.sealed)
    assert store.add(fresh)
    store.reseal(store.read([entry.id]), [entry])


@pytest.fixture
def destroyed(stage: Stage) -> tuple[str, SealedEntry]:
    """A share that was withdrawn and its key destroyed, with the entry of before."""
    share_id = stage.publish(OLA)
    entry = entry_of(stage, share_key_id(share_id))
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    run_all(stage.deps)
    assert stage.deps.keyring.get([entry.id]) == {}
    return share_id, entry


def is_destroyed_again(stage: Stage, entry: SealedEntry) -> bool:
    sweep_orphan_keys(stage.deps, ())
    return not stage.deps.keyring.ids(entry.id)


def test_a_destroyed_key_that_is_put_back_opens_nothing_and_is_destroyed_again(
    stage: Stage, destroyed: tuple[str, SealedEntry]
) -> None:
    share_id, entry = destroyed
    put_back(stage, entry)
    assert stage.deps.keyring.get([entry.id])
    with pytest.raises(Gone, match="share_withdrawn"):
        authorize(stage.deps, person(OLA), share_id)
    assert is_destroyed_again(stage, entry)
    assert stage.deps.damage.take() == [DamagedRow("share_key", share_id)]
    sweep_orphan_keys(stage.deps, ())
    assert stage.deps.damage.take() == []


def test_a_destroyed_key_that_is_put_back_changes_no_answer_to_anybody(attack: Attack) -> None:
    """Every route of pages, API and KS' interfaces, for those concerned as well as for others."""
    victims, share_id = attack.victims, attack.victims.shares["destroyed"]
    rightful = {"stranger": ("recipient", "sharer", "administrator"), "system": ("rightful-system",)}
    asked = [request for request in attack.every(["destroyed"]) if share_id in request.path]
    asked += [Request(actor, one.method, one.path) for one in asked for actor in rightful.get(one.actor, ())]
    before = {request: answer.status_code for request, answer in attack.ask(asked).items()}
    assert before[Request("recipient", "GET", f"/d/{share_id}")] == 410
    attack.restore()
    [entry] = victims.destroyed
    put_back(victims.stage, entry)
    answers = attack.ask(asked)
    assert {request: answer.status_code for request, answer in answers.items()} == before
    shown = [one for one, answer in answers.items() if CONTENT in answer.content or MESSAGE in answer.text]
    assert shown == []
    assert is_destroyed_again(victims.stage, entry)


def test_a_key_that_is_put_back_opens_neither_zip_nor_document_nor_a_program(
    stage: Stage, destroyed: tuple[str, SealedEntry]
) -> None:
    share_id, entry = destroyed
    [document_id] = stage.document_ids(share_id)
    put_back(stage, entry)
    _, session = log_in(stage, OLA)
    openings: list[Callable[[], object]] = [
        lambda: open_share(stage.deps, person(OLA), share_id),
        lambda: open_archive(stage.deps, person(OLA), share_id),
        lambda: open_document(stage.deps, person(OLA), share_id, document_id),
        lambda: approve_program(stage.deps, session, share_id, CHALLENGE),
    ]
    for opening in openings:
        with pytest.raises(Gone, match="share_withdrawn"):
            opening()


def test_a_system_does_not_read_back_by_a_key_that_is_put_back(stage: Stage) -> None:
    integrate(stage)
    share, document_id = shared(stage)
    entry = entry_of(stage, share_key_id(share.id))
    assert open_own_document(stage.deps, SYSTEM, document_id)
    publishing.withdraw_share(stage.deps, SYSTEM, share.id)
    run_all(stage.deps)
    put_back(stage, entry)
    with pytest.raises(Gone):
        open_own_document(stage.deps, SYSTEM, document_id)


@pytest.mark.parametrize("end", ["withdrawn", "by time", "with its tenant"])
def test_a_restored_key_and_older_rows_open_nothing(stage: Stage, end: str) -> None:
    share_id = stage.publish(OLA)
    entry, tables = entry_of(stage, share_key_id(share_id)), ("share", "document", "recipient")
    with as_writer(stage.database_url) as connection:
        older = rows_of(connection, *tables)
    if end == "withdrawn":
        publishing.withdraw_share(stage.deps, person(KARI), share_id)
    elif end == "by time":
        stage.clock.advance(days=11)
    else:
        offboard_tenant(stage.deps, tenant_id=stage.tenant.id, typed_name=stage.tenant.name)
    run_all(stage.deps)
    put_back(stage, entry)
    with as_writer(stage.database_url) as connection:
        for name in tables:
            table = metadata.tables[name]
            for row in older[name]:
                connection.execute(update(table).where(table.c.id == row["id"]).values(row))
    with pytest.raises((Gone, NotFound)):
        open_share(stage.deps, person(OLA), share_id)


def test_a_restored_key_and_an_older_database_open_nothing(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    entry = entry_of(stage, share_key_id(share_id))
    with closing(snapshot(stage.database_url)) as older:
        publishing.withdraw_share(stage.deps, person(KARI), share_id)
        run_all(stage.deps)
        heads.keep_heads(stage.deps)
        older.restore()
    put_back(stage, entry)
    heads.compare_heads(stage.deps)
    with pytest.raises(Unavailable, match="database_restored"):
        authorize(stage.deps, person(OLA), share_id)
    [found] = restores.restored_chains(stage.deps)
    assert EventKind.SHARE_WITHDRAWN in {one.kind for one in found.lost}


def test_an_entry_of_another_share_does_not_open_under_this_ones_name(stage: Stage) -> None:
    other, share_id = stage.publish(OLA), stage.publish(OLA)
    foreign = entry_of(stage, share_key_id(other))
    stage.deps.keyring.destroy([share_key_id(share_id)])
    put_back(stage, SealedEntry(share_key_id(share_id), foreign.root_key_id, foreign.sealed))
    with pytest.raises(Broken, match="entries that do not open"):
        authorize(stage.deps, person(OLA), share_id)


def test_the_whole_store_of_last_week_opens_nothing_that_has_ended_since(stage: Stage) -> None:
    ended, open_still, draft = stage.publish(OLA), stage.publish(OLA), stage.draft()
    heads.keep_heads(stage.deps)
    store = store_of(stage)
    older, kept = store.read(store.ids("")), store.list_values("")
    publishing.withdraw_share(stage.deps, person(KARI), ended)
    drafts.discard_draft(stage.deps, person(KARI), draft.id)
    stage.clock.advance(days=7)
    later = stage.publish(OLA)
    run_all(stage.deps)
    heads.keep_heads(stage.deps)

    store.remove(store.ids(""))
    for entry in older:
        put_back(stage, entry)
    store.forget_kept(list(store.list_values("")))
    store.keep(kept)
    with pytest.raises(Gone, match="share_withdrawn"):
        open_share(stage.deps, person(OLA), ended)
    with pytest.raises(NotFound):
        open_share(stage.deps, person(OLA), later)
    assert open_share(stage.deps, person(OLA), open_still)
    heads.keep_heads(stage.deps)
    assert stage.deps.behind.chains == frozenset()
    sweep_orphan_keys(stage.deps, ())
    assert stage.deps.keyring.ids("share:") == [share_key_id(open_still)]
    assert {row.id for row in stage.deps.damage.take()} >= {ended, draft.id}


# The operator of OpenBao rotates its key.
@pytest.mark.once
def test_an_entry_from_before_a_rotation_does_not_open_and_is_destroyed_again(
    stage: Stage, destroyed: tuple[str, SealedEntry]
) -> None:
    share_id, entry = destroyed
    rotate_root(stage.deps.keyring)  # type: ignore[arg-type]
    other = stage.publish(OLA)
    put_back(stage, entry)
    with pytest.raises(Unavailable, match="keyring"):
        authorize(stage.deps, person(OLA), share_id)
    assert authorize(stage.deps, person(OLA), other)
    assert is_destroyed_again(stage, entry)
    with pytest.raises(Gone, match="share_withdrawn"):
        authorize(stage.deps, person(OLA), share_id)
    # The store's own record of the root key for new entries, also set back.
    assert store_of(stage).turn(store_of(stage).root(), entry.root_key_id)
    with pytest.raises(Unavailable, match="keyring"):
        stage.draft()


def test_an_audit_key_that_is_put_back_finds_nobody_and_is_destroyed_in_the_next_round(stage: Stage) -> None:
    share_id = stage.publish(OLA, expires_at=stage.clock.now() + timedelta(days=1))
    [entry] = (entry_of(stage, one) for one in stage.deps.keyring.ids(f"{AUDIT_PREFIX}{stage.tenant.id}:"))
    stage.clock.advance(days=2)
    run_all(stage.deps)
    stage.clock.advance(days=400)
    run_all(stage.deps)
    assert stage.deps.keyring.ids(entry.id) == []
    put_back(stage, entry)
    assert {number for number, event in stage.trail() if event.share_id == share_id} == {None}
    with pytest.raises(NotFound):
        authorize(stage.deps, person(OLA), share_id)
    assert retention.destroy_audit_keys(stage.deps) == 1
    assert stage.deps.keyring.ids(entry.id) == []


def test_a_tenant_key_that_is_put_back_is_destroyed_again_with_an_alarm(stage: Stage) -> None:
    offboard_tenant(stage.deps, tenant_id=stage.tenant.id, typed_name=stage.tenant.name)
    entry = entry_of(stage, tenant_key_id(stage.tenant.id))
    run_all(stage.deps)
    destroy_tenant_keys(stage.deps)
    assert stage.deps.keyring.ids(entry.id)
    stage.clock.instant = NOON + timedelta(days=400)
    run_all(stage.deps)
    assert stage.deps.keyring.ids(entry.id) == []
    put_back(stage, entry)
    destroy_tenant_keys(stage.deps)
    assert stage.deps.keyring.ids(entry.id) == []
    assert stage.deps.damage.take() == [DamagedRow("tenant_key", stage.tenant.id)]
    destroy_tenant_keys(stage.deps)
    assert stage.deps.damage.take() == []
