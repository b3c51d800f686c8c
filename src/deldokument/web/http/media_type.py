"""Media type of a request's body (RFC 9110, 8.3.1)."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

JSON: Final = "application/json"


def media_type_of(request: Request) -> str:
    """Return the type in lower case and without parameters; empty if the request names none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
