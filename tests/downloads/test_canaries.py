"""Content is nowhere in the clear, and cannot be recovered after the share has ended.

Canary strings are sought in each table and blob of servers, and in each file of a deployment. Those files are the
database with its log, keyring, blobs, logs and temporary files. Encodings are text, UTF-16, hexadecimal and base64.
Then copies of database and blobs from before the end are opened with the keyring from after it.
"""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from deldokument.bootstrap.keys import open_keyring
from deldokument.domain.errors import Broken, NotFound
from deldokument.domain.identifiers import PersonIdentifier, parse_person
from deldokument.domain.shares.share import Share
from deldokument.ports.blobs import BlobStore
from deldokument.ports.dependencies import Dependencies
from deldokument.services.downloads.content import open_document, read_content
from deldokument.services.downloads.offers import open_share
from deldokument.services.encryption import CachedDeploymentKeys
from deldokument.services.shares.display import queries
from deldokument.store.database import Database
from tests.support.deployment.deployment import EWA_NUMBER, KARI, Deployment, wait_until
from tests.support.servers.collector import calls, collector
from tests.support.stored_data import copies, in_servers, names

EWA = "Ewa Kowalska"
KARI_NUMBER = "12838514837"
TRACES = "tmp/traces"


@dataclass(frozen=True, slots=True)
class Canaries:
    """Strings that occur nowhere but in what Kari and Ewa entrust to the service."""

    content: str
    message: str
    title: str
    name: str
    label: str
    reference: str
    number: str = EWA_NUMBER

    def all(self) -> list[str]:
        spaced = f"{self.number[:6]} {self.number[6:]}"
        return [self.content, self.message, self.title, self.name, self.label, self.reference, self.number, spaced]


def hatch() -> Canaries:
    return Canaries(*(f"kanari{secrets.token_hex(8)}" for _ in range(6)))


