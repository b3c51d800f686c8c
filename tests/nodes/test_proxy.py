"""nginx as it is delivered, before two nodes, and before servers that misbehave."""

import json
import os
import re
import signal
import socketserver
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest

from deldokument.config.settings import Settings
from deldokument.domain.service_config import ServiceConfig
from deldokument.domain.shares.upload import MAX_LENGTH
from deldokument.services.auth.sessions import PENDING
from deldokument.web.management import LIVE, READY
from deldokument.web.metrics import PATH as METRICS
from tests.ks.published import ERROR_MESSAGE
from tests.nodes.conftest import Nodes, listening
from tests.support.deployment.deployment import LENT, OFFSET_TYPE, OLA, OLA_NUMBER, wait_until
from tests.support.servers.nginx import CONFIGURATION, HOST, ROOT, Front, proxy
from tests.support.stage.inspection import inspect_documents
from tests.support.stored_data import document_receipts

# Two nodes, their registers and a database start before the first of them.
pytestmark = pytest.mark.timeout(400)

_SECONDS = 60.0


def test_requests_wait_at_the_unix_socket_while_the_node_restarts(nodes: Nodes, tmp_path: Path) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        listener = stack.enter_context(listening(tmp_path))
        front = stack.enter_context(proxy(tmp_path / "proxy", [f"unix:{listener.getsockname()}"]))
        asked = partial(front.curl, "/robots.txt", "-o", os.devnull, "-w", "%{http_code}")
        with nodes.deployment.node_beside("serve", listener) as (_, process):
            assert asked().stdout == b"200"
            process.send_signal(signal.SIGTERM)
            assert process.wait(_SECONDS) == 0
        waiting = pool.submit(asked)
        with nodes.deployment.node_beside("serve", listener):
            assert waiting.result(_SECONDS).stdout == b"200"


def test_a_document_goes_up_and_comes_down_through_the_proxy(
    request: pytest.FixtureRequest, nodes: Nodes, either: Front, tmp_path: Path
) -> None:
    front, deployment, content = either, nodes.deployment, os.urandom(20_000_000)
    is_local = request.node.callspec.params["either"] == "local"
    (tmp_path / "content").write_bytes(content)
    draft_id = deployment.draft()
    deployment.add_recipients(draft_id, [OLA_NUMBER])
    ticket = deployment.announce(draft_id, "vedtak.pdf", len(content))
    given = [word for name, value in ticket.headers.items() for word in ("-H", f"{name}: {value}")]
    created = front.curl("/uploads", "-i", "-X", "POST", *given, "-H", f"Upload-Length: {len(content)}")
    head = httpx.Headers([line.split(b": ", 1) for line in created.stdout.splitlines() if b": " in line])  # type: ignore[misc]
    body = ["-X", "PATCH", "--data-binary", f"@{tmp_path / 'content'}", "-H", f"Content-Type: {OFFSET_TYPE}"]
    written = ["-w", "%{http_code} %{http_version}", "-H", "Upload-Offset: 0"]
    assert front.curl(head["location"], *given, *body, *written).stdout == b"204 2"
    deployment.publish_uninspected(draft_id)
    inspect_documents(deployment.node.deps)
    [document] = deployment.document_paths(draft_id)
    cookies = "; ".join(f"{name}={value}" for name, value in deployment.session(OLA).cookies.items())
    assert front.curl(document, "-H", f"Cookie: {cookies}").stdout == content
    part = front.curl(document, "-H", f"Cookie: {cookies}", "-r", "19999000-", "-w", "%{http_code}")
    assert part.stdout == content[19_999_000:] + b"206"
    # Between this proxy and a node there is nothing that keeps a socket from being lent.
    lines = (deployment.folder / "server.log").read_text().splitlines()
    assert {kind for kind in LENT for line in lines if LENT[kind] in line and line.startswith("{") == is_local} == set(
        LENT
    )


@pytest.mark.parametrize("either", ["local"], indirect=True)
def test_after_a_withdrawal_a_slow_reader_gets_no_more_than_the_page_says(nodes: Nodes, either: Front) -> None:
    deployment, length = nodes.deployment, 30_000_000
    share_id = deployment.share([OLA_NUMBER], {"stor.bin": os.urandom(length)})
    [path] = deployment.document_paths(share_id)
    cookies = "; ".join(f"{name}={value}" for name, value in deployment.session(OLA).cookies.items())
    with either.connect(receive_buffer=64 * 1024) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookies}\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
        deployment.withdraw(share_id)
        wait_until(lambda: bool(document_receipts(deployment.deps, share_id)), _SECONDS, "not cut")
        held = 0
        while piece := connection.recv(2**16):
            held += len(piece)
    # What kernels hold without the settings of docs/operate/install.md; with them it was 0.7 MB.
    assert held < 6_000_000


