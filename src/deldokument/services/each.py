"""Work on many items of which one may fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

_Item = TypeVar("_Item")


def do_each(items: Iterable[_Item], do: Callable[[_Item], int]) -> int:
    """Call ``do`` with each item and return the sum of the results.

    Raises: the first error of any kind, after the other items: one row that was changed outside the service must not
    stop work on others.
    """
    done, errors = 0, list[Exception]()
    for item in items:
        try:
            done += do(item)
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return done
