"""`deldokument.client.receive` against a whole deployment: what is written, resumed, checked and confirmed."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from deldokument.client import (
    Interrupted,
    NotConfigured,
    OfferedDocument,
    Outcome,
    Received,
    Receiver,
    Refused,
    Unreachable,
    receive,
)
from deldokument.client.approval import Approval, challenge_of, check_code_of
from deldokument.client.saved_files import already_here, target_of
from deldokument.client.transport import RetryPolicy
from deldokument.domain.shares.program_access import parse_request, proves
from deldokument.domain.shares.share import Verdict
from tests.fakes.scanner import MemoryScanner
from tests.support.browser import serve, site, stage_in_memory
from tests.support.deployment.deployment import OLA, OLA_NUMBER, Deployment
from tests.support.servers.local_server import listening
from tests.support.stage.stage import NOON

FILES = {
    "sak/kart/nord.bin": bytes(range(256)) * 4000,
    "vedtak.pdf": b"%PDF-1.4\n",
    "tom.txt": b"",
    "stor.bin": b"0123456789abcdef" * 200_000,
    "skadet.bin": b"skadet" * 1000,
}
_CODE = re.compile(r'class="address">([A-Z2-7]{4}-[A-Z2-7]{4})<')


class Breaking(httpx.HTTPTransport):
    """A network that breaks each of the first downloads after some bytes."""

    def __init__(self, *cuts: int) -> None:
        super().__init__()
        self.cuts = list(cuts)
        self.asked: list[tuple[str, str]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if "/dokument/" in request.url.path:
            self.asked.append((request.headers.get("range", ""), request.headers.get("if-range", "")))
            if self.cuts and int(answer.headers["content-length"]) > self.cuts[0]:
                answer.stream = Cut(answer, self.cuts.pop(0))
        return answer


class Cut(httpx.SyncByteStream):
    """The first bytes of an answer."""

    def __init__(self, answer: httpx.Response, length: int) -> None:
        self._answer, self._stream, self._length = answer, answer.stream, length

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._stream, httpx.SyncByteStream)
        left = self._length
        for piece in self._stream:
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                raise httpx.ReadError("the network broke")

    def close(self) -> None:
        assert isinstance(self._stream, httpx.SyncByteStream)
        self._stream.close()


def person_in_a_browser(deployment: Deployment, address: str, check_code: str) -> None:
    """Ola opens the page, compares the code, and gives access; the browser follows to the program."""
    session, asked = deployment.session(OLA), urlsplit(address)
    page = session.get(f"{asked.path}?{asked.query}")
    found = _CODE.search(page.text)
    assert found
    assert found[1] == check_code
    answer = session.post(asked.path, data=dict(parse_qsl(asked.query)), headers={"Origin": deployment.url})
    assert answer.status_code == 303, answer.text
    wrong = answer.headers["location"].replace("state=", "state=x")
    assert httpx.get(wrong, trust_env=False).status_code == 404
    assert "Du kan lukke denne siden" in httpx.get(answer.headers["location"], trust_env=False).text


@contextmanager
def receiver_for(deployment: Deployment, link: str, *cuts: int) -> Iterator[tuple[Receiver, Breaking]]:
    network = Breaking(*cuts)
    with Receiver(link, http=httpx.Client(transport=network)) as receiver:
        receiver.approve(lambda address, code: person_in_a_browser(deployment, address, code))
        yield receiver, network


def outcomes(results: list[Received]) -> dict[str, tuple[Outcome, bool]]:
    return {one.document.name: (one.outcome, one.confirmed) for one in results}


def confirmed_by(deployment: Deployment, share_id: str) -> set[str]:
    """Names of the documents that Ola has confirmed, as the service has them."""
    with deployment.node.deps.database.read() as tx:
        receipts = tx.receipts.of_shares([share_id])
        return {receipt.document_id for receipt in receipts if receipt.document_id and receipt.confirmed_at}


def test_five_documents_are_received_resumed_checked_and_confirmed(deployment: Deployment, tmp_path: Path) -> None:
    share_id = deployment.share([OLA_NUMBER], FILES)
    link = f"{deployment.url}/d/{share_id}"
    (tmp_path / "vedtak.pdf").write_bytes(b"something else")
    with receiver_for(deployment, link, 700_000) as (receiver, network):
        offer = receiver.offer()
        ids = {one.name: one.id for one in offer.documents}
        # As after a kill: one part file is the beginning of its document, another is damaged.
        (tmp_path / f"stor.bin.{ids['stor.bin'][:8]}.part").write_bytes(FILES["stor.bin"][:1_000_000])
        (tmp_path / f"skadet.bin.{ids['skadet.bin'][:8]}.part").write_bytes(b"SKADET")
        seen: dict[str, int] = {}
        results = receiver.save(offer, tmp_path, progress=lambda one, done: seen.update({one.name: done}))
    received = (Outcome.RECEIVED, True)
    assert outcomes(results) == dict.fromkeys(FILES, received) | {"skadet.bin": (Outcome.MISMATCH, False)}
    assert confirmed_by(deployment, share_id) == set(ids.values()) - {ids["skadet.bin"]}
    named = {one.document.name: one.path for one in results if one.path}
    assert named["vedtak.pdf"] == tmp_path / "vedtak (2).pdf"
    assert {name: path.read_bytes() for name, path in named.items()} == {n: FILES[n] for n in named}
    assert (tmp_path / "vedtak.pdf").read_bytes() == b"something else"
    assert not list(tmp_path.rglob("*.part"))
    assert seen["stor.bin"] == len(FILES["stor.bin"])
    resumed = {span for span, validator in network.asked if span and validator}
    assert {"bytes=700000-", "bytes=1000000-"} <= resumed
    with receiver_for(deployment, link) as (receiver, network):
        again = receiver.save(receiver.offer(), tmp_path)
    assert outcomes(again) == dict.fromkeys(FILES, (Outcome.ALREADY_HERE, True)) | {"skadet.bin": received}
    assert network.asked == [("", "")]
    assert confirmed_by(deployment, share_id) == set(ids.values())


def test_receive_does_all_steps_and_reports_missing_access(deployment: Deployment, tmp_path: Path) -> None:
    share_id = deployment.share([OLA_NUMBER], {"brev.txt": b"brev"})
    link = f"{deployment.url}/d/{share_id}"
    [one] = receive(link, tmp_path, show=lambda *shown: person_in_a_browser(deployment, *shown), accept_warnings=True)
    assert (one.outcome, one.confirmed, one.path) == (Outcome.RECEIVED, True, tmp_path / "brev.txt")
    with receiver_for(deployment, link) as (receiver, _):
        deployment.withdraw(share_id)
        with pytest.raises(Refused) as caught:
            receiver.offer()
        assert caught.value.code == "share_withdrawn"


@pytest.mark.once
@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../x",
        "/x",
        "a//x",
        "..",
        "",
        "a\\x",
        "C:x",
        "nul",
        "COM1.txt",
        "x.",
        "x ",
        "a\nx",
        "\u202ex",
        "x" * 256,
    ],
)
def test_no_name_leads_out_of_the_folder_or_names_a_device(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unreachable):
        target_of(tmp_path, name)


@pytest.mark.once
def test_a_symlink_in_the_folder_cannot_lead_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "sak").symlink_to(tmp_path)
    with pytest.raises(NotConfigured):
        target_of(tmp_path / "to", "sak/x.txt")
    assert target_of(tmp_path / "to", "andre/x.txt") == tmp_path / "to" / "andre" / "x.txt"


@pytest.mark.once
def test_a_file_counts_as_received_only_with_the_same_content(tmp_path: Path) -> None:
    document = OfferedDocument("a" * 32, "x.txt", 2, "", "", "released", None)
    (tmp_path / "x.txt").write_bytes(b"ab")
    (tmp_path / "x (2).txt").mkdir()
    assert already_here(tmp_path / "x.txt", document) is None


@pytest.mark.once
@pytest.mark.parametrize(
    "link",
    ["", "https://", "https://del.example/", "http://del.example/d/x", "https://a/d/x/dokument/y", "https://a/b/d/x"],
)
def test_a_link_to_no_share_is_refused(link: str) -> None:
    with pytest.raises(NotConfigured, match="link of a share"):
        Receiver(link)


@pytest.mark.once
def test_client_and_service_agree_about_challenge_and_check_code() -> None:
    with Approval() as approval:
        asked = dict(parse_qsl(urlsplit(approval.address("https://del.example/d/x")).query))
        parsed = parse_request(asked["port"], asked["challenge"], asked["state"])
        assert proves(approval.verifier, parsed.challenge)
        assert challenge_of(approval.verifier) == approval.challenge
        assert check_code_of(parsed.challenge) == parsed.check_code == approval.check_code
        with socket.create_connection(("127.0.0.1", parsed.port)):
            # A browser that connects and sends nothing must not block others from delivering the code.
            assert httpx.get(parsed.address("kode"), trust_env=False).status_code == 200
        assert approval.code(RetryPolicy()) == "kode"
        assert httpx.get(f"{parsed.origin}/favicon.ico", trust_env=False).status_code == 404


@pytest.mark.once
def test_waiting_for_the_person_ends_when_stopped_and_not_for_ever() -> None:
    patience = RetryPolicy()
    with Approval() as approval:
        with pytest.raises(Refused, match="approved"):
            approval.code(patience, seconds=0)
        patience.stop()
        with pytest.raises(Interrupted):
            approval.code(patience)


def test_a_document_with_a_warning_is_left_out_until_the_recipient_accepts_it(tmp_path: Path) -> None:
    with stage_in_memory() as stage:
        stage.deps = replace(stage.deps, scanner=MemoryScanner(NOON, verdict=Verdict.TOO_LARGE))
        share_id = stage.publish(OLA_NUMBER)
        web = serve(stage)
        ola = web.browser(OLA_NUMBER)

        def show(address: str, _: str) -> None:
            asked = urlsplit(address)
            answer = ola.post(asked.path, dict(parse_qsl(asked.query)))
            httpx.get(answer.headers["location"], trust_env=False)

        with listening(stage, site()) as url, Receiver(f"{url}/d/{share_id}") as receiver:
            receiver.approve(show)
            offer = receiver.offer()
            [left_out] = receiver.save(offer, tmp_path)
            assert (left_out.outcome, left_out.path, left_out.confirmed) == (Outcome.WARNED, None, False)
            [received] = receiver.save(offer, tmp_path, accepted={offer.documents[0].id})
            assert (received.outcome, received.confirmed) == (Outcome.RECEIVED, True)
        web.close()
