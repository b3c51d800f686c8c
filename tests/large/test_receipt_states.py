"""What a receipt says of clients of 300 MB: see tests/downloads/test_receipt_states.py for smaller documents."""

import os
from pathlib import Path

import pytest

from deldokument.domain.shares.share import ReceiptState
from tests.downloads.test_receipt_states import read, receipts_of
from tests.nodes.test_proxied_receipts import bytes_read, visiting
from tests.support.deployment.deployment import BOTH_SOCKET_MODES, OLA, OLA_NUMBER, Deployment, wait_until
from tests.support.servers.nginx import proxy

pytestmark = [BOTH_SOCKET_MODES, pytest.mark.large, pytest.mark.timeout(600)]
LENGTH = 300_000_000


@pytest.mark.parametrize("share", ["nothing", "half", "all but one", "everything"])
def test_only_a_client_that_has_read_300_mb_is_sent_them(deployment: Deployment, share: str) -> None:
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": os.urandom(1_000_000) * (LENGTH // 1_000_000)})
    [path] = deployment.document_paths(share_id)
    read(deployment, OLA, path, share)
    expected = ReceiptState.SENT if share == "everything" else ReceiptState.STARTED
    wait_until(lambda: receipts_of(deployment, share_id, 1)[0].state is expected, 60, "another state")


@pytest.mark.parametrize("share", ["nothing", "half", "all but one", "everything"])
def test_behind_the_proxy_300_mb_are_sent_only_to_a_client_that_takes_them(
    deployment: Deployment, tmp_path: Path, share: str
) -> None:
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": os.urandom(1_000_000) * (LENGTH // 1_000_000)})
    [path] = deployment.document_paths(share_id)
    count = bytes_read(LENGTH, share)
    with (
        proxy(tmp_path, [deployment.url.removeprefix("http://")]) as front,
        visiting(front, deployment, OLA) as (client, headers),
    ):
        client.receive(client.ask(path, headers, window=count), count)
    [receipt] = receipts_of(deployment, share_id, 1)
    assert not receipt.is_whole
    if share != "all but one":
        expected = ReceiptState.SENT if share == "everything" else ReceiptState.STARTED
        wait_until(lambda: receipts_of(deployment, share_id, 1)[0].state is expected, 60, "another state")
