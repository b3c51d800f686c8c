"""Many small requests: few parts, the same bytes, and never in an upload's way."""

import os
from dataclasses import replace

import pytest

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.manifest import open_manifest
from deldokument.crypto.stream import CAPACITY
from deldokument.domain.errors import Broken, Conflict, StorageFull
from deldokument.domain.shares.upload import Part
from deldokument.ports.dependencies import Dependencies
from deldokument.services.downloads import part_reader
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.maintenance import retention
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.upload_tickets import UploadTicket
from deldokument.services.uploads import append as uploads_append
from deldokument.services.uploads import part_writer
from deldokument.services.uploads.compaction import compact_parts
from tests.support.faults.faulty_ports import FaultyDatabase, SmallBlobStore
from tests.support.stage.stage import KARI, Stage, person
from tests.support.stored_data import bytes_of, put_in_its_place


class Document:
    """One upload, sent piece by piece."""

    def __init__(self, stage: Stage, length: int) -> None:
        self.stage = stage
        self.share_id = stage.draft().id
        self.ticket: UploadTicket = drafts.add_document(
            stage.deps, person(KARI), self.share_id, name="a.bin", length=length, modified_at=None
        )
        self.sent = b""
        share_key = existing_key(stage.deps.keyring, share_key_id(self.share_id))
        self.data_key = derive(share_key, Purpose.DATA, bytes.fromhex(self.ticket.document_id))

    def send(self, piece: bytes, deps: Dependencies | None = None) -> int:
        append = uploads_append.begin_append(
            deps or self.stage.deps, self.ticket.token, self.ticket.upload_id, offset=len(self.sent), announced=None
        )
        append.write([piece])
        self.sent += piece
        return append.finish()

    def parts(self) -> list[Part]:
        with self.stage.deps.database.read() as tx:
            return tx.uploads.parts(self.ticket.upload_id)

    def add_part(self) -> None:
        """Another part without a merge, as a request that was killed leaves it."""
        with self.stage.deps.database.write() as tx:
            last = self.parts()[-1]
            assert tx.uploads.advance(
                self.ticket.upload_id,
                last.stop,
                last.stop + 1,
                [Part("f" * 32, last.upload_id, last.stop, 1, bytes([40]) + bytes(39))],
            )

    def content(self) -> bytes:
        """The completed document's bytes, from manifest and blobs."""
        deps = self.stage.deps
        with deps.database.read() as tx:
            document = tx.shares.document(self.ticket.document_id)
        assert document is not None
        share_key = existing_key(deps.keyring, share_key_id(self.share_id))
        manifest = open_manifest(share_key, bytes.fromhex(document.id), document.sealed_manifest)
        pieces = part_reader.read_parts(deps, manifest, self.data_key, 0, manifest.length, part_reader.STEP)
        return b"".join(bytes(piece) for _, piece in pieces)

    def merge(self, deps: Dependencies) -> None:
        compact_parts(deps, self.ticket.upload_id, self.ticket.document_id, self.data_key)


def stored(stage: Stage) -> set[str]:
    return {blob.name for blob in stage.deps.blobs.list()}


def test_a_hundred_requests_of_one_byte_make_few_parts_and_the_same_document(stage: Stage) -> None:
    content = os.urandom(100)
    document = Document(stage, len(content))
    for byte in content:
        document.send(bytes([byte]))
        assert len(document.parts()) <= 16
    assert document.content() == content
    while retention.delete_garbage(stage.deps):
        pass
    assert stored(stage) == {part.id for part in document.parts()}


def test_merging_over_the_borders_of_segments_keeps_every_byte(stage: Stage) -> None:
    sizes = [CAPACITY - 41, CAPACITY - 40, CAPACITY, CAPACITY + 1, 3, 700_000, 1]
    content = os.urandom(sum(sizes))
    document, start = Document(stage, len(content)), 0
    for size in sizes:
        document.send(content[start : start + size])
        start += size
    assert document.content() == content


