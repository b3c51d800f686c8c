"""A recipient's first opening beside the first delivery to the same person: on PostgreSQL neither waits for ever."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from deldokument.domain.errors import existing
from deldokument.services.audit.recording import subject_of
from deldokument.services.downloads import offers
from deldokument.services.encryption import existing_key
from tests.support.stage.stage import OLA, Stage, person, set_stage

PATIENCE = 20
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def stage(tmp_path: Path, postgres_url: str) -> Iterator[Stage]:
    """The people on PostgreSQL: SQLite lets one writer in at a time."""
    new = set_stage(tmp_path, postgres_url)
    yield new
    new.close()


def until_somebody_waits(url: str) -> None:
    """Until a transaction waits for a lock that another holds."""
    end = time.monotonic() + PATIENCE
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(_WAITING.encode()).fetchone() == (0,):
            assert time.monotonic() < end
            time.sleep(0.02)


def test_an_opening_waits_before_it_holds_what_a_delivery_wants(stage: Stage, postgres_url: str) -> None:
    share_id = stage.publish(OLA)
    with ThreadPoolExecutor(1) as pool:
        with stage.deps.database.write() as tx:
            share = existing(tx.shares.lock(share_id))
            opening = pool.submit(offers.open_share, stage.deps, person(OLA), share_id)
            until_somebody_waits(postgres_url)
            # What a delivery does next, with the lock that it has; the database would end one of the two.
            subject_of(tx, share.audit_key_id, existing_key(stage.deps.keyring, share.audit_key_id), person(OLA))
        assert opening.result(PATIENCE).id == share_id
