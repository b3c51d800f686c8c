"""What the use cases need of the database to count the calls of consumers, as a contract.

See ports.repositories.transaction for what holds for all repositories, and services.api.rate_limit for the
meaning of the instant.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol


class RateLimits(Protocol):
    """Until when each consumer has spent what comes in."""

    def take(self, consumer: str, now: datetime, step: timedelta, latest: datetime) -> datetime | None:
        """Move the instant on by ``step``, from ``now`` at the earliest; None, and nothing done, if past ``latest``.

        One that lies more than twice as far ahead was reached before the clock was set back: ``now`` counts instead.
        """
        ...

    def spent_until(self, consumer: str) -> datetime | None:
        """The instant; None for whoever has not called."""
        ...

    def forget(self, spent_before: datetime) -> int:
        """Forget those whose instant lies before then; how many there were."""
        ...
