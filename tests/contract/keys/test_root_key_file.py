"""The root key's file."""

import stat
from base64 import b64encode
from pathlib import Path

import pytest

from deldokument.adapters.keys.files import create_root_key, load_root_key
from deldokument.domain.errors import Conflict, ServiceError, Unavailable


def test_a_root_key_is_created_once_and_loaded_the_same(tmp_path: Path) -> None:
    file = tmp_path / "root.key"
    created = create_root_key(file)
    assert load_root_key(file) == created
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(Conflict):
        create_root_key(file)
    assert load_root_key(file) == created


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
def test_a_path_that_is_no_file_is_no_root_key(tmp_path: Path, name: str) -> None:
    with pytest.raises(ServiceError):
        load_root_key(tmp_path / name)