def test_a_small_part_before_a_full_one_goes_with_it(stage: Stage) -> None:
    content = os.urandom(8 * 2**20 + 1)
    document = Document(stage, len(content) + 1)
    document.send(content[:1])
    append = uploads_append.begin_append(
        stage.deps, document.ticket.token, document.ticket.upload_id, offset=1, announced=None
    )
    for start in range(1, len(content), part_writer.FEED):
        append.write([content[start : start + part_writer.FEED]])
    append.finish()
    document.sent = content
    assert len(document.parts()) == 2
    document.send(b"z")
    assert document.content() == content + b"z"


def test_of_two_merges_at_once_one_gives_up_and_leaves_nothing(stage: Stage) -> None:
    document = Document(stage, 9)
    document.send(b"abcd")
    other = FaultyDatabase(stage.deps.database, before=[lambda: None, lambda: document.merge(stage.deps)])
    document.send(b"efgh", replace(stage.deps, database=other))
    [part] = document.parts()
    assert (part.offset, part.length) == (0, 8)
    while retention.delete_garbage(stage.deps):
        pass
    assert stored(stage) == {part.id}


def test_a_part_that_another_has_deleted_meanwhile_stops_no_upload(stage: Stage) -> None:
    document = Document(stage, 9)
    document.send(b"ab")
    document.add_part()
    document.merge(stage.deps)
    assert [part.length for part in document.parts()] == [2, 1]
    assert len(stored(stage)) == 1


def test_without_space_for_merging_the_upload_goes_on(stage: Stage) -> None:
    document = Document(stage, 200_000)
    store = SmallBlobStore(stage.deps.blobs, 250_000)
    deps = replace(stage.deps, blobs=store)
    document.send(bytes(100_000), deps)
    assert document.send(bytes(99_999), deps) == 199_999
    assert (store.open, len(document.parts()), len(stored(stage))) == (0, 2, 2)
    store.free, store.broken = 2**30, StorageFull("no new object")
    document.merge(deps)
    assert len(document.parts()) == 2


def test_a_merge_with_a_lost_answer_keeps_the_new_part(stage: Stage) -> None:
    document = Document(stage, 9)
    document.send(b"abcd")
    database = FaultyDatabase(stage.deps.database)
    database.before = [lambda: None, lambda: setattr(database, "lost", True)]
    assert document.send(b"efgh", replace(stage.deps, database=database)) == 8
    [part] = document.parts()
    assert part.id in stored(stage)
    document.send(b"i")
    assert document.content() == b"abcdefghi"


def test_a_part_that_was_tampered_with_is_never_merged(stage: Stage) -> None:
    document = Document(stage, 9)
    document.send(b"abcd")
    [part] = document.parts()
    sealed = bytes_of(stage.deps.blobs, part.id)
    put_in_its_place(stage.deps.blobs, part.id, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(IntegrityError):
        document.send(b"efgh")
    assert len(document.parts()) == 2
    assert len(stored(stage)) == 2


def test_a_merge_leaves_nothing_when_there_is_nothing_to_merge(stage: Stage) -> None:
    document = Document(stage, 9)
    document.send(b"abcd")
    before = stored(stage)
    document.merge(stage.deps)
    assert stored(stage) == before
    with pytest.raises(Broken):
        stage.deps.blobs.read("f" * 32, 0, 1)


def test_a_request_that_began_before_a_merge_loses_to_those_that_were_merged(stage: Stage) -> None:
    document = Document(stage, 12)
    document.send(b"abcd")
    late = uploads_append.begin_append(
        stage.deps, document.ticket.token, document.ticket.upload_id, offset=4, announced=None
    )
    late.write([b"XXXX"])
    document.send(b"efgh")
    assert len(document.parts()) == 1
    with pytest.raises(Conflict, match="upload_offset"):
        late.finish()
    document.send(b"ijkl")
    assert document.content() == b"abcdefghijkl"
