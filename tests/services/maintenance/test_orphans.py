"""What crashes left behind goes, when it is old enough and certainly nobody's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from deldokument import worker
from deldokument.adapters.blobs.directory import DirectoryBlobStore
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Unavailable
from deldokument.domain.shares.share import ShareState
from deldokument.ports.blobs import BlobStore, StoredBlob
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.keyring import Keyring
from deldokument.services.encryption import share_key_id
from deldokument.services.maintenance import retention
from deldokument.services.maintenance.orphans import sweep_orphan_keys, sweep_orphans
from deldokument.services.shares.drafts import api_drafts, discarding, drafts
from deldokument.services.shares.drafts.drafts import DraftFields
from deldokument.store.engine.schema import metadata
from deldokument.store.maintenance.orphans import Sweep
from tests.support.bulk.orphan_sweep import sweep_all, swept
from tests.support.faults.faulty_ports import Crash, FaultyDatabase
from tests.support.stage.stage import KARI, NOON, Stage, person
from tests.support.stored_data import as_owner


def stored(stage: Stage) -> set[str]:
    return {blob.name for blob in stage.deps.blobs.list()}


def orphan(stage: Stage, name: str = "0" * 32) -> str:
    writer = stage.deps.blobs.create(name)
    writer.write(b"left behind")
    writer.commit()
    return name


def real_time(stage: Stage, name: str) -> None:
    """Put the test's clock where the file system says that the object was made."""
    stage.clock.instant = next(blob.modified_at for blob in stage.deps.blobs.list() if blob.name == name)


def test_an_object_without_a_row_is_swept_when_it_is_older_than_a_day_and_not_before(stage: Stage) -> None:
    stage.upload(stage.draft().id, "a.txt", b"a")
    kept = stored(stage)
    name = orphan(stage)
    real_time(stage, name)
    stage.clock.advance(hours=24)
    assert sweep_all(stage.deps) == 0
    assert stored(stage) == kept | {name}
    stage.clock.advance(seconds=1)
    assert sweep_all(stage.deps) == 1
    assert sweep_all(stage.deps) == 0
    assert stored(stage) == kept
    assert swept(stage.deps) == [1]


def test_the_store_of_another_deployment_is_never_swept(stage: Stage, tmp_path: Path) -> None:
    other = DirectoryBlobStore(tmp_path / "other")
    deps = replace(stage.deps, blobs=other)
    stage.clock.advance(days=400)
    with pytest.raises(Conflict, match="store_of_other_deployment"):
        sweep_orphans(deps)
    other.claim("another")
    with pytest.raises(Conflict, match="store_of_other_deployment"):
        sweep_orphans(deps)


def test_an_implausible_share_of_orphans_is_left_alone(stage: Stage) -> None:
    for number in range(101):
        orphan(stage, f"{number:032x}")
    stage.clock.advance(days=400)
    with pytest.raises(Conflict) as caught:
        sweep_all(stage.deps)
    assert (caught.value.code, caught.value.params) == ("orphans_implausible", {"orphans": 101, "total": 101})
    assert len(stored(stage)) == 101
    stage.deps.blobs.delete(["0" * 32])
    assert sweep_all(stage.deps) == 100


def noted(deps: Dependencies) -> Sweep | None:
    with deps.database.read() as tx:
        return tx.orphans.sweep()


def many_orphans(stage: Stage) -> None:
    """A hundred, on as many shelves, beside one object that is known."""
    stage.upload(stage.draft().id, "a.txt", b"a")
    for number in range(100):
        orphan(stage, f"{number:02x}" + 30 * "0")
    stage.clock.advance(days=400)


def short_step(deps: Dependencies) -> bool:
    """A note after each shelf that has an object."""
    return sweep_orphans(deps, step=1)


def test_a_sweep_goes_on_where_it_was_when_the_worker_was_killed(stage: Stage) -> None:
    many_orphans(stage)
    for _ in range(130):
        assert short_step(stage.deps)
    sweep = noted(stage.deps)
    assert sweep is not None
    assert sweep.deleting
    listed: list[int | None] = []
    restarted = replace(stage.deps, blobs=Watched(stage.deps.blobs, listed))
    while short_step(restarted):
        pass
    assert listed == list(range(sweep.shelf, 256))
    assert (len(stored(stage)), swept(stage.deps), noted(stage.deps)) == (1, [100], None)


