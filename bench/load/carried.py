"""How many people's requests two cores carry: locust with more and more of them, until more of them get no more done.

The clients share the cores with server, worker and database.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from bench import measuring
from bench.report import Sheet
from bench.servers import cookies
from tests.support.deployment.deployment import KARI, OLA, OLA_NUMBER, Deployment, form_settings
from tests.support.stage.sender import CLIENT_ID

FIRST, MAX_COUNT, SECONDS = 16, 512, 25
GROWS = 1.25
"""Twice as many people must get so many times as much done, or the last step was the size."""
SHARES, LENGTH = 10, 400_000
EWA_NUMBER = "47906701517"
HEAD = ("kind", "requests/s", "median, ms", "p95, ms", "p99, ms", "failures")


@dataclass(frozen=True, slots=True)
class Step:
    """So many people, and what locust counted of each kind of request."""

    people: int
    kinds: Sequence[dict[str, Any]]

    @property
    def rate(self) -> float:
        """Requests a second, of all kinds."""
        return float(sum(kind["num_requests"] for kind in self.kinds)) / SECONDS


def steps(running: Deployment, large: str) -> list[Step]:
    """Twice as many people each time, as long as that gives more."""
    found: list[Step] = []
    with tempfile.NamedTemporaryFile("w", suffix=".json") as given:
        prepared = _prepared(running, large)
        people = FIRST
        while people <= MAX_COUNT and (len(found) < 2 or found[-1].rate > GROWS * found[-2].rate):
            # A fresh token each time: it lives for two minutes.
            token = running.access_token(CLIENT_ID)
            Path(given.name).write_text(json.dumps(prepared | {"system": {"Authorization": f"Bearer {token}"}}))
            found.append(Step(people, _locust(running.url, Path(given.name), people)))
            people *= 2
    return found


def _prepared(running: Deployment, large: str) -> dict[str, Any]:
    kari, ola = running.session(KARI), running.session(OLA)
    account = form_settings(kari.get("/del").text)["accounts"][0]
    shares = [running.share([OLA_NUMBER], {"vedtak.pdf": bytes(LENGTH)}) for _ in range(SHARES)]
    form = {"account_id": account["id"], "title": "Vedtak", "message": "", "reference": "", "confidential": True}
    return {
        "sharer": {"Cookie": cookies(kari), "X-CSRF-Token": kari.headers["X-CSRF-Token"], "Origin": running.url},
        "recipient": {"Cookie": cookies(ola)},
        "number": EWA_NUMBER,
        "form": form | {"archived": True, "expires_at": account["default_expires_at"]},
        "shares": [(f"/d/{share}", path) for share in shares for path in running.document_paths(share)],
        "large": large,
        "length": LENGTH,
    }


def _locust(url: str, given: Path, people: int) -> list[dict[str, Any]]:
    command = [
        sys.executable, "-m", "locust", "--locustfile", str(Path(__file__).with_name("mix.py")), "--headless",
        "--host", url, "--users", str(people), "--spawn-rate", str(people), "--run-time", f"{SECONDS}s",
        "--json", "--loglevel", "ERROR", "--exit-code-on-error", "0",
    ]  # fmt: skip
    done = subprocess.run(command, env=os.environ | {"BENCH_MIX": str(given)}, capture_output=True, check=False)
    if done.returncode:
        raise measuring.Failed(f"locust: {done.stderr.decode().strip()}")
    kinds: list[dict[str, Any]] = json.loads(done.stdout)
    return kinds


def sheet(found: Sequence[Step]) -> Sheet:
    """Each kind of request at the size that was carried: the last that got more done than the one before."""
    best = max(found, key=lambda step: step.rate)
    rows = [_row(kinds) for kinds in _by_name(best.kinds)]
    return Sheet(f"A mix of {best.people} people at once", HEAD, rows)


def growth(found: Sequence[Step]) -> Sheet:
    """What each size got done."""
    rows = [(str(step.people), *_row(step.kinds)[1:]) for step in found]
    return Sheet("More and more people", ("people", *HEAD[1:]), rows)


def _by_name(kinds: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The methods of one kind together."""
    names = sorted({kind["name"] for kind in kinds})
    return [[kind for kind in kinds if kind["name"] == name] for name in names]


def _row(kinds: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    took: Counter[float] = Counter()
    for kind in kinds:
        took.update({float(ms): count for ms, count in kind["response_times"].items()})
    times, count = sorted(took), sum(kind["num_requests"] for kind in kinds)
    upto = list(accumulate(took[ms] for ms in times))
    parts = [
        next(ms for ms, so_far in zip(times, upto, strict=True) if so_far >= count * part) for part in (0.5, 0.95, 0.99)
    ]
    failures = sum(kind["num_failures"] for kind in kinds)
    return kinds[0]["name"], f"{count / SECONDS:.1f}", *(f"{ms:.0f}" for ms in parts), str(failures)
