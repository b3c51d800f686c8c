"""Samples as tables: medians, spread, and ratios to nginx taken round by round; and the documentation's table."""

import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.measuring import Measured, Samples

HEAD = ("server", "GB/s", "spread", "of nginx", "of nginx, 1 MiB", "CPU s/GB", "peak RSS MB", "others, cores")
GB = 1e9


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table under its title."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def sheet(title: str, samples: Mapping[str, Samples], bases: Sequence[str]) -> Sheet:
    """A row for each server, in the order given, with ratios to each of the two bases; what failed says how."""
    rows = []
    for name, found in samples.items():
        if found.failure or not found.found:
            rows.append((name, f"failed: {found.failure or 'never measured'}", *("" for _ in HEAD[2:])))
        else:
            rows.append((name, *_row(found.found, [samples[base].found for base in bases])))
    return Sheet(title, HEAD, rows)


def _row(found: Sequence[Measured], bases: Sequence[Sequence[Measured]]) -> tuple[str, ...]:
    rates = [measured.rate / GB for measured in found]
    return (
        f"{median(rates):.2f}",
        f"{min(rates):.2f}–{max(rates):.2f}",
        *(_ratio(found, base) for base in bases),
        f"{median(measured.cpu for measured in found) * GB:.2f}",
        f"{max(measured.memory for measured in found) / 1e6:.0f}",
        f"{median(measured.others for measured in found):.2f}",
    )


def _ratio(found: Sequence[Measured], base: Sequence[Measured]) -> str:
    pairs = list(zip(found, base, strict=False))
    return f"{median(mine.rate / other.rate for mine, other in pairs):.2f}" if pairs else ""


def machine(against: Mapping[str, str]) -> str:
    """Return one line on the machine and the versions of the software."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    ours = {name: version(name) for name in ("deldokument", "cryptography", "uvicorn", "uvloop", "httptools")}
    parts = ", ".join(f"`{name} {number}`" for name, number in {**ours, **against}.items())
    cores = len(os.sched_getaffinity(0))
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {cores} x {model[1] if model else platform.machine()}, "
        f"{memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}. Versions: {parts}."
    )


def show(console: Console, sheets: Iterable[Sheet], notes: Iterable[str]) -> None:
    """On the terminal."""
    for one in sheets:
        table = Table(*one.head, title=one.title)
        for row in one.rows:
            table.add_row(*row)
        console.print(table)
    console.print(*notes, sep="\n")


def summary(found: Mapping[str, Mapping[str, Samples]], bases: tuple[str, str], ours: str) -> Sheet:
    """Return one row for each measurement of ours, beside the two bases and the fastest other server."""
    head = (
        "transfer",
        "nginx",
        "nginx, 1 MiB",
        "fastest other",
        "Del dokument",
        "of nginx",
        "of nginx, 1 MiB",
        "CPU s/GB",
    )
    rows = []
    for title, samples in found.items():
        compared = [samples[base].found for base in bases]
        others = [name for name in samples if name not in bases and not name.startswith(ours) and samples[name].found]
        fastest = max(others, key=lambda name: _rate(samples[name].found), default="")
        other = f"{_rate(samples[fastest].found):.2f} ({fastest})" if fastest else ""
        for name in (name for name in samples if name.startswith(ours) and samples[name].found):
            mine = _row(samples[name].found, compared)
            speeds = (*(f"{_rate(base):.2f}" for base in compared), other, mine[0])
            rows.append((title + name.removeprefix(ours), *speeds, *mine[2:5]))
    return Sheet("GB/s, medians", head, rows)


def _rate(found: Sequence[Measured]) -> float:
    return median(measured.rate for measured in found) / GB


def markdown(sheet: Sheet, notes: Iterable[str]) -> str:
    """Return the table and the notes."""
    lines = [_line(sheet.head), _line("---" for _ in sheet.head), *map(_line, sheet.rows), ""]
    return "\n".join([*lines, *(f"{note}\n" for note in notes)])


def write(page: Path, mark: str, text: str) -> None:
    """Put it between the page's markers."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    before, _, rest = page.read_text("utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", "utf-8")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
