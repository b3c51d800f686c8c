"""What the processes do is counted by routes, classes of status and codes, and names nobody."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deldokument.adapters.http.client import OutboundClients
from deldokument.web.app import create_app
from deldokument.web.http.meter import DIRECTORY, NO_ROUTE, Meter, surface_of
from deldokument.web.http.responses.error_texts import WORDS
from tests.support.browser import Web, site, stage_in_memory
from tests.support.stage.api import systems
from tests.support.stage.stage import KARI, OLA, SIV


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
def web(meter: Meter) -> Iterator[Web]:
    with stage_in_memory() as stage:
        opened = Web(stage, create_app(stage.deps, site(), (), meter), site().session_cookie)
        yield opened
        opened.close()


def counted(meter: Meter) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels, in the order of their names."""
    families = text_string_to_metric_families(meter.as_text().decode())
    samples = [one for family in families for one in family.samples]
    return {(one.name, *(value for _, value in sorted(one.labels.items()))): one.value for one in samples}


def test_requests_are_counted_by_the_pattern_of_their_route_and_name_nobody(web: Web, meter: Meter) -> None:
    share_id = web.stage.publish(OLA)
    [document_id] = web.stage.document_ids(share_id)
    ola, siv = web.browser(OLA), web.browser(SIV)
    assert ola.get(f"/d/{share_id}/dokument/{document_id}").content == b"innhold"
    assert siv.get(f"/d/{share_id}").status_code == 404
    assert siv.get(f"/finnes/ikke/{share_id}").status_code == 404
    assert siv.get("/api/v1/accounts").status_code == 401
    assert systems(web).sharer.get("/accounts").status_code == 200
    assert siv.get("/melding-dokumentdeling/api/v1/x").status_code in {401, 404}
    found = counted(meter)
    requests = "deldokument_http_requests_total"
    assert found[(requests, "/d/{id}/dokument/{document_id}", "2xx")] == 1
    assert found[(requests, "/d/{id}", "4xx")] == 1
    assert found[(requests, NO_ROUTE, "4xx")] == 1
    assert found[(requests, "/api/v1", "4xx")] == 1
    assert found[(requests, "/api/v1/accounts", "2xx")] == 1
    assert found[("deldokument_http_request_duration_seconds_count", "download")] == 1
    assert found[("deldokument_http_body_bytes_total", "out")] > len(b"innhold")
    assert found[("deldokument_http_body_bytes_total", "in")] == 0
    assert found[("deldokument_http_requests_in_flight",)] == 0
    assert found[("deldokument_logins_total", "completed")] == 2
    refusals = {key[1]: count for key, count in found.items() if key[0] == "deldokument_refusals_total"}
    assert refusals["not_found"] >= 1
    assert refusals["token_missing"] == 1
    assert refusals.keys() <= {*WORDS, "other"}
    text = meter.as_text().decode()
    assert not [secret for secret in (share_id, document_id, KARI, OLA, SIV) if secret in text]


def test_a_body_that_is_received_is_counted(web: Web, meter: Meter) -> None:
    web.browser(KARI).request("POST", "/api/v1/shares", content=b"x" * 1000)
    web.browser().request("POST", "/logg-ut/bakkanal", content=b"logout_token=x")
    assert counted(meter)[("deldokument_http_body_bytes_total", "in")] >= len(b"logout_token=x")


@pytest.mark.parametrize(
    ("route", "surface"),
    [("/uploads/{id}", "upload"), ("/api/v1/shares", "api"), ("/d/{id}", "page"), ("/d/{id}/alt.zip", "download")],
)
def test_a_route_belongs_to_a_surface(route: str, surface: str) -> None:
    assert surface_of(route) == surface


def test_a_call_to_a_register_is_counted_with_its_outcome(meter: Meter) -> None:
    clients = OutboundClients()
    clients.observe = meter.count_call
    http = clients.open("altinn")
    with pytest.raises(httpx.ConnectError):
        # Nothing listens on the discard port.
        http.get("http://127.0.0.1:9/")
    clients.close()
    found = counted(meter)
    assert found[("deldokument_register_calls_total", "error", "altinn")] == 1
    assert found[("deldokument_register_call_duration_seconds_count", "altinn")] == 1


def test_connections_in_use_return_to_none(web: Web, meter: Meter) -> None:
    most = [0.0]

    def taken() -> None:
        meter.connections.inc()
        most[0] = max(most[0], counted(meter)[("deldokument_database_connections_in_use",)])

    database = web.stage.deps.database
    database.observe_connections(taken, meter.connections.dec)  # type: ignore[attr-defined]
    with database.read(), database.write():
        pass
    assert (most[0], counted(meter)[("deldokument_database_connections_in_use",)]) == (2, 0)


def test_connections_have_a_limit_only_where_there_is_one(meter: Meter) -> None:
    assert ("deldokument_database_connections_limit",) not in counted(meter)
    meter.limit_connections(40)
    assert counted(meter)[("deldokument_database_connections_limit",)] == 40


_PROCESS = """
import sys
from deldokument.web.http.meter import Meter
meter = Meter()
meter.limit_connections(40)
meter.breakers.labels("altinn").set(sys.argv[1] == "open")
print(meter.as_text().decode())
"""


def reported(folder: Path, state: str) -> str:
    """What a process with a breaker in this state reports of all that share the folder."""
    line, environment = [sys.executable, "-c", _PROCESS, state], {**os.environ, DIRECTORY: str(folder)}
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout


def test_of_several_processes_limits_are_added_and_one_open_breaker_counts(tmp_path: Path) -> None:
    reports = [reported(tmp_path, state) for state in ("open", "open", "closed")]
    assert "\ndeldokument_database_connections_limit 120.0\n" in reports[-1]
    assert '\ndeldokument_breaker_open{register="altinn"} 1.0\n' in reports[-1]


def test_a_process_that_has_just_created_its_file_keeps_no_other_from_being_reported(tmp_path: Path) -> None:
    (tmp_path / "gauge_livesum_1.db").touch()
    # A dead process's file may be removed while the folder is read.
    (tmp_path / "gauge_livesum_2.db").symlink_to("gone")
    assert "\ndeldokument_database_connections_limit 40.0\n" in reported(tmp_path, "open")
