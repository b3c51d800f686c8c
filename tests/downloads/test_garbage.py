"""A reader that sends what is no request while a document comes."""

import os

import pytest

from tests.downloads.test_cut import reading
from tests.support.deployment.deployment import BOTH_SOCKET_MODES, OLA, OLA_NUMBER, Deployment

MEGABYTES = 30


@BOTH_SOCKET_MODES
@pytest.mark.parametrize("after", [2_000_000, 20_000_000])
def test_garbage_from_a_reader_is_never_answered_among_the_bytes_of_a_document(
    deployment: Deployment, after: int
) -> None:
    content = os.urandom(1_000_000) * MEGABYTES
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": content})
    [path] = deployment.document_paths(share_id)
    came = bytearray()
    with reading(deployment, OLA, path) as connection:
        while len(came) < after:
            came += connection.recv(2**20)
        connection.sendall(b"\0\0\r\n\r\n")
        try:
            while more := connection.recv(2**20):
                came += more
        except ConnectionResetError:
            pass
    # A quick reader may have had all of it before what it sent was looked at; an answer to that may stand behind it.
    body = bytes(came.partition(b"\r\n\r\n")[2])[: len(content)]
    assert len(body) > after // 2
    assert content.startswith(body)
