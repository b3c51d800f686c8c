"""Pagination tokens: the place in a long list at which the next page begins, for use in a URL."""

from datetime import datetime

Place = tuple[datetime, str]
"""Time and id of the last item shown."""


def write_place(place: Place) -> str:
    """Return the place as a query parameter."""
    return f"{place[0].isoformat()},{place[1]}"


def read_place(text: str) -> Place | None:
    """Return the place in a token from ``write_place``; None (the beginning of the list) if it is malformed."""
    at, _, id_ = text.partition(",")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (instant, id_) if instant.tzinfo and id_ else None
