"""`python -m bench.versions`: what the proofs of access cost, by the version before them and this one side by side.

Each program serves a deployment that version 0.2.0 has left, with the same shares, on one PostgreSQL. The deployment of
this program is migrated, and its tags are enforced. Both are asked the same, a few requests at a time in turn, so that
a machine that is busy or slow is so for both. Processor time is the server process's; that of the database is left out.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated

import typer
from rich.console import Console

from bench import report, usage
from bench.measuring import Failed
from bench.metadata import Question
from bench.servers import cookies
from deldokument import __version__
from deldokument.services.encryption import INTEGRITY_ENFORCED
from tests.support.large_expiry import durable
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.server import KARI, OLA, OLA_NUMBER, wait_until
from tests.upgrade.conftest import OldDeployment

BEFORE = "0.2.0"
LENGTH, DOCUMENTS = 400_000, 3
AT_A_TIME = 20
HEAD = ("asked for", "requests", "median, ms", "p95, ms", "CPU ms", "of it before: median", "CPU")
_SECONDS = 120.0
console = Console(width=140)


def main(
    rounds: Annotated[int, typer.Option(help=f"Rounds of {AT_A_TIME} requests for each question.")] = 15,
    shares: Annotated[int, typer.Option(help="Shares in each deployment, with three documents.")] = 20,
) -> None:
    """Print medians and ratios."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was stopped."))
    with tempfile.TemporaryDirectory(prefix="versions-", dir=os.environ.get("BENCH_FOLDER")) as name:
        folder = Path(name)
        # PostgreSQL's user must reach its folder.
        folder.chmod(0o755)
        with (
            running_postgres(folder / "postgres") as server,
            _deployed(server, folder / "before", shares, upgrade=False) as before,
            _deployed(server, folder / "after", shares, upgrade=True) as after,
            durable(server),
        ):
            found = compare((before, after), rounds)
    notes = [f"«Before» is {BEFORE}, and this is {__version__}. {shares} shares. {report.machine({})}"]
    report.show(console, [report.Sheet(f"{__version__} beside {BEFORE}", HEAD, found)], notes)


@dataclass(frozen=True, slots=True)
class Served:
    """A server process, and what it is asked."""

    port: int
    pid: int
    questions: Mapping[str, Question]


@dataclass(slots=True)
class Taken:
    """What one question has taken of one server, in milliseconds."""

    waits: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@contextmanager
def _deployed(server: PostgresServer, folder: Path, shares: int, *, upgrade: bool) -> Iterator[Served]:
    folder.mkdir()
    with server.database(template="template0") as url, OldDeployment(folder, url, BEFORE) as running:
        ids = [_shared(running) for _ in range(shares)]
        questions = _questions(running, ids[0])
        if upgrade:
            running.stop_worker()
            running.migrate()
            running.become_new()
            running.restart()
            wait_until(lambda: bool(running.node.keyring.get([INTEGRITY_ENFORCED])), _SECONDS, "tags are not enforced")
            # The server looks for it now and then: started anew it knows.
            running.restart()
        running.stop_worker()
        yield Served(running.port, running.server.pid, questions)


def _shared(running: OldDeployment) -> str:
    """A share of Kari's for Ola, inspected by the old worker."""
    share_id = running.draft(title="Vedtak")
    running.add_recipients(share_id, [OLA_NUMBER])
    for number in range(DOCUMENTS):
        running.upload(share_id, f"{number}.pdf", b"%PDF-1.7" + os.urandom(LENGTH))
    running.publish_uninspected(share_id)
    ola, paths = running.session(OLA), _paths(running, share_id)
    wait_until(lambda: all(ola.head(path).status_code == 200 for path in paths), _SECONDS, "not inspected")
    return share_id


def _paths(running: OldDeployment, share_id: str) -> list[str]:
    page = running.session(OLA).get(f"/d/{share_id}").text
    return list(dict.fromkeys(re.findall(rf"/d/{share_id}/dokument/[0-9a-f]{{32}}", page)))


def _questions(running: OldDeployment, share_id: str) -> dict[str, Question]:
    kari, ola = ({"Cookie": cookies(running.session(name))} for name in (KARI, OLA))
    document = _paths(running, share_id)[0]
    return {
        "open: the recipient's page of a share": Question("GET", f"/d/{share_id}", ola),
        "list: the recipient's, «Delt med meg»": Question("GET", "/mine", ola),
        "list: the sender's, «Delinger»": Question("GET", "/delinger", kari),
        "open: the sender's page of a share": Question("GET", f"/delinger/{share_id}", kari),
        "form: the page for sharing": Question("GET", "/del", kari),
        "download: HEAD of a document": Question("HEAD", document, ola),
        "download: a range of 1 kB": Question("GET", document, ola | {"Range": "bytes=0-1023"}, 206),
        "download: all 400 kB": Question("GET", document, ola),
    }


def compare(both: tuple[Served, Served], rounds: int) -> list[tuple[str, ...]]:
    """Ask both in turn; a row for each question."""
    found: dict[str, tuple[Taken, Taken]] = defaultdict(lambda: (Taken(), Taken()))
    for number in range(rounds + 1):
        for name in both[0].questions:
            for served, taken in zip(both, found[name], strict=True):
                _ask(served, served.questions[name], Taken() if number == 0 else taken)
    return [_row(name, *taken) for name, taken in found.items()]


def _ask(served: Served, question: Question, taken: Taken) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=_SECONDS)
    cpu = usage.cpu_seconds([served.pid])
    for _ in range(AT_A_TIME):
        began = time.perf_counter()
        connection.request(question.method, question.path, headers=dict(question.headers))
        answer = connection.getresponse()
        answer.read()
        taken.waits.append((time.perf_counter() - began) * 1000)
        if answer.status != question.status:
            raise Failed(f"{question.path} answered {answer.status}")
    taken.cpu.append((usage.cpu_seconds([served.pid]) - cpu) * 1000 / AT_A_TIME)
    connection.close()


def _row(name: str, before: Taken, after: Taken) -> tuple[str, ...]:
    cpu = [sum(one.cpu) / len(one.cpu) for one in (before, after)]
    times = median(after.waits), quantiles(after.waits, n=20)[18], cpu[1]
    ratios = median(after.waits) / median(before.waits), cpu[1] / cpu[0]
    return name, str(len(after.waits)), *(f"{one:.2f}" for one in (*times, *ratios))


if __name__ == "__main__":
    typer.run(main)
