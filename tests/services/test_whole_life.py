"""A share's whole life through the use cases."""

import hashlib
import os

import pytest

from deldokument import worker
from deldokument.domain.errors import Gone, NotFound, RightMissing
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import delivery, offers
from deldokument.services.shares.published import publishing
from tests.support.stage.stage import FJELL, KARI, LISE, OLA, PER, SIV, Stage, person


def whole(stage: Stage, reader: str, share_id: str, document_id: str) -> bytes:
    content = downloads_content.open_document(stage.deps, person(reader), share_id, document_id)
    data = b"".join(bytes(b) for b in downloads_content.read_content(stage.deps, content, 0, content.length))
    delivery.record_delivery(stage.deps, content, 0, content.length)
    return data


def test_named_recipients_and_nobody_else_read_what_was_shared(stage: Stage) -> None:
    content = os.urandom(20_000_000)
    share_id = stage.publish(OLA, FJELL, content=content)
    [document_id] = stage.document_ids(share_id)
    for reader in (OLA, PER):
        assert hashlib.sha256(whole(stage, reader, share_id, document_id)).digest() == hashlib.sha256(content).digest()
    for stranger in (SIV, LISE, KARI):
        with pytest.raises((NotFound, RightMissing)):
            offers.open_share(stage.deps, person(stranger), share_id)


def test_an_ended_share_is_gone_for_its_recipient_and_unknown_to_a_stranger(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    stage.clock.advance(days=10)
    with pytest.raises(Gone):
        offers.open_share(stage.deps, person(OLA), share_id)
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(SIV), share_id)


def test_after_a_withdrawal_neither_key_nor_blob_is_left(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    worker.end_what_is_over(stage.deps)
    assert stage.deps.keyring.ids("share:") == []
    assert list(stage.deps.blobs.list()) == []
    with pytest.raises(Gone):
        offers.open_share(stage.deps, person(OLA), share_id)
