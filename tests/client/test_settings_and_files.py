"""Where the client's settings come from, what of the machine is shared, and what is kept of it on the disk."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deldokument.client import FileChanged, LocalFile, NotConfigured, Settings, load_settings
from deldokument.client.files import collect
from deldokument.client.state import Ledger, Partial, sweep
from tests.support.deployment.process_limits import files_no_longer_than

pytestmark = pytest.mark.once

PLAIN = {
    "DELDOKUMENT_CLIENT_URL": "https://del.example/",
    "DELDOKUMENT_CLIENT_ISSUER": "https://maskinporten.example/",
    "DELDOKUMENT_CLIENT_CLIENT_ID": "fagsystem",
    "DELDOKUMENT_CLIENT_KEY_PATH": "/etc/key.json",
}
SECRET = b"s" * 32


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def loaded(**changes: str) -> Settings:
    return load_settings(PLAIN | changes)


def test_the_environment_alone_is_enough(home: Path) -> None:
    settings = loaded()
    assert (settings.url, settings.issuer) == ("https://del.example", "https://maskinporten.example/")
    assert (settings.scope, settings.consumer_org) == ("deldokument:share", None)
    assert settings.resource == "https://del.example"
    assert settings.state_dir == home / ".local/state/deldokument"


def test_a_file_supplies_settings_that_the_environment_lacks(home: Path) -> None:
    folder = home / ".config" / "deldokument"
    folder.mkdir(parents=True)
    (folder / "client.toml").write_text(
        'url = "https://other.example"\nissuer = "https://m.example/"\nclient_id = "x"\nkey_path = "~/key.json"\n'
    )
    settings = load_settings({"DELDOKUMENT_CLIENT_URL": "https://del.example"})
    assert (settings.url, settings.client_id, settings.key_path) == ("https://del.example", "x", home / "key.json")


def test_the_folders_of_the_xdg_specification_are_kept_to(home: Path) -> None:
    assert loaded(XDG_STATE_HOME="/srv/state").state_dir == Path("/srv/state/deldokument")
    assert loaded(XDG_STATE_HOME="relative").state_dir == home / ".local/state/deldokument"


@pytest.mark.usefixtures("home")
def test_a_missing_setting_is_named() -> None:
    with pytest.raises(NotConfigured, match="DELDOKUMENT_CLIENT_ISSUER, DELDOKUMENT_CLIENT_KEY_PATH, or the same in"):
        loaded(DELDOKUMENT_CLIENT_ISSUER="", DELDOKUMENT_CLIENT_KEY_PATH=" ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("colour = 'red'", "unknown colour"),
        ("scope = 1", "scope must be text"),
        ("scope = ", "cannot be read"),
        (None, "does not exist"),
    ],
)
def test_a_file_that_is_no_settings_is_refused(home: Path, content: str | None, words: str) -> None:
    path = home / "client.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NotConfigured, match=words):
        loaded(DELDOKUMENT_CLIENT_CONFIG=str(path))


@pytest.mark.parametrize(
    "url",
    [
        "http://del.example",
        "ftp://del.example",
        "del.example",
        "https://",
        "http://127.1x",
        "https://[::1",
        "https://del.example:x",
    ],
)
@pytest.mark.usefixtures("home")
def test_neither_tokens_nor_documents_go_without_tls(url: str) -> None:
    with pytest.raises(NotConfigured, match="must be an https URL"):
        loaded(DELDOKUMENT_CLIENT_URL=url)
    with pytest.raises(NotConfigured, match="must be an https URL"):
        loaded(DELDOKUMENT_CLIENT_ISSUER=url)


@pytest.mark.usefixtures("home")
def test_a_missing_home_folder_is_reported() -> None:
    with pytest.raises(NotConfigured, match="in full"):
        loaded(DELDOKUMENT_CLIENT_KEY_PATH="~nobody-of-that-name/key.json")


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:80"])
@pytest.mark.usefixtures("home")
def test_this_machine_needs_no_tls(url: str) -> None:
    assert loaded(DELDOKUMENT_CLIENT_URL=url).url == url


def test_a_folder_keeps_its_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sak" / "kart").mkdir(parents=True)
    (tmp_path / "sak" / "kart" / "øst.png").write_bytes(b"12")
    (tmp_path / "sak" / "vedtak.pdf").write_bytes(b"1")
    (tmp_path / "les.txt").write_bytes(b"")
    assert [(f.name, f.length) for f in collect([tmp_path / "les.txt", tmp_path / "sak"])] == [
        ("les.txt", 0),
        ("sak/kart/øst.png", 2),
        ("sak/vedtak.pdf", 1),
    ]
    monkeypatch.chdir(tmp_path / "sak")
    assert [f.name for f in collect([Path()])] == ["sak/kart/øst.png", "sak/vedtak.pdf"]


def test_letters_of_a_name_are_composed(tmp_path: Path) -> None:
    (tmp_path / "bla\u030a.txt").write_bytes(b"")
    assert [f.name for f in collect([tmp_path / "bla\u030a.txt"])] == ["bl\u00e5.txt"]


def test_a_symlink_in_a_folder_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "sak").mkdir()
    (tmp_path / "secret").write_bytes(b"1")
    (tmp_path / "sak" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(NotConfigured, match="is a link"):
        collect([tmp_path / "sak"])
    assert collect([tmp_path / "sak" / "link"])[0].name == "secret"


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("empty", "no file to share"), ("pipe", "is not a file"), ("missing", "No such file")):
        with pytest.raises(NotConfigured, match=words):
            collect([tmp_path / name])


def test_a_name_that_no_text_can_hold_is_refused_and_not_the_end_of_the_program(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/s\xf8knad.pdf")).write_bytes(b"1")
    with pytest.raises(NotConfigured, match="not UTF-8"):
        collect([tmp_path])


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.pdf").write_bytes(b"1")
    with pytest.raises(NotConfigured, match=r"would both be called x\.pdf"):
        collect([tmp_path / "a" / "x.pdf", tmp_path / "b" / "x.pdf"])
    assert len(collect([tmp_path / "a", tmp_path / "b"])) == 2


def a_file(folder: Path, content: bytes = b"0123456789") -> LocalFile:
    path = folder / "x.bin"
    path.write_bytes(content)
    return collect([path])[0]


def test_a_file_is_read_from_the_requested_offset(tmp_path: Path) -> None:
    assert b"".join(a_file(tmp_path).pieces(3, 7)) == b"3456"


def test_a_file_that_changes_while_it_is_shared_is_noticed(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.check_unchanged()
    os.utime(file.path, ns=(1, file.modified_ns + 1))
    with pytest.raises(FileChanged, match="has changed"):
        file.check_unchanged()
    file.path.write_bytes(b"0")
    with pytest.raises(FileChanged, match="shorter"):
        list(file.pieces(0, 10))
    file.path.unlink()
    with pytest.raises(FileChanged, match="no longer exists"):
        file.check_unchanged()
    with pytest.raises(FileChanged, match="cannot be read"):
        list(file.pieces(0, 10))


REQUEST: Mapping[str, Any] = {"recipients": ["21879498012"], "files": ["vedtak-om-barnevern.pdf"]}


def ledger(folder: Path, request: Mapping[str, Any] = REQUEST) -> Ledger:
    return Ledger(folder / "state", SECRET, request)


def test_the_same_call_resumes(tmp_path: Path) -> None:
    with ledger(tmp_path) as first:
        key = first.idempotency_key("draft")
        first.began("share-1")
        first.keep_document("a.pdf", "document-1")
        first.keep_partials("a.pdf", [Partial("https://del.example/uploads/u", 0, 5)])
    with ledger(tmp_path) as again:
        assert (again.share_id, again.document("a.pdf"), again.document("b.pdf")) == ("share-1", "document-1", None)
        assert again.partials("a.pdf") == [Partial("https://del.example/uploads/u", 0, 5)]
        assert again.idempotency_key("draft") == key
        again.keep_partials("a.pdf", [])
        again.begin_anew()
        assert (again.share_id, again.partials("a.pdf")) == (None, [])
        assert again.idempotency_key("draft") != key


def test_another_call_resumes_nothing(tmp_path: Path) -> None:
    with ledger(tmp_path) as first:
        first.began("share-1")
    with ledger(tmp_path, {**REQUEST, "until": "later"}) as other:
        assert other.share_id is None


def test_no_state_file_names_persons_or_documents_or_can_be_read_by_others(tmp_path: Path) -> None:
    with ledger(tmp_path) as first:
        first.began("share-1")
        first.keep_document("vedtak-om-barnevern.pdf", "document-1")
        files = list((tmp_path / "state").iterdir())
        assert len(files) == 2
        for path in files:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert re.search(r"21879498012|vedtak|barnevern", f"{path.name} {path.read_text()}") is None
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_two_concurrent_calls_do_not_share_twice(tmp_path: Path) -> None:
    with ledger(tmp_path), pytest.raises(NotConfigured, match="by another process"), ledger(tmp_path):
        pass
    with ledger(tmp_path):
        pass


def test_a_finished_call_leaves_no_state(tmp_path: Path) -> None:
    with ledger(tmp_path) as first:
        first.began("share-1")
        first.close()
    assert list((tmp_path / "state").iterdir()) == []


def test_a_damaged_or_foreign_state_file_is_ignored(tmp_path: Path) -> None:
    for content in ("{", "[]", '{"layout": 0}', '{"layout": 1}', ""):
        with ledger(tmp_path) as first:
            first.began("share-1")
        next((tmp_path / "state").glob("*.json")).write_text(content)
        with ledger(tmp_path) as again:
            assert again.share_id is None


def test_a_disk_that_cannot_store_the_state_is_reported(tmp_path: Path) -> None:
    with ledger(tmp_path) as first:
        with files_no_longer_than(10), pytest.raises(NotConfigured, match="cannot be kept"):
            first.began("share-1")
        first.began("share-1")
    [kept] = (tmp_path / "state").glob("*.json")
    kept.unlink()
    kept.mkdir()
    for _ in range(2):
        with pytest.raises(NotConfigured, match="cannot be kept"), ledger(tmp_path):
            pass


def test_a_state_older_than_a_week_is_removed(tmp_path: Path) -> None:
    with ledger(tmp_path) as first:
        first.began("share-1")
    written = max(path.stat().st_mtime for path in (tmp_path / "state").iterdir())
    sweep(tmp_path / "state", written + 7 * 24 * 3600)
    assert len(list((tmp_path / "state").iterdir())) == 2
    sweep(tmp_path / "state", written + 9 * 24 * 3600)
    assert list((tmp_path / "state").iterdir()) == []
    sweep(tmp_path / "nowhere", written)
