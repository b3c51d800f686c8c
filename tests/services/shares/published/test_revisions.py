"""Each change of what decides about a share is recorded with the next revision, so no older share comes back."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from deldokument.domain.audit import REVISING
from deldokument.services.accounts import deletion
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.drafts import discarding, drafts
from deldokument.services.shares.published import publishing
from deldokument.services.tenants import freezing
from deldokument.store.engine.engines import Engines, open_engines
from deldokument.store.tables.shares import share as table
from tests.support.stage.accounts import events_of, set_rules
from tests.support.stage.changes import approve_change, change_expiry
from tests.support.stage.stage import KARI, NOON, ODD, OLA, Stage, person, run_all

Change = Callable[[Stage, str], object]
LATER = NOON + timedelta(days=20)


def kari(change: Callable[..., object], *given: object, **named: object) -> Change:
    """A use case of Kari's."""
    return lambda stage, share_id: change(stage.deps, person(KARI), share_id, *given, **named)


def odd(change: Callable[..., object], *given: object, **named: object) -> Change:
    return lambda stage, share_id: change(stage.deps, person(ODD), share_id, *given, **named)


def freeze(stage: Stage, share_id: str) -> None:
    freezing.set_share_freeze(stage.deps, share_id, None, freezing.FreezeReason.SECURITY)


def unfreeze(stage: Stage, share_id: str) -> None:
    freezing.set_share_freeze(stage.deps, share_id, None, None)


def approve(stage: Stage, share_id: str) -> None:
    with stage.deps.database.read() as tx:
        found = tx.shares.get(share_id)
    assert found is not None
    publishing.approve_share(stage.deps, person(ODD), share_id, seen=found.changed_at.isoformat())


def touch(stage: Stage, share_id: str) -> None:
    with stage.deps.database.write() as tx:
        found = tx.shares.lock(share_id)
        assert found is not None
        proposals.touch_draft(stage.deps, tx, found, person(KARI))


def end_account(stage: Stage, _share_id: str) -> None:
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    deletion.delete_account(stage.deps, **where, typed_name="Byggesak")
    stage.clock.advance(hours=25)
    run_all(stage.deps)


PUBLISHED: list[list[Change]] = [
    [kari(change_expiry, NOON + timedelta(days=5)), kari(publishing.withdraw_share)],
    [freeze, unfreeze],
    [end_account],
]
EXTENDED: list[list[Change]] = [
    [kari(change_expiry, LATER), odd(approve_change)],
    [kari(change_expiry, LATER), odd(proposals.return_proposal)],
]
PROPOSED: list[list[Change]] = [
    [kari(publishing.publish_share), odd(proposals.return_proposal)],
    [kari(publishing.publish_share), approve],
    [kari(publishing.publish_share), touch],
    [kari(discarding.discard_with_grace), kari(discarding.restore_draft)],
]


def ready(stage: Stage) -> str:
    """A draft that lacks nothing."""
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    stage.upload(share.id, "vedtak.pdf", b"innhold")
    return share.id


def newest(stage: Stage, share_id: str) -> int:
    revisions = [int((event.details or {}).get("revision", 0)) for event in events_of(stage, share_id)]
    assert [one for one in revisions if one] == list(range(1, max(revisions) + 1))
    return max(revisions)


def check(stage: Stage, share_id: str, changes: list[Change]) -> None:
    with closing(open_engines(stage.database_url)) as engines:
        for change in changes:
            check_one(stage, engines, share_id, change)


def check_one(stage: Stage, engines: Engines, share_id: str, change: Change) -> None:
    before = newest(stage, share_id)
    with engines.read() as connection:
        old = connection.execute(select(table).where(table.c.id == share_id)).one()._asdict()
    change(stage, share_id)
    assert newest(stage, share_id) == before + 1
    with engines.write() as connection:
        now = connection.execute(select(table).where(table.c.id == share_id)).one()._asdict()
        connection.execute(update(table).where(table.c.id == share_id).values(old))
    with stage.deps.database.read() as tx:
        replayed = tx.shares.get(share_id)
    with engines.write() as connection:
        connection.execute(update(table).where(table.c.id == share_id).values(now))
    with stage.deps.database.read() as tx:
        kept = tx.shares.get(share_id)
    assert replayed is not None
    assert kept is not None
    assert (replayed.intact, kept.intact) == (False, True)


@pytest.mark.parametrize("changes", PUBLISHED)
def test_an_older_published_share_does_not_come_back(stage: Stage, changes: list[Change]) -> None:
    check(stage, stage.publish(OLA), changes)


@pytest.mark.parametrize("changes", EXTENDED)
def test_an_older_request_for_a_later_end_does_not_come_back(stage: Stage, changes: list[Change]) -> None:
    share_id = stage.publish(OLA)
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    set_rules(stage, stage.byggesak, four_eyes=True)
    check(stage, share_id, changes)


@pytest.mark.parametrize("changes", PROPOSED)
def test_an_older_proposal_or_draft_does_not_come_back(stage: Stage, changes: list[Change]) -> None:
    share_id = ready(stage)
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    set_rules(stage, stage.byggesak, four_eyes=True)
    check(stage, share_id, changes)


def test_the_revision_is_in_those_events_alone(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    events = events_of(stage, share_id)
    assert {event.kind for event in events if (event.details or {}).get("revision")} <= REVISING
