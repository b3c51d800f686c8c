"""docs/faults.md: the part of it that a run of all faults writes, between two marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from chaos.checks import Outcome
from chaos.faults import SMALL

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
_HEAD = (
    "| What broke | How | Took | Compared, withdrawn | Requests broken off, transfers resumed | Told «not now» |",
    "|---|---|---|---|---|---|",
)


def write(outcomes: Sequence[Outcome]) -> None:
    """Put the table in the place of the last one."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text("\n".join([f"{before}{BEGIN}", "", *table(outcomes), "", f"{END}{after}"]), "utf-8")


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """A row for each fault, and what was looked at in all."""
    rows = [_row(outcome) for outcome in outcomes]
    found = [outcome.findings for outcome in outcomes]
    total = sum(one.bytes_compared for one in found)
    summary = (
        f"{len(outcomes)} faults, all survived. Compared byte for byte: {total / 1e6:.0f} MB in "
        f"{sum(one.documents for one in found)} documents. Withdrawn under the faults and not readable afterwards: "
        f"{sum(one.withdrawn for one in found)} shares. Orphans swept: {sum(one.orphans_swept for one in found)}."
    )
    return [summary, "", *_HEAD, *rows]


def _row(outcome: Outcome) -> str:
    told = outcome.ledger.told
    broken = sum(count for (_, result), count in told.items() if result == "broken off")
    resumed = sum(outcome.ledger.resumed.values())
    silent = Counter({code: _count(told, code) for code in ("502", "503", "504", "507")})
    later = ", ".join(f"{count} × {code}" for code, count in sorted(silent.items()) if count) or "nobody"
    compared = f"{outcome.findings.bytes_compared / 1e6:.0f} MB, {outcome.findings.withdrawn} shares"
    name = f"{outcome.fault.name}{' *' if outcome.fault in SMALL else ''}"
    fields = (name, outcome.fault.words, f"{outcome.seconds:.0f} s", compared)
    return f"| {' | '.join(fields)} | {broken}, {resumed} | {later} |"


def _count(told: Counter[tuple[str, str]], code: str) -> int:
    return sum(count for (_, result), count in told.items() if result == code)
