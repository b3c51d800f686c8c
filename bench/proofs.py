"""`python -m bench.proofs`: what the proofs of access cost by themselves: one program, with and without verification.

Two applications in this process answer for the same rows, in memory. One enforces tags. The other reads the same
columns and compares nothing, as before an upgrade has finished. Both are asked in turn. Processor time is that of the
process, so the client and SQLite are in both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Annotated

import httpx
import typer
from rich.console import Console

from bench import report
from bench.measuring import Failed
from deldokument.domain.errors import existing
from deldokument.ports.integrity import DamageReports
from deldokument.services.encryption import CachedDeploymentKeys
from deldokument.services.shares.grants import share_grants
from tests.support.browser import serve, stage_in_memory
from tests.support.world import KARI, OLA, Stage

ROOT = Path(__file__).resolve().parents[1]
HEAD = ("asked for", "CPU ms", "without verification", "tags and cards, ms")
AT_A_TIME = 5
console = Console(width=140)


class NotEnforced(CachedDeploymentKeys):
    """Keys of a deployment that has not finished its upgrade."""

    def is_enforced(self) -> bool:
        """Return False."""
        return False


def main(
    rounds: Annotated[int, typer.Option(help=f"Rounds of {AT_A_TIME} requests for each question.")] = 40,
    shares: Annotated[int, typer.Option(help="Shares of one account for one recipient.")] = 50,
    write: Annotated[bool, typer.Option(help="Put the table into docs/performance.md.")] = False,
) -> None:
    """Print what verification costs."""
    with stage_in_memory() as stage:
        ids = [stage.publish() for _ in range(shares)]
        sheet = report.Sheet("Requests with and without verification", HEAD, compare(stage, ids[0], rounds))
        grant = median(_open_grants(stage, ids) for _ in range(rounds)) * 1000
    notes = [f"{shares} shares. To open a grant takes {grant:.0f} µs. {report.machine({})}"]
    report.show(console, [sheet], notes)
    if write:
        report.write(ROOT / "docs" / "performance.md", "bench-proofs", report.markdown([sheet], {}, notes))


def compare(stage: Stage, share_id: str, rounds: int) -> list[tuple[str, ...]]:
    """Ask both in turn; a row for each question."""
    both = [_asked(stage, share_id), _asked(_not_enforcing(stage), share_id)]
    found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for number in range(rounds + 1):
        for name in both[0]:
            taken = tuple(_cpu(asked[name]) for asked in both)
            # The first round opens the share and fills caches.
            found[name] += [taken] if number else []
    return [_row(name, taken) for name, taken in found.items()]


def _row(name: str, taken: list[tuple[float, ...]]) -> tuple[str, ...]:
    with_it, without = (median(each) for each in zip(*taken, strict=True))
    difference = median(one - other for one, other in taken)
    return name, *(f"{ms:.2f}" for ms in (with_it, without, difference))


def _not_enforcing(stage: Stage) -> Stage:
    keys, damage = NotEnforced(stage.deps.keyring), DamageReports()
    database = stage.deps.database.authenticated(keys, damage)  # type: ignore[attr-defined]
    return replace(stage, deps=replace(stage.deps, integrity=keys, damage=damage, database=database))


def _asked(stage: Stage, share_id: str) -> dict[str, Callable[[], httpx.Response]]:
    web = serve(stage)
    ola, kari = web.browser(OLA), web.browser(KARI)
    document = f"/d/{share_id}/dokument/{stage.document_ids(share_id)[0]}"
    return {
        "open: the recipient's page of a share": partial(ola.get, f"/d/{share_id}"),
        "list: the recipient's, «Delt med meg»": partial(ola.get, "/mine"),
        "list: the sender's, «Delinger»": partial(kari.get, "/delinger"),
        "open: the sender's page of a share": partial(kari.get, f"/delinger/{share_id}"),
        "download: HEAD of a document": partial(ola.request, "HEAD", document),
        "download: a small document": partial(ola.get, document),
    }


def _cpu(ask: Callable[[], httpx.Response]) -> float:
    """Milliseconds of processor time for a request."""
    began = process_time()
    for _ in range(AT_A_TIME):
        answer = ask()
        if answer.status_code != 200:
            raise Failed(f"{answer.url} answered {answer.status_code}")
    return (process_time() - began) * 1000 / AT_A_TIME


def _open_grants(stage: Stage, share_ids: list[str]) -> float:
    """Milliseconds for one of the grants of these shares, without its keys."""
    with stage.deps.database.read() as tx:
        shares = [existing(tx.shares.get(one)) for one in share_ids]
        proofs = [(share_grants(stage.deps, one), tx.shares.recipients([one.id])) for one in shares]
    began = process_time()
    for proof, recipients in proofs:
        for recipient in recipients:
            existing(proof.holder(recipient))
    return (process_time() - began) * 1000 / len(proofs)


if __name__ == "__main__":
    typer.run(main)
