"""Repository contract: GCRA state of the rate limits; `services.rate_limit` has the algorithm."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol


class RateLimits(Protocol):
    """The theoretical arrival time of each bucket, by its name."""

    def take(self, bucket: str, now: datetime, step: timedelta, latest: datetime) -> datetime | None:
        """Advance the instant by ``step``, from ``now`` at the earliest; None, with no change, if past ``latest``.

        An instant more than twice as far ahead was stored before the clock was set back: ``now`` replaces it.
        """
        ...

    def spent_until(self, bucket: str) -> datetime | None:
        """Return the instant; None for a bucket without calls."""
        ...

    def forget(self, spent_before: datetime) -> int:
        """Remove rows whose instant is before then, and return how many."""
        ...
