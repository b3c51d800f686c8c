"""What a receipt says of clients that read nothing of a document, half of it, all but a byte, and everything."""

import os
import select
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from deldokument.domain.shares.share import Receipt
from deldokument.simulators.common.cast import load_cast
from tests.support.deployment.deployment import BOTH_SOCKET_MODES, KARI, OLA, OLA_NUMBER, SIV, Deployment, wait_until
from tests.support.stored_data import document_receipts

pytestmark = BOTH_SOCKET_MODES
SIZES = {"1 kB": 1_000, "16 kB": 16_000, "1 MB": 1_000_000, "4 MB": 4_000_000, "16 MB": 16_000_000}
NUMBERS = {person.name: person.identifier for person in load_cast().people}


@contextmanager
def asked(running: Deployment, who: str, path: str, **headers: str) -> Iterator[tuple[socket.socket, int]]:
    """The connection with the response's head read, and the length of its body.

    The client acknowledges at once, so that a server that trusts acknowledgements alone counts what nobody has read.
    """
    cookies = "; ".join(f"{name}={value}" for name, value in running.session(who).cookies.items())
    lines = [f"GET {path} HTTP/1.1", "Host: x", f"Cookie: {cookies}", *(f"{k}: {v}" for k, v in headers.items())]
    with socket.create_connection(("127.0.0.1", running.port), 60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            head += connection.recv(1)
        assert head.split()[1] in {b"200", b"206"}
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        yield connection, int(head.lower().split(b"content-length: ")[1].split()[0])


def read(running: Deployment, who: str, path: str, share: str, **headers: str) -> None:
    """Ask, read nothing, half, all but one byte or everything, and close."""
    with asked(running, who, path, **headers) as (connection, length):
        left = {"nothing": 0, "half": length // 2, "all but one": length - 1, "everything": length}[share]
        while left:
            left -= len(connection.recv(min(left, 2**20)))
        if share != "everything":
            assert select.select([connection], [], [], 60)[0]


def receipts_of(running: Deployment, share_id: str, count: int) -> list[Receipt]:
    wait_until(lambda: len(document_receipts(running.deps, share_id)) == count, 60, "the receipts did not come")
    return document_receipts(running.deps, share_id)


@pytest.mark.parametrize("share", ["nothing", "half", "all but one"])
def test_a_client_that_has_not_read_everything_is_never_sent_the_document(deployment: Deployment, share: str) -> None:
    share_id = deployment.share([OLA_NUMBER], {name: os.urandom(size) for name, size in SIZES.items()})
    for path in deployment.document_paths(share_id):
        read(deployment, OLA, path, share)
    for receipt in receipts_of(deployment, share_id, len(SIZES)):
        assert receipt.completed_at is None, receipt


def test_a_client_that_reads_everything_and_closes_at_once_is_sent_the_document(deployment: Deployment) -> None:
    share_id = deployment.share([OLA_NUMBER], {name: os.urandom(size) for name, size in SIZES.items()})
    for path in deployment.document_paths(share_id):
        read(deployment, OLA, path, "everything")
    wait_until(
        lambda: [bool(r.completed_at) for r in document_receipts(deployment.deps, share_id)] == [True] * len(SIZES),
        60,
        "not every receipt is whole",
    )


def test_four_parallel_ranges_are_the_document_only_if_each_is_read(deployment: Deployment) -> None:
    share_id = deployment.share([OLA_NUMBER, NUMBERS[SIV]], {"vedtak.pdf": os.urandom(4_000_000)})
    [path] = deployment.document_paths(share_id)
    ranges = [f"bytes={start}-{start + 999_999}" for start in range(0, 4_000_000, 1_000_000)]
    for who, last in ((OLA, "everything"), (SIV, "nothing")):
        with ThreadPoolExecutor(4) as pool:
            for asked_range, share in zip(ranges, [*["everything"] * 3, last], strict=True):
                pool.submit(read, deployment, who, path, share, Range=asked_range)
    wait_until(lambda: sum(map(span, document_receipts(deployment.deps, share_id))) >= 7_000_000, 60, "too few bytes")
    assert sorted(bool(one.completed_at) for one in document_receipts(deployment.deps, share_id)) == [False, True]


def span(receipt: Receipt) -> int:
    return sum(stop - start for start, stop in receipt.covered)


def test_the_zip_is_sent_document_by_document_only_to_a_client_that_reads_it(deployment: Deployment) -> None:
    readers = {OLA: "everything", SIV: "nothing", KARI: "all but one"}
    files = {"a.txt": os.urandom(1_000), "b.txt": os.urandom(16_000), "c.txt": os.urandom(1_000_000)}
    share_id = deployment.share([NUMBERS[who] for who in readers], files)
    for who, share in readers.items():
        read(deployment, who, f"/d/{share_id}/alt.zip", share)

    def touched() -> set[str]:
        return {receipt.recipient_id for receipt in document_receipts(deployment.deps, share_id)}

    wait_until(lambda: len(touched()) == len(readers), 60, "the receipts did not come")
    complete = Counter(r.subject_id for r in document_receipts(deployment.deps, share_id) if r.completed_at)
    assert list(complete.values()) == [len(files)]


def test_a_resumed_download_is_whole_though_the_first_connection_was_reset(deployment: Deployment) -> None:
    share_id = deployment.share([OLA_NUMBER], {"vedtak.pdf": os.urandom(16_000_000)})
    [path] = deployment.document_paths(share_id)
    with asked(deployment, OLA, path) as (connection, _):
        left = 8_000_000
        while left:
            left -= len(connection.recv(min(left, 2**20)))
    receipts_of(deployment, share_id, 1)
    # The reset may have come before the kernel acknowledged the last of what was read; these bytes are asked for again.
    read(deployment, OLA, path, "everything", Range="bytes=7000000-")
    wait_until(lambda: bool(document_receipts(deployment.deps, share_id)[0].completed_at), 60, "not whole")
