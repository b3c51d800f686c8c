"""A store that does not do all that will be asked of it is found out, and a good one is left as it was."""

from collections.abc import Collection, Iterator

import pytest

from deldokument.domain.errors import ServiceError, Unavailable
from deldokument.ports.blobs import StoredBlob
from deldokument.services.maintenance.store_check import probe_store
from tests.fakes.blobs import MemoryBlobStore
from tests.support.stage.stage import Stage


class Twisting(MemoryBlobStore):
    """Gives back other bytes."""

    def read(self, _name: str, start: int, stop: int) -> bytes:
        return bytes(stop - start)


class Silent(MemoryBlobStore):
    """Lists nothing."""

    def list(self, _shelf: int | None = None) -> Iterator[StoredBlob]:
        return iter(())


class Unlisted(MemoryBlobStore):
    """Lets nobody list."""

    def list(self, _shelf: int | None = None) -> Iterator[StoredBlob]:
        raise Unavailable("blobs")


class Hoarding(MemoryBlobStore):
    """Deletes nothing."""

    def delete(self, names: Collection[str]) -> None:
        pass


def test_a_good_store_is_left_as_it_was(stage: Stage) -> None:
    stage.upload(stage.draft().id, "a.txt", b"a")
    before = {blob.name for blob in stage.deps.blobs.list()}
    probe_store(stage.deps.blobs)
    assert {blob.name for blob in stage.deps.blobs.list()} == before


@pytest.mark.parametrize(
    ("store", "message"),
    [(Twisting, "other bytes"), (Silent, "does not list"), (Unlisted, "blobs"), (Hoarding, "told to delete")],
)
def test_a_missing_property_of_a_store_is_reported(store: type[MemoryBlobStore], message: str) -> None:
    with pytest.raises(ServiceError, match=message):
        probe_store(store())


@pytest.mark.parametrize("store", [Twisting, Silent, Unlisted])
def test_a_probe_that_failed_leaves_nothing(store: type[MemoryBlobStore]) -> None:
    blobs = store()
    with pytest.raises(ServiceError):
        probe_store(blobs)
    assert blobs.objects == {}
