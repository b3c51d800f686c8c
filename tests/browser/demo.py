"""The demo as a newcomer starts it: one command on a free port, everything it keeps in one folder."""

from __future__ import annotations

import queue
import re
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import IO, Self

from deldokument.adapters.clock import ShiftedClock

_START_SECONDS = 60
_RUNS = re.compile(r"Started server process")
_URL = re.compile(r"http://127\.0\.0\.1:\d+")


class Demo:
    """`deldokument demo --port 0` until the block is left. ``url`` is where it said that it runs."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.url = ""
        self.log: list[str] = []
        self._process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "deldokument.cli.main", "demo", "--port", "0", "--data", str(self.data)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self._process.stdout is not None
        lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout, lines), daemon=True)
        self._reader.start()
        try:
            while (line := lines.get(timeout=_START_SECONDS)) is not None and not _RUNS.search(line):
                if not self.url and (found := _URL.search(line)):
                    self.url = found.group()
        except queue.Empty:
            line = None
        if line is None:
            self._stop()
            raise AssertionError("the demo did not start:\n" + "".join(self.log))
        return self

    def _read(self, stream: IO[str], lines: queue.Queue[str | None]) -> None:
        """Read to the end, told by None: a pipe that nobody empties would stop the demo."""
        for line in stream:
            self.log.append(line)
            lines.put(line)
        lines.put(None)

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def move_clock(self, step: timedelta) -> None:
        """Move the demo's time as its own page does, but by any span; less than an hour at a time."""
        clock = ShiftedClock(self.data / "clock")
        clock.set_offset(clock.offset() + step)
