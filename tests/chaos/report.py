"""docs/faults.md: the part of it that runs of the faults write, between two marks.

Each fault's last run is kept in passed.json if it was survived, so that faults may be run all at once or one by one.
The page says of each when that was, and names those that were not survived.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.checks import Outcome
from tests.chaos.faults import KILLED_AND_CUT, OPENBAO, Fault
from tests.chaos.machines import MACHINES

FAULTS = (*KILLED_AND_CUT, *OPENBAO, *MACHINES)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
PASSED = Path(__file__).with_name("passed.json")
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
_HEAD = (
    "| What broke | How | On | Took | Compared, withdrawn | Requests broken off, transfers resumed | Told «not now» |",
    "|---|---|---|---|---|---|---|",
)


@dataclass(frozen=True, slots=True)
class Run:
    """The entry of a fault that was survived."""

    on: str
    seconds: int
    megabytes: int
    documents: int
    withdrawn: int
    orphans: int
    broken_off: int
    resumed: int
    refused: dict[str, int]


def forget(fault: Fault) -> None:
    """It is being run: until it is survived again, nothing is claimed of it."""
    _keep({name: run for name, run in passed().items() if name != str(fault)})


def enter(outcome: Outcome) -> None:
    """It was survived."""
    found, results = outcome.findings, Counter[str]()
    for (_, result), count in outcome.ledger.answers.items():
        results[result] += count
    run = Run(
        on=datetime.now(UTC).date().isoformat(),
        seconds=round(outcome.seconds),
        megabytes=round(found.bytes_compared / 1e6),
        documents=found.documents,
        withdrawn=found.withdrawn,
        orphans=found.orphans_swept,
        broken_off=results["broken off"],
        resumed=outcome.ledger.resumed.total(),
        refused={code: results[code] for code in ("502", "503", "504", "507") if results[code]},
    )
    _keep(passed() | {str(outcome.fault): run})


def passed() -> dict[str, Run]:
    """The last runs that were survived, by fault."""
    return {name: Run(**run) for name, run in json.loads(PASSED.read_text("utf-8")).items()}


def _keep(runs: dict[str, Run]) -> None:
    known = {str(fault): asdict(runs[str(fault)]) for fault in FAULTS if str(fault) in runs}
    PASSED.write_text(json.dumps(known, ensure_ascii=False, indent=1) + "\n", "utf-8")
    PAGE.write_text(page(), "utf-8")


def page() -> str:
    """The whole page, with the table in the place of the last one."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([f"{before}{BEGIN}", "", *_table(passed()), "", f"{END}{after}"])


def _table(runs: dict[str, Run]) -> list[str]:
    """What was looked at in all, a row for each fault, and those that are no claim."""
    every = runs.values()
    summary = (
        f"{len(runs)} of {len(FAULTS)} faults were survived the last time that they were run. Compared byte for byte: "
        f"{sum(run.megabytes for run in every)} MB in {sum(run.documents for run in every)} documents. Withdrawn under "
        f"the faults and not readable afterwards: {sum(run.withdrawn for run in every)} shares. Orphans swept: "
        f"{sum(run.orphans for run in every)}."
    )
    rows = [_row(fault, runs[str(fault)]) for fault in FAULTS if str(fault) in runs]
    missing = [f"- {fault}" for fault in FAULTS if str(fault) not in runs]
    return [
        summary,
        "",
        *_HEAD,
        *rows,
        *(["", "Not survived, or not run, and no claim:", "", *missing] if missing else []),
    ]


def _row(fault: Fault, run: Run) -> str:
    later = ", ".join(f"{count} × {code}" for code, count in run.refused.items()) or "nobody"
    compared = f"{run.megabytes} MB, {run.withdrawn} shares"
    fields = (fault.name, fault.words, run.on, f"{run.seconds} s", compared, f"{run.broken_off}, {run.resumed}", later)
    return f"| {' | '.join(fields)} |"
