"""The keyrings' contract, and that the SQLite file forgets for good."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deldokument.adapters.keyring import SLOT, SqliteKeyring, create_root_key, load_root_key
from deldokument.crypto.keys import RootKey
from deldokument.domain.errors import Broken, Conflict, ServiceError, Unavailable
from deldokument.services.ports import Keyring
from tests.fakes.keyring import MemoryKeyring

ROOT = RootKey("root-1", b"1" * 32)
NEW_ROOT = RootKey("root-2", b"2" * 32)

# A process of its own on the keyring in argv[1]: does what argv[2] says, tells the key, and waits to be killed.
PROCESS = """
import sys, time
from pathlib import Path
from deldokument.adapters.keyring import SqliteKeyring
from deldokument.crypto.keys import RootKey
keyring = SqliteKeyring(Path(sys.argv[1]), RootKey("root-1", b"1" * 32))
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
def sqlite(path: Path) -> Iterator[SqliteKeyring]:
    with closing(SqliteKeyring(path, ROOT)) as keyring:
        yield keyring


@pytest.fixture(params=["sqlite", "memory"])
def keyring(request: pytest.FixtureRequest) -> Keyring:
    if request.param == "memory":
        return MemoryKeyring()
    made: SqliteKeyring = request.getfixturevalue("sqlite")
    return made


@pytest.fixture
def process(path: Path) -> Iterator[Process]:
    other = Process(path)
    yield other
    other.kill()


