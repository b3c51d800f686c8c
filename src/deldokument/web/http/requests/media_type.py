"""Media types of requests: the type of the body, and the type that the client prefers (RFC 9110, 8.3.1 and 12.5.1)."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request

JSON: Final = "application/json"
_QUALITY: Final = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def media_type_of(request: Request) -> str:
    """Return the type in lower case and without parameters; empty if the request names none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def preferred_type(accept: str, offered: Sequence[str]) -> str:
    """Return the offered type that the ``Accept`` header prefers, or the first if it prefers none.

    Of equally preferred types, a named one comes before a wildcard match. An invalid quality is ignored. Other
    parameters are ignored.
    """
    ranges = dict(_range(item) for item in accept.lower().split(","))
    return max(offered, key=lambda one: _preference(one, ranges))


def _range(item: str) -> tuple[str, float]:
    """Return a media range with its quality."""
    name, *parameters = (part.strip() for part in item.split(";"))
    given = next((one for one in parameters if one.startswith("q=")), "q=1")
    quality = _QUALITY.fullmatch(given)
    return name, float(quality[1]) if quality else 0


def _preference(offered: str, ranges: Mapping[str, float]) -> tuple[float, int]:
    """Return the quality of the most specific matching range, and how specific it is."""
    for generality, name in enumerate((offered, f"{offered.partition('/')[0]}/*", "*/*")):
        if name in ranges:
            return ranges[name], -generality if ranges[name] else 0
    return 0, 0
