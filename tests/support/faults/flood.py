"""Many connections that ask for one page again and again, as a program of its own.

    python tests/support/faults/flood.py PORT CONNECTIONS PATH

Each connection sends its next request as soon as the last one is answered. Prints one line of JSON, the number of
answers by status, when its standard input is closed.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_BROKEN = "broken"


@contextmanager
def flood(port: int, connections: int, path: str) -> Iterator[Counter[str]]:
    """Run the program until the block is left; the counter is filled then."""
    answers: Counter[str] = Counter()
    line = [sys.executable, __file__, str(port), str(connections), path]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield answers
        finally:
            out, _ = process.communicate(timeout=60)
            answers.update(json.loads(out))


async def _ask(port: int, request: bytes, answers: Counter[str]) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while True:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(int(lengths[0].split(b":")[1]))
                answers[head.split(b" ", 2)[1].decode()] += 1
        except (OSError, asyncio.IncompleteReadError):
            answers[_BROKEN] += 1
            await asyncio.sleep(0.1)


async def _main(port: int, connections: int, path: str) -> None:
    answers: Counter[str] = Counter()
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/html\r\n\r\n".encode()
    tasks = [asyncio.create_task(_ask(port, request, answers)) for _ in range(connections)]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