def test_a_sweep_that_is_killed_between_deleting_and_its_note_deletes_again(stage: Stage) -> None:
    many_orphans(stage)
    while not (sweep := noted(stage.deps)) or not sweep.deleting:
        short_step(stage.deps)
    deps = replace(stage.deps, database=FaultyDatabase(stage.deps.database, fail=Crash()))
    with pytest.raises(Crash):
        short_step(deps)
    assert noted(stage.deps) == sweep
    sweep_all(stage.deps)
    assert len(stored(stage)) == 1


def test_what_became_old_while_a_sweep_was_under_way_is_left_for_the_next(stage: Stage) -> None:
    many_orphans(stage)
    assert short_step(stage.deps)
    sweep = noted(stage.deps)
    stage.clock.advance(days=100)
    while after := noted(stage.deps):
        assert sweep is not None
        assert after.horizon == sweep.horizon
        short_step(stage.deps)
    assert swept(stage.deps) == [100]


def test_of_two_workers_that_sweep_the_slower_goes_on_from_the_others_note(stage: Stage) -> None:
    many_orphans(stage)
    short_step(stage.deps)

    def other() -> None:
        for _ in range(40):
            short_step(stage.deps)

    short_step(replace(stage.deps, database=FaultyDatabase(stage.deps.database, before=[other])))
    sweep = noted(stage.deps)
    assert sweep is not None
    assert sweep.shelf == 41
    sweep_all(stage.deps)
    assert (len(stored(stage)), sum(swept(stage.deps))) == (1, 100)


def test_a_sweep_that_another_worker_ends_is_recorded_once(stage: Stage) -> None:
    many_orphans(stage)
    while not (sweep := noted(stage.deps)) or not sweep.deleting or sweep.shelf < 100:
        short_step(stage.deps)
    ending = FaultyDatabase(stage.deps.database, before=[lambda: sweep_all(stage.deps)])
    assert not sweep_orphans(replace(stage.deps, database=ending))
    assert swept(stage.deps) == [100]


def test_the_worker_looks_for_orphan_keys_once_in_a_sweep(stage: Stage) -> None:
    many_orphans(stage)
    stage.deps.keyring.create("share:never-born")
    sweep = worker.Sweeper()
    while sweep(stage.deps):
        assert "share:never-born" in stage.deps.keyring.ids("share:")
    sweep(stage.deps)
    assert "share:never-born" not in stage.deps.keyring.ids("share:")


@dataclass(frozen=True)
class Watched:
    """``listed`` gets every shelf that is listed."""

    inner: BlobStore
    listed: list[int | None]

    def list(self, shelf: int | None = None) -> Iterator[StoredBlob]:
        self.listed.append(shelf)
        return self.inner.list(shelf)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_a_key_without_a_share_goes_at_the_second_sighting(stage: Stage) -> None:
    living = stage.draft()
    stage.deps.keyring.create("share:never-born")
    sweep = worker.Sweeper()
    sweep(stage.deps)
    assert "share:never-born" in stage.deps.keyring.ids("share:")
    sweep(stage.deps)
    assert stage.deps.keyring.ids("share:") == [share_key_id(living.id)]


@pytest.mark.parametrize(
    "forged",
    [
        {"key_destroyed_at": NOON},
        {"undo_until": NOON + timedelta(days=9000)},
        {"key_destroyed_at": NOON, "erased_at": NOON, "card": b""},
        {"state": ShareState.DRAFT, "closed_at": None, "changed_at": NOON + timedelta(days=9000)},
    ],
)
def test_no_column_of_a_share_that_is_over_keeps_its_key(stage: Stage, forged: dict[str, Any]) -> None:
    living = stage.draft()
    over = stage.draft()
    drafts.discard_draft(stage.deps, person(KARI), over.id)
    table = metadata.tables["share"]
    with as_owner(stage.database_url) as connection:
        connection.execute(update(table).where(table.c.id == over.id).values(forged))
    stage.clock.advance(minutes=1)
    worker.Sweeper()(stage.deps)
    assert stage.deps.keyring.ids("share:") == [share_key_id(living.id)]
    destroyed = [event.share_id for _, event in stage.trail() if event.kind is EventKind.SHARE_KEY_DESTROYED]
    assert destroyed == [over.id]
    assert sweep_orphan_keys(stage.deps, set()) == set()


