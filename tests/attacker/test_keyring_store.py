"""A writer of the keyring's store alone, without the root key: old bytes that are put back open nothing."""

from __future__ import annotations

import pytest

from deldokument.adapters.keys.keyring import SealedEntry
from deldokument.domain.errors import Broken, Gone
from deldokument.ports.integrity import DamagedRow
from deldokument.services.downloads.access import authorize
from deldokument.services.encryption import share_key_id
from deldokument.services.maintenance.orphans import sweep_orphan_keys
from deldokument.services.shares import publishing
from tests.support.world import KARI, OLA, Stage, person, run_all


def put_back(stage: Stage, entry: SealedEntry) -> None:
    assert stage.deps.keyring._store.add(entry)  # type: ignore[attr-defined]


@pytest.fixture
def destroyed(stage: Stage) -> tuple[str, SealedEntry]:
    """A share that was withdrawn and its key destroyed, with the entry of before."""
    share_id = stage.publish(OLA)
    [entry] = stage.deps.keyring._store.read([share_key_id(share_id)])  # type: ignore[attr-defined]
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    run_all(stage.deps)
    assert stage.deps.keyring.get([entry.id]) == {}
    return share_id, entry


def test_a_destroyed_key_that_is_put_back_opens_nothing_and_is_destroyed_again(
    stage: Stage, destroyed: tuple[str, SealedEntry]
) -> None:
    share_id, entry = destroyed
    put_back(stage, entry)
    assert stage.deps.keyring.get([entry.id])
    with pytest.raises(Gone, match="share_withdrawn"):
        authorize(stage.deps, person(OLA), share_id)
    sweep_orphan_keys(stage.deps, ())
    assert stage.deps.keyring.get([entry.id]) == {}
    assert stage.deps.damage.take() == [DamagedRow("share_key", share_id)]
    sweep_orphan_keys(stage.deps, ())
    assert stage.deps.damage.take() == []


def test_an_entry_of_another_share_does_not_open_under_this_ones_name(stage: Stage) -> None:
    other, share_id = stage.publish(OLA), stage.publish(OLA)
    [foreign] = stage.deps.keyring._store.read([share_key_id(other)])  # type: ignore[attr-defined]
    stage.deps.keyring.destroy([share_key_id(share_id)])
    put_back(stage, SealedEntry(share_key_id(share_id), foreign.root_key_id, foreign.sealed))
    with pytest.raises(Broken, match="entries that do not open"):
        authorize(stage.deps, person(OLA), share_id)
