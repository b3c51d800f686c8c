"""A thousand of ten thousand shares end within a minute: none early, none missed, none twice."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from deldokument import worker
from tests.support.bulk.expiry import MINUTE, ExpiringShares, expiring_shares
from tests.support.servers.postgres import postgres_server, postgres_url  # noqa: F401

pytestmark = pytest.mark.embedded
"""The crowd's keys and blobs are put into files past the use cases; the databases are both there."""


@pytest.fixture(params=["sqlite", "postgresql"])
def many(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ExpiringShares]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with expiring_shares(tmp_path, url, shares=10_000, ending=1_000, tenants=3) as new:
        yield new


def test_of_very_many_shares_those_that_are_due_end_and_no_other(many: ExpiringShares) -> None:
    assert worker.end_what_is_over(many.deps) == 0
    many.check_nothing_ended()
    many.stage.clock.instant += MINUTE / 2
    many.run_workers(2)
    assert many.ask("SELECT count(*) FROM share WHERE key_destroyed_at IS NOT NULL") == [(many.ending // 2,)]
    many.stage.clock.instant += MINUTE / 2 - timedelta(microseconds=1)
    many.run_workers(3)
    assert many.ask("SELECT count(*) FROM share WHERE state = 'available'") == [(many.crowd.shares - many.ending + 1,)]
    many.stage.clock.instant += timedelta(microseconds=1)
    many.run_workers(2)
    many.check()
