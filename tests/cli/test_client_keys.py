"""How a client's key is made, and how a new one takes over while both are registered."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from deldokument.adapters.http.client import signing_key
from deldokument.client.jwt_grant import client_keys
from tests.cli.transcripts import run, write_client_key

pytestmark = pytest.mark.once

PRIVATE = {"d", "p", "q", "dp", "dq", "qi"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A client's file with its one key, as `create-client` writes it."""
    path = tmp_path / "client.json"
    write_client_key(path)
    return path


def stored(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def kids(path: Path) -> list[str]:
    return [str(key.kid) for key in client_keys(stored(path))]


def printed(*arguments: str) -> list[str]:
    """The names of the keys that a command prints, having shown nothing private."""
    result = run({}, "keys", *arguments)
    assert result.exit_code == 0, result.output
    keys = json.loads(result.stdout)["keys"]
    assert not any(PRIVATE & key.keys() for key in keys)
    return [key["kid"] for key in keys]


def test_a_new_key_signs_only_after_it_is_published_and_the_old_one_is_removed_last(path: Path) -> None:
    [old] = kids(path)
    [_, new] = printed("rotate-client", str(path))
    assert kids(path) == [old, new] == printed("public", str(path))
    assert signing_key(stored(path)).kid == old
    assert printed("rotate-client", str(path)) == [new, old]
    assert signing_key(stored(path)).kid == new
    assert printed("rotate-client", "--finish", str(path)) == [new]
    assert kids(path) == [new] == printed("public", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_the_same_command_undoes_switching_keys_too_early(path: Path) -> None:
    before = printed("rotate-client", str(path))
    printed("rotate-client", str(path))
    assert printed("rotate-client", str(path)) == before


def test_the_only_key_is_never_removed(path: Path) -> None:
    before = path.read_bytes()
    result = run({}, "keys", "rotate-client", "--finish", str(path))
    assert (result.exit_code, path.read_bytes()) == (1, before)


def test_files_of_an_interrupted_rotation_are_not_overwritten(path: Path) -> None:
    before, left = path.read_bytes(), path.with_name("client.json.new")
    left.write_text("{}")
    result = run({}, "keys", "rotate-client", str(path))
    assert (result.exit_code, path.read_bytes(), left.read_text()) == (1, before, "{}")


def without(*names: str) -> Any:
    return lambda key: {name: value for name, value in key.items() if name not in names}


@pytest.mark.parametrize(
    "broken",
    [
        lambda _: [],
        lambda _: {},
        lambda _: {"keys": []},
        lambda _: {"keys": 7},
        lambda _: {"kty": "EC", "kid": "one"},
        lambda key: {"keys": [key, "another"]},
        lambda key: {"keys": [key, key]},
        without("kid"),
        without(*PRIVATE),
    ],
)
def test_a_file_without_client_keys_is_reported_and_shows_none(path: Path, broken: Any) -> None:
    key = stored(path)
    path.write_text(json.dumps(broken(key)))
    for command in ("public", "rotate-client"):
        result = run({}, "keys", command, str(path))
        assert result.exit_code == 1
        assert str(path) in result.output
        assert key["d"] not in result.output