def on_disk(path: Path) -> bytes:
    """Everything that the keyring has on disk: file, log, index of the log, and whatever else lies beside them."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def sealed_keys(path: Path) -> dict[str, bytes]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT id, sealed FROM entry JOIN slot ON number = slot").fetchall()
    return {entry_id: bytes(sealed).rstrip(b"\0")[1:] for entry_id, sealed in rows}


def remnants(sealed: list[bytes], disk: bytes) -> list[bytes]:
    """Those of which the head or the tail of the ciphertext is still there."""
    return [one for one in sealed if one[13:29] in disk or one[-16:] in disk]


# --- every keyring ---------------------------------------------------------------------------------------------------


def test_a_key_is_made_once(keyring: Keyring) -> None:
    key = keyring.create("share/1")
    assert len(key) == 32
    assert keyring.create("share/1") == key
    assert keyring.get(["share/1"]) == {"share/1": key}


def test_every_entry_has_a_key_of_its_own(keyring: Keyring) -> None:
    assert len({keyring.create(f"share/{number}") for number in range(50)}) == 50


def test_only_entries_that_exist_are_got(keyring: Keyring) -> None:
    key = keyring.create("share/1")
    assert keyring.get(["share/1", "share/2", "share"]) == {"share/1": key}
    assert keyring.get([]) == {}


def test_thousands_are_got_and_destroyed_at_once(keyring: Keyring) -> None:
    keys = {entry_id: keyring.create(entry_id) for entry_id in ("share/1", "audit/1")}
    absent = [f"share/{number}" for number in range(2, 50_000)]
    assert keyring.get([*keys, *absent]) == keys
    keyring.destroy([*keys, *absent])
    assert keyring.ids("") == []


def test_ids_are_found_by_how_they_begin(keyring: Keyring) -> None:
    for entry_id in ("share/1", "share/12", "share_x", "shares", "audit/t%/2026-01", "audit/tt/2026-01"):
        keyring.create(entry_id)
    assert sorted(keyring.ids("share/")) == ["share/1", "share/12"]
    assert keyring.ids("audit/t%") == ["audit/t%/2026-01"]
    assert keyring.ids("share_") == ["share_x"]
    assert len(keyring.ids("")) == 6
    assert keyring.ids("nothing") == []


def test_a_destroyed_entry_is_gone_and_another_key_takes_its_name(keyring: Keyring) -> None:
    key, kept = keyring.create("share/1"), keyring.create("share/2")
    keyring.destroy(["share/1", "share/unknown"])
    keyring.destroy(["share/1"])
    assert keyring.get(["share/1", "share/2"]) == {"share/2": kept}
    assert keyring.create("share/1") != key


def test_an_entry_needs_an_id(keyring: Keyring) -> None:
    with pytest.raises(ValueError, match="id"):
        keyring.create("")


def test_many_threads_agree_on_one_key(keyring: Keyring) -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(keyring.create("share/1"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found))) == (8, 1)


# --- the SQLite file: it forgets -------------------------------------------------------------------------------------


def test_keys_never_stand_on_disk_in_the_clear(sqlite: SqliteKeyring, path: Path) -> None:
    keys = [sqlite.create(f"share/{number}") for number in range(20)]
    disk = on_disk(path)
    assert not any(key in disk for key in keys)


def test_nothing_of_a_destroyed_entry_is_left_in_any_file(sqlite: SqliteKeyring, path: Path) -> None:
    for number in range(1500):
        sqlite.create(f"share/{number}")
    before = sealed_keys(path)
    assert remnants(list(before.values()), on_disk(path)) == list(before.values())
    doomed = random.sample(sorted(before), 1000)
    sqlite.destroy(doomed)
    disk = on_disk(path)
    assert remnants([before[entry_id] for entry_id in doomed], disk) == []
    assert all(sealed in disk for entry_id, sealed in before.items() if entry_id not in doomed)


def test_nothing_is_forgotten_in_a_corner_while_entries_come_and_go(sqlite: SqliteKeyring, path: Path) -> None:
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


def test_freed_room_is_used_again(sqlite: SqliteKeyring, path: Path) -> None:
    for round_number in range(3):
        entry_ids = [f"share/{round_number}-{number}" for number in range(200)]
        for entry_id in entry_ids:
            sqlite.create(entry_id)
        sqlite.destroy(entry_ids)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*), max(length(sealed)) FROM slot").fetchone() == (200, SLOT)


def test_the_log_is_empty_after_destroy(sqlite: SqliteKeyring, path: Path) -> None:
    sqlite.create("share/1")
    log = path.with_name(path.name + "-wal")
    assert log.stat().st_size > 0
    sqlite.destroy(["share/1"])
    assert log.stat().st_size == 0


def test_destroy_waits_for_a_reader_who_still_sees_the_past(sqlite: SqliteKeyring, path: Path) -> None:
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


# --- the SQLite file: it remembers -----------------------------------------------------------------------------------


def test_files_are_for_their_owner_alone(sqlite: SqliteKeyring, path: Path) -> None:
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


def test_a_key_that_was_told_survives_the_death_of_its_process(process: Process, path: Path) -> None:
    process.ask("create", "share/1")
    told = process.answer()
    process.kill()
    with closing(SqliteKeyring(path, ROOT)) as keyring:
        assert keyring.get(["share/1"])["share/1"].hex() == told


def test_a_destruction_that_was_told_survives_the_death_of_its_process(
    sqlite: SqliteKeyring, process: Process, path: Path
) -> None:
    sqlite.create("share/1")
    (sealed,) = sealed_keys(path).values()
    process.ask("destroy", "share/1")
    assert process.answer() == "None"
    process.kill()
    assert sqlite.get(["share/1"]) == {}
    assert remnants([sealed], on_disk(path)) == []


def test_an_entry_cannot_take_the_place_of_another(sqlite: SqliteKeyring, path: Path) -> None:
    sqlite.create("share/1")
    sqlite.create("share/2")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE slot SET sealed = (SELECT sealed FROM slot WHERE number = 1)")
    with pytest.raises(Broken):
        sqlite.get(["share/2"])
    assert set(sqlite.get(["share/1"])) == {"share/1"}


def test_a_file_that_is_no_keyring_is_broken(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(Broken):
        SqliteKeyring(path, ROOT)


def test_a_keyring_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        SqliteKeyring(tmp_path / "file" / "keyring", ROOT)


# --- the root key ----------------------------------------------------------------------------------------------------


def test_a_rotation_keeps_every_key_under_the_new_root_alone(sqlite: SqliteKeyring, path: Path) -> None:
    keys = {f"share/{number}": sqlite.create(f"share/{number}") for number in range(2500)}
    old = list(sealed_keys(path).values())
    assert sqlite.rotate(NEW_ROOT) == 2500
    assert sqlite.get(list(keys)) == keys
    assert remnants(old, on_disk(path)) == []
    with closing(SqliteKeyring(path, NEW_ROOT)) as again:
        assert again.get(list(keys)) == keys


def test_an_old_copy_of_the_keyring_opens_nothing_with_the_rotated_root(sqlite: SqliteKeyring, path: Path) -> None:
    sqlite.create("share/1")
    sqlite.destroy([])
    copy = path.with_name("copy.sqlite3")
    shutil.copy(path, copy)
    sqlite.rotate(NEW_ROOT)
    with pytest.raises(Unavailable):
        SqliteKeyring(copy, NEW_ROOT)
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE root SET key_id = 'root-2'")
    with closing(SqliteKeyring(copy, NEW_ROOT)) as forged, pytest.raises(Broken):
        forged.get(["share/1"])


def test_a_process_with_the_old_root_neither_reads_nor_writes_after_a_rotation(
    sqlite: SqliteKeyring, path: Path
) -> None:
    sqlite.create("share/1")
    with closing(SqliteKeyring(path, ROOT)) as late:
        sqlite.rotate(NEW_ROOT)
        for attempt in (
            lambda: late.get(["share/1"]),
            lambda: late.create("share/2"),
            lambda: late.rotate(RootKey("root-3", b"3" * 32)),
        ):
            with pytest.raises(Unavailable):
                attempt()
    assert sqlite.ids("") == ["share/1"]


def test_a_rotation_over_a_broken_entry_changes_nothing(sqlite: SqliteKeyring, path: Path) -> None:
    key = sqlite.create("share/1")
    sqlite.create("share/2")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE slot SET sealed = zeroblob(128) WHERE number = 2")
    before = sealed_keys(path)
    with pytest.raises(Broken):
        sqlite.rotate(NEW_ROOT)
    assert sealed_keys(path) == before
    assert sqlite.get(["share/1"]) == {"share/1": key}


def test_a_root_key_is_made_once_and_loaded_the_same(tmp_path: Path) -> None:
    file = tmp_path / "root.key"
    made = create_root_key(file)
    assert load_root_key(file) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(Conflict):
        create_root_key(file)
    assert load_root_key(file) == made


@pytest.mark.parametrize("text", [b64encode(bytes(range(32))), bytes(range(32)).hex().encode()])
def test_a_root_key_is_base64_or_hex(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "root.key"
    file.touch(0o600)
    file.write_bytes(b" " + text + b"\n")
    assert load_root_key(file).key == bytes(range(32))


def test_a_root_key_is_named_by_itself(tmp_path: Path) -> None:
    first, second = create_root_key(tmp_path / "a"), create_root_key(tmp_path / "b")
    assert first.key_id != second.key_id
    (tmp_path / "a").rename(tmp_path / "c")
    assert load_root_key(tmp_path / "c").key_id == first.key_id


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_root_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "root.key"
    create_root_key(file)
    file.chmod(mode)
    with pytest.raises(Unavailable, match="chmod 600"):
        load_root_key(file)


@pytest.mark.parametrize("text", [b"", b"short", b64encode(bytes(31)), b64encode(bytes(33)), b"zz" * 32, b"\xff" * 64])
def test_a_file_without_a_root_key_is_refused(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "root.key"
    file.touch(0o600)
    file.write_bytes(text)
    with pytest.raises(Unavailable, match="32 bytes"):
        load_root_key(file)


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_is_no_file_is_no_root_key(tmp_path: Path, name: str) -> None:
    with pytest.raises(ServiceError):
        load_root_key(tmp_path / name)
