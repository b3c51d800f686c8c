"""Samples as tables: medians, spread, and ratios against nginx as it comes, taken round by round."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench.measuring import Measured

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
HEAD = ("server", "GB/s", "spread", "of nginx", "CPU s/GB", "peak RSS MB", "others, cores")
GB = 1e9


def rows(samples: Mapping[str, Sequence[Measured]], base: str) -> list[tuple[str, ...]]:
    """A row for each server, in the order given."""
    return [(name, *_row(found, samples[base])) for name, found in samples.items()]


def _row(found: Sequence[Measured], base: Sequence[Measured]) -> tuple[str, ...]:
    rates = [measured.rate / GB for measured in found]
    return (
        f"{median(rates):.2f}",
        f"{min(rates):.2f}–{max(rates):.2f}",
        f"{median(mine.rate / other.rate for mine, other in zip(found, base, strict=True)):.2f}",
        f"{median(measured.cpu for measured in found) * GB:.2f}",
        f"{max(measured.memory for measured in found) / 1e6:.0f}",
        f"{median(measured.others for measured in found):.2f}",
    )


def machine(against: Mapping[str, str]) -> str:
    """What it ran on, in a line."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    ours = {name: version(name) for name in ("deldokument", "cryptography", "uvicorn", "uvloop", "httptools")}
    parts = ", ".join(f"{name} {number}" for name, number in {**ours, **against}.items())
    cores = len(os.sched_getaffinity(0))
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {cores} x {model[1] if model else platform.machine()}, "
        f"{memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}; {parts}."
    )


def markdown(tables: Mapping[str, Iterable[tuple[str, ...]]], notes: Iterable[str]) -> str:
    """All tables under their titles, and the notes."""
    lines = []
    for title, body in tables.items():
        lines += [f"### {title}", "", _line(HEAD), _line("---" for _ in HEAD), *map(_line, body), ""]
    return "\n".join([*lines, *(f"{note}\n" for note in notes)])


def write(page: Path, text: str) -> None:
    """Put it between the page's markers."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", "utf-8")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