def test_only_tls_1_3_for_the_one_host_and_it_says_so_once(front: Front) -> None:
    answer = front.curl("/robots.txt", "-i")
    assert answer.stdout.startswith(b"HTTP/2 200")
    assert answer.stdout.lower().count(b"strict-transport-security: max-age=63072000; includesubdomains\r\n") == 1
    assert front.curl("/robots.txt", "--tls-max", "1.2").returncode == 35
    assert front.curl("/robots.txt", "-k", host="other.example").returncode == 35
    sent_on = httpx.get(f"http://127.0.0.1:{front.plain}/d/x?y=z", headers={"Host": "other.example"})
    assert (sent_on.status_code, sent_on.headers["location"]) == (308, f"https://{HOST}/d/x?y=z")


@pytest.mark.parametrize("path", [LIVE, READY, METRICS, f"/{READY}", "/helse%2Fklar"])
def test_health_and_metrics_are_not_reached_through_the_proxy(front: Front, path: str) -> None:
    for options in ([], ["--head"], ["--path-as-is"]):
        assert front.curl(path, *options, "-w", "%{http_code}").stdout[-3:] == b"404"


@pytest.mark.parametrize(("path", "longest"), [("/uploads/x", MAX_LENGTH), ("/del/utkast", 22 << 20)])
def test_a_body_that_is_too_long_is_refused_before_any_of_it_is_read(front: Front, path: str, longest: int) -> None:
    for length, refused in ((longest + 1, True), (longest, False)):
        with front.connect() as connection:
            head = f"PATCH {path} HTTP/1.1\r\nHost: {HOST}\r\nTus-Resumable: 1.0.0\r\nContent-Length: {length}\r\n\r\n"
            connection.sendall(head.encode())
            assert (b" 413 " in connection.recv(64)) == refused


def test_the_proxy_takes_what_is_the_longest_document() -> None:
    assert f"client_max_body_size {MAX_LENGTH >> 30}g;" in CONFIGURATION.read_text("utf-8")


def test_the_proxy_holds_no_more_of_a_withdrawn_document_than_the_page_says() -> None:
    found = dict(re.findall(r"^    (proxy_buffer_size|proxy_buffers) (.+)k;$", CONFIGURATION.read_text("utf-8"), re.M))
    count, size = map(int, found["proxy_buffers"].split())
    held = int(found["proxy_buffer_size"]) + count * size
    assert f"at most {held} KiB for each download" in (ROOT / "docs" / "operate" / "install.md").read_text("utf-8")


@dataclass
class Upstream:
    """A server that tells what it was asked, or breaks off when it has been asked."""

    breaks_off: bool
    address: str = ""
    heads: list[bytes] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)


@contextmanager
def upstream(*, breaks_off: bool = False, answers: threading.Event | None = None) -> Iterator[Upstream]:
    """``answers``: it answers nobody before that."""
    seen = Upstream(breaks_off)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while (line := self.rfile.readline()) and line.strip():
                head = [line]
                while (line := self.rfile.readline()).strip():
                    head.append(line)
                seen.heads.append(b"".join(head))
                if breaks_off:
                    return
                self._take(b"".join(head).lower())
                assert answers is None or answers.wait(_SECONDS)
                encoded = json.dumps([line.decode().strip() for line in head]).encode()
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(encoded), encoded))

        def _take(self, head: bytes) -> None:
            if b"content-length: " in head:
                left = int(head.split(b"content-length: ")[1].split(b"\r")[0])
                while left and (data := self.rfile.read1(left)):
                    seen.body += data
                    left -= len(data)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 200

    with Server(("127.0.0.1", 0), Handler) as server:
        seen.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()


