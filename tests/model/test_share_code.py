"""The use cases take the steps of the share's model: each trace is run through them on SQLite, call by call."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from deldokument.domain.errors import Broken, Conflict, Gone, NotFound, Unavailable, existing
from deldokument.ports.dependencies import Dependencies
from deldokument.services.downloads.content import open_document, read_content
from deldokument.services.encryption import share_key_id
from deldokument.services.maintenance.retention import delete_garbage, release_blobs
from deldokument.services.maintenance.share_keys import destroy_share_keys
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.uploads.append import begin_append, find_upload
from deldokument.store.transaction import Transaction
from tests.model import share_model
from tests.model.bridge import Actor, Death, Gated
from tests.model.explorer import Trace, explore
from tests.model.share_model import INVARIANTS, Rules, Share, steps
from tests.model.test_share_model import SCENARIOS
from tests.support.bulk.orphan_sweep import sweep_all
from tests.support.deployment.memory import folder_in_memory
from tests.support.stage.stage import KARI, OLA, Stage, person, set_stage

pytestmark = pytest.mark.embedded

_RANDOM_TRACES = 6
_LATER = timedelta(hours=25)


class GatedDatabase:
    """A database of one actor: reads and writes wait when they begin; the worker's destruction also before its commit.

    ``lost``: the next commit takes place, and its answer is lost. What a transaction does inside passes every gate.
    """

    def __init__(self, inner: Any, actor: Actor, *, holds_commit: bool = False) -> None:
        self._inner, self._actor, self._holds_commit = inner, actor, holds_commit
        self.lost = False

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        self._actor.gate("read")
        with self._passing(), self._inner.read() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._actor.gate("write")
        if self._holds_commit:
            with self._inner.write() as tx:
                yield tx
                self._actor.gate("commit")
            return
        with self._passing(), self._inner.write() as tx:
            yield tx
        if self.lost:
            raise Unavailable("database", detail="the connection broke after the commit")

    @contextmanager
    def _passing(self) -> Iterator[None]:
        was, self._actor.is_gated = self._actor.is_gated, False
        try:
            yield
        finally:
            self._actor.is_gated = was


class GatedKeyring:
    """A keyring of one actor: reading and destroying a share key wait."""

    def __init__(self, inner: Any, actor: Actor) -> None:
        self._inner, self._actor = inner, actor

    def get(self, entry_ids: Any) -> Any:
        if any(one.startswith("share:") for one in entry_ids):
            self._actor.gate("key")
        return self._inner.get(entry_ids)

    def destroy(self, entry_ids: Any) -> None:
        self._actor.gate("destroy")
        self._inner.destroy(entry_ids)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class GatedBlobs(Gated):
    """A store of one actor: making an object durable, deleting and reading wait."""

    def __init__(self, inner: Any, actor: Actor) -> None:
        super().__init__(inner, actor, {"delete": "delete", "read": "fetch"})

    def create(self, *given: Any) -> Any:
        return Gated(self._inner.create(*given), self._actor, {"commit": "store"})


class Replay:
    """Real actors over one stage, and what the model's numbers stand for."""

    def __init__(self, stage: Stage, start: Share) -> None:
        self._stage = stage
        stage.clock.instant = datetime.now(UTC)
        self._objects: dict[int, str] = {}
        if start.state == "draft":
            self._share = stage.draft().id
            self._ticket = drafts.add_document(
                stage.deps, person(KARI), self._share, name="a.bin", length=share_model.LENGTH, modified_at=None
            )
            self._upload, self._document = self._ticket.upload_id, self._ticket.document_id
        else:
            self._share = stage.publish(content=b"a", expires_at=stage.clock.now() + timedelta(days=10))
            [self._document] = stage.document_ids(self._share)
            with stage.deps.database.read() as tx:
                [upload] = tx.uploads.of_documents([self._document])
            self._upload = upload.id
            self._objects[1] = next(iter(self._stored()))
        self._databases: dict[str, GatedDatabase] = {}
        self.actors = {name: Actor(name, self._write) for name, _ in start.writers}
        self.actors |= {name: Actor(name, self._download) for name, _ in start.readers}
        for actor in self.actors.values():
            actor.start()

    def close(self) -> None:
        for actor in self.actors.values():
            actor.end()

    def _deps(self, actor: Actor, *, holds_commit: bool = False) -> Dependencies:
        deps = self._stage.deps
        self._databases[actor.name] = GatedDatabase(deps.database, actor, holds_commit=holds_commit)
        return replace(
            deps,
            database=self._databases[actor.name],
            keyring=GatedKeyring(deps.keyring, actor),
            blobs=GatedBlobs(deps.blobs, actor),  # type: ignore[arg-type]
        )

    def _write(self, actor: Actor) -> int:
        deps = self._deps(actor)
        actor.is_gated = True
        upload = find_upload(deps, self._ticket.token)
        if upload.is_finished:
            raise Conflict("upload_finished")
        append = begin_append(deps, self._ticket.token, upload.id, offset=upload.offset, announced=1)
        append.write([actor.name[:1].encode()])
        return append.finish()

    def _download(self, actor: Actor) -> bytes:
        deps = self._deps(actor)
        actor.is_gated = True
        content = open_document(deps, person(OLA), self._share, self._document)
        return b"".join(map(bytes, read_content(deps, content, 0, content.length)))

    def _work(self, actor: Actor) -> None:
        destroying, others = self._deps(actor, holds_commit=True), self._deps(actor)
        actor.is_gated = True
        destroy_share_keys(destroying)
        release_blobs(others)
        delete_garbage(others)

    def take(self, actor: str, action: str) -> None:
        """Take a step of the model."""
        if actor == "ender":
            end = drafts.discard_draft if action == "discard" else publishing.withdraw_share
            end(self._stage.deps, person(KARI), self._share)
        elif actor == "time":
            self._stage.clock.advance(hours=25)
        elif actor == "sweeper":
            sweep_all(self._stage.deps)
        elif action == "dies":
            self.actors[actor].end()
            if actor == "worker":
                del self.actors[actor]
        else:
            if actor == "worker" and actor not in self.actors:
                self.actors[actor] = Actor(actor, self._work)
                self.actors[actor].start()
            if "loses" in action:
                self._databases[actor].lost = True
            self.actors[actor].grant(action.split()[0])
        self._learn()

    def _stored(self) -> set[str]:
        return {blob.name for blob in self._stage.deps.blobs.list()}

    def _learn(self) -> None:
        """Give an object that is seen for the first time the model's next number."""
        for name in self._stored() - set(self._objects.values()):
            self._objects[len(self._objects) + 1] = name

    def compare(self, state: Share) -> None:
        """Check that database, store and keyring are as in the model."""
        deps = self._stage.deps
        with deps.database.read() as tx:
            share, rows = existing(tx.shares.get(self._share)), tx.uploads.parts(self._upload)
            upload, garbage = tx.uploads.get(self._upload), tx.uploads.garbage(10)
        names = {name: number for number, name in self._objects.items()}
        assert share.state == state.state
        assert {names[name] for name in self._stored()} == state.stored
        assert {names[name] for name in garbage} == state.garbage
        if not state.released:
            assert tuple(names[row.id] for row in rows) == state.rows
            assert [row.offset for row in rows] == list(range(len(rows)))
            assert existing(upload).is_finished == state.finished
        key_id = share_key_id(self._share)
        assert bool(deps.keyring.get([key_id])) == state.key
        if not state.locked:
            assert (share.key_destroyed_at is not None) == state.noted
        for name, actor in (*state.writers, *state.readers):
            self._compare_actor(self.actors[name], actor.at)

    def _compare_actor(self, actor: Actor, at: str) -> None:
        assert actor.ended == (at in share_model.ENDED), (actor, at)
        expected: dict[str, Any] = {
            "refused": Conflict | NotFound | Gone | Broken,
            "unknown": Unavailable,
            "dead": Death,
        }
        if at in expected:
            assert isinstance(actor.error, expected[at]), actor.error
        elif at in ("acknowledged", "served"):
            assert actor.error is None, actor.error


def run(start: Share, trace: Trace[Share]) -> None:
    with ExitStack() as stack:
        stage = set_stage(stack.enter_context(folder_in_memory()))
        stack.callback(stage.close)
        replay = Replay(stage, start)
        stack.callback(replay.close)
        replay.compare(start)
        for step in trace:
            replay.take(step.actor, step.action)
            replay.compare(step.after)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_use_cases_take_the_steps_of_the_model(name: str) -> None:
    start = SCENARIOS[name]
    explored = explore(start, partial(steps, Rules()), INVARIANTS)
    for trace in explored.sample(_RANDOM_TRACES, seed=26):
        run(start, trace)


def test_a_step_that_the_use_cases_do_not_take_is_found() -> None:
    start = SCENARIOS["two writers"]
    explored = explore(start, partial(steps, Rules(writes_without_comparing=True)), {})
    assert not all(_fits(start, trace) for trace in explored.sample(10, seed=1))


def _fits(start: Share, trace: Trace[Share]) -> bool:
    try:
        run(start, trace)
    except AssertionError:
        return False
    return True
