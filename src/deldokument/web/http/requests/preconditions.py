"""Preconditions of a request on an entity tag: If-Match and If-None-Match (RFC 9110, 13.1 and 13.2).

Resources here have an ETag but no modification date, so conditions on dates are ignored.
"""

import re

from starlette.requests import Request

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_ONE = re.compile(_TAG)


def failed_precondition(request: Request, etag: str) -> int | None:
    """Return the status of a GET or HEAD whose precondition is false: 412 or 304; None if the request may continue.

    ``etag`` is the current strong tag, with its quotes. A malformed list names no tag.
    """
    wanted, known = _tags(request, "if-match"), _tags(request, "if-none-match")
    if wanted is not None and not {"*", etag} & wanted:
        return 412
    if known is not None and {"*", etag, f"W/{etag}"} & known:
        return 304
    return None


def _tags(request: Request, name: str) -> set[str] | None:
    """Return the tags of a header, or "*"; None if it is absent."""
    sent = request.headers.getlist(name)
    if not sent:
        return None
    text = ", ".join(sent).strip(" \t")
    if text == "*":
        return {"*"}
    return set(_ONE.findall(text)) if _TAGS.fullmatch(text) else set()
