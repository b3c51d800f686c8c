"""Every setting is explained to the operator, with the default and the docstring of the code, and nothing else is."""

from deldokument.config.settings import VARIABLES, Settings
from tests.docs.documents import table
from tests.docs.settings_table import PAGE, docstrings, table_rows, up_to_date

TEXT = PAGE.read_text("utf-8")


def test_the_page_has_the_settings_of_the_code() -> None:
    """After a change of the settings: python -m tests.docs.settings_table."""
    assert up_to_date(TEXT) == TEXT
    assert [row[0].strip("`") for row in table(TEXT, "All settings")] == list(VARIABLES)


def test_every_setting_has_a_default_and_a_meaning() -> None:
    assert all(all(row) for row in table_rows())


def test_a_setting_that_is_missing_gone_or_explained_otherwise_is_written_anew() -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith("| `DELDOKUMENT_PORT`"))
    for other in ("", row + "\n| `DELDOKUMENT_GONE` | none | Gone. |", row.replace("8000", "80")):
        changed = TEXT.replace(row, other)
        assert changed != TEXT
        assert up_to_date(changed) == TEXT


def test_a_field_without_a_docstring_has_no_meaning() -> None:
    assert docstrings(Settings)["port"] == "Port to listen on."
    assert "model_config" not in docstrings(Settings)
