"""Clocks: of this machine, a shifted one for tests, and of the database server.

Guarantees:
- Instants are aware and in UTC.
- `skew` is the true difference from the clock that decides.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from deldokument.adapters.durable_files import draft_beside, write_new
from deldokument.domain.errors import Unavailable

REFRESH_EVERY: Final = timedelta(seconds=3)
"""How long a reading of the database's clock is extrapolated with this machine's monotonic clock."""
_ASKING_SECONDS: Final = 30.0
"""How old a reading may be that is used while another thread asks for a new one."""


class SystemClock:
    """This machine's clock.

    With SQLite it is also the database's clock, so the skew is zero.
    """

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        return datetime.now(UTC)

    def skew(self) -> timedelta:
        """Return zero."""
        return timedelta(0)


class ShiftedClock:
    """This machine's clock, shifted by the number of seconds in a file; for the demo and the tests.

    All processes that read the same file see the same time. Without the file the clock is not shifted.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: tuple[tuple[int, int, int] | None, timedelta] = (None, timedelta(0))

    def now(self) -> datetime:
        """Return the shifted present instant.

        Raises: Unavailable if the file does not contain a number of seconds.
        """
        return datetime.now(UTC) + self.offset()

    def skew(self) -> timedelta:
        """Return zero: all readers of the file agree."""
        return timedelta(0)

    def offset(self) -> timedelta:
        """Return the shift. The file is read again only if it has changed."""
        try:
            status = self._file.stat()
            version = (status.st_ino, status.st_mtime_ns, status.st_size)
            known_version, known_offset = self._known
            if version == known_version:
                return known_offset
            offset = _offset(self._file.read_text("ascii"))
        except FileNotFoundError:
            return timedelta(0)
        except (OSError, ValueError, OverflowError) as error:
            raise Unavailable("clock", detail=f"{self._file}: {error}") from None
        self._known = (version, offset)
        return offset

    def set_offset(self, offset: timedelta) -> None:
        """Shift the clock for all readers of the file.

        Raises: OSError.
        """
        draft = draft_beside(self._file)
        write_new(draft, f"{offset.total_seconds()}\n".encode("ascii"), durable=False)
        draft.replace(self._file)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The database's time, and this machine's monotonic seconds at that instant."""

    at: datetime
    elapsed: float


class DatabaseClock:
    """The database server's time, read every few seconds and extrapolated in between.

    ``now_from_database`` returns an aware datetime that is not the start of an older transaction. Its exceptions are
    passed on: without the database's time nothing may be decided.

    One thread reads the clock. The others use the previous reading while it is less than half a minute old. If they
    waited, they could hold the connections that the reader needs. Threads without such a reading wait, and share the
    reader's failure.
    """

    def __init__(self, now_from_database: Callable[[], datetime], refresh_every: timedelta = REFRESH_EVERY) -> None:
        self._ask = now_from_database
        self._refresh_seconds = refresh_every.total_seconds()
        self._reading: _Reading | None = None
        self._failures = 0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the database's present instant, in UTC.

        Raises: Unavailable, if another thread has just failed to ask; what ``now_from_database`` raises.
        """
        reading = self._fresh_reading()
        return reading.at + timedelta(seconds=_read_boot_clock() - reading.elapsed)

    def skew(self) -> timedelta:
        """Return the difference between this machine's clock and the database's, accurate to half a round trip."""
        return abs(datetime.now(UTC) - self.now())

    def _fresh_reading(self) -> _Reading:
        if reading := self._younger_than(self._refresh_seconds):
            return reading
        previous, failures = self._younger_than(_ASKING_SECONDS), self._failures
        if previous is None:
            self._lock.acquire()
        elif not self._lock.acquire(blocking=False):
            return previous
        try:
            return self._younger_than(self._refresh_seconds) or self._ask_unless_failed_since(failures)
        finally:
            self._lock.release()

    def _younger_than(self, seconds: float) -> _Reading | None:
        reading = self._reading
        return reading if reading and _read_boot_clock() - reading.elapsed < seconds else None

    def _ask_unless_failed_since(self, failures: int) -> _Reading:
        if self._failures != failures:
            raise Unavailable("clock", detail="the database did not tell the time a moment ago")
        try:
            self._reading = self._read()
        except BaseException:
            self._failures += 1
            raise
        return self._reading

    def _read(self) -> _Reading:
        """Read the database's clock.

        It was read between request and response; the midpoint has the smallest error.
        """
        asked = _read_boot_clock()
        at = self._ask()
        answered = _read_boot_clock()
        return _Reading(at.astimezone(UTC), (asked + answered) / 2)


def _read_boot_clock() -> float:
    """Return monotonic seconds that also count while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _offset(text: str) -> timedelta:
    seconds = float(text)
    if not math.isfinite(seconds):
        raise ValueError("not a number of seconds")
    return timedelta(seconds=seconds)
