"""`python -m bench.ends`: how many shares a second can end, by how many end at once and how many workers there are.

Real workers on PostgreSQL 17, which writes to the disk, with directory store and keyring's file on the same disk.
Each case is measured from the instant at which all of its shares end, on one database after the other.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parents[1]
# The deployment that is measured is the one that the tests run.
sys.path.insert(0, str(ROOT / "tests"))

from support.endrun import EndRun, durable  # noqa: E402 - after the path above

from tests.support.postgres import running_postgres  # noqa: E402


def main(
    shares: Annotated[int, typer.Option(help="Shares in the database, with three documents each.")] = 250_000,
    tenants: Annotated[int, typer.Option(help="Tenants that they are spread over.")] = 357,
    ends: Annotated[list[int] | None, typer.Option(help="How many end at once; several times.")] = None,
    workers: Annotated[list[int] | None, typer.Option(help="How many workers see to it; several times.")] = None,
) -> None:
    """Print a row for each case."""
    cases = [(count, number) for number in workers or (1, 2) for count in ends or (1_000, 10_000, 100_000)]
    print("| shares | workers | keys, s | keys/s | documents, s | documents/s |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="deldokument-ends-") as name:
        Path(name).chmod(0o755)
        with (
            running_postgres(Path(name) / "postgres") as server,
            server.database() as url,
            EndRun(Path(name) / "run", url, shares=shares, tenants=tenants) as run,
            durable(server),
        ):
            for count, number in cases:
                done = run.measure(run.prepare(count), workers=number)
                keys = f"{done.keys_seconds:.1f} | {done.keys_per_second:.0f}"
                print(f"| {count} | {number} | {keys} | {done.clear_seconds:.1f} | {done.documents_per_second:.0f} |")
            run.check(sum(count for count, _ in cases))


if __name__ == "__main__":
    typer.run(main)
