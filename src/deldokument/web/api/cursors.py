"""Where a list goes on: places in lists as opaque words, that tell nothing and are believed only when they are whole.

A cursor grants nothing: whose list it is, is asked again.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from deldokument.domain.errors import InvalidInput

Limit = Annotated[int, Query(ge=1, le=100, description="How many items a page has at most.")]
Cursor = Annotated[
    str, Query(max_length=500, description="`next` of the page before. The first page has none.", examples=[""])
]


def write_cursor(place: tuple[datetime, *tuple[str, ...]] | None) -> str | None:
    """The place as a word; None for none."""
    if place is None:
        return None
    return base64.urlsafe_b64encode(json.dumps([place[0].isoformat(), *place[1:]]).encode()).rstrip(b"=").decode()


def read_cursor(cursor: str, words: int) -> tuple[datetime, list[str]] | None:
    """An instant and so many words; None for an empty cursor. Raises InvalidInput."""
    if not cursor:
        return None
    try:
        at, *rest = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        instant = datetime.fromisoformat(at)
        # A database counts in UTC, where the first and the last of all instants have none.
        instant.astimezone(UTC)
        whole = instant.tzinfo is not None and len(rest) == words and all(_is_word(word) for word in rest)
    except (ValueError, TypeError, RecursionError, OverflowError):
        whole = False
    if not whole:
        raise InvalidInput("cursor", "cursor_malformed")
    return instant, rest


def _is_word(word: object) -> bool:
    return isinstance(word, str) and word.isascii() and (word.isprintable() or not word)
