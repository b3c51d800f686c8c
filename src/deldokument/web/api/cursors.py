"""Pagination cursors: positions in lists as opaque text. A malformed cursor is rejected.

A cursor gives no access: access to the list is checked again for each page.
"""

import base64
import json
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from deldokument.domain.errors import InvalidInput

Limit = Annotated[int, Query(ge=1, le=100, description="Maximum number of items in a page.")]
Cursor = Annotated[
    str, Query(max_length=500, description="`next` of the previous page. Omit it for the first page.", examples=[""])
]


def write_cursor(place: tuple[datetime, *tuple[str, ...]] | None) -> str | None:
    """Return the cursor of a position; None if there is none."""
    if place is None:
        return None
    return base64.urlsafe_b64encode(json.dumps([place[0].isoformat(), *place[1:]]).encode()).rstrip(b"=").decode()


def read_cursor(cursor: str, words: int) -> tuple[datetime, list[str]] | None:
    """Return the instant and the ``words`` texts of a cursor; None for an empty cursor.

    Raises: InvalidInput if it is malformed.
    """
    if not cursor:
        return None
    try:
        at, *rest = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        instant = datetime.fromisoformat(at)
        # The database needs UTC. Near the ends of the calendar the conversion overflows.
        instant.astimezone(UTC)
        whole = instant.tzinfo is not None and len(rest) == words and all(_is_word(word) for word in rest)
    except (ValueError, TypeError, RecursionError, OverflowError):
        whole = False
    if not whole:
        raise InvalidInput("cursor", "cursor_malformed")
    return instant, rest


def _is_word(word: object) -> bool:
    return isinstance(word, str) and word.isascii() and (word.isprintable() or not word)
