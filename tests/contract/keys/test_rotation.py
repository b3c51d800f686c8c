"""Root key rotation while nodes create, get and destroy entries, and interrupted at any step."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from deldokument.adapters.keys.files import FileRootKeys, create_root_key
from deldokument.adapters.keys.keyring import RootKeys, SealedEntry, SealedKeyring, SealedStore, rotate_root
from deldokument.adapters.keys.sqlite import SqliteStore
from deldokument.domain.errors import Broken, ServiceError, Unavailable
from tests.fakes.root_keys import MemoryRootKeys
from tests.support.stage.keyrings import Opening, RootPlace, all_entries, opened

# A node that is to rotate the keyring in argv[1] under the root key in argv[2], and is killed before its step argv[3].
ROTATION = """
import os, signal, sys
from pathlib import Path
from deldokument.adapters.keys.files import FileRootKeys
from deldokument.adapters.keys.keyring import SealedKeyring, rotate_root
from deldokument.adapters.keys.sqlite import SqliteStore
steps = int(sys.argv[3])
class Mortal:
    def __init__(self, inner):
        self.inner = inner
    def __getattr__(self, name):
        global steps
        steps -= 1
        if steps < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return getattr(self.inner, name)
roots = FileRootKeys(Path(sys.argv[2]))
rotate_root(SealedKeyring(Mortal(SqliteStore(Path(sys.argv[1]), roots.ids()[-1])), Mortal(roots)))
"""


class PowerCut(Exception):
    """A node is gone."""


class Interrupted:
    """A store, or root keys, whose node is gone before the given step."""

    def __init__(self, inner: SealedStore | RootKeys, steps: list[int]) -> None:
        self._inner = inner
        self._steps = steps

    def __getattr__(self, name: str) -> object:
        if name == "close":
            return self._inner.close
        self._steps[0] -= 1
        if self._steps[0] < 0:
            raise PowerCut
        return getattr(self._inner, name)


@pytest.fixture
def roots() -> MemoryRootKeys:
    return MemoryRootKeys()


@pytest.fixture
def keyring(opening: Opening, roots: MemoryRootKeys) -> Iterator[SealedKeyring]:
    with closing(opened(opening, roots)) as new:
        yield new


def filled(keyring: SealedKeyring, count: int = 20) -> dict[str, bytes]:
    return {entry_id: keyring.create(entry_id) for entry_id in (f"share/{number:04}" for number in range(count))}


def killed_at(step: int, keyring: Path, root_key: Path) -> bool:
    command = [sys.executable, "-c", ROTATION, str(keyring), str(root_key), str(step)]
    done = subprocess.run(command, check=False, env=os.environ)
    assert done.returncode in {0, -signal.SIGKILL}
    return done.returncode != 0


def test_a_rotation_keeps_every_key_and_leaves_one_root_key(keyring: SealedKeyring, roots: MemoryRootKeys) -> None:
    keys = filled(keyring)
    assert rotate_root(keyring)[0] == 20
    assert (roots.ids(), keyring.root()) == (["root-2"], "root-2")
    assert keyring.get(list(keys)) == keys
    assert rotate_root(keyring)[0] == 20
    assert roots.ids() == ["root-3"]
    assert keyring.get(list(keys)) == keys


def test_every_entry_is_named_after_the_root_key_that_it_is_under(keyring: SealedKeyring, opening: Opening) -> None:
    filled(keyring, 3)
    rotate_root(keyring)
    keyring.create("share/new")
    assert {entry.root_key_id for entry in all_entries(opening)} == {"root-2"}


def test_a_copy_taken_before_a_rotation_opens_nothing(
    keyring: SealedKeyring, roots: MemoryRootKeys, opening: Opening
) -> None:
    keys = filled(keyring, 3)
    copy = all_entries(opening)
    rotate_root(keyring)
    keyring.destroy(list(keys))
    # The copy is put back into today's keyring: unchanged, and relabelled with the new root key.
    with closing(opening("")) as store:
        assert store.turn("root-2", "root-1")
        assert all(store.add(entry) for entry in copy)
        with pytest.raises(Unavailable):
            keyring.get(list(keys))
        assert store.turn("root-1", "root-2")
        for entry in copy:
            store.remove([entry.id])
            assert store.add(type(entry)(entry.id, "root-2", entry.sealed))
    for entry_id in keys:
        with pytest.raises(Broken):
            keyring.get([entry_id])
    assert roots.ids() == ["root-2"]


class Traffic:
    """Nodes at work until the rotation is over: one creates, one gets, one destroys."""

    def __init__(self, kept: dict[str, bytes], doomed: list[str]) -> None:
        self.kept, self.doomed = kept, doomed
        self.created: dict[str, bytes] = {}
        self.faults: list[Exception] = []
        self.over = threading.Event()

    @contextmanager
    def nodes(self, opening: Opening, roots: RootKeys) -> Iterator[None]:
        works = (self.create, self.get, self.destroy)
        threads = [threading.Thread(target=self._node, args=(work, opening, roots)) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def wait_for_more(self) -> None:
        """Until one more has been created: a rotation is never so close behind another that a node is overtaken twice.

        A keyring gives up after three rotations during one `create`, and so many come when its thread is starved.
        """
        seen, deadline = len(self.created), time.monotonic() + 60
        while not (self.faults or len(self.created) > seen):
            assert time.monotonic() < deadline, "nothing is created beside the rotations"
            time.sleep(0.001)

    def create(self, keyring: SealedKeyring) -> None:
        while not (self.over.is_set() and len(self.created) > 20):
            entry_id = f"new/{len(self.created)}"
            self.created[entry_id] = keyring.create(entry_id)

    def get(self, keyring: SealedKeyring) -> None:
        over = False
        while not over:
            over = self.over.is_set()
            assert keyring.get(list(self.kept)) == self.kept

    def destroy(self, keyring: SealedKeyring) -> None:
        for entry_id in self.doomed:
            keyring.destroy([entry_id])

    def _node(self, work: Callable[[SealedKeyring], None], opening: Opening, roots: RootKeys) -> None:
        try:
            with closing(opened(opening, roots)) as keyring:
                work(keyring)
        except Exception as error:
            self.faults.append(error)


def test_a_rotation_goes_on_beside_nodes_that_create_get_and_destroy(
    keyring: SealedKeyring, roots: MemoryRootKeys, opening: Opening
) -> None:
    kept, doomed = filled(keyring, 40), [f"doomed/{number}" for number in range(20)]
    for entry_id in doomed:
        keyring.create(entry_id)
    traffic = Traffic(kept, doomed)
    with traffic.nodes(opening, roots):
        for _ in range(3):
            traffic.wait_for_more()
            rotate_root(keyring)
    assert traffic.faults == []
    assert keyring.get([*kept, *traffic.created]) == kept | traffic.created
    assert keyring.ids("doomed/") == []
    assert roots.ids() == ["root-4"]


def test_a_node_that_does_not_find_the_new_root_key_neither_reads_nor_writes(
    keyring: SealedKeyring, roots: MemoryRootKeys, opening: Opening
) -> None:
    keyring.create("share/1")
    alone = MemoryRootKeys(*roots.keys)
    with closing(opened(opening, alone)) as late:
        rotate_root(keyring)
        for attempt in (lambda: late.get(["share/1"]), lambda: late.create("share/2"), lambda: rotate_root(late)):
            with pytest.raises(Unavailable):
                attempt()
    assert keyring.ids("") == ["share/1"]


def test_a_prepared_root_key_is_the_one_that_is_taken(keyring: SealedKeyring, roots: MemoryRootKeys) -> None:
    roots.add()
    prepared = roots.ids()[-1]
    keyring.create("share/1")
    assert keyring.root() == "root-1"
    rotate_root(keyring)
    assert (keyring.root(), roots.ids()) == (prepared, [prepared])


def test_an_entry_that_does_not_open_keeps_the_old_root_key(
    keyring: SealedKeyring, roots: MemoryRootKeys, opening: Opening
) -> None:
    keys = filled(keyring, 3)
    (spoilt, *_) = all_entries(opening)
    with closing(opening("")) as store:
        store.remove([spoilt.id])
        assert store.add(type(spoilt)(spoilt.id, "root-1", bytes(60)))
    with pytest.raises(Broken, match=spoilt.id):
        rotate_root(keyring)
    assert roots.ids() == ["root-1", "root-2"]
    living = {entry_id: key for entry_id, key in keys.items() if entry_id != spoilt.id}
    assert keyring.get(list(living)) == living
    keyring.destroy([spoilt.id])
    rotate_root(keyring)
    assert roots.ids() == ["root-2"]


def test_a_rotation_broken_off_at_any_step_is_finished_later(opening: Opening, roots: MemoryRootKeys) -> None:
    with closing(opened(opening, roots)) as keyring:
        keys = filled(keyring, 5)
    for step in range(50):
        interrupted, before = [step], roots.ids()
        broken_off = False
        try:
            with closing(opening(before[-1])) as store:
                rotate_root(SealedKeyring(Interrupted(store, interrupted), Interrupted(roots, interrupted)))
        except PowerCut:
            broken_off = True
        with closing(opened(opening, roots)) as keyring:
            assert keyring.get(list(keys)) == keys
            rotate_root(keyring)
            assert keyring.get(list(keys)) == keys
            assert roots.ids() == [keyring.root()]
        if not broken_off:
            break
    assert step > 5
    assert {entry.root_key_id for entry in all_entries(opening)} == set(roots.ids())


class Overtaken:
    """A store, or root keys, of a node that something else overtakes before the given step."""

    def __init__(self, inner: SealedStore | RootKeys, steps: list[int], overtake: Callable[[], object]) -> None:
        self._inner = inner
        self._steps = steps
        self._overtake = overtake

    def __getattr__(self, name: str) -> object:
        self._steps[0] -= 1
        if self._steps[0] == -1:
            self._overtake()
        return getattr(self._inner, name)


def test_of_two_rotations_at_once_none_retires_a_root_key_that_the_other_seals_under(opening: Opening) -> None:
    roots, step, overtaken = MemoryRootKeys(), 0, True
    with closing(opened(opening, roots)) as other:
        keys = filled(other, 5)

        def rotate_to_a_newer_one() -> None:
            roots.add()
            with suppress(Unavailable):
                rotate_root(other)

        while overtaken:
            steps = [step]
            node = SealedKeyring(*(Overtaken(one, steps, rotate_to_a_newer_one) for one in (opening(""), roots)))
            with closing(node), suppress(Unavailable):
                rotate_root(node)
            overtaken, step = steps[0] < 0, step + 1
            assert other.get(list(keys)) == keys
            assert other.root() in roots.ids()
    assert step > 8


def test_a_rotation_between_any_two_steps_of_a_node_keeps_it_from_nothing(opening: Opening) -> None:
    roots, step, overtaken = MemoryRootKeys(), 0, True
    with closing(opened(opening, roots)) as other:
        keys = filled(other, 3)
        while overtaken:
            steps = [1000]
            node = SealedKeyring(*(Overtaken(one, steps, lambda: rotate_root(other)) for one in (opening(""), roots)))
            with closing(node):
                steps[0] = step
                keys[f"new/{step}"] = node.create(f"new/{step}")
                assert node.get(list(keys)) == keys
                overtaken, step = steps[0] < 0, step + 1
        assert other.get(list(keys)) == keys
    assert step > 5


class CutOff:
    """A store that its node does not reach once, after it has added an entry and something else has happened."""

    def __init__(self, inner: SealedStore, meanwhile: Callable[[], object]) -> None:
        self._inner = inner
        self._meanwhile = meanwhile
        self._added = False

    def __getattr__(self, name: str) -> object:
        if self._added:
            self._added = False
            raise Unavailable("keyring")
        return getattr(self._inner, name)

    def add(self, entry: SealedEntry) -> bool:
        added = self._inner.add(entry)
        self._meanwhile()
        self._added = True
        return added


def test_a_node_that_was_cut_off_removes_no_key_that_another_node_has_returned(
    keyring: SealedKeyring, roots: MemoryRootKeys, opening: Opening
) -> None:
    returned: list[bytes] = []
    with closing(opening("root-1")) as store:
        node = SealedKeyring(CutOff(store, lambda: returned.append(keyring.create("audit:1"))), roots)
        with pytest.raises(Unavailable):
            node.create("audit:1")
    assert keyring.get(["audit:1"]) == {"audit:1": returned[0]}
    rotate_root(keyring)
    assert keyring.create("audit:1") == returned[0]


def test_a_node_killed_anywhere_in_a_rotation_leaves_a_keyring_that_works(tmp_path: Path) -> None:
    path, root_key = tmp_path / "keyring.sqlite3", tmp_path / "root.key"
    create_root_key(root_key)

    def node() -> SealedKeyring:
        roots = FileRootKeys(root_key)
        return SealedKeyring(SqliteStore(path, roots.ids()[-1]), roots)

    with closing(node()) as running:
        keys = filled(running, 5)
        for step in (3, 5, 6, 7, 8, 9, 10):
            first = root_key.read_bytes()
            killed = killed_at(step, path, root_key)
            assert running.get(list(keys)) == keys
            with closing(node()) as restarted:
                assert restarted.get(list(keys)) == keys
            assert killed
            while killed_at(1000, path, root_key):
                pass
            assert running.get(list(keys)) == keys
            assert sorted(tmp_path.glob("root.key*")) == [root_key]
            assert root_key.read_bytes() != first
            old = tmp_path / "old.key"
            old.touch(0o600)
            old.write_bytes(first)
            with pytest.raises(ServiceError), closing(SqliteStore(path, "")) as store:
                SealedKeyring(store, FileRootKeys(old))
            old.unlink()


def test_every_kind_of_root_key_is_rotated_in_every_kind_of_store(opening: Opening, root_place: RootPlace) -> None:
    """What nodes need is there before, during and after; a copy of before opens nothing afterwards."""
    with closing(opened(opening, root_place.open())) as keyring, closing(opened(opening, root_place.open())) as node:
        keys = filled(keyring, 5)
        copy, old = all_entries(opening), keyring.root()
        root_place.prepare()
        assert node.get(list(keys)) == keys
        assert rotate_root(keyring)[0] == 5
        assert node.get(list(keys)) == keys
        keys["share/new"] = node.create("share/new")
        root_place.finish(keyring.root())
        assert keyring.get(list(keys)) == keys
        assert node.root() != old
    with closing(opened(opening, root_place.open())) as keyring:
        assert keyring.get(list(keys)) == keys
        assert keyring.roots.ids() == [keyring.root()]
        with closing(opening("")) as store:
            [new] = keyring.roots.ids()
            assert store.turn(new, old)
            store.remove(list(keys))
            assert all(store.add(entry) for entry in copy)
            assert store.turn(old, new)
        for entry in copy:
            with pytest.raises(ServiceError):
                keyring.get([entry.id])
