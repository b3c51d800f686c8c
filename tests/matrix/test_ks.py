"""The committed table of KS' interface and its callers is what the application does."""

from deldokument.web.ks.app import STORE_PREFIX
from tests.ks.published import STORE_SUCCESS, SUCCESS
from tests.matrix.ks import GOLDEN, ROWS, STORE_ROWS, survey


def test_every_published_path_is_in_the_table() -> None:
    assert set(ROWS) == set(SUCCESS)
    assert set(STORE_ROWS) == {(method, STORE_PREFIX + path) for method, path in STORE_SUCCESS}


def test_every_path_answers_every_caller_as_the_table_says() -> None:
    assert survey() == GOLDEN.read_text("utf-8")
