"""What receipts say behind nginx as it is delivered: of clients that read nothing, half, all but one byte, everything.

A proxy acknowledges what it has taken, whether or not its own client reads it. So no document is sent in full. One that
the proxy can hold may be sent though nobody has read it; a larger one is not. Only a confirmation proves receipt.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deldokument.domain.shares.share import Receipt, ReceiptState
from tests.downloads.test_receipt_states import NUMBERS, SIZES
from tests.nodes.conftest import Nodes
from tests.support.deployment.deployment import KARI, LISE, OLA, OLA_NUMBER, PER, SIV, Deployment, wait_until
from tests.support.faults.http2 import Http2, connected
from tests.support.servers.nginx import HOST, Front
from tests.support.stored_data import document_receipts

# Two nodes, their registers and a database start before the first of them.
pytestmark = pytest.mark.timeout(400)

_SECONDS = 60.0
READERS = {OLA: "nothing", SIV: "half", KARI: "all but one", PER: "everything"}
LARGE = 16_000_000
"""More than a proxy and the kernel hold of one response."""


def bytes_read(length: int, share: str) -> int:
    """So many bytes of a document does a client read."""
    return {"nothing": 0, "half": length // 2, "all but one": length - 1, "everything": length}[share]


@contextmanager
def visiting(front: Front, deployment: Deployment, who: str) -> Iterator[tuple[Http2, dict[str, str]]]:
    """A connection of HTTP/2, and the header of the person's session."""
    pairs = deployment.session(who).cookies.items()
    with connected(front) as client:
        yield client, {"cookie": "; ".join(f"{name}={value}" for name, value in pairs)}


def receipts_of(deployment: Deployment, share_id: str, readers: dict[str, str]) -> dict[tuple[str, int], Receipt]:
    """The receipts by reader and length of the document."""
    with deployment.deps.database.read() as tx:
        names = dict(zip((one.id for one in tx.shares.recipients([share_id])), readers, strict=True))
        lengths = {one.id: one.length for one in tx.shares.documents([share_id])}
    found = document_receipts(deployment.deps, share_id)
    return {(names[one.recipient_id], lengths[one.document_id or ""]): one for one in found}


def test_over_http2_nothing_is_sent_in_full_and_no_large_document_that_was_not_read(
    request: pytest.FixtureRequest, nodes: Nodes, either: Front
) -> None:
    deployment, files = nodes.deployment, {name: os.urandom(size) for name, size in SIZES.items()}
    share_id = deployment.share([NUMBERS[who] for who in READERS], files)
    for who, share in READERS.items():
        with visiting(either, deployment, who) as (client, headers):
            for path, length in zip(deployment.document_paths(share_id), SIZES.values(), strict=True):
                count = bytes_read(length, share)
                client.receive(client.ask(path, headers, window=count), count)
    everything = {(PER, length) for length in SIZES.values()}
    certain = everything | {(who, LARGE) for who in (SIV, KARI)}
    if request.node.callspec.params["either"] == "front":
        # Of one that leaves at once, nothing is certain at a Unix socket.
        certain |= {(OLA, length) for length in SIZES.values()}

    def is_settled() -> bool:
        found = receipts_of(deployment, share_id, READERS)
        return certain <= found.keys() and all(found[one].state is ReceiptState.SENT for one in everything)

    wait_until(is_settled, _SECONDS, "not every receipt came")
    found = receipts_of(deployment, share_id, READERS)
    assert not any(receipt.is_whole for receipt in found.values())
    unread = [receipt for (who, length), receipt in found.items() if length == LARGE and who in (OLA, SIV)]
    assert {receipt.state for receipt in unread} == {ReceiptState.STARTED}


def test_four_ranges_at_once_and_the_zip_over_http2_are_sent_only_if_all_is_taken(nodes: Nodes, either: Front) -> None:
    deployment, small = nodes.deployment, 16_000
    readers = {OLA: "ranges", SIV: "ranges but the last", KARI: "zip", LISE: "zip, unread"}
    files = {"liten.bin": os.urandom(small), "stor.bin": os.urandom(LARGE)}
    share_id = deployment.share([NUMBERS[who] for who in readers], files)
    path = deployment.document_paths(share_id)[1]
    starts = [0, 100_000, 200_000, 300_000, LARGE]
    for who, last in ((OLA, LARGE - 300_000), (SIV, 0)):
        with visiting(either, deployment, who) as (client, headers):
            windows = [100_000, 100_000, 100_000, last]
            streams = [
                client.ask(path, headers | {"range": f"bytes={start}-{stop - 1}"}, window=window)
                for start, stop, window in zip(starts, starts[1:], windows, strict=False)
            ]
            for stream, window in zip(streams, windows, strict=True):
                client.receive(stream, window)
    for who, window in ((KARI, 2 * LARGE), (LISE, 0)):
        with visiting(either, deployment, who) as (client, headers):
            stream = client.ask(f"/d/{share_id}/alt.zip", headers, window=window)
            client.receive(stream, LARGE + small if window else 0)
            if window:
                client.finish(stream)
    sent = {(OLA, LARGE), (KARI, small), (KARI, LARGE)}

    def is_settled() -> bool:
        found = receipts_of(deployment, share_id, readers)
        return (SIV, LARGE) in found and all(one in found and found[one].is_sent for one in sent)

    wait_until(is_settled, _SECONDS, "not every receipt came")
    found = receipts_of(deployment, share_id, readers)
    assert not any(receipt.is_whole for receipt in found.values())
    assert not any(found[one].is_sent for one in ((SIV, LARGE), (LISE, LARGE)) if one in found)


# Of one that leaves at once, nothing is certain at a Unix socket.
@pytest.mark.parametrize(("either", "share"), [("front", 0.0), ("front", 0.25), ("local", 0.25)], indirect=["either"])
def test_a_reader_behind_the_proxy_that_leaves_before_the_end_is_not_sent_the_document(
    nodes: Nodes, either: Front, share: float
) -> None:
    front, deployment, length = either, nodes.deployment, 16_000_000
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": os.urandom(length)})
    [path] = deployment.document_paths(share_id)
    cookies = "; ".join(f"{name}={value}" for name, value in deployment.session(OLA).cookies.items())
    with front.connect(receive_buffer=64 * 1024) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookies}\r\n\r\n".encode())
        got = len(connection.recv(1))
        while got < length * share:
            got += len(connection.recv(2**16))
    wait_until(lambda: bool(document_receipts(deployment.deps, share_id)), _SECONDS, "no receipt")
    [receipt] = document_receipts(deployment.deps, share_id)
    assert receipt.state is ReceiptState.STARTED
    if share:
        # What the proxy had read counts, so that the rest completes it.
        assert receipt.covered