def test_no_header_about_who_asks_gets_past_the_proxy(tmp_path: Path) -> None:
    forged = ["Forwarded: for=1.2.3.4", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil", "X-Forwarded-Proto: http"]
    with upstream() as behind, proxy(tmp_path, [behind.address]) as front:
        answer = front.curl("/", *(word for line in [*forged, "X-Real-IP: 1.2.3.4"] for word in ("-H", line)))
    names = {line.partition(":")[0].lower(): line for line in json.loads(answer.stdout)[1:]}
    assert names["host"] == f"Host: {HOST}"
    assert not {name for name in names if "forwarded" in name or name == "x-real-ip"}


@pytest.mark.parametrize(("method", "asked_again"), [("GET", True), ("POST", False), ("PATCH", False)])
def test_only_repeatable_requests_are_retried_at_another_node(tmp_path: Path, method: str, asked_again: bool) -> None:
    with ExitStack() as stack:
        broken, sound = (stack.enter_context(upstream(breaks_off=breaks)) for breaks in (True, False))
        front = stack.enter_context(proxy(tmp_path, [broken.address, sound.address]))
        answers = [front.curl("/", "-X", method, "-w", "%{http_code}").stdout[-3:] for _ in range(4)]
        assert broken.heads
        # Requests to the broken one: GET went on to the other; the rest got 503, and were done nowhere else.
        assert len(sound.heads) == (4 if asked_again else 4 - len(broken.heads))
        assert answers.count(b"503") == (0 if asked_again else len(broken.heads))


def test_the_bytes_of_an_upload_go_on_as_they_come(tmp_path: Path) -> None:
    with upstream() as behind, proxy(tmp_path, [behind.address]) as front, front.connect() as connection:
        connection.sendall(f"PATCH /uploads/x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 200000\r\n\r\n".encode())
        connection.sendall(bytes(100_000))
        wait_until(lambda: len(behind.body) >= 50_000, _SECONDS, "the proxy keeps the body until it is whole")
        connection.sendall(bytes(100_000))
        assert b" 200 " in connection.recv(64)
    assert len(behind.body) == 200_000


@dataclass
class Client:
    """Somebody at an address, with one connection to the proxy."""

    http: httpx.Client

    def statuses(self, path: str, count: int, address: str, method: str = "GET") -> Counter[int]:
        """What so many requests in a row are answered."""
        return Counter(self.ask(path, address, method).status_code for _ in range(count))

    def ask(self, path: str, address: str, method: str = "GET") -> httpx.Response:
        """One request from the address."""
        named = {"sni_hostname": HOST}
        return self.http.request(method, path, headers={"X-Test-Address": address}, extensions=named)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Front, Client]]:
    folder = tmp_path_factory.mktemp("limited")
    with upstream() as behind, proxy(folder, [behind.address]) as front:
        trust = ssl.create_default_context(cafile=str(folder / "front.pem"))
        base = f"https://127.0.0.1:{front.secure}"
        with httpx.Client(verify=trust, base_url=base, headers={"Host": HOST}, trust_env=False) as http:
            yield front, Client(http)


def test_nobody_begins_logins_without_end_and_others_are_not_held_up(limited: tuple[Front, Client]) -> None:
    _, client = limited
    flood = client.statuses("/logg-inn?neste=/mine", 400, "192.0.2.1")
    assert flood[429] > 100
    # Normal use: many employees behind the one address of their employer, all at once.
    assert client.statuses("/logg-inn?neste=/mine", 200, "192.0.2.2") == {200: 200}
    # A refused client is refused on this route only.
    assert client.statuses("/mine", 50, "192.0.2.1") == {200: 50}
    assert client.statuses("/logg-inn/svar?code=c&state=s", 50, "192.0.2.1") == {200: 50}


@pytest.mark.parametrize(
    ("path", "method"),
    [("/logg-inn/svar?code=c&state=s", "GET"), ("/logg-ut/frontkanal", "GET"), ("/logg-ut/bakkanal", "POST"),
     ("/d/AAAAAAAAAAAAAAAAAAAAAA", "GET"), ("/api/v1/offers/AAAAAAAAAAAAAAAAAAAAAA/token", "POST")],
)  # fmt: skip
def test_nobody_asks_without_end_for_what_needs_no_login(limited: tuple[Front, Client], path: str, method: str) -> None:
    _, client = limited
    address = f"198.51.100.{sum(path.encode()) % 256}"
    assert client.statuses(path, 1500, address, method)[429] > 100
    assert client.statuses(path, 300, f"203.0.113.{sum(path.encode()) % 256}", method) == {200: 300}


def test_bytes_and_uploads_have_no_rate_limit(limited: tuple[Front, Client]) -> None:
    _, client = limited
    for path in ("/d/AAAAAAAAAAAAAAAAAAAAAA/dokument/x", "/d/AAAAAAAAAAAAAAAAAAAAAA/alt.zip", "/uploads/x"):
        assert client.statuses(path, 700, "192.0.2.3") == {200: 700}


