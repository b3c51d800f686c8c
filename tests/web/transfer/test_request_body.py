"""A request's last bytes fail like those before them: nothing runs on behind it, and what had room is kept."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.requests import Request
from starlette.types import Message

from deldokument.crypto.stream import FULL_PART_PLAINTEXT, ciphertext_length
from deldokument.domain.errors import StorageFull
from deldokument.ports.dependencies import Dependencies
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.upload_tickets import UploadTicket
from deldokument.services.uploads import append
from deldokument.services.uploads.part_writer import FEED
from deldokument.web.transfer.request_body import receive
from tests.support.faults.faulty_ports import SmallBlobStore
from tests.support.stage.stage import KARI, Stage, person
from tests.support.stored_data import names

TAIL = FEED // 2


@pytest.fixture
def ticket(stage: Stage) -> UploadTicket:
    return drafts.add_document(stage.deps, person(KARI), stage.draft().id, name="a.bin", length=2**30, modified_at=None)


def body(length: int, end: Message) -> Iterator[Message]:
    """So many bytes in pieces as they come from a socket, and what comes after them."""
    for start in range(0, length, 2**16):
        yield {"type": "http.request", "body": bytes(min(2**16, length - start)), "more_body": True}
    yield end


def sent(deps: Dependencies, ticket: UploadTicket, messages: Iterator[Message]) -> int:
    """What a request with that body comes to."""

    async def hear() -> Message:
        return next(messages)

    request = Request({"type": "http", "headers": []}, hear)
    return asyncio.run(receive(deps, request, ticket.token, ticket.upload_id, offset=0, announced=None))


@pytest.mark.parametrize("end", ["http.request", "http.disconnect"])
def test_without_space_for_the_last_bytes_the_parts_before_them_are_kept(
    stage: Stage, ticket: UploadTicket, end: str
) -> None:
    # Two parts, and the sealed bytes of the third, before the last bytes are passed on.
    store = SmallBlobStore(stage.deps.blobs, 2 * ciphertext_length(FULL_PART_PLAINTEXT))
    messages = body(2 * FULL_PART_PLAINTEXT + TAIL, {"type": end, "body": b"", "more_body": False})
    with pytest.raises(StorageFull):
        sent(replace(stage.deps, blobs=store), ticket, messages)
    assert store.open == 0
    with stage.deps.database.read() as tx:
        parts = tx.uploads.parts(ticket.upload_id)
    assert [part.stop for part in parts] == [FULL_PART_PLAINTEXT, 2 * FULL_PART_PLAINTEXT]
    assert names(stage.deps.blobs, stage.folder) == {part.id for part in parts}
    assert append.find_upload(stage.deps, ticket.token).offset == 2 * FULL_PART_PLAINTEXT
