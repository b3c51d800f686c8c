"""OpenBao as keyring and root key: no more rights than needed, and every fault is Unavailable."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import hvac
import pytest
from hvac.exceptions import Forbidden

from deldokument.adapters.keys.keyring import SealedKeyring, rotate_root
from deldokument.adapters.keys.openbao import OpenBao
from deldokument.adapters.keys.openbao_store import OpenBaoStore
from deldokument.adapters.keys.transit import TransitRootKeys
from deldokument.domain.errors import Broken, Unavailable
from tests.fakes.root_keys import MemoryRootKeys
from tests.support.servers.openbao import Place, Server, create_place, running_openbao
from tests.support.stage.keyrings import ROOT, Opening, opened

QUICK = (0.5, 0.5)


def keyring_in(place: Place) -> SealedKeyring:
    """Entries and root key in OpenBao, as a node opens them."""
    roots = TransitRootKeys(place.connection(), place.transit_mount, "deldokument")
    return SealedKeyring(OpenBaoStore(place.connection(), place.keyring_mount, roots.ids()[-1]), roots)


def as_service(place: Place) -> hvac.Client:
    """A plain client with the service's own token."""
    client = hvac.Client(url=place.server.url, token="")
    client.auth.approle.login(place.role_id, place.secret_id_path.read_text().strip())
    return client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "{transit}/keys/deldokument/rotate"),
        ("post", "{transit}/keys/deldokument/config"),
        ("post", "{transit}/keys/deldokument/trim"),
        ("delete", "{transit}/keys/deldokument"),
        ("post", "{transit}/keys/another"),
        ("get", "{transit}/export/encryption-key/deldokument"),
        ("get", "{transit}/backup/deldokument"),
        ("post", "{transit}/rewrap/deldokument"),
        ("post", "{transit}/datakey/plaintext/deldokument"),
        ("list", "{transit}/keys"),
        ("get", "{keys}/config"),
        ("post", "{keys}/config"),
        ("delete", "{keys}/data/root"),
        ("delete", "{keys}/metadata/root"),
        ("list", "{keys}/metadata/"),
        ("get", "{keys}/metadata/entry/6162"),
        ("post", "{keys}/metadata/entry/6162"),
        ("post", "{keys}/undelete/entry/6162"),
        ("get", "{keys}/data/other"),
        ("get", "secret/data/other"),
        ("get", "sys/mounts"),
        ("get", "sys/policies/acl"),
        ("get", "auth/token/lookup-self"),
        ("post", "auth/token/create"),
        ("get", "auth/approle/role"),
        ("get", "sys/storage/raft/snapshot"),
    ],
)
def test_the_service_may_do_nothing_but_what_it_needs(bao_place: Place, method: str, path: str) -> None:
    client = as_service(bao_place)
    where = path.format(keys=bao_place.keyring_mount, transit=bao_place.transit_mount)
    with pytest.raises(Forbidden):
        client.adapter.request(method, f"/v1/{where}")