def test_a_client_over_the_limit_gets_a_page_with_retry_after(limited: tuple[Front, Client]) -> None:
    _, client = limited
    answer = next(a for _ in range(500) if (a := client.ask("/logg-inn", "192.0.2.4")).status_code != 200)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    assert answer.headers["cache-control"] == "no-store"
    assert "last siden på nytt" in answer.text


def test_all_addresses_of_a_subscriber_are_one_client(limited: tuple[Front, Client]) -> None:
    _, client = limited
    of_one = Counter[int]()
    for number in range(400):
        of_one += client.statuses("/logg-inn", 1, f"2001:db8:0:a0a::{number:x}")
    assert of_one[429] > 100
    assert client.statuses("/logg-inn", 1, "2001:db8:0:a0b::1") == {200: 1}


def test_nobody_holds_more_than_100_logins_that_wait(tmp_path: Path) -> None:
    answers = threading.Event()
    head = f"GET /logg-inn HTTP/1.1\r\nHost: {HOST}\r\nX-Test-Address: 192.0.2.5\r\n\r\n".encode()
    with upstream(answers=answers) as behind, proxy(tmp_path, [behind.address]) as front, ExitStack() as stack:
        held = [stack.enter_context(front.connect()) for _ in range(101)]
        try:
            for connection in held[:100]:
                connection.sendall(head)
            wait_until(lambda: len(behind.heads) == 100, _SECONDS, "the proxy let fewer than 100 through")
            held[100].sendall(head)
            assert b" 429 " in held[100].recv(64)
        finally:
            answers.set()
        assert all(b" 200 " in connection.recv(64) for connection in held[:100])


def test_one_client_alone_does_not_take_all_connections_of_a_node(tmp_path: Path) -> None:
    text = CONFIGURATION.read_text("utf-8")
    [most] = map(int, re.findall(r"limit_conn deldokument_open (\d+);", text))
    assert most <= Settings.model_fields["max_connections"].default / 4
    few = text.replace(f"limit_conn deldokument_open {most};", "limit_conn deldokument_open 5;")
    answers = threading.Event()
    head = f"GET /mine HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    with upstream(answers=answers) as behind, proxy(tmp_path, [behind.address], few) as front, ExitStack() as stack:
        held = [stack.enter_context(front.connect()) for _ in range(6)]
        try:
            for connection in held[:5]:
                connection.sendall(head)
            wait_until(lambda: len(behind.heads) == 5, _SECONDS, "the proxy let fewer than 5 through")
            held[5].sendall(head)
            assert b" 429 " in held[5].recv(64)
        finally:
            answers.set()
        assert all(b" 200 " in connection.recv(64) for connection in held[:5])


def test_no_address_of_a_client_that_was_refused_is_written_anywhere(limited: tuple[Front, Client]) -> None:
    front, client = limited
    assert client.statuses("/logg-inn", 300, "192.0.2.77")[429]
    logs = [path for path in front.folder.rglob("*") if path.is_file() and path.suffix == ".log"]
    assert logs
    assert not any("192.0.2.77" in log.read_text() for log in logs)


def test_one_client_alone_does_not_reach_the_limit_of_logins_under_way() -> None:
    text = CONFIGURATION.read_text("utf-8")
    rate = int(re.findall(r"zone=deldokument_logins:10m rate=(\d+)r/s", text)[0])
    burst = int(re.findall(r"zone=deldokument_logins burst=(\d+)", text)[0])
    most = ServiceConfig("https://del.example", allow_synthetic=False).max_pending_logins
    assert rate * PENDING.total_seconds() + burst < most / 3
    assert f"{rate} logins a second, with a burst of {burst}" in (ROOT / "docs" / "operate" / "cluster.md").read_text(
        "utf-8"
    )


def test_when_no_node_answers_people_and_clients_are_asked_to_try_again(tmp_path: Path) -> None:
    with upstream() as gone:
        pass
    with proxy(tmp_path, [gone.address]) as front:
        answer = front.curl("/d/x", "-i")
    assert answer.stdout.startswith(b"HTTP/2 503")
    assert b"retry-after: 10" in answer.stdout.lower()
    assert "Prøv igjen om litt" in answer.stdout.decode()


