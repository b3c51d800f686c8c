"""An upload against a list of bytes: requests come, break, race and are killed; acknowledged bytes stay."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.manifest import open_manifest
from deldokument.domain.errors import ChecksumMismatch, Conflict, TooLarge, existing
from deldokument.ports.dependencies import Dependencies
from deldokument.services.downloads import part_reader
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.drafts import drafts
from deldokument.services.uploads import append as uploads_append
from deldokument.services.uploads.append import Append, Checksum
from deldokument.services.uploads.compaction import compact_parts
from deldokument.services.uploads.part_writer import FEED
from tests.fakes.blobs import MemoryBlobStore
from tests.fakes.keyring import MemoryKeyring
from tests.support.browser import stage_in_memory
from tests.support.stage.stage import KARI, Stage, person

LENGTHS = st.one_of(st.integers(0, 40), st.integers(0, 700_000), st.sampled_from([262_088, 262_128, 524_216]))
SIZES = st.one_of(st.integers(0, 5), st.integers(0, 300_000), st.sampled_from([262_087, 262_088, 262_089]))
SEEDS = st.integers(0, 2**32)


class Model(RuleBasedStateMachine):
    """``acknowledged`` is the model: the bytes that the server has said it has."""

    deps: Dependencies
    share_id: str
    document_id: str
    upload_id: str
    length: int
    acknowledged: bytes

    @property
    def is_under_way(self) -> bool:
        return len(self.acknowledged) < self.length

    def some(self, size: int, seed: int) -> bytes:
        return Random(seed).randbytes(min(size, self.length - len(self.acknowledged)))

    def check(self) -> None:
        """Exactly the acknowledged bytes are stored."""
        assert self._read_back(0, len(self.acknowledged)) == self.acknowledged
        if not self.is_under_way:
            assert self._completed() == self.acknowledged

    def data_key(self) -> bytes:
        return derive(self._share_key(), Purpose.DATA, bytes.fromhex(self.document_id))

    def _share_key(self) -> bytes:
        return existing_key(self.deps.keyring, share_key_id(self.share_id))

    def _read_back(self, start: int, stop: int) -> bytes:
        """Bytes as they stand in the parts, finished or not."""
        with self.deps.database.read() as tx:
            rows = tx.uploads.parts(self.upload_id)
        parts = tuple(
            uploads_append.ManifestPart(bytes.fromhex(row.id), row.offset, row.length, row.header) for row in rows
        )
        manifest = uploads_append.Manifest(bytes.fromhex(self.document_id), sum(row.length for row in rows), parts)
        return read(self.deps, manifest, self.data_key(), start, stop)

    def _completed(self) -> bytes:
        with self.deps.database.read() as tx:
            document = existing(tx.shares.document(self.document_id))
        manifest = open_manifest(self._share_key(), bytes.fromhex(document.id), document.sealed_manifest)
        return read(self.deps, manifest, self.data_key(), 0, manifest.length)


class Uploads(Model):
    """By the use cases."""

    stage: Stage

    @initialize(length=LENGTHS)
    def announce(self, length: int) -> None:
        self.deps = self.stage.deps
        self.share_id = self.stage.draft().id
        self.length = length
        self.acknowledged = b""
        self.hanging: list[tuple[Append, bytes]] = []
        self._take_up()

    def _take_up(self) -> None:
        self.ticket = drafts.add_document(
            self.deps, person(KARI), self.share_id, name="a.bin", length=self.length, modified_at=None
        )
        uploads_append.create_upload(self.deps, self.ticket.token, length=self.length)
        self.document_id, self.upload_id = self.ticket.document_id, self.ticket.upload_id

    def _begin(self, offset: int, checksum: Checksum | None = None) -> Append:
        return uploads_append.begin_append(
            self.deps, self.ticket.token, self.upload_id, offset=offset, announced=None, checksum=checksum
        )

    @precondition(lambda self: self.is_under_way)
    @rule(size=SIZES, seed=SEEDS, pieces=st.integers(1, 4))
    def send(self, size: int, seed: int, pieces: int) -> None:
        content = self.some(size, seed)
        append = self._begin(len(self.acknowledged))
        feed(append, content, pieces)
        assert append.finish() == len(self.acknowledged) + len(content)
        append.abandon()
        self.acknowledged += content

    @precondition(lambda self: self.is_under_way)
    @rule(size=SIZES, seed=SEEDS, right=st.booleans(), early=st.booleans())
    def send_with_checksum(self, size: int, seed: int, right: bool, early: bool) -> None:
        content = self.some(size, seed)
        digest = hashlib.sha256(content if right else content + b"x").digest()
        append = self._begin(len(self.acknowledged), Checksum("sha256", digest))
        feed(append, content, 2)
        if early:
            append.commit()
        if right:
            assert append.finish() == len(self.acknowledged) + len(content)
            self.acknowledged += content
        else:
            with pytest.raises(ChecksumMismatch):
                append.finish()
        append.abandon()

    @rule(wrong=st.integers(-5, 700_000).filter(bool))
    def send_at_a_wrong_offset(self, wrong: int) -> None:
        with pytest.raises(Conflict):
            self._begin(len(self.acknowledged) + wrong)

    @precondition(lambda self: self.is_under_way)
    @rule(beyond=st.integers(1, 1000))
    def send_beyond_the_length(self, beyond: int) -> None:
        append = self._begin(len(self.acknowledged))
        with pytest.raises(TooLarge):
            feed(append, bytes(self.length - len(self.acknowledged) + beyond), 1)
        append.abandon()

    @precondition(lambda self: self.is_under_way)
    @rule(size=SIZES, seed=SEEDS, commit=st.booleans())
    def lose_the_connection(self, size: int, seed: int, commit: bool) -> None:
        """Nothing but what a commit said is there."""
        append = self._begin(len(self.acknowledged))
        content = self.some(size, seed)
        feed(append, content, 1)
        if commit:
            append.commit()
        append.abandon()
        self.acknowledged += content[: append.committed - len(self.acknowledged)]

    @precondition(lambda self: self.is_under_way)
    @rule(size=SIZES, seed=SEEDS)
    def be_killed(self, size: int, seed: int) -> None:
        feed(self._begin(len(self.acknowledged)), self.some(size, seed), 1)

    @precondition(lambda self: self.is_under_way and len(self.hanging) < 2)
    @rule(size=SIZES, seed=SEEDS)
    def hang(self, size: int, seed: int) -> None:
        """A request that stays open while others come."""
        append = self._begin(len(self.acknowledged))
        content = self.some(size, seed)
        feed(append, content, 1)
        self.hanging.append((append, content))

    @precondition(lambda self: bool(self.hanging))
    @rule()
    def wake(self) -> None:
        """What hung is finished: it wins if nobody was before it, and changes nothing if somebody was."""
        append, content = self.hanging.pop()
        if append.committed == len(self.acknowledged):
            assert append.finish() == len(self.acknowledged) + len(content)
            self.acknowledged += content
        elif content:
            with pytest.raises(Conflict):
                append.finish()
        append.abandon()

    @precondition(lambda self: self.is_under_way)
    @rule()
    def choose_the_file_again(self) -> None:
        self._take_up()
        assert self.ticket.offset == len(self.acknowledged)

    @precondition(lambda self: self.is_under_way)
    @rule()
    def merge(self) -> None:
        compact_parts(self.deps, self.upload_id, self.document_id, self.data_key())

    @invariant()
    def the_offset_is_what_was_acknowledged(self) -> None:
        if hasattr(self, "ticket"):
            assert self._offset() == len(self.acknowledged)

    def teardown(self) -> None:
        if hasattr(self, "ticket"):
            self.check()

    def _offset(self) -> int:
        return uploads_append.find_upload(self.deps, self.ticket.token, self.upload_id).offset


def feed(append: Append, content: bytes, pieces: int) -> None:
    """Everything, in feeds of at most FEED bytes, each of so many pieces."""
    for start in range(0, len(content), FEED):
        batch = content[start : start + FEED]
        size = max(1, -(-len(batch) // pieces))
        append.write([batch[at : at + size] for at in range(0, len(batch), size)])


def read(deps: Dependencies, manifest: uploads_append.Manifest, data_key: bytes, start: int, stop: int) -> bytes:
    pieces = part_reader.read_parts(deps, manifest, data_key, start, stop, part_reader.STEP)
    return b"".join(bytes(piece) for _, piece in pieces)


@contextmanager
def stage_for_examples() -> Iterator[Stage]:
    """A stage without a disk. Kari may begin more drafts an hour than by default.

    Each example begins one. Hypothesis makes 120 to 180 of them, and now and then more than the 200 of the default.
    """
    with stage_in_memory() as stage:
        keyring = MemoryKeyring()
        keyring.keys |= stage.deps.keyring.get(stage.deps.keyring.ids(""))
        config = replace(stage.deps.config, drafts_per_hour=10_000, max_drafts=10_000)
        yield replace(stage, deps=replace(stage.deps, blobs=MemoryBlobStore(), keyring=keyring, config=config))


def test_an_upload_agrees_with_a_list_of_bytes() -> None:
    with stage_for_examples() as stage:
        run_state_machine_as_test(
            type("UploadsOnStage", (Uploads,), {"stage": stage}),
            settings=settings(
                max_examples=120, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
