"""Mutation score of domain, crypto and access. Run as a program (`make mutation`).

mutmut changes one expression of the product at a time and runs the tests that reach it. A mutant that no test notices
has survived. The score is the share of reached mutants that were noticed. It may not fall below the one in
``score.json``, nor may more mutants be out of reach of these suites than there.

    python -m tests.mutation.run            measure, list the survivors, and compare
    python -m tests.mutation.run --record   measure, list the survivors, and record
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).with_name("score.json")
STATS = ROOT / "mutants" / "mutmut-cicd-stats.json"


def score_of(stats: dict[str, int]) -> float:
    """Percentage of the mutants that a test reaches and notices; a mutant that never ends is noticed."""
    noticed = stats["killed"] + stats["timeout"]
    return round(100 * noticed / (noticed + stats["survived"] + stats["suspicious"]), 1)


def measure() -> dict[str, int]:
    """Run mutmut on this checkout and return its counts."""
    mutmut = Path(sys.executable).with_name("mutmut")
    children = str(os.cpu_count() or 1)
    subprocess.run([mutmut, "run", "--max-children", children], cwd=ROOT, check=True)
    subprocess.run([mutmut, "export-cicd-stats"], cwd=ROOT, check=True)
    counts: dict[str, int] = json.loads(STATS.read_text("utf-8"))
    return counts


def main(arguments: list[str]) -> int:
    """Return the exit status: 1 when the score has fallen, or the tests reach less."""
    counts = measure()
    # The score leaves out mutants that no test reaches. Otherwise removing tests would raise it.
    found = {"score": score_of(counts), "unreached": counts["no_tests"]}
    subprocess.run([Path(sys.executable).with_name("mutmut"), "results"], cwd=ROOT, check=True)
    print(f"mutation score {found['score']} % of {counts['total']} mutants: {counts}")
    if "--record" in arguments:
        RECORDED.write_text(json.dumps(found) + "\n", "utf-8")
        return 0
    recorded = json.loads(RECORDED.read_text("utf-8"))
    if found["score"] >= recorded["score"] and found["unreached"] <= recorded["unreached"]:
        return 0
    print(f"worse than recorded: {recorded}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