def problem_of(answer: bytes, status: int) -> dict[str, str]:
    """The problem document of a response that curl printed with its head."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/2 %d" % status)
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
    assert fields[b"content-type"] == b"application/problem+json"
    assert fields[b"cache-control"] == b"no-store"
    assert fields[b"strict-transport-security"] == b"max-age=63072000; includesubdomains"
    assert fields.get(b"retry-after") == (None if status == 413 else b"10")
    headers: dict[str, str] = json.loads(body)
    assert headers["status"] == status
    assert headers["type"] == f"urn:deldokument:problem:{headers['code']}"
    return headers


def test_what_the_proxy_itself_refuses_of_the_api_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes((22 << 20) + 1))
    with upstream() as gone:
        pass
    with proxy(tmp_path, [gone.address]) as front:
        silent = front.curl("/api/v1/shares", "-i").stdout
        large = front.curl("/api/v1/small-shares", "-i", "--data-binary", f"@{tmp_path / 'large'}").stdout
    assert problem_of(silent, 503)["code"] == "busy"
    assert problem_of(large, 413)["code"] == "body_too_large"


@pytest.mark.parametrize(("answers", "status"), [(429, 429), (502, 503), (503, 503), (504, 503), (413, 413)], ids=str)
def test_each_error_of_the_proxy_has_its_problem(tmp_path: Path, answers: int, status: int) -> None:
    text = CONFIGURATION.read_text("utf-8")
    forced = text.replace("error_page 413 @api_too_large;", f"error_page 413 @api_too_large; return {answers};")
    with upstream() as behind, proxy(tmp_path, [behind.address], text=forced) as front:
        problem = problem_of(front.curl("/api/v1/shares", "-i").stdout, status)
    assert problem["code"] == {413: "body_too_large", 429: "rate_limited", 503: "busy"}[status]


@pytest.mark.parametrize("path", ["/dokumentlager/nedlasting/4c0ffee0", "/melding-dokumentdeling/api/v1/kontoer"])
@pytest.mark.parametrize(("answers", "status"), [(429, 429), (502, 503), (503, 503), (504, 503), (413, 413)], ids=str)
def test_each_error_of_the_proxy_is_an_error_message_for_ks_clients(
    tmp_path: Path, answers: int, status: int, path: str
) -> None:
    text = CONFIGURATION.read_text("utf-8")
    forced = text.replace("error_page 413 @ks_too_large;", f"error_page 413 @ks_too_large; return {answers};")
    before = time.time()
    with upstream() as behind, proxy(tmp_path, [behind.address], text=forced) as front:
        head, _, body = front.curl(path, "-i").stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/2 %d" % status)
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
    assert (fields[b"content-type"], fields[b"cache-control"]) == (b"application/json", b"no-store")
    assert fields[b"strict-transport-security"] == b"max-age=63072000; includesubdomains"
    assert fields.get(b"retry-after") == (None if status == 413 else b"10")
    problem = json.loads(body)
    assert ERROR_MESSAGE.fits(problem)
    assert (problem["status"], problem["path"], problem["originalPath"]) == (status, path, path)
    assert problem["errorCode"] == {413: "body_too_large", 429: "rate_limited", 503: "busy"}[status]
    assert before * 1000 - 1 <= problem["timestamp"] <= time.time() * 1000


@pytest.mark.parametrize(
    "path", ['/dokumentlager/a"b', "/dokumentlager/%22,%5C", "/dokumentlager/%0A", "/dokumentlager/æ"]
)
def test_no_path_breaks_the_error_message_of_the_proxy(tmp_path: Path, path: str) -> None:
    with upstream() as gone:
        pass
    with proxy(tmp_path, [gone.address]) as front:
        headers = json.loads(front.curl(path).stdout)
    assert ERROR_MESSAGE.fits(headers)
    assert (headers["errorCode"], headers["path"]) == ("busy", "")


def test_a_program_over_the_limit_gets_a_problem(limited: tuple[Front, Client]) -> None:
    _, client = limited
    path = "/api/v1/offers/AAAAAAAAAAAAAAAAAAAAAA/token"
    # A fixed number of requests would not do: while they run, the limit lets 30 a second through.
    answer = next(a for _ in range(3000) if (a := client.ask(path, "192.0.2.9", "POST")).status_code != 200)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (429, "rate_limited", "10")


def test_what_a_node_says_of_the_api_goes_on_as_it_is(front: Front) -> None:
    answer = front.curl("/api/v1/shares", "-i").stdout
    assert answer.startswith(b"HTTP/2 401")
    assert b"token_missing" in answer
    assert front.curl("/api/v1", "-w", "%{http_code}").stdout[-3:] == b"404"
