"""Heads of the chains in the keyring's store: an older database is noticed, and held until it is confirmed."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from deldokument.adapters.documents.signing import verify_signature
from deldokument.domain.audit import NO_TENANT, EventKind
from deldokument.domain.chain import Flaw
from deldokument.domain.errors import Broken, NotFound, Unavailable
from deldokument.services.audit import checkpoints, heads, restores
from deldokument.services.audit.recording import record_event
from deldokument.services.audit.verification import TrailVerdict, verify_trail
from deldokument.services.downloads import offers
from deldokument.services.downloads.access import authorize
from deldokument.services.maintenance import health, lag, orphans, share_keys
from deldokument.services.maintenance.health import Level
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.store.engine.integrity import DamagedRow
from tests.support.snapshots import Snapshot, snapshot
from tests.support.stage.stage import KARI, ODD, OLA, SIV, VIGDIS, Stage, person
from tests.support.stored_data import do_as_owner


@pytest.fixture
def earlier(stage: Stage) -> Iterator[tuple[str, Snapshot]]:
    """A share of Ola and Siv, and the database in which Siv is a recipient and Odd a member."""
    share_id = stage.publish(OLA, SIV)
    heads.keep_heads(stage.deps)
    with closing(snapshot(stage.database_url)) as kept:
        yield share_id, kept


def remove_siv(stage: Stage, share_id: str) -> str:
    with stage.deps.database.read() as tx:
        recipients = tx.shares.recipients([share_id])
    siv = next(one.id for one in recipients if one.id != _ola(stage, share_id))
    changes.remove_recipient(stage.deps, person(KARI), share_id, siv)
    return siv


def _ola(stage: Stage, share_id: str) -> str:
    [recipient_id] = authorize(stage.deps, person(OLA), share_id).recipient_ids
    return recipient_id


def verdict(stage: Stage) -> TrailVerdict:
    return verify_trail(stage.deps, certificates=(), is_signed=verify_signature)


def test_an_older_database_opens_nothing_until_its_restore_is_confirmed(
    stage: Stage, earlier: tuple[str, Snapshot]
) -> None:
    share_id, kept = earlier
    siv = remove_siv(stage, share_id)
    stage.remove("odd")
    heads.keep_heads(stage.deps)
    with pytest.raises(NotFound):
        authorize(stage.deps, person(SIV), share_id)
    kept.restore()
    heads.compare_heads(stage.deps)
    assert stage.deps.behind.chains == {stage.tenant.id}
    for number in (OLA, SIV):
        with pytest.raises(Unavailable, match="database_restored"):
            authorize(stage.deps, person(number), share_id)
    with pytest.raises(Unavailable, match="database_restored"):
        stage.draft(ODD, stage.avtaler)
    with pytest.raises(Unavailable, match="database_restored"):
        publishing.withdraw_share(stage.deps, person(KARI), share_id)
    assert stage.draft(VIGDIS, stage.barnevern).id
    assert health.check_heads(stage.deps.database, stage.deps.keyring)[0] is Level.CRITICAL
    assert lag.measure_lag(stage.deps).chains_behind == 1
    fault = verdict(stage).fault
    assert fault
    assert (fault.chain, fault.flaw) == (stage.tenant.id, Flaw.BEHIND)

    [found] = restores.restored_chains(stage.deps)
    removed = {(one.kind, one.share_id, (one.details or {}).get("recipient")) for one in found.lost}
    assert (EventKind.RECIPIENT_REMOVED, share_id, siv) in removed
    assert EventKind.MEMBER_REMOVED in {one.kind for one in found.lost}
    assert found.kept
    assert restores.confirm_restore(stage.deps, found) is None
    heads.compare_heads(stage.deps)
    assert authorize(stage.deps, person(SIV), share_id)
    assert verdict(stage).fault is None
    assert health.check_heads(stage.deps.database, stage.deps.keyring)[0] is Level.OK
    assert restores.restored_chains(stage.deps) == []
    with stage.deps.database.read() as tx:
        [event] = [event for _, event in tx.audit.events() if event.kind is EventKind.DATABASE_RESTORED]
    assert event.tenant_id == stage.tenant.id
    assert event.details == {"kept": found.kept.number, "found": found.found, "count": len(found.lost)}


def test_what_a_restore_brings_back_is_listed_though_events_have_been_added_since(
    stage: Stage, earlier: tuple[str, Snapshot]
) -> None:
    share_id, kept = earlier
    remove_siv(stage, share_id)
    heads.keep_heads(stage.deps)
    kept.restore()
    for _ in range(10):
        happen(stage, stage.tenant.id)
    heads.compare_heads(stage.deps)
    [found] = restores.restored_chains(stage.deps)
    assert [one.kind for one in found.lost] == [EventKind.RECIPIENT_REMOVED]


def happen(stage: Stage, tenant_id: str | None) -> None:
    with stage.deps.database.write() as tx:
        record_event(stage.deps, tx, EventKind.ACCOUNT_RENAMED, tenant_id=tenant_id)


def test_nothing_is_destroyed_while_the_database_is_behind(stage: Stage, earlier: tuple[str, Snapshot]) -> None:
    _, kept = earlier
    draft = stage.draft()
    happen(stage, stage.tenant.id)
    heads.keep_heads(stage.deps)
    drafts.discard_draft(stage.deps, person(KARI), draft.id)
    stage.clock.advance(minutes=30)
    heads.keep_heads(stage.deps)
    stage.deps.behind.note({stage.tenant.id})
    share_keys.destroy_share_keys(stage.deps)
    assert f"share:{draft.id}" in stage.deps.keyring.ids("share:")
    with pytest.raises(Unavailable, match="database_restored"):
        orphans.sweep_orphan_keys(stage.deps, ())
    stage.deps.behind.note(())
    share_keys.destroy_share_keys(stage.deps)
    assert f"share:{draft.id}" not in stage.deps.keyring.ids("share:")
    kept.restore()


def test_a_list_of_shares_leaves_out_a_tenant_that_is_behind(stage: Stage, earlier: tuple[str, Snapshot]) -> None:
    share_id, _ = earlier
    assert [view.share.id for view in queries.list_shares(stage.deps, person(KARI)).shares] == [share_id]
    stage.deps.behind.note({stage.tenant.id})
    with pytest.raises(Unavailable, match="database_restored"):
        queries.list_shares(stage.deps, person(KARI))


def test_the_list_of_a_recipient_says_that_something_is_held_and_only_to_who_may_open_it(
    stage: Stage, earlier: tuple[str, Snapshot]
) -> None:
    share_id, _ = earlier
    stage.deps.behind.note({stage.tenant.id})
    assert offers.list_offers(stage.deps, person(OLA)) == offers.OfferList(held=True)
    assert offers.list_offers(stage.deps, person(KARI)) == offers.OfferList()
    stage.deps.behind.note(())
    listed = offers.list_offers(stage.deps, person(OLA))
    assert ([one.id for one in listed.offers], listed.held) == ([share_id], False)


def test_a_head_is_kept_only_if_the_chain_follows_from_the_head_before_it(stage: Stage) -> None:
    heads.keep_heads(stage.deps)
    before = stage.deps.keyring.list_values(heads.HEAD)
    happen(stage, stage.tenant.id)
    newest = "number = (SELECT max(number) FROM audit_event WHERE chain = "
    do_as_owner(
        stage.database_url,
        f"UPDATE audit_event SET kind = 'x' WHERE chain = '{stage.tenant.id}' AND {newest}'{stage.tenant.id}')",
    )
    happen(stage, None)
    with pytest.raises(Broken, match="heads not kept: altered event"):
        heads.keep_heads(stage.deps)
    after = stage.deps.keyring.list_values(heads.HEAD)
    name = heads.HEAD + stage.tenant.id
    assert after[name] == before[name]
    assert after[heads.HEAD + NO_TENANT] != before.get(heads.HEAD + NO_TENANT)
    assert restores.restored_chains(stage.deps) == []
    with pytest.raises(Broken, match="heads not kept: altered event"):
        heads.keep_heads(stage.deps)
    fault = heads.keep_head(stage.deps, stage.tenant.id)
    assert fault is not None
    assert fault.flaw is Flaw.ALTERED
    assert stage.deps.keyring.list_values(heads.HEAD) == after


@pytest.mark.parametrize("how", ["removed", "changed", "moved"])
def test_a_head_that_a_writer_of_the_store_removes_or_changes_is_noticed(stage: Stage, how: str) -> None:
    checkpoints.sign_checkpoints(stage.deps)
    name, keyring = heads.HEAD + stage.tenant.id, stage.deps.keyring
    values = keyring.list_values(heads.HEAD)
    if how == "removed":
        keyring.forget_kept([name])
    else:
        other = values[next(one for one in values if one != name)]
        keyring.keep({name: other if how == "moved" else values[name][:-1] + b"x"})
    heads.compare_heads(stage.deps)
    assert stage.deps.behind.chains == {stage.tenant.id}
    happen(stage, stage.tenant.id)
    stage.clock.advance(hours=2)
    with pytest.raises(Broken, match="not signed any more"):
        checkpoints.sign_checkpoints(stage.deps)
    [found] = restores.restored_chains(stage.deps)
    assert found.kept is None
    assert restores.confirm_restore(stage.deps, found) is None
    heads.compare_heads(stage.deps)
    assert stage.deps.behind.chains == frozenset()


def test_a_restore_is_not_confirmed_for_a_chain_that_does_not_verify(
    stage: Stage, earlier: tuple[str, Snapshot]
) -> None:
    _, kept = earlier
    happen(stage, stage.tenant.id)
    heads.keep_heads(stage.deps)
    kept.restore()
    do_as_owner(
        stage.database_url, f"UPDATE audit_event SET kind = 'x' WHERE chain = '{stage.tenant.id}' AND number = 2"
    )
    [found] = restores.restored_chains(stage.deps)
    assert restores.confirm_restore(stage.deps, found)
    heads.compare_heads(stage.deps)
    assert stage.deps.behind.chains == {stage.tenant.id}


def test_a_tenant_that_the_restored_database_does_not_know_is_forgotten_when_confirmed(stage: Stage) -> None:
    with closing(snapshot(stage.database_url)) as kept:
        happen(stage, "a" * 22)
        heads.keep_heads(stage.deps)
        kept.restore()
    heads.compare_heads(stage.deps)
    [found] = restores.restored_chains(stage.deps)
    assert (found.chain, found.found) == ("a" * 22, 0)
    assert restores.confirm_restore(stage.deps, found) is None
    heads.compare_heads(stage.deps)
    assert stage.deps.behind.chains == frozenset()


def test_a_removal_with_an_unreadable_event_raises_an_alarm(stage: Stage, earlier: tuple[str, Snapshot]) -> None:
    remove_siv(stage, earlier[0])
    heads.keep_heads(stage.deps)
    [removal] = heads.kept_removals(stage.deps)
    heads.patrol_removals(stage.deps)
    assert stage.deps.damage.is_empty
    place = f"chain = '{removal.chain}' AND number = {removal.mark.number}"
    do_as_owner(stage.database_url, f"UPDATE audit_event SET kind = 'x' WHERE {place}")
    heads.patrol_removals(stage.deps)
    assert stage.deps.damage.take() == [DamagedRow("audit_event", f"{removal.chain}_{removal.mark.number}")]


def test_removals_are_forgotten_when_no_copy_of_the_database_can_bring_them_back(
    stage: Stage, earlier: tuple[str, Snapshot]
) -> None:
    remove_siv(stage, earlier[0])
    heads.keep_heads(stage.deps)
    assert [one.kind for one in heads.kept_removals(stage.deps)] == [EventKind.RECIPIENT_REMOVED]
    [name] = stage.deps.keyring.list_values(heads.REMOVAL)
    value = stage.deps.keyring.list_values(name)[name]
    stage.deps.keyring.keep({name: b"x" + value})
    assert list(heads.kept_removals(stage.deps)) == []
    stage.deps.keyring.keep({name: value})
    heads.patrol_removals(stage.deps)
    assert stage.deps.keyring.list_values(heads.REMOVAL)
    stage.clock.advance(days=41)
    assert heads.patrol_removals(stage.deps) == 0
    assert stage.deps.keyring.list_values(heads.REMOVAL) == {}
