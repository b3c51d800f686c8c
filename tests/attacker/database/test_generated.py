"""Somebody who writes the database, without the keyring, tries everything mechanically: nothing opens unnoticed.

The sample of a day is drawn with its date; ATTACK_SEED repeats another.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from random import Random

import pytest

from deldokument.store.engine import authenticated_rows
from tests.attacker.furnished import furnished, take_away
from tests.attacker.generated import TABLES, Siege, cases, rows_of
from tests.attacker.probes import learn
from tests.attacker.writing import admit_every_value, open_writer
from tests.support.snapshots import snapshot
from tests.support.stored_data import as_owner

pytestmark = pytest.mark.timeout(1700)
SEED = os.environ.get("ATTACK_SEED") or datetime.now(UTC).date().isoformat()
SAMPLE = 150


@pytest.fixture(scope="module")
def siege() -> Iterator[Siege]:
    with furnished() as place:
        url = place.stage.database_url
        admit_every_value(url)
        with as_owner(url) as connection:
            earlier = rows_of(connection)
        take_away(place)
        with as_owner(url) as connection:
            now = rows_of(connection)
        with closing(snapshot(url)) as kept, closing(open_writer(url)) as writer, writer.looking() as look:
            yield Siege(place, learn(place, look), list(cases(earlier, now)), kept, writer.engine, look)


def test_every_table_has_rows_to_attack(siege: Siege) -> None:
    assert set(TABLES) - {case.table for case in siege.every if case.name.startswith(f"{case.table}[")} == set()


def test_the_attack_finds_openings_where_no_tag_is_verified(siege: Siege, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticated_rows, "is_row_tag", lambda *_: True)
    found = siege.findings(
        case for case in siege.every if re.search(r"administrator.*(tenant_id|acts_from)", case.name)
    )
    for opening in ("roles of Ewa: ['administers", "roles of Vigdis", "roles of an unconfirmed colleague"):
        assert [one for one in found if opening in one], "\n".join(found)


@pytest.mark.parametrize("seed", [SEED])
def test_a_sample_of_all_changes_opens_nothing_unnoticed(siege: Siege, seed: str) -> None:
    found = siege.findings(Random(seed).sample(siege.every, SAMPLE))
    assert not found, "\n".join(found)


@pytest.mark.large
@pytest.mark.parametrize("table", sorted(TABLES))
def test_no_change_of_a_table_opens_anything_unnoticed(
    siege: Siege, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = siege.findings(case for case in siege.every if case.table == table)
    with capsys.disabled():
        sys.stdout.write(f" {table}: {siege.tried[table]} changes, {siege.tried.total()} so far ")
    assert not found, "\n".join(found)