def disguises(text: str) -> Iterator[bytes]:
    """The ways in which a text may lie in a file and be read by who looks for it."""
    plain = text.encode()
    yield from (plain, text.encode("utf-16-le"), plain.hex().encode())
    for shift in range(3):
        # The letters that depend on the text alone, wherever in a base64 text it begins.
        encoded = base64.b64encode(b"\0" * shift + plain)
        yield encoded[4 if shift else 0 : len(encoded) // 4 * 4 - 4]


def found(running: Deployment, canaries: Canaries) -> list[str]:
    """Where a canary sings. The simulated registers know people's numbers of course, and are not the service."""
    needles = {needle for text in canaries.all() for needle in disguises(text)}
    places = [running.data, running.folder / "tmp", running.folder / "server.log", running.folder / "worker.log"]
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*")) if file.is_file()]
    kept = {str(file): contents(file) for file in files} | in_servers(running)
    assert any(where.endswith("-wal") or where == "share" for where in kept)
    return [f"{where}: {needle!r}" for where, content in kept.items() for needle in needles if needle in content]


def contents(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def entrust(running: Deployment, canaries: Canaries, *, finished: bool = True) -> tuple[str, str]:
    """A draft with everything in it; its id and the document's. The content is the canary again and again."""
    words = {"title": canaries.title, "message": canaries.message, "reference": canaries.reference}
    draft_id = running.draft(**words)
    running.add_recipients(draft_id, [canaries.number])
    kari = running.session(KARI)
    [recipient] = recipients_of(running, draft_id)
    path = f"/del/utkast/{draft_id}/mottakere/{recipient}"
    assert kari.put(path, json={"label": canaries.label}).status_code == 200
    content = body(canaries)
    ticket = running.announce(draft_id, f"{canaries.name}.txt", len(content))
    upload = running.url + running.create_upload(ticket)
    sent = content if finished else content[: len(content) // 2]
    headers = ticket.headers | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert httpx.patch(upload, headers=headers, content=sent).status_code == 204
    return draft_id, ticket.document_id


def recipients_of(running: Deployment, share_id: str) -> list[str]:
    with running.node.deps.database.read() as tx:
        return [recipient.id for recipient in tx.shares.recipients([share_id])]


def body(canaries: Canaries) -> bytes:
    return f"{canaries.content} ".encode() * 400_000


def state_of(running: Deployment, share_id: str) -> Share:
    with running.node.deps.database.read() as tx:
        share = tx.shares.get(share_id)
    assert share is not None
    return share


def wait_for_the_end(running: Deployment, share_id: str) -> None:
    """Until the worker's round has destroyed the key and deleted the blobs."""
    wait_until(lambda: state_of(running, share_id).key_destroyed_at is not None, 30, "the key was not destroyed")
    wait_until(lambda: blobs(running) == set(), 30, "blobs were not deleted")


def blobs(running: Deployment) -> set[str]:
    return names(running.deps.blobs, running.data)


@dataclass(frozen=True, slots=True)
class Copy:
    """A backup of database and blobs, as it was at an instant."""

    database_url: str
    blobs: BlobStore
    at: datetime


@dataclass(frozen=True, slots=True)
class StoppedClock:
    at: datetime

    def now(self) -> datetime:
        return self.at

    def skew(self) -> timedelta:
        return timedelta(0)


def back_up(running: Deployment, folder: Path) -> Copy:
    folder.mkdir()
    return Copy(*copies(running, folder), running.deps.clock.now())


@contextmanager
def revived(running: Deployment, copy: Copy) -> Iterator[Dependencies]:
    """The world of a backup, at its own time, with the keyring and the root key of now."""
    keyring = open_keyring(running.settings)
    database = Database(copy.database_url).authenticated(CachedDeploymentKeys(keyring), running.deps.damage)
    try:
        yield replace(running.deps, database=database, keyring=keyring, blobs=copy.blobs, clock=StoppedClock(copy.at))
    finally:
        database.close()
        keyring.close()


def person(number: str) -> PersonIdentifier:
    return parse_person(number, allow_synthetic=True)


def bytes_from(deps: Dependencies, share_id: str, document_id: str) -> bytes:
    content = open_document(deps, person(EWA_NUMBER), share_id, document_id)
    return b"".join(bytes(buffer) for buffer in read_content(deps, content, 0, content.length))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment whose clock is moved and all of whose files are searched; each test has words of its own.

    Its traces are collected in one of these files, at once.
    """
    folder = tmp_path_factory.mktemp("canaries")
    (folder / "tmp").mkdir()
    with pytest.MonkeyPatch.context() as patch, collector(folder / TRACES) as address:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        with Deployment(folder, settings={"otlp_endpoint": address}) as started:
            yield started


WANTED = {
    ("PUT /del/utkast/{id}", "SELECT share", "shares.drafts.drafts.save_draft"),
    ("PATCH /uploads/{id}", "blobs.commit", "uploads.append.commit"),
    ("PATCH /uploads/{id}", "UPDATE upload", "uploads.append.commit"),
    ("inspect", "blobs.read", "inspection.documents.__call__"),
    ("GET /d/{id}", "rights.grants", "downloads.offers.open_share"),
    ("GET /d/{id}/dokument/{document_id}", "blobs.read", "downloads.content.read_content"),
}
"""Some calls: the request or round, the span, the use case."""


def test_traces_name_routes_use_cases_tables_and_registers_and_nothing_that_was_entrusted(running: Deployment) -> None:
    canaries = hatch()
    share_id, document_id = entrust(running, canaries)
    running.publish(share_id, by_worker=True)
    for path in ("", f"/dokument/{document_id}"):
        assert running.session(EWA).get(f"/d/{share_id}{path}").status_code == 200
    folder = running.folder / TRACES

    def missing() -> set[tuple[str, str, str]]:
        # Two loops inspect documents beside each other.
        return WANTED - {
            (root.removesuffix(" beside"), *call) for root, root_calls in calls(folder).items() for call in root_calls
        }

    wait_until(lambda: not missing(), 60, "these are not in the traces")
    collected = b"".join(contents(file) for file in folder.iterdir())
    assert share_id.encode() not in collected
    assert KARI_NUMBER.encode() not in collected
    assert found(running, canaries) == []
    # Others wait until the store is empty.
    running.withdraw(share_id)
    wait_for_the_end(running, share_id)


def test_the_search_finds_what_is_there(running: Deployment) -> None:
    canaries = hatch()
    (running.data / "lekkasje").write_bytes(b"xy" + base64.b64encode(f"abcd{canaries.title}efgh".encode()))
    (running.folder / "tmp" / "lekkasje").write_bytes(canaries.name.encode("utf-16-le"))
    assert {line.partition(":")[0] for line in found(running, canaries)} == {
        str(running.data / "lekkasje"),
        str(running.folder / "tmp" / "lekkasje"),
    }


def test_a_withdrawn_share_was_never_in_the_clear_and_no_backup_gives_it_back(
    running: Deployment, tmp_path: Path
) -> None:
    canaries = hatch()
    share_id, document_id = entrust(running, canaries)
    assert found(running, canaries) == []
    running.publish(share_id, by_worker=True)
    ewa, path = running.session(EWA), f"/d/{share_id}/dokument/{document_id}"
    assert canaries.message in ewa.get(f"/d/{share_id}").text
    assert ewa.get(path).content == body(canaries)
    assert canaries.title in running.session(KARI).get(f"/delinger/{share_id}").text
    assert found(running, canaries) == []
    before = back_up(running, tmp_path / "before")
    with revived(running, before) as deps:
        assert bytes_from(deps, share_id, document_id) == body(canaries)
        assert open_share(deps, person(EWA_NUMBER), share_id).texts.message == canaries.message
    running.withdraw(share_id)
    wait_for_the_end(running, share_id)
    assert found(running, canaries) == []
    assert ewa.get(path).status_code == 410
    with revived(running, before) as deps:
        with pytest.raises(Broken):
            bytes_from(deps, share_id, document_id)
        assert canaries.message not in repr(open_share(deps, person(EWA_NUMBER), share_id))
        assert document_id in {d.id for d in queries.show_share(deps, person(KARI_NUMBER), share_id)[0].documents}


def test_an_ended_share_is_accounted_for_until_the_retention_ends_and_then_forgotten_everywhere(
    running: Deployment, tmp_path: Path
) -> None:
    canaries = hatch()
    share_id, document_id = entrust(running, canaries)
    running.publish(share_id, by_worker=True)
    running.session(EWA).get(f"/d/{share_id}/dokument/{document_id}")
    before = back_up(running, tmp_path / "before")
    running.move_clock(timedelta(days=31))
    wait_for_the_end(running, share_id)
    assert running.session(EWA).get(f"/d/{share_id}").status_code == 410
    with revived(running, before) as deps, pytest.raises(Broken):
        bytes_from(deps, share_id, document_id)
    account = running.session(KARI).get(f"/delinger/{share_id}").text
    assert all(text in account for text in (canaries.title, canaries.name, canaries.label, EWA_NUMBER[:6]))
    assert EWA_NUMBER not in account
    assert canaries.message not in account
    assert found(running, canaries) == []

    later = back_up(running, tmp_path / "later")
    key = state_of(running, share_id).audit_key_id
    running.move_clock(timedelta(days=430))
    wait_until(lambda: key not in running.node.deps.keyring.ids("audit:"), 30, "the audit key was not destroyed")
    assert running.session(KARI).get(f"/delinger/{share_id}").status_code == 404
    assert running.session(EWA).get(f"/d/{share_id}").status_code == 404
    assert found(running, canaries) == []
    for copy in (before, later):
        with revived(running, copy) as deps:
            # NotFound: a refusal that was recorded at the copy's own time has made a new key, which opens nothing.
            with pytest.raises((Broken, NotFound)):
                queries.show_share(deps, person(KARI_NUMBER), share_id)
            with pytest.raises(NotFound):
                open_share(deps, person(EWA_NUMBER), share_id)


def test_an_abandoned_draft_is_gone_with_its_half_uploaded_document(running: Deployment, tmp_path: Path) -> None:
    canaries = hatch()
    draft_id, document_id = entrust(running, canaries, finished=False)
    assert found(running, canaries) == []
    assert blobs(running) != set()
    back_up(running, tmp_path / "before")
    running.move_clock(timedelta(days=7, hours=1))
    wait_for_the_end(running, draft_id)
    assert found(running, canaries) == []
    keyring = open_keyring(running.settings)
    assert keyring.ids("share:") == []
    keyring.close()
    with running.node.deps.database.read() as tx:
        assert tx.uploads.of_documents([document_id]) == []