def test_a_deployment_reaches_nothing_of_another(bao_place: Place, openbao: Server, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = create_place(openbao, tmp_path / "other")
    with closing(keyring_in(other)) as keyring:
        keyring.create("share:1")
    with closing(bao_place.connection()) as bao, pytest.raises(Unavailable, match="policy"):
        bao.get(f"{other.keyring_mount}/data/root")


def test_a_destroyed_entry_is_gone_with_all_its_versions(bao_place: Place) -> None:
    with closing(keyring_in(bao_place)) as keyring:
        keyring.create("share:1")
        bao_place.rotate()
        rotate_root(keyring)
        keyring.destroy(["share:1"])
        kept = bao_place.server.asked("list", f"{bao_place.keyring_mount}/metadata")
        assert kept["data"]["keys"] == ["root"]


def test_hundreds_of_entries_are_listed_got_and_destroyed(openbao_opening: Opening) -> None:
    with closing(opened(openbao_opening, MemoryRootKeys(ROOT))) as keyring:
        ids = [f"share:{number:04}" for number in range(300)]
        keys = {entry_id: keyring.create(entry_id) for entry_id in ids}
        assert keyring.ids("share:02") == [entry_id for entry_id in ids if entry_id.startswith("share:02")]
        assert keyring.get(ids) == keys
        keyring.destroy(ids)
        assert keyring.ids("") == []


def test_pages_of_ids_make_a_whole(openbao_opening: Opening, bao_place: Place) -> None:
    with closing(opened(openbao_opening, MemoryRootKeys(ROOT))) as keyring, closing(bao_place.connection()) as bao:
        share_ids = sorted(f"share:{number}" for number in range(25))
        for entry_id in [*share_ids, "audit:1", "tenant:1"]:
            keyring.create(entry_id)
        store = OpenBaoStore(bao, bao_place.keyring_mount, "", page=10)
        assert store.ids("share:") == share_ids
        assert store.ids("") == ["audit:1", *share_ids, "tenant:1"]
        assert store.ids("nothing") == store.ids("zzz") == []


class Straddled:
    """A connection that is stopped just before it writes an entry for the first time, while something else is done."""

    def __init__(self, bao: OpenBao, meanwhile: Callable[[], object]) -> None:
        self._bao = bao
        self._meanwhile: Callable[[], object] | None = meanwhile

    def post(self, path: str, body: dict[str, object]) -> dict[str, object]:
        meanwhile = self._meanwhile if "/data/entry/" in path else None
        if meanwhile:
            self._meanwhile = None
            meanwhile()
        return self._bao.post(path, body)

    def __getattr__(self, name: str) -> object:
        return getattr(self._bao, name)


@contextmanager
def straddled(place: Place, roots: MemoryRootKeys, meanwhile: Callable[[], object]) -> Iterator[SealedKeyring]:
    """A node whose first entry is looked at under one root key and written when ``meanwhile`` is done."""
    bao: Any = Straddled(place.connection(), meanwhile)
    with closing(SealedKeyring(OpenBaoStore(bao, f"keys-{place.name}", "root-1"), roots)) as node:
        yield node


def test_no_entry_stays_under_a_root_key_that_was_retired_while_it_was_added(
    openbao_opening: Opening, bao_place: Place
) -> None:
    roots = MemoryRootKeys()
    with (
        closing(opened(openbao_opening, roots)) as keyring,
        straddled(bao_place, roots, lambda: [rotate_root(keyring) for _ in range(2)]) as node,
    ):
        key = node.create("share:1")
        assert roots.ids() == ["root-3"]
        assert keyring.get(["share:1"]) == {"share:1": key}


def test_an_entry_that_cannot_follow_a_rotation_does_not_block_the_next(
    openbao_opening: Opening, bao_place: Place
) -> None:
    roots = MemoryRootKeys()
    alone = MemoryRootKeys(*roots.keys)
    with (
        closing(opened(openbao_opening, roots)) as keyring,
        straddled(bao_place, alone, lambda: rotate_root(keyring)) as node,
    ):
        with pytest.raises(Unavailable):
            node.create("share:1")
        key = keyring.create("share:1")
        rotate_root(keyring)
        assert keyring.get(["share:1"]) == {"share:1": key}


def test_an_invalid_entry_is_broken(openbao_opening: Opening, bao_place: Place) -> None:
    with closing(opened(openbao_opening, MemoryRootKeys(ROOT))) as keyring:
        where = f"{bao_place.keyring_mount}/data/entry/{b'share:1'.hex()}"
        bao_place.server.asked("post", where, options={"cas": 0}, data={"sealed": "%%%", "root_key_id": "root-1"})
        with pytest.raises(Broken):
            keyring.get(["share:1"])


def test_the_operator_creates_and_destroys_a_version_with_the_printed_commands(bao_place: Place) -> None:
    with closing(keyring_in(bao_place)) as keyring:
        keyring.create("share:1")
        with pytest.raises(Unavailable, match=f"bao write -f {bao_place.key}/rotate"):
            rotate_root(keyring)
        bao_place.rotate()
        _, left = rotate_root(keyring)
        assert f"bao write {bao_place.key}/trim min_available_version=2" in left
        bao_place.trim(2)
        assert len(keyring.get(["share:1"])) == 1
        assert rotate_root_refused(keyring)


def rotate_root_refused(keyring: SealedKeyring) -> bool:
    with pytest.raises(Unavailable, match="rotate"):
        rotate_root(keyring)
    return True


def test_a_key_that_is_not_there_is_unavailable(bao_place: Place) -> None:
    bao_place.server.asked("post", f"{bao_place.key}/config", deletion_allowed=True)
    with closing(keyring_in(bao_place)) as keyring:
        keyring.create("share:1")
        bao_place.server.asked("delete", bao_place.key)
        with pytest.raises(Unavailable):
            keyring.get(["share:1"])
    with closing(bao_place.connection()) as bao, pytest.raises(Unavailable, match="no key"):
        TransitRootKeys(bao, bao_place.transit_mount, "deldokument")


def test_a_token_that_was_revoked_or_has_run_out_is_fetched_anew(bao_place: Place) -> None:
    role = f"auth/approle/role/{bao_place.name}"
    bao_place.server.asked("post", role, token_type="service", token_ttl="1h")
    with closing(keyring_in(bao_place)) as keyring:
        key = keyring.create("share:1")
        bao_place.server.asked("post", "sys/leases/revoke-prefix/auth/approle/login")
        assert keyring.get(["share:1"]) == {"share:1": key}


def test_a_token_is_fetched_anew_before_it_runs_out(bao_place: Place) -> None:
    bao_place.server.asked("post", f"auth/approle/role/{bao_place.name}", token_ttl="4s")
    # OpenBao counts whole seconds: a token of four lives for three at least.
    statuses: list[int] = []
    with closing(keyring_in(bao_place)) as keyring, closing(bao_place.connection()) as bao:
        keyring.create("share:1")
        # A token that has run out is refused once before another is fetched.
        bao._session.hooks["response"].append(lambda answer, **_: statuses.append(answer.status_code))
        over = threading.Event()
        threading.Timer(5, over.set).start()
        while not over.is_set():
            assert bao.get(f"{bao_place.keyring_mount}/data/root")
    assert set(statuses) == {200}


def test_a_role_that_is_gone_is_unavailable_and_shows_no_secret(bao_place: Place) -> None:
    with closing(keyring_in(bao_place)) as keyring:
        keyring.create("share:1")
        bao_place.server.asked("delete", f"auth/approle/role/{bao_place.name}")
    secret = bao_place.secret_id_path.read_text().strip()
    with pytest.raises(Unavailable) as caught:
        bao_place.connection()
    assert secret not in str(caught.value)


def test_a_secret_id_that_others_may_read_is_refused(bao_place: Place) -> None:
    bao_place.secret_id_path.chmod(0o644)
    with pytest.raises(Unavailable, match="chmod 600"):
        bao_place.connection()


def test_a_sealed_openbao_is_unavailable(tmp_path: Path) -> None:
    with running_openbao() as server:
        place = create_place(server, tmp_path)
        with closing(keyring_in(place)) as keyring:
            keyring.create("share:1")
            server.asked("post", "sys/seal")
            for attempt in attempts(keyring):
                with pytest.raises(Unavailable):
                    attempt()


def attempts(keyring: SealedKeyring) -> list[Callable[[], object]]:
    return [
        lambda: keyring.get(["share:1"]),
        lambda: keyring.create("share:2"),
        lambda: keyring.destroy(["share:1"]),
        lambda: keyring.ids(""),
        lambda: keyring.rotate("transit-1-1"),
    ]


class Stub(BaseHTTPRequestHandler):
    """Lets everybody in, and then answers as its mode says."""

    mode: ClassVar[str] = ""
    silence: ClassVar[threading.Event]
    logins: ClassVar[list[str]]

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/login") and self.mode == "lets in once" and self.logins:
            self.silence.wait()
            self.close_connection = True
        elif self.path.endswith("/login"):
            self.logins.append(self.path)
            life = 0 if self.mode == "lets in once" else 3600
            self._say(200, b'{"auth": {"client_token": "t", "lease_duration": %d}}' % life)
        elif self.mode == "slow":
            self.silence.wait()
            self.close_connection = True
        elif self.mode.isdigit():
            self._say(int(self.mode), b'{"errors": ["no"]}')
        else:
            self._say(200, {"html": b"<html>", "list": b"[1]", "empty": b"{}", "other": b'{"data": 7}'}[self.mode])

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = do_LIST = _answer  # noqa: N815


@contextmanager
def stub(mode: str, secret_id_path: Path) -> Iterator[OpenBao]:
    """A connection to a server that has a fault."""
    handler = type("Handler", (Stub,), {"mode": mode, "silence": threading.Event(), "logins": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        secret_id_path.touch(0o600)
        try:
            with closing(
                OpenBao(f"http://127.0.0.1:{server.server_port}", "role", secret_id_path, timeout=QUICK)
            ) as bao:
                yield bao
        finally:
            handler.silence.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("mode", ["slow", "html", "list", "empty", "other", "400", "403", "500", "503", "429", "302"])
def test_every_fault_is_unavailable(mode: str, tmp_path: Path) -> None:
    with stub(mode, tmp_path / "secret-id") as bao:
        with pytest.raises(Unavailable) as caught:
            OpenBaoStore(bao, "deldokument", "root-1")
        assert caught.value.code == "keyring"
        with pytest.raises(Unavailable):
            TransitRootKeys(bao, "transit", "deldokument")


def test_an_openbao_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    (tmp_path / "secret-id").touch(0o600)
    with pytest.raises(Unavailable):
        OpenBao(f"http://127.0.0.1:{port}", "role", tmp_path / "secret-id", timeout=QUICK)


def test_many_who_are_let_in_by_nobody_do_not_wait_for_one_another(tmp_path: Path) -> None:
    took: list[float] = []

    def ask() -> None:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            bao.get("deldokument/data/root")
        took.append(time.monotonic() - began)

    with stub("lets in once", tmp_path / "secret-id") as bao:
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    # One after the other each would wait as long as the first.
    assert max(took) < 4 * min(took)
