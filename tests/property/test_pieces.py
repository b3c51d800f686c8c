"""A document in pieces against lists of bytes: pieces break, race, go and are joined; acknowledged bytes stay."""

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
from deldokument.domain.errors import Conflict, NotFound, TooLarge, existing
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.drafts import drafts
from deldokument.services.uploads import append as uploads_append
from deldokument.services.uploads import concatenation
from deldokument.services.uploads.compaction import compact_parts
from tests.property.test_uploads import feed, read, stage_for_examples
from tests.support.stage.stage import KARI, Stage, person

LENGTHS = st.one_of(st.integers(0, 40), st.integers(0, 700_000))
SIZES = st.one_of(st.integers(0, 5), st.integers(0, 300_000), st.sampled_from([262_087, 262_088, 262_089]))
SEEDS = st.integers(0, 2**32)
CHOICES = st.integers(0, 2**16)


class Pieces(RuleBasedStateMachine):
    """``held`` is the model: by id, the bytes that the server has said it has of each piece.

    ``lengths`` is what each may have, ``document`` what the document must be once it is complete.
    """

    stage: Stage

    @initialize(length=LENGTHS)
    def announce(self, length: int) -> None:
        self.deps = self.stage.deps
        self.share_id = self.stage.draft().id
        self.length = length
        self.held: dict[str, bytes] = {}
        self.lengths: dict[str, int] = {}
        self.order: list[str] = []
        self.document: bytes | None = None
        self._take_up()

    def _take_up(self) -> None:
        self.ticket = drafts.add_document(
            self.deps, person(KARI), self.share_id, name="a.bin", length=self.length, modified_at=None
        )

    @property
    def is_open(self) -> bool:
        return self.document is None

    @property
    def remaining(self) -> int:
        return self.length - sum(map(len, self.held.values()))

    def _begin(self, upload_id: str) -> uploads_append.Append:
        return uploads_append.begin_append(
            self.deps, self.ticket.token, upload_id, offset=len(self.held[upload_id]), announced=None
        )

    def _some(self, upload_id: str, size: int, seed: int) -> bytes:
        return Random(seed).randbytes(min(size, self.remaining, self.lengths[upload_id] - len(self.held[upload_id])))

    def _pick(self, choice: int) -> str:
        # In the order in which they were begun: their ids are others each time that an example is tried again.
        return list(self.held)[choice % len(self.held)]

    @precondition(lambda self: self.is_open and len(self.held) < 6)
    @rule(size=st.one_of(SIZES, st.none()))
    def create(self, size: int | None) -> None:
        length = self.remaining if size is None else min(size, self.length)
        partial = concatenation.create_partial(self.deps, self.ticket.token, length=length, start=None)
        self.held[partial.id], self.lengths[partial.id] = b"", length

    @precondition(lambda self: self.is_open and self.held)
    @rule(choice=CHOICES, size=st.one_of(SIZES, st.just(10**6)), seed=SEEDS)
    def send(self, choice: int, size: int, seed: int) -> None:
        upload_id = self._pick(choice)
        content, append = self._some(upload_id, size, seed), self._begin(upload_id)
        feed(append, content, 2)
        assert append.finish() == len(self.held[upload_id]) + len(content)
        append.abandon()
        self.held[upload_id] += content

    @precondition(lambda self: self.is_open and self.held)
    @rule(choice=CHOICES)
    def send_beyond_the_rest(self, choice: int) -> None:
        upload_id = self._pick(choice)
        if self.lengths[upload_id] - len(self.held[upload_id]) <= self.remaining:
            return
        append = self._begin(upload_id)
        feed(append, bytes(self.remaining + 1), 1)
        with pytest.raises(TooLarge):
            append.finish()
        append.abandon()

    @precondition(lambda self: self.is_open and self.held)
    @rule(choice=CHOICES, size=SIZES, seed=SEEDS, killed=st.booleans())
    def lose_the_connection(self, choice: int, size: int, seed: int, killed: bool) -> None:
        upload_id = self._pick(choice)
        append = self._begin(upload_id)
        feed(append, self._some(upload_id, size, seed), 1)
        if not killed:
            append.abandon()

    @precondition(lambda self: self.is_open and self.held)
    @rule(choice=CHOICES, other=CHOICES, size=SIZES, seed=SEEDS)
    def race(self, choice: int, other: int, size: int, seed: int) -> None:
        """Two requests at once, for one piece or for two: each wins where it is alone."""
        one, two = self._pick(choice), self._pick(other)
        first, second = self._begin(one), self._begin(two)
        a = self._some(one, size, seed)
        feed(first, a, 1)
        first.finish()
        self.held[one] += a
        b = Random(seed).randbytes(min(1, self.remaining, self.lengths[two] - len(self.held[two])))
        if one == two and a and b:
            feed(second, b, 1)
            with pytest.raises(Conflict):
                second.finish()
        second.abandon()

    @precondition(lambda self: self.is_open and self.held)
    @rule(choice=CHOICES)
    def terminate(self, choice: int) -> None:
        upload_id = self._pick(choice)
        uploads_append.terminate_upload(self.deps, self.ticket.token, upload_id)
        del self.held[upload_id]

    @precondition(lambda self: self.is_open and self.held)
    @rule(choice=CHOICES)
    def merge(self, choice: int) -> None:
        compact_parts(self.deps, self._pick(choice), self.ticket.document_id, self._data_key())

    @precondition(lambda self: self.is_open)
    @rule()
    def choose_the_file_again(self) -> None:
        before = self.ticket
        self._take_up()
        assert (self.ticket.document_id, self.ticket.upload_id) == (before.document_id, before.upload_id)
        assert {one.id: one.offset for one in self.ticket.partials} == {k: len(v) for k, v in self.held.items()}

    @precondition(lambda self: self.held)
    @rule(seed=SEEDS, some=st.booleans())
    def join(self, seed: int, some: bool) -> None:
        """All pieces that have their bytes, or some of them, in any order."""
        full = [one for one, content in self.held.items() if len(content) == self.lengths[one]]
        chosen = Random(seed).sample(full, len(full) // 2 if some else len(full))
        whole = b"".join(self.held[one] for one in chosen)
        if self.document is None and len(whole) == self.length and chosen:
            concatenation.join_partials(self.deps, self.ticket.token, chosen)
            self.document, self.order = whole, chosen
            self.held = {one: self.held[one] for one in chosen}
        elif self.document is not None and _same(self, chosen):
            concatenation.join_partials(self.deps, self.ticket.token, chosen)
        elif not (self.length == 0 and not whole):
            with pytest.raises(Conflict):
                concatenation.join_partials(self.deps, self.ticket.token, chosen)

    @precondition(lambda self: self.is_open and self.held)
    @rule(seed=SEEDS)
    def complete(self, seed: int) -> None:
        """What is unfinished goes, one piece brings the rest, and all are joined in some order."""
        for upload_id in [one for one, content in self.held.items() if len(content) < self.lengths[one]]:
            uploads_append.terminate_upload(self.deps, self.ticket.token, upload_id)
            del self.held[upload_id]
        self.create(None)
        self.send(len(self.held) - 1, self.length, seed)
        self.join(seed, some=False)
        assert self.document is not None

    @precondition(lambda self: self.is_open and self.length)
    @rule(seed=SEEDS)
    def send_it_whole_after_all(self, seed: int) -> None:
        content = Random(seed).randbytes(self.length)
        append = uploads_append.begin_append(
            self.deps, self.ticket.token, self.ticket.upload_id, offset=0, announced=len(content)
        )
        feed(append, content, 1)
        assert append.finish() == self.length
        self.document, lost, self.held = content, list(self.held), {}
        for upload_id in lost:
            with pytest.raises(NotFound):
                uploads_append.find_upload(self.deps, self.ticket.token, upload_id)

    @precondition(lambda self: not self.is_open)
    @rule(length=SIZES)
    def begin_another_piece_too_late(self, length: int) -> None:
        with pytest.raises(Conflict):
            concatenation.create_partial(self.deps, self.ticket.token, length=length, start=None)

    @invariant()
    def each_offset_is_what_was_acknowledged(self) -> None:
        if hasattr(self, "ticket"):
            for upload_id, content in self.held.items():
                assert uploads_append.find_upload(self.deps, self.ticket.token, upload_id).offset == len(content)

    def teardown(self) -> None:
        if not hasattr(self, "ticket"):
            return
        if self.document is not None:
            assert self._completed() == self.document
        else:
            for upload_id, content in self.held.items():
                assert self._read_back(upload_id) == content

    def _share_key(self) -> bytes:
        return existing_key(self.deps.keyring, share_key_id(self.share_id))

    def _data_key(self) -> bytes:
        return derive(self._share_key(), Purpose.DATA, bytes.fromhex(self.ticket.document_id))

    def _read_back(self, upload_id: str) -> bytes:
        with self.deps.database.read() as tx:
            rows = tx.uploads.parts(upload_id)
        parts = tuple(
            uploads_append.ManifestPart(bytes.fromhex(row.id), row.offset, row.length, row.header) for row in rows
        )
        length = sum(row.length for row in rows)
        manifest = uploads_append.Manifest(bytes.fromhex(self.ticket.document_id), length, parts)
        return read(self.deps, manifest, self._data_key(), 0, length)

    def _completed(self) -> bytes:
        with self.deps.database.read() as tx:
            document = existing(tx.shares.document(self.ticket.document_id))
        manifest = open_manifest(self._share_key(), bytes.fromhex(document.id), document.sealed_manifest)
        return read(self.deps, manifest, self._data_key(), 0, manifest.length)


def _same(machine: Pieces, chosen: list[str]) -> bool:
    """Whether it is the joining that took place; pieces without bytes may stand anywhere."""
    starts, position = {}, 0
    for one in machine.order:
        starts[one] = position
        position += len(machine.held[one])
    position = 0
    for one in chosen:
        if starts[one] != position:
            return False
        position += len(machine.held[one])
    return position == machine.length


def test_a_document_in_pieces_agrees_with_lists_of_bytes() -> None:
    with stage_for_examples() as stage:
        run_state_machine_as_test(
            type("PiecesOnStage", (Pieces,), {"stage": stage}),
            settings=settings(
                max_examples=100, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
