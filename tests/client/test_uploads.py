"""A document's bytes arrive whole and in order over one stream or several, also when connections break."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from deldokument.client import FileChanged, Interrupted, LocalFile, Refused, Unreachable
from deldokument.client.files import collect
from deldokument.client.models import Ticket, ticket
from deldokument.client.state import Ledger, Partial
from deldokument.client.transport import RetryPolicy
from deldokument.client.uploads import UploadAttempt, Uploads
from tests.client.relay import Relay
from tests.support.deployment.deployment import BOTH_SOCKET_MODES, wait_until
from tests.support.stored_data import bytes_taken
from tests.uploads.tus import Tus, Uploading

LENGTH = 24 * 2**20


@pytest.fixture
def file(tmp_path: Path) -> LocalFile:
    path = tmp_path / "vedtak.pdf"
    path.write_bytes(os.urandom(LENGTH))
    return collect([path])[0]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "state", b"secret", {}) as kept:
        yield kept


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


class Sender:
    """Uploads to Kari's draft; keeps what progress said."""

    def __init__(self, tus: Tus, http: httpx.Client, ledger: Ledger, url: str = "") -> None:
        self.patience = RetryPolicy(first_seconds=0.01)
        self.noted: list[int] = []
        self.stop_at = LENGTH + 1
        self.renewed = 0
        self._tus = tus
        self._url = url or tus.deployment.url
        self.uploads = Uploads(http, self.patience, ledger, self._note)

    def _note(self, _: LocalFile, done: int) -> None:
        self.noted.append(done)
        if done >= self.stop_at:
            self.patience.stop()

    def ticket(self, length: int = LENGTH, name: str = "vedtak.pdf") -> Ticket:
        """A fresh token for the document; the bytes received so far stay."""
        self.renewed += 1
        given = self._tus.announce(length, name)
        path = self._tus.deployment.create_upload(given) if length else ""
        offset = Uploading(self._tus.deployment, given, path).offset() if path else 0
        return Ticket(given.document_id, offset, self._url + path, f"{self._url}/uploads", given.token)

    def upload(self, file: LocalFile, streams: int = 1, ticket: Ticket | None = None) -> None:
        self.uploads.upload(file, ticket or self.ticket(file.length), lambda: self.ticket(file.length), streams)

    def begin(self, file: LocalFile, ticket: Ticket) -> list[Partial]:
        """Three partial uploads without a byte."""
        return self.uploads._partials(UploadAttempt(file, ticket, self.ticket, self._note), 3)


@BOTH_SOCKET_MODES
@pytest.mark.parametrize("streams", [1, 3])
def test_a_document_arrives_whole_and_progress_ends_at_its_length(
    tus: Tus, http: httpx.Client, ledger: Ledger, file: LocalFile, streams: int
) -> None:
    sender = Sender(tus, http, ledger)
    sender.upload(file, streams)
    assert tus.received() == file.path.read_bytes()
    assert sender.noted[-1] == LENGTH
    assert max(sender.noted) == LENGTH
    assert ledger.partials(file.name) == []


