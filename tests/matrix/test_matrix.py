"""The committed table of routes, actors and states is what the application does."""

import difflib

import pytest

from deldokument.server.connections import BoundedConnection
from deldokument.server.socket_lending import LendingConnection
from deldokument.server.transfer_threads import TransferThreads
from deldokument.web.transfer import downloads, request_body
from tests.matrix import api, staff_routes
from tests.matrix.table import GOLDEN, application_rows, as_text, labels, lines, office_rows, survey
from tests.support.deployment.deployment import LENT, SocketMode

LENGTH = 1_500_000
"""More than goes by the event loop before a socket is lent."""
BYTES = ("/d/{id}/alt.zip", "/d/{id}/dokument/{document_id}", "/uploads", "/uploads/{id}")

# A world for every kind of actor, and thousands of requests in each test.
pytestmark = pytest.mark.timeout(600)


def test_every_route_of_the_application_is_in_the_table() -> None:
    assert labels(GOLDEN.read_text("utf-8")) == {row.label for row in application_rows()}
    assert labels(staff_routes.GOLDEN.read_text("utf-8")) == {f"{method} {path}" for method, path in office_rows()}
    assert api.labels(api.GOLDEN.read_text("utf-8")) == set(api.routes())


def test_every_route_answers_every_actor_as_the_table_says_and_hides_what_is_not_theirs() -> None:
    outcome = survey(application_rows())
    committed, found = GOLDEN.read_text("utf-8").splitlines(), as_text(outcome).splitlines()
    difference = list(difflib.unified_diff(committed, found, "committed", "found", lineterm="", n=0))
    assert not difference, "\n".join(difference)
    assert not outcome.faults, "\n".join(outcome.faults)


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param(SocketMode(lend_sockets=True), id="lent"),
        pytest.param(SocketMode(lend_sockets=False), id="by the loop", marks=pytest.mark.large),
    ],
)
def test_every_route_of_bytes_answers_every_actor_over_sockets_as_the_table_says(
    mode: SocketMode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in mode.constants.items():
        monkeypatch.setattr(name, value)
    monkeypatch.setattr(request_body, "lanes", TransferThreads("upload"))
    monkeypatch.setattr(downloads, "lanes", TransferThreads("download"))
    rows = [row for row in application_rows() if row.path in BYTES]
    with caplog.at_level("INFO", "deldokument.web"):
        outcome = survey(rows, bytes(LENGTH), LendingConnection if mode.lend_sockets else BoundedConnection)
    of_bytes = {row.label for row in rows}
    assert lines(as_text(outcome)) == [line for line in lines(GOLDEN.read_text("utf-8")) if line[0] in of_bytes]
    assert not outcome.faults, "\n".join(outcome.faults)
    assert [line in caplog.messages for line in LENT.values()] == [mode.lend_sockets] * len(LENT)


def test_every_route_of_an_office_answers_every_actor_as_the_table_says() -> None:
    outcome = staff_routes.survey(office_rows())
    committed, found = staff_routes.GOLDEN.read_text("utf-8").splitlines(), staff_routes.as_text(outcome).splitlines()
    difference = list(difflib.unified_diff(committed, found, "committed", "found", lineterm="", n=0))
    assert not difference, "\n".join(difference)
    assert not outcome.faults, "\n".join(outcome.faults)


def test_every_route_of_the_api_answers_every_caller_as_the_table_says_and_hides_what_is_not_theirs() -> None:
    outcome = api.survey(api.routes())
    committed, found = api.GOLDEN.read_text("utf-8").splitlines(), api.as_text(outcome).splitlines()
    difference = list(difflib.unified_diff(committed, found, "committed", "found", lineterm="", n=0))
    assert not difference, "\n".join(difference)
    assert not outcome.faults, "\n".join(outcome.faults)
