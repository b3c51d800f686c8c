"""What processes use, as /proc tells it (Linux): CPU seconds, peak resident memory, and how busy the machine is."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(_stat(int(entry.name))[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for member in found:
        found += parents.get(member, [])
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its living descendants."""
    return sum(int(ticks) for member in family(pid) for ticks in _stat(member)[11:13]) / _TICKS


def forget_peak(pid: int) -> None:
    """Begin the peak of memory anew."""
    for member in family(pid):
        Path(f"/proc/{member}/clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """The largest resident memory since `forget_peak`, of a process and its descendants together."""
    statuses = (Path(f"/proc/{member}/status").read_text() for member in family(pid))
    return sum(int(status.split("VmHWM:")[1].split()[0]) for status in statuses) * 1024


def busy_seconds() -> float:
    """CPU seconds that the whole machine has spent on anything."""
    user, nice, system, _, _, irq, softirq, *_ = (
        int(v) for v in Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICKS


def _stat(pid: int) -> list[str]:
    """The fields of stat after the name in brackets: [0] is the state, [1] the parent."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
