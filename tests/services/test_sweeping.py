"""What crashes left behind goes, when it is old enough and certainly nobody's."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.trouble import TroubledDatabase
from support.world import KARI, Stage, person

from deldokument import worker
from deldokument.adapters.blobs import DirectoryBlobStore
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict
from deldokument.services import drafting, retention
from deldokument.services.vault import share_key_id


def stored(stage: Stage) -> set[str]:
    return {blob.name for blob in stage.world.blobs.list()}


def orphan(stage: Stage, number: int = 0) -> str:
    writer = stage.world.blobs.create(f"{number:032x}")
    writer.write(b"left behind")
    writer.commit()
    return f"{number:032x}"


def real_time(stage: Stage, name: str) -> None:
    """Put the test's clock where the file system says that the object was made."""
    stage.clock.instant = next(blob.modified_at for blob in stage.world.blobs.list() if blob.name == name)


def test_an_object_without_a_row_is_swept_when_it_is_older_than_a_day_and_not_before(stage: Stage) -> None:
    stage.upload(stage.draft().id, "a.txt", b"a")
    kept = stored(stage)
    name = orphan(stage)
    real_time(stage, name)
    stage.clock.advance(hours=24)
    assert retention.sweep_orphans(stage.world) == 0
    assert stored(stage) == kept | {name}
    stage.clock.advance(seconds=1)
    assert retention.sweep_orphans(stage.world) == 1
    assert retention.sweep_orphans(stage.world) == 0
    assert stored(stage) == kept
    with stage.world.database.read() as tx:
        [event] = [e for _, e in tx.audit.events() if e.kind is EventKind.ORPHANS_SWEPT]
    assert event.details == {"count": 1}


def test_the_store_of_another_deployment_is_never_swept(stage: Stage, tmp_path: Path) -> None:
    other = DirectoryBlobStore(tmp_path / "other")
    world = replace(stage.world, blobs=other)
    stage.clock.advance(days=400)
    with pytest.raises(Conflict, match="store_of_other_deployment"):
        retention.sweep_orphans(world)
    other.claim("another")
    with pytest.raises(Conflict, match="store_of_other_deployment"):
        retention.sweep_orphans(world)


def test_an_implausible_share_of_orphans_is_left_alone(stage: Stage) -> None:
    for number in range(101):
        orphan(stage, number)
    stage.clock.advance(days=400)
    with pytest.raises(Conflict) as caught:
        retention.sweep_orphans(stage.world)
    assert (caught.value.code, caught.value.params) == ("orphans_implausible", {"orphans": 101, "total": 101})
    assert len(stored(stage)) == 101
    stage.world.blobs.delete(["0" * 32])
    assert retention.sweep_orphans(stage.world) == 100


def test_a_key_without_a_share_goes_at_the_second_sighting(stage: Stage) -> None:
    living = stage.draft()
    stage.world.keyring.create("share:never-born")
    sweep = worker.Sweeper()
    sweep(stage.world)
    assert "share:never-born" in stage.world.keyring.ids("share:")
    sweep(stage.world)
    assert stage.world.keyring.ids("share:") == [share_key_id(living.id)]


def test_a_key_whose_draft_is_born_between_two_rounds_stands(stage: Stage) -> None:
    born: list[str] = []

    def sweep_first() -> None:
        born.extend(retention.sweep_orphan_keys(stage.world, set()))

    world = replace(stage.world, database=TroubledDatabase(stage.world.database, before=[sweep_first]))
    share = drafting.start_draft(world, person(KARI), account_id=stage.byggesak.id)
    assert born == [share_key_id(share.id)]
    assert retention.sweep_orphan_keys(stage.world, born) == set()
    assert stage.world.keyring.ids("share:") == [share_key_id(share.id)]
