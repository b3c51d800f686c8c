"""Clocks: this machine's, one that can be moved, and the database server's.

Promises aware instants in UTC and that `skew` is honest about the distance to the clock that decides. Deliberately
does not know what is decided by the time, nor which database answers.
"""

from __future__ import annotations

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
"""How long the database's time is carried on by this machine's count of seconds."""


class SystemClock:
    """This machine's clock. With SQLite it is the database's too, so there is no skew."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        return datetime.now(UTC)

    def skew(self) -> timedelta:
        """Always zero."""
        return timedelta(0)


class ShiftedClock:
    """This machine's clock moved by the seconds that a file holds; for the demo and the tests.

    Every process that has the same file has the same time. No file: not moved.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: tuple[tuple[int, int, int] | None, timedelta] = (None, timedelta(0))

    def now(self) -> datetime:
        """The present instant, moved. Raises Unavailable when the file holds no number of seconds."""
        return datetime.now(UTC) + self.offset()

    def skew(self) -> timedelta:
        """Always zero: all who read the file agree."""
        return timedelta(0)

    def offset(self) -> timedelta:
        """How far the clock is moved. The file is read again only when it has changed."""
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
        """Move the clock, for all who read the file. Raises OSError."""
        draft = draft_beside(self._file)
        write_new(draft, f"{offset.total_seconds()}\n".encode("ascii"), durable=False)
        draft.replace(self._file)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the database said, and this machine's count of seconds at that instant."""

    at: datetime
    elapsed: float


class DatabaseClock:
    """The database server's time, asked for every few seconds and carried on by counting in between.

    ``now_from_database`` answers with an aware datetime that is not the start of an older transaction; what it raises
    is passed on, for without the database's time nothing may be decided.
    """

    def __init__(self, now_from_database: Callable[[], datetime], refresh_every: timedelta = REFRESH_EVERY) -> None:
        self._ask = now_from_database
        self._refresh_seconds = refresh_every.total_seconds()
        self._reading: _Reading | None = None
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The database's present instant, UTC."""
        reading = self._fresh_reading()
        return reading.at + timedelta(seconds=_elapsed() - reading.elapsed)

    def skew(self) -> timedelta:
        """How far this machine's clock is from the database's, true to half a round trip."""
        return abs(datetime.now(UTC) - self.now())

    def _fresh_reading(self) -> _Reading:
        reading = self._unless_stale()
        if reading is not None:
            return reading
        with self._lock:
            # One thread asks; those that waited for it find its answer.
            reading = self._unless_stale() or self._read()
            self._reading = reading
            return reading

    def _unless_stale(self) -> _Reading | None:
        reading = self._reading
        if reading is None or _elapsed() - reading.elapsed >= self._refresh_seconds:
            return None
        return reading

    def _read(self) -> _Reading:
        """The database looked at its clock somewhere between question and answer; the middle errs least."""
        asked = _elapsed()
        at = self._ask()
        answered = _elapsed()
        return _Reading(at.astimezone(UTC), (asked + answered) / 2)


def _elapsed() -> float:
    """Seconds that no one sets, and that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _offset(text: str) -> timedelta:
    seconds = float(text)
    if not math.isfinite(seconds):
        raise ValueError("not a number of seconds")
    return timedelta(seconds=seconds)
