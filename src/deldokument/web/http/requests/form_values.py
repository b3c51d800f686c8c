"""Values of form fields and queries as browsers write them; other values count as absent."""

from datetime import date

_MAX_DIGITS = 9


def read_date(text: str) -> date | None:
    """Return the date in ISO 8601, as browsers send it; None for any other text."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_count(text: str) -> int:
    """Return a positive number of at most nine digits; 0 for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else 0
