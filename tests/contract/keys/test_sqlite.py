"""That the keyring's SQLite file forgets for good, and remembers until then."""

import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.adapters.keys.sqlite import SLOT
from deldokument.crypto.keys import RootKey
from deldokument.domain.errors import Broken, Unavailable
from tests.support.stage.keyrings import ROOT, file_keyring

NEW_ROOT = RootKey("root-2", b"2" * 32)

# A process of its own on the keyring in argv[1]: does what each line says, tells the key, and waits to be killed.
PROCESS = """
import sys
from pathlib import Path
from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.adapters.keys.sqlite import SqliteStore
from deldokument.crypto.keys import RootKey
from tests.fakes.root_keys import MemoryRootKeys
roots = MemoryRootKeys(RootKey("root-1", bytes(range(32))))
keyring = SealedKeyring(SqliteStore(Path(sys.argv[1]), "root-1"), roots)
for line in sys.stdin:
    verb, entry_id = line.split()
    answer = keyring.create(entry_id).hex() if verb == "create" else keyring.destroy([entry_id])
    print(answer, flush=True)
"""


class Process:
    """Another process on the same keyring."""

    def __init__(self, path: Path) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, verb: str, entry_id: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{verb} {entry_id}\n")
        self.popen.stdin.flush()

    def answer(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def kill(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "keyring.sqlite3"


@pytest.fixture
def sqlite(path: Path) -> Iterator[SealedKeyring]:
    with closing(file_keyring(path)) as keyring:
        yield keyring


@pytest.fixture
def process(path: Path) -> Iterator[Process]:
    other = Process(path)
    yield other
    other.kill()


def on_disk(path: Path) -> bytes:
    """All bytes that the keyring has on disk: the file, its log, the log's index and all files beside them."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def sealed_keys(path: Path) -> dict[str, bytes]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT id, sealed FROM entry JOIN slot ON number = slot").fetchall()
    return {entry_id: bytes(sealed).rstrip(b"\0")[1:] for entry_id, sealed in rows}


def remnants(sealed: list[bytes], disk: bytes) -> list[bytes]:
    """Those of which the head or the tail of the ciphertext is still there."""
    return [one for one in sealed if one[13:29] in disk or one[-16:] in disk]


def test_keys_are_never_on_disk_in_the_clear(sqlite: SealedKeyring, path: Path) -> None:
    keys = [sqlite.create(f"share/{number}") for number in range(20)]
    disk = on_disk(path)
    assert not any(key in disk for key in keys)


def test_nothing_of_a_destroyed_entry_is_left_in_any_file(sqlite: SealedKeyring, path: Path) -> None:
    for number in range(1500):
        sqlite.create(f"share/{number}")
    before = sealed_keys(path)
    assert remnants(list(before.values()), on_disk(path)) == list(before.values())
    doomed = random.sample(sorted(before), 1000)
    sqlite.destroy(doomed)
    disk = on_disk(path)
    assert remnants([before[entry_id] for entry_id in doomed], disk) == []
    assert all(sealed in disk for entry_id, sealed in before.items() if entry_id not in doomed)


def test_nothing_is_forgotten_in_a_corner_while_entries_come_and_go(sqlite: SealedKeyring, path: Path) -> None:
    """The sequence is fixed: under it a plain table with secure_delete kept destroyed rows, with rowids and without."""
    chance = random.Random(0)
    living: dict[str, bytes] = {}
    gone: list[bytes] = []
    for _ in range(25):
        for _ in range(chance.randint(50, 250)):
            sqlite.create(f"{chance.choice(['share', 'audit'])}/{chance.randbytes(chance.choice([8, 16])).hex()}")
        living = sealed_keys(path)
        doomed = chance.sample(sorted(living), int(len(living) * chance.random() * 0.7))
        sqlite.destroy(doomed)
        destroyed = [living.pop(entry_id) for entry_id in doomed]
        assert remnants(destroyed, on_disk(path)) == []
        gone += destroyed
    disk = on_disk(path)
    assert remnants(gone, disk) == []
    assert {disk.count(sealed) for sealed in living.values()} == {1}
    assert len(gone) > 1000


def test_freed_slots_are_used_again(sqlite: SealedKeyring, path: Path) -> None:
    for round_number in range(3):
        entry_ids = [f"share/{round_number}-{number}" for number in range(200)]
        for entry_id in entry_ids:
            sqlite.create(entry_id)
        sqlite.destroy(entry_ids)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*), max(length(sealed)) FROM slot").fetchone() == (200, SLOT)


def test_the_log_is_empty_after_destroy(sqlite: SealedKeyring, path: Path) -> None:
    sqlite.create("share/1")
    log = path.with_name(path.name + "-wal")
    assert log.stat().st_size > 0
    sqlite.destroy(["share/1"])
    assert log.stat().st_size == 0


def test_destroy_waits_for_a_reader_who_still_sees_the_past(sqlite: SealedKeyring, path: Path) -> None:
    sqlite.create("share/1")
    (sealed,) = sealed_keys(path).values()
    reader = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entry").fetchone()
    leave = threading.Timer(0.3, reader.close)
    leave.start()
    sqlite.destroy(["share/1"])
    assert remnants([sealed], on_disk(path)) == []
    leave.join()


def test_files_are_for_their_owner_alone(sqlite: SealedKeyring, path: Path) -> None:
    sqlite.create("share/1")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 3


def test_two_processes_agree_on_one_key(path: Path) -> None:
    processes = [Process(path), Process(path)]
    entry_ids = [f"share/{number}" for number in range(50)]
    for other in processes:
        for entry_id in entry_ids:
            other.ask("create", entry_id)
    answers = [[other.answer() for _ in entry_ids] for other in processes]
    for other in processes:
        other.kill()
    assert answers[0] == answers[1]
    assert len(set(answers[0])) == 50


def test_a_key_that_was_returned_survives_the_death_of_its_process(process: Process, path: Path) -> None:
    process.ask("create", "share/1")
    key = process.answer()
    process.kill()
    with closing(file_keyring(path)) as keyring:
        assert keyring.get(["share/1"])["share/1"].hex() == key


def test_an_acknowledged_destruction_survives_the_death_of_its_process(
    sqlite: SealedKeyring, process: Process, path: Path
) -> None:
    sqlite.create("share/1")
    (sealed,) = sealed_keys(path).values()
    process.ask("destroy", "share/1")
    assert process.answer() == "None"
    process.kill()
    assert sqlite.get(["share/1"]) == {}
    assert remnants([sealed], on_disk(path)) == []


def test_a_file_that_is_no_keyring_is_broken(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(Broken):
        file_keyring(path)


def test_a_keyring_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        file_keyring(tmp_path / "file" / "keyring")


def test_nothing_under_the_old_root_key_is_left_in_any_file_after_a_rotation(path: Path) -> None:
    with closing(file_keyring(path)) as keyring:
        keys = {f"share/{number}": keyring.create(f"share/{number}") for number in range(2500)}
    old = list(sealed_keys(path).values())
    with closing(file_keyring(path, ROOT, NEW_ROOT)) as keyring:
        assert keyring.rotate("root-2") == 2500
        assert keyring.get(list(keys)) == keys
        assert remnants(old, on_disk(path)) == []


def test_an_old_copy_of_the_file_opens_nothing_with_the_rotated_root(sqlite: SealedKeyring, path: Path) -> None:
    sqlite.create("share/1")
    sqlite.destroy([])
    copy = path.with_name("copy.sqlite3")
    shutil.copy(path, copy)
    with pytest.raises(Unavailable):
        file_keyring(copy, NEW_ROOT)
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE root SET key_id = 'root-2'")
    with closing(file_keyring(copy, NEW_ROOT)) as forged, pytest.raises(Unavailable):
        forged.get(["share/1"])
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE entry SET root_key_id = 'root-2'")
    with closing(file_keyring(copy, NEW_ROOT)) as forged, pytest.raises(Broken):
        forged.get(["share/1"])


def test_two_who_open_a_new_keyring_at_once_both_get_it(tmp_path: Path) -> None:
    path = tmp_path / "keyring.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, other.execute, ["COMMIT"]).start()
        with closing(file_keyring(path)) as keyring:
            assert keyring.create("a")
