"""The place in a long list where the next page begins, as it stands in an address."""

from __future__ import annotations

from datetime import datetime

Place = tuple[datetime, str]
"""The time and the id of the last one shown."""


def write_place(place: Place) -> str:
    """As a parameter of the query."""
    return f"{place[0].isoformat()},{place[1]}"


def read_place(text: str) -> Place | None:
    """What ``write_place`` wrote; a malformed one is the beginning."""
    at, _, id_ = text.partition(",")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (instant, id_) if instant.tzinfo and id_ else None