def test_the_key_of_a_discarded_draft_stays_while_that_can_be_undone(stage: Stage) -> None:
    draft = stage.draft()
    discarding.discard_with_grace(stage.deps, person(KARI), draft.id)
    sweep_orphan_keys(stage.deps, set())
    assert stage.deps.keyring.ids("share:") == [share_key_id(draft.id)]
    stage.clock.advance(minutes=1)
    sweep_orphan_keys(stage.deps, set())
    assert stage.deps.keyring.ids("share:") == []


def test_the_keys_of_another_deployment_in_the_same_keyring_stay(stage: Stage) -> None:
    stage.draft()
    theirs = {f"share:theirs-{number}" for number in range(101)}
    for entry in theirs:
        stage.deps.keyring.create(entry)
    for _ in range(2):
        with pytest.raises(Conflict, match="orphans_implausible"):
            sweep_orphan_keys(stage.deps, theirs)
    assert theirs < set(stage.deps.keyring.ids("share:"))


def test_with_another_deployments_store_no_key_goes_either(stage: Stage, tmp_path: Path) -> None:
    stage.deps.keyring.create("share:never-born")
    deps = replace(stage.deps, blobs=DirectoryBlobStore(tmp_path / "other"))
    with pytest.raises(Conflict, match="store_of_other_deployment"):
        sweep_orphan_keys(deps, {"share:never-born"})
    assert stage.deps.keyring.ids("share:") == ["share:never-born"]


def test_nothing_is_swept_while_the_clock_is_not_to_be_trusted(stage: Stage) -> None:
    orphan(stage, "0" * 32)
    assert retention.record_heartbeat(stage.deps)
    stage.clock.advance(days=400)
    with pytest.raises(Unavailable, match="destruction_halted"):
        worker.Sweeper()(stage.deps)
    assert len(stored(stage)) == 1


def test_a_sweep_that_was_begun_by_a_clock_that_had_leapt_is_begun_anew(stage: Stage) -> None:
    many_orphans(stage)
    short_step(stage.deps)
    stage.clock.advance(days=-399, hours=-23)
    assert short_step(stage.deps)
    assert noted(stage.deps) is None
    assert sweep_all(stage.deps) == 0


def test_the_key_of_a_draft_created_between_two_rounds_stays(stage: Stage) -> None:
    born: list[str] = []

    def sweep_first() -> None:
        born.extend(sweep_orphan_keys(stage.deps, set()))

    # The first write counts the draft for the person's rate limit.
    deps = replace(stage.deps, database=FaultyDatabase(stage.deps.database, before=[lambda: None, sweep_first]))
    share = drafts.start_draft(deps, person(KARI), account_id=stage.byggesak.id)
    assert born == [share_key_id(share.id)]
    assert sweep_orphan_keys(stage.deps, born) == set()
    assert stage.deps.keyring.ids("share:") == [share_key_id(share.id)]


@dataclass(frozen=True)
class Long:
    """A keyring of which it takes a while to go through all: something happens before its last entry."""

    inner: Keyring
    meanwhile: Callable[[], object]

    def ids(self, prefix: str) -> Iterator[str]:
        first, *rest = self.inner.ids(prefix)
        yield from [first, *(rest * 1000)]
        self.meanwhile()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_the_key_of_a_share_committed_during_the_scan_stays(stage: Stage) -> None:
    """A request that was killed once it had made the key is sent again under its name, and makes the same share."""
    stage.draft()
    share_id = "0" * 22
    stage.deps.keyring.create(share_key_id(share_id))
    suspects = sweep_orphan_keys(stage.deps, set())

    def again() -> None:
        api_drafts.create_draft(stage.deps, person(KARI), DraftFields(stage.byggesak.id), share_id=share_id)

    long: Any = Long(stage.deps.keyring, again)
    sweep_orphan_keys(replace(stage.deps, keyring=long), suspects)
    assert suspects == {share_key_id(share_id)} <= set(stage.deps.keyring.ids("share:"))
