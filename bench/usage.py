"""What processes use, as /proc tells it (Linux): CPU seconds, peak resident memory, and how busy the machine is.

A process's descendants count as its own; one that has ended meanwhile counts for nothing.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pids: Sequence[int]) -> list[int]:
    """Processes and their descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found = list(pids)
    for member in found:
        found += parents.get(member, [])
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """User and system time of processes and their living descendants."""
    total = 0
    for member in family(pids):
        with suppress(OSError):
            total += sum(int(ticks) for ticks in _stat(member)[11:13])
    return total / _TICKS


def forget_peak(pids: Sequence[int]) -> None:
    """Begin the peak of memory anew."""
    for member in family(pids):
        with suppress(OSError):
            Path(f"/proc/{member}/clear_refs").write_text("5")


def peak_bytes(pids: Sequence[int]) -> int:
    """The largest resident memory since `forget_peak`, of processes and their descendants together."""
    return sum(_status(member, "VmHWM:") for member in family(pids))


def resident_bytes(pids: Sequence[int]) -> dict[int, int]:
    """The resident memory now of each process and each of its descendants."""
    return {member: held for member in family(pids) if (held := _status(member, "VmRSS:"))}


def busy_seconds() -> float:
    """CPU seconds that the whole machine has spent on anything."""
    user, nice, system, _, _, irq, softirq, *_ = (
        int(v) for v in Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICKS


def _status(pid: int, name: str) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/status").read_text().split(name)[1].split()[0]) * 1024
    return 0


def _stat(pid: int) -> list[str]:
    """The fields of stat after the name in brackets: [0] is the state, [1] the parent."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
