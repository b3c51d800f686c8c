"""What a receipt says of clients of 300 MB: see tests/downloads/test_receipt_states.py for smaller documents."""

from __future__ import annotations

import os

import pytest

from deldokument.domain.share import ReceiptState
from tests.downloads.test_receipt_states import read, receipts_of
from tests.support.server import BOTH_SOCKET_MODES, OLA, OLA_NUMBER, Deployment, wait_until

pytestmark = [BOTH_SOCKET_MODES, pytest.mark.large, pytest.mark.timeout(600)]
LENGTH = 300_000_000


@pytest.mark.parametrize("share", ["nothing", "half", "all but one", "everything"])
def test_only_a_client_that_has_read_300_mb_is_sent_them(deployment: Deployment, share: str) -> None:
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": os.urandom(1_000_000) * (LENGTH // 1_000_000)})
    [path] = deployment.document_paths(share_id)
    read(deployment, OLA, path, share)
    expected = ReceiptState.SENT if share == "everything" else ReceiptState.STARTED
    wait_until(lambda: receipts_of(deployment, share_id, 1)[0].state is expected, 60, "another state")
