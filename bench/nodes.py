"""`python -m bench.nodes`: what one, two and three nodes and workers carry on this machine, on one PostgreSQL.

For each number of nodes: a recipient's pages from many connections, parallel uploads, parallel downloads, and the
processors' load meanwhile. For each number of workers: documents inspected. The clients
share the processors with what is measured, so the sums are what the machine carries, not what a node could.
"""

import http.client
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from multiprocessing.pool import Pool
from pathlib import Path

from tests.support.deployment.deployment import KARI, OFFSET_TYPE, OLA, OLA_NUMBER, Deployment, wait_until
from tests.support.servers.postgres import running_postgres

CONNECTIONS, PAGE_SECONDS = 16, 4.0
STREAMS, LENGTH = 4, 128 * 2**20
DOCUMENTS, SMALL = 300, 2**20
ROUNDS = 3


def _pages(address: str, path: str, cookie: str) -> int:
    """How many pages one connection gets in the time."""
    connection, count = http.client.HTTPConnection(address), 0
    until = time.monotonic() + PAGE_SECONDS
    while time.monotonic() < until:
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        count += answer.status == 200
    return count


def _put(address: str, path: str, token: str) -> None:
    connection = http.client.HTTPConnection(address)
    headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {token}", "Upload-Offset": "0"}
    block = bytes(2**20)
    body = (block for _ in range(LENGTH // len(block)))
    headers |= {"Content-Type": OFFSET_TYPE, "Content-Length": str(LENGTH)}
    connection.request("PATCH", path, body, headers)
    assert connection.getresponse().status == 204


def _get(address: str, path: str, cookie: str) -> None:
    connection = http.client.HTTPConnection(address)
    connection.request("GET", path, headers={"Cookie": cookie})
    answer, got = connection.getresponse(), 0
    while count := answer.readinto(bytearray(2**20)):
        got += count
    assert (answer.status, got) == (200, LENGTH)


class Busy:
    """The share of all processors that was in use since this was made."""

    def __init__(self) -> None:
        self._before = self._now()

    @staticmethod
    def _now() -> tuple[int, int]:
        words = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(words), words[3] + words[4]

    def share(self) -> float:
        total, idle = (now - before for now, before in zip(self._now(), self._before, strict=True))
        return 1 - idle / max(total, 1)


@contextmanager
def _nodes(running: Deployment, count: int) -> Iterator[list[str]]:
    with ExitStack() as stack:
        others = [stack.enter_context(running.node_beside())[0] for _ in range(count - 1)]
        yield [url.removeprefix("http://") for url in (running.url, *others)]


def _measured(
    pool: Pool, work: Callable[..., object], calls: list[tuple[str, str, str]]
) -> tuple[float, float, list[object]]:
    """Seconds, share of processors, answers."""
    busy, began = Busy(), time.monotonic()
    answers = pool.starmap(work, calls, chunksize=1)
    return time.monotonic() - began, busy.share(), answers


def _of_nodes(running: Deployment, addresses: list[str], pool: Pool) -> str:
    share_id = running.draft()
    running.add_recipients(share_id, [OLA_NUMBER])
    tickets = [running.announce(share_id, f"{number}.bin", LENGTH) for number in range(STREAMS)]
    where = list(islice(cycle(addresses), CONNECTIONS))
    puts = [(where[i], running.create_upload(ticket), ticket.token) for i, ticket in enumerate(tickets)]
    up, up_busy, _ = _measured(pool, _put, puts)
    running.publish(share_id)
    cookie = "; ".join(f"{name}={value}" for name, value in running.session(OLA).cookies.items())
    gets = [(where[i], path, cookie) for i, path in enumerate(running.document_paths(share_id))]
    down, down_busy, _ = _measured(pool, _get, gets)
    seconds, busy, counts = _measured(pool, _pages, [(one, f"/d/{share_id}", cookie) for one in where])
    running.withdraw(share_id)
    pages = sum(counts) / seconds  # type: ignore[arg-type]
    volume = STREAMS * LENGTH / 1e9
    return f"{pages:.0f} ({busy:.0%}) | {volume / up:.2f} ({up_busy:.0%}) | {volume / down:.2f} ({down_busy:.0%})"


def _of_workers(running: Deployment, count: int) -> str:
    share_id, content = running.draft(), os.urandom(SMALL)
    running.add_recipients(share_id, [OLA_NUMBER])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: running.upload(share_id, f"{number}.bin", content), range(DOCUMENTS)))
    running.publish_uninspected(share_id)
    workers = [running._start("worker", (), {}) for _ in range(count)]
    first = _inspected(running, share_id)
    wait_until(lambda: _inspected(running, share_id) > first, 60, "no worker works")
    busy, began, first = Busy(), time.monotonic(), _inspected(running, share_id)
    wait_until(lambda: _inspected(running, share_id) == DOCUMENTS, 120, "not inspected")
    rate = (DOCUMENTS - first) / (time.monotonic() - began)
    share = busy.share()
    for worker in workers:
        worker.terminate()
        worker.wait()
    running.withdraw(share_id)
    return f"{rate:.0f} ({share:.0%})"


def _inspected(running: Deployment, share_id: str) -> int:
    with running.node.deps.database.read() as tx:
        return sum(document.inspected_at is not None for document in tx.shares.documents([share_id]))


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory(prefix="bench-nodes-", dir=os.environ.get("BENCH_FOLDER")) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with (
            running_postgres(folder / "pg") as server,
            server.database() as url,
            Deployment(folder / "d", url, delivered=True) as running,
        ):
            assert running.session(KARI)
            with Pool(CONNECTIONS) as pool:
                print("| nodes | pages a second (processors in use) | up, GB/s | down, GB/s |\n|---|---|---|---|")
                for count in (1, 2, 3):
                    with _nodes(running, count) as addresses:
                        for _ in range(ROUNDS):
                            print(f"| {count} | {_of_nodes(running, addresses, pool)} |", flush=True)
            running.stop_worker()
            print("\n| workers | documents of 1 MiB inspected a second |\n|---|---|")
            for count in (1, 2, 3):
                print(f"| {count} | {_of_workers(running, count)} |", flush=True)


if __name__ == "__main__":
    main()
