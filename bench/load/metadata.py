"""How long people and systems wait for what holds no document's bytes, and for the first byte of a range.

Asked in rounds that go through every question, one request at a time, each question on a connection of its own.
"""

import http.client
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from bench import measuring
from bench.measuring import Job
from bench.report import Sheet
from bench.servers import Ours, cookies, request
from tests.support.deployment.deployment import KARI, OFFSET_TYPE, OLA, OLA_NUMBER, Deployment
from tests.support.stage.sender import CLIENT_ID

ROUNDS, WARMING = 300, 20
MEDIAN_MS, P99_MS, FIRST_BYTE_MS = 15, 60, 20
TAIL = 64 * 2**10
HEAD = ("asked for", "requests", "median, ms", "p95, ms", "p99, ms", "aim")


@dataclass(frozen=True, slots=True)
class Question:
    """A request that is to be answered with ``status``."""

    method: str
    path: str
    headers: Mapping[str, str]
    status: int = 200


def latencies(port: int, questions: Mapping[str, Question], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Milliseconds until the first byte of the body, or the end of an answer without one, of each question."""
    connections = {name: http.client.HTTPConnection("127.0.0.1", port, timeout=60) for name in questions}
    took: dict[str, list[float]] = {name: [] for name in questions}
    for number in range(WARMING + rounds):
        for name, question in questions.items():
            began = time.perf_counter()
            connections[name].request(question.method, question.path, headers=dict(question.headers))
            answer = connections[name].getresponse()
            answer.read(1)
            if number >= WARMING:
                took[name].append((time.perf_counter() - began) * 1000)
            answer.read()
            if answer.status != question.status:
                raise measuring.Failed(f"{question.path} answered {answer.status}")
    for connection in connections.values():
        connection.close()
    return took


def of_metadata(running: Deployment) -> dict[str, Question]:
    """What is asked for most: a document's head, a share's page, and lists."""
    share_id = running.share([OLA_NUMBER], {"vedtak.pdf": b"%PDF-1.7" + bytes(400_000)})
    kari, ola = ({"Cookie": cookies(running.session(name))} for name in (KARI, OLA))
    system = {"Authorization": f"Bearer {running.access_token(CLIENT_ID)}"}
    [document] = running.document_paths(share_id)
    return {
        "HEAD of a document": Question("HEAD", document, ola),
        "the recipient's page of a share": Question("GET", f"/d/{share_id}", ola),
        "the recipient's list, «Delt med meg»": Question("GET", "/mine", ola),
        "the sender's list, «Delinger»": Question("GET", "/delinger", kari),
        "the sender's page of a share": Question("GET", f"/delinger/{share_id}", kari),
        "the API's list, 50 shares": Question("GET", "/api/v1/shares", system),
    }


def of_the_end(running: Deployment, length: int) -> dict[str, Question]:
    """The last bytes of a document so long."""
    draft = running.draft()
    running.add_recipients(draft, [OLA_NUMBER])
    ticket = running.announce(draft, "stor.bin", length)
    headers = {**ticket.headers, "Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
    head = request("PATCH", running.create_upload(ticket), headers, length)
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as source:
        os.truncate(source.name, length)
        measuring.talk(Ours(running), Job(head, length, Path(source.name)))
    running.publish(draft)
    [document] = running.document_paths(draft)
    asked = {"Cookie": cookies(running.session(OLA)), "Range": f"bytes=-{TAIL}"}
    return {f"the last {TAIL // 1024} KiB of {length / 2**30:g} GiB": Question("GET", document, asked, 206)}


def sheet(title: str, found: Mapping[str, Sequence[float]], aim: str) -> Sheet:
    """A row for each question."""
    rows = [(name, str(len(took)), *(f"{one:.1f}" for one in spread(took)), aim) for name, took in found.items()]
    return Sheet(title, HEAD, rows)


def spread(took: Sequence[float]) -> tuple[float, float, float]:
    """Median, 95th and 99th percentile."""
    parts = quantiles(took, n=100)
    return median(took), parts[94], parts[98]
