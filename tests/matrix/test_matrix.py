"""The committed table of routes, actors and states is what the application does."""

from __future__ import annotations

import difflib

from matrix import api, offices
from matrix.table import GOLDEN, application_rows, as_text, labels, office_rows, survey


def test_every_route_of_the_application_is_in_the_table() -> None:
    assert labels(GOLDEN.read_text("utf-8")) == {row.label for row in application_rows()}
    assert labels(offices.GOLDEN.read_text("utf-8")) == {f"{method} {path}" for method, path in office_rows()}
    assert api.labels(api.GOLDEN.read_text("utf-8")) == set(api.routes())


def test_every_route_answers_every_actor_as_the_table_says_and_hides_what_is_not_theirs() -> None:
    outcome = survey()
    committed, found = GOLDEN.read_text("utf-8").splitlines(), as_text(outcome).splitlines()
    difference = list(difflib.unified_diff(committed, found, "committed", "found", lineterm="", n=0))
    assert not difference, "\n".join(difference)
    assert not outcome.faults, "\n".join(outcome.faults)


def test_every_route_of_an_office_answers_every_actor_as_the_table_says() -> None:
    outcome = offices.survey(office_rows())
    committed, found = offices.GOLDEN.read_text("utf-8").splitlines(), offices.as_text(outcome).splitlines()
    difference = list(difflib.unified_diff(committed, found, "committed", "found", lineterm="", n=0))
    assert not difference, "\n".join(difference)
    assert not outcome.faults, "\n".join(outcome.faults)


def test_every_route_of_the_api_answers_every_caller_as_the_table_says_and_hides_what_is_not_theirs() -> None:
    outcome = api.survey(api.routes())
    committed, found = api.GOLDEN.read_text("utf-8").splitlines(), api.as_text(outcome).splitlines()
    difference = list(difflib.unified_diff(committed, found, "committed", "found", lineterm="", n=0))
    assert not difference, "\n".join(difference)
    assert not outcome.faults, "\n".join(outcome.faults)
