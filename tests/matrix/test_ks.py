"""The committed table of KS' interface and its callers is what the application does."""

from __future__ import annotations

from tests.ks.published import SUCCESS
from tests.matrix.ks import GOLDEN, ROWS, survey


def test_every_published_path_is_in_the_table() -> None:
    assert set(ROWS) == set(SUCCESS)


def test_every_path_answers_every_caller_as_the_table_says() -> None:
    assert survey() == GOLDEN.read_text("utf-8")
