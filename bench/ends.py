"""`python -m bench.ends`: how many shares a second can end, by how many end at once and how many workers there are.

Real workers on PostgreSQL 17, which writes to the disk, with directory store and keyring's file on the same disk.
Each case is measured from the instant at which all of its shares end, on one database after the other.
"""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import report
from tests.support.bulk.large_expiry import Ended, ExpiryRun, durable
from tests.support.servers.postgres import running_postgres

HEAD = ("ends at once", "workers", "keys, s", "keys/s", "all objects, s", "documents/s")
console = Console(width=140)


def main(
    shares: Annotated[int, typer.Option(help="Shares in the database, with three documents each.")] = 250_000,
    tenants: Annotated[int, typer.Option(help="Tenants that they are spread over.")] = 357,
    ends: Annotated[list[int] | None, typer.Option(help="How many end at once; several times.")] = None,
    workers: Annotated[list[int] | None, typer.Option(help="How many workers see to it; several times.")] = None,
) -> None:
    """Print each case, and the table of all."""
    cases = [(count, number) for number in workers or (1, 2) for count in ends or (1_000, 10_000, 100_000)]
    found: list[Ended] = []
    with tempfile.TemporaryDirectory(prefix="deldokument-ends-") as name:
        Path(name).chmod(0o755)
        with (
            running_postgres(Path(name) / "postgres") as server,
            server.database() as url,
            ExpiryRun(Path(name) / "run", url, shares=shares, tenants=tenants) as run,
            durable(server),
        ):
            for count, number in cases:
                found.append(run.measure(run.prepare(count), workers=number))
                console.print(found[-1].summary)
            run.check(sum(count for count, _ in cases))
    note = f"The database has {shares} shares of {tenants} tenants. {report.machine({})}"
    report.show(console, [report.Sheet("How fast shares end", HEAD, [_row(done) for done in found])], [note])


def _row(done: Ended) -> tuple[str, ...]:
    keys = f"{done.keys_seconds:.1f}", f"{done.keys_per_second:.0f}"
    return f"{done.shares}", f"{done.workers}", *keys, f"{done.clear_seconds:.1f}", f"{done.documents_per_second:.0f}"


if __name__ == "__main__":
    typer.run(main)