def test_an_empty_document_arrives_too(tus: Tus, http: httpx.Client, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    Sender(tus, http, ledger).upload(collect([tmp_path / "empty"])[0], streams=3)
    assert tus.received() == b""


def test_the_service_offers_several_streams(tus: Tus, http: httpx.Client, ledger: Ledger) -> None:
    sender = Sender(tus, http, ledger)
    assert sender.uploads.offers_streams(sender.ticket().creation_url)
    assert not sender.uploads.offers_streams(f"{tus.deployment.url}/mine")
    assert not sender.uploads.offers_streams("http://127.0.0.1:1/uploads")


@BOTH_SOCKET_MODES
@pytest.mark.parametrize("streams", [1, 3])
def test_repeated_network_failures_only_delay_an_upload(
    tus: Tus, http: httpx.Client, ledger: Ledger, file: LocalFile, streams: int
) -> None:
    with Relay(tus.deployment.port, 2_000_000, 9_000_000, 100_000, 5_000_000) as relay:
        Sender(tus, http, ledger, relay.url).upload(file, streams)
        assert relay.unused_cuts == 0
    assert tus.received() == file.path.read_bytes()


@BOTH_SOCKET_MODES
@pytest.mark.parametrize("streams", [1, 3])
def test_a_stopped_upload_resumes_where_it_stopped(
    tus: Tus, http: httpx.Client, ledger: Ledger, file: LocalFile, streams: int
) -> None:
    first = Sender(tus, http, ledger)

    first.stop_at = LENGTH // 2
    with pytest.raises(Interrupted):
        first.upload(file, streams)
    assert len(ledger.partials(file.name)) == (streams if streams > 1 else 0)
    again = Sender(tus, http, ledger)
    # The server may still be processing bytes from before the connection broke.
    wait_until(lambda: bytes_taken(tus.deployment, tus.draft) > 0, 20, "nothing was kept")
    again.upload(file, streams=1)
    assert again.noted[0] > 0
    assert tus.received() == file.path.read_bytes()


def test_the_progress_of_several_streams_is_reported_together_before_the_first_continues(
    tus: Tus, http: httpx.Client, ledger: Ledger, file: LocalFile
) -> None:
    sender = Sender(tus, http, ledger)
    ticket = sender.ticket()
    second = sender.begin(file, ticket)[1]
    headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {ticket.token}", "Upload-Offset": "0"}
    headers["Content-Type"] = "application/offset+octet-stream"
    piece = file.path.read_bytes()[second.start :][: LENGTH // 8]
    assert httpx.patch(second.url, headers=headers, content=piece).status_code == 204
    sender.upload(file, streams=3, ticket=ticket)
    assert min(sender.noted) == sender.noted[0] == len(piece)
    assert tus.received() == file.path.read_bytes()


def test_partial_uploads_that_are_gone_are_replaced_by_the_document_whole(
    tus: Tus, http: httpx.Client, ledger: Ledger, file: LocalFile
) -> None:
    sender = Sender(tus, http, ledger)
    ticket = sender.ticket()
    partials = sender.begin(file, ticket)
    headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {ticket.token}"}
    assert httpx.delete(partials[1].url, headers=headers).status_code == 204
    sender.upload(file, streams=3, ticket=ticket)
    assert tus.received() == file.path.read_bytes()
    assert ledger.partials(file.name) == []


def test_a_token_that_was_replaced_meanwhile_is_renewed_once_for_all_streams(
    tus: Tus, http: httpx.Client, ledger: Ledger, file: LocalFile
) -> None:
    sender = Sender(tus, http, ledger)
    ticket = sender.ticket()
    partials = sender.begin(file, ticket)
    assert len(partials) == 3
    sender.ticket()
    sender.renewed = 0
    sender.upload(file, streams=3, ticket=ticket)
    assert sender.renewed == 1
    assert tus.received() == file.path.read_bytes()


def test_a_deleted_document_is_refused(tus: Tus, http: httpx.Client, ledger: Ledger, file: LocalFile) -> None:
    sender = Sender(tus, http, ledger)
    ticket = sender.ticket()
    stale = replace(ticket, token="another")
    with pytest.raises(Refused, match="no longer accepted"):
        sender.uploads.upload(file, ticket=stale, renew=lambda: stale, streams=1)


def test_a_file_that_changes_during_its_upload_is_refused(
    tus: Tus, http: httpx.Client, ledger: Ledger, file: LocalFile
) -> None:
    sender = Sender(tus, http, ledger)
    file.path.write_bytes(os.urandom(LENGTH))
    with pytest.raises(FileChanged, match="has changed"):
        sender.upload(file)
    file.path.write_bytes(b"short")
    with pytest.raises(FileChanged, match="shorter"):
        Sender(tus, http, ledger).upload(replace(file, name="other.pdf"), ticket=sender.ticket(name="other.pdf"))


def test_a_failing_stream_ends_the_others(tus: Tus, http: httpx.Client, ledger: Ledger, file: LocalFile) -> None:
    sender = Sender(tus, http, ledger)
    with file.path.open("r+b") as content:
        content.truncate(LENGTH // 2)
    with pytest.raises(FileChanged, match="shorter"):
        sender.upload(file, streams=3)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]


ELSEWHERE = Ticket("d", 0, "https://del.example/uploads/u", "https://del.example/uploads", "t")


def send_elsewhere(ledger: Ledger, file: LocalFile, patch: httpx.Response) -> list[str]:
    """What a service is asked that has nothing of the file and answers every PATCH so."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(200, headers={"upload-offset": "0"}) if request.method == "HEAD" else patch

    with httpx.Client(transport=httpx.MockTransport(answer)) as http, pytest.raises((Refused, Unreachable)) as caught:
        Uploads(http, RetryPolicy(first_seconds=0.0), ledger, lambda *_: None).upload(
            file, ELSEWHERE, lambda: ELSEWHERE, 1
        )
    return [*asked, str(caught.value)]


def test_an_upload_without_progress_is_abandoned(ledger: Ledger, file: LocalFile) -> None:
    assert "no progress in" in send_elsewhere(ledger, file, httpx.Response(507))[-1]


@pytest.mark.parametrize("status", [413, 415, 412])
def test_a_refusal_of_bytes_is_reported_and_not_retried(ledger: Ledger, file: LocalFile, status: int) -> None:
    assert send_elsewhere(ledger, file, httpx.Response(status, text="No.\n")) == ["PATCH", "No."]


def test_neither_token_nor_bytes_go_where_there_is_no_tls(ledger: Ledger, file: LocalFile) -> None:
    upload = {"url": "https://del.example/u", "creation_url": "https://del.example/", "token": "t", "offset": 0}
    said = {"document": {"id": "d", "complete": False}, "upload": upload}
    assert ticket(said).url == upload["url"]
    for name in ("url", "creation_url"):
        with pytest.raises(ValueError, match="TLS"):
            ticket(said | {"upload": upload | {name: "http://del.example/u"}})

    asked: list[httpx.Request] = []

    def lead_away(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(201, headers={"location": "http://del.example/uploads/p"})

    with httpx.Client(transport=httpx.MockTransport(lead_away)) as http, pytest.raises(Unreachable, match="TLS"):
        Uploads(http, RetryPolicy(first_seconds=0.0), ledger, lambda *_: None).upload(
            file, ELSEWHERE, lambda: ELSEWHERE, 2
        )
    assert {request.url.scheme for request in asked} == {"https"}
