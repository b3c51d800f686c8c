"""Rows that the event log does not support, as an operator sees them."""

from __future__ import annotations

import json

from deldokument.adapters.sql.tables.base import metadata
from deldokument.domain.row_evidence import Doubt
from tests.cli.transcripts import KARI, database_url, run
from tests.support.stored_data import as_owner
from tests.support.world import NOON

tables = metadata.tables


def test_an_operator_sees_a_row_in_doubt_and_can_vouch_for_it(deployment: dict[str, str]) -> None:
    made = run(deployment, "operator", "add", "Kari Lunde", "--json", typed=f"{KARI}\n")
    row_id = json.loads(made.stdout)["id"]
    with as_owner(database_url(deployment)) as connection:
        connection.execute(tables["operator"].update().values(tag=None))
        doubt = {"kind": "operator", "id": row_id, "doubt": Doubt.NOT_ADDED, "found_at": NOON}
        connection.execute(tables["doubtful_row"].insert().values(doubt))
    assert (
        "tags: WARNING: enforced; 1 rows to look into: `deldokument integrity list`" in run(deployment, "doctor").output
    )
    [listed] = json.loads(run(deployment, "integrity", "list", "--json").stdout)
    assert (listed["kind"], listed["id"], listed["doubt"]) == ("operator", row_id, "not_added")
    status = json.loads(run(deployment, "integrity", "status", "--json").stdout)
    assert (status["enforced"], status["rows_to_look_into"], status["older_nodes"]) == (True, 1, False)
    assert run(deployment, "integrity", "accept", "operator", "another").exit_code == 1
    assert run(deployment, "integrity", "accept", "operator", row_id).exit_code == 0
    assert json.loads(run(deployment, "integrity", "list", "--json").stdout) == []
    assert row_id in run(deployment, "operator", "list").output
