"""A hundred thousand objects without a row, among more that have one, are swept from a bucket in constant memory."""

import asyncio
import secrets
import sys
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
import pytest

from deldokument.adapters.blobs.s3 import S3BlobStore, S3Place
from tests.support.bulk.orphan_sweep import sweep_all
from tests.support.bulk.shares import BulkShares, fill_shares, make_homes
from tests.support.servers.seaweedfs import client_of, s3_place, seaweedfs  # noqa: F401
from tests.support.stage.stage import Stage, set_stage

pytestmark = [pytest.mark.large, pytest.mark.timeout(1800)]
ORPHANS = 100_000
_AT_ONCE = 64


@pytest.fixture
def stage(tmp_path: Path, s3_place: S3Place) -> Iterator[Stage]:  # noqa: F811
    """A world whose blobs are in the bucket."""
    new = set_stage(tmp_path)
    blobs = S3BlobStore(s3_place)
    with new.deps.database.read() as tx:
        blobs.claim(tx.deployment.get().id)
    yield replace(new, deps=replace(new.deps, blobs=blobs))
    new.close()


async def put(place: S3Place, names: Sequence[str]) -> None:
    client = client_of(place)
    for start in range(0, len(names), _AT_ONCE):
        keys = [f"{name[:2]}/{name}" for name in names[start : start + _AT_ONCE]]
        await asyncio.gather(*(obstore.put_async(client, key, b"x" * 64, use_multipart=False) for key in keys))


def test_a_hundred_thousand_orphans_go_in_constant_memory_and_nothing_else_does(
    stage: Stage,
    s3_place: S3Place,  # noqa: F811
) -> None:
    homes, later = make_homes(stage.deps.database, 3), datetime.now(UTC) + timedelta(days=30)
    crowd = BulkShares(homes, ORPHANS, lambda _: later, documents=1)
    fill_shares(stage.database_url, crowd)
    known = set(crowd.parts(range(crowd.shares)))
    orphans = {secrets.token_hex(16) for _ in range(ORPHANS)}
    began = time.monotonic()
    asyncio.run(put(s3_place, [*known, *orphans]))
    filled = time.monotonic() - began
    stage.clock.instant = datetime.now(UTC) + timedelta(hours=25)
    began = time.monotonic()
    tracemalloc.start()
    count = sweep_all(stage.deps)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    taken = time.monotonic() - began
    figures = f"{count} orphans of {len(known) + len(orphans)} objects in {taken:.0f} s, {most / 1e6:.1f} MB at most"
    sys.stdout.write(f"\n{figures} (they took {filled:.0f} s to write)\n")
    assert count == ORPHANS
    assert {blob.name for blob in stage.deps.blobs.list()} == known
    assert most < 16_000_000
