"""Calls to addresses that others have named: what the other side can make of them, and where they never go."""

import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deldokument.adapters.http.circuit_breaker import FAILURES, PAUSE_SECONDS
from deldokument.adapters.webhook_client import MAX_RESPONSE_BYTES, TimeLimits, WebhookClient, system_resolver
from deldokument.domain.messages.webhook import AddressRule
from deldokument.ports.channels import WebhookFailure, WebhookResponse
from tests.support.faults.webhook_receiver import Behaviour, Receiver, answering, silent, status

HOME = AddressRule(private=True)
HOST = "hooks.kommune.example"
BRIEF = TimeLimits(connect=0.5, step=0.2, total=0.4)


class Names:
    """A resolver with an answer for each time it is asked; the last one goes on."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def home(**given: object) -> WebhookClient:
    return WebhookClient(HOME, **given)  # type: ignore[arg-type]


def test_a_call_sends_its_content_and_returns_the_status(receiver: Receiver) -> None:
    outcome = home().post(f"{receiver.url}?a=b", {"Content-Type": "application/json", "webhook-id": "m1"}, b'{"a": 1}')
    assert (outcome, outcome.is_success, outcome.code) == (WebhookResponse(204), True, "status_204")
    [request] = receiver.received
    assert (request.line, request.body) == ("POST /hook?a=b HTTP/1.1", b'{"a": 1}')
    assert request.headers["webhook-id"] == "m1"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert not {"cookie", "authorization", "proxy-connection"} & set(request.headers)


@pytest.mark.parametrize("number", [400, 404, 410, 429, 500, 503])
def test_an_unsuccessful_status_is_returned(receiver: Receiver, number: int) -> None:
    receiver.behaviour = status(number)
    outcome = home().post(receiver.url, {}, b"{}")
    assert (outcome, outcome.is_success) == (WebhookResponse(number), False)


@pytest.mark.parametrize(
    "answer", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fe80::1%lo"]
)
def test_a_public_name_that_leads_into_a_closed_network_is_not_called(receiver: Receiver, answer: str) -> None:
    client = WebhookClient(AddressRule(ports=frozenset({receiver.port})), resolve=Names([answer]))
    assert client.post(f"https://{HOST}:{receiver.port}/", {}, b"") == WebhookResponse(failure=WebhookFailure.ADDRESS)
    assert receiver.connections == 0


@pytest.mark.parametrize("order", [["127.0.0.1", "93.184.215.14"], ["93.184.215.14", "127.0.0.1"]])
def test_one_private_address_among_public_ones_refuses_them_all(receiver: Receiver, order: list[str]) -> None:
    client = WebhookClient(AddressRule(ports=frozenset({receiver.port})), resolve=Names(order))
    assert client.post(f"https://{HOST}:{receiver.port}/", {}, b"") == WebhookResponse(failure=WebhookFailure.ADDRESS)
    assert receiver.connections == 0


def test_a_name_that_leads_nowhere_is_not_called() -> None:
    assert home(resolve=Names([])).post(f"http://{HOST}/", {}, b"") == WebhookResponse(failure=WebhookFailure.ADDRESS)


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "http://hooks.kommune.no/", "https://hooks.kommune.no:22/", "x"])
def test_a_url_that_the_rule_no_longer_admits_is_not_called_and_its_name_is_not_looked_up(url: str) -> None:
    names = Names(["127.0.0.1"])
    assert WebhookClient(AddressRule(), resolve=names).post(url, {}, b"") == WebhookResponse(
        failure=WebhookFailure.ADDRESS
    )
    assert names.asked == []


class OnlyFirst(AddressRule):
    """Admits 127.0.0.1 alone, as if it were the one public address: what a rebinding would lead to is not."""

    def admits(self, address: object) -> bool:
        return address == ip_address("127.0.0.1")


def test_a_name_that_changes_its_answer_after_the_check_gains_nothing(receiver: Receiver) -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    client = WebhookClient(OnlyFirst(private=True), resolve=names)
    assert client.post(f"http://{HOST}:{receiver.port}/", {}, b"").status == 204
    assert names.asked == [(HOST, receiver.port)], "looked up once: what was checked is what was called"
    assert receiver.received[0].headers["host"] == f"{HOST}:{receiver.port}", "the name is still what it is asked for"
    assert client.post(f"http://{HOST}:{receiver.port}/", {}, b"") == WebhookResponse(failure=WebhookFailure.ADDRESS)


@pytest.mark.parametrize("number", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver, number: int) -> None:
    with Receiver() as other:
        receiver.behaviour = status(number, f"Location: {other.url}")
        assert home().post(receiver.url, {}, b"{}") == WebhookResponse(number)
        assert other.connections == 0


def test_a_proxy_of_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy:
        for name in ("http_proxy", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert home().post(receiver.url, {}, b"").status == 204
        assert proxy.connections == 0


def trickle(connection: socket.socket, stopped: threading.Event) -> None:
    """A header that never ends, just fast enough for the time limit of each read."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not stopped.wait(0.02):
        connection.sendall(b"x")


def flood(connection: socket.socket, stopped: threading.Event) -> None:
    """An answer without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not stopped.is_set():
        connection.sendall(b"x" * MAX_RESPONSE_BYTES)


def headlong(connection: socket.socket, _stopped: threading.Event) -> None:
    """As long a head as a client of HTTP takes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(98):
        connection.sendall(b"X: " + b"y" * 65_000 + b"\r\n")
    connection.sendall(b"\r\n")


def continuing(connection: socket.socket, stopped: threading.Event) -> None:
    """Only interim answers, for ever."""
    while not stopped.is_set():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize(
    ("behaviour", "limits", "failure"),
    [
        (silent, BRIEF, WebhookFailure.TIMEOUT),
        (trickle, BRIEF, WebhookFailure.TIMEOUT),
        (continuing, None, WebhookFailure.UNREACHABLE),
    ],
)
def test_a_receiver_that_does_not_come_to_an_end_is_hung_up_on(
    receiver: Receiver, behaviour: Behaviour, limits: TimeLimits | None, failure: WebhookFailure
) -> None:
    receiver.behaviour = behaviour
    assert home(limits=limits).post(receiver.url, {}, b"{}") == WebhookResponse(failure=failure)


def test_of_a_long_head_no_more_is_read_than_of_any_answer(receiver: Receiver) -> None:
    """Sixteen of them at once took a worker half a gigabyte."""
    receiver.behaviour = headlong
    tracemalloc.start()
    try:
        assert home().post(receiver.url, {}, b"{}") == WebhookResponse(200)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2**20


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (flood, WebhookResponse(200)),
        (answering("HTTP/1.1 200 OK\nContent-Length: 99\n\ncut"), WebhookResponse(200)),
        (answering("HTTP/1.1 200 OK\nContent-Type: text/html\n\n<html>"), WebhookResponse(200)),
        (answering("HTTP/1.1 200 OK\n" + "X: y\n" * 200), WebhookResponse(failure=WebhookFailure.MALFORMED)),
        (answering("HTTP/1.1 200 OK\nX: " + "y" * 100_000), WebhookResponse(200)),
        (answering("<html>]]>\n"), WebhookResponse(failure=WebhookFailure.MALFORMED)),
        (answering("HTTP/1.1 9999 X\n\n"), WebhookResponse(failure=WebhookFailure.MALFORMED)),
        (answering(""), WebhookResponse(failure=WebhookFailure.UNREACHABLE)),
    ],
    ids=["flood", "cut", "html", "headers", "header", "garbage", "status", "hang-up"],
)
def test_every_failure_of_the_receiver_is_one_word(
    receiver: Receiver, behaviour: Behaviour, outcome: WebhookResponse
) -> None:
    receiver.behaviour = behaviour
    assert home().post(receiver.url, {}, b"{}") == outcome


def test_a_closed_port_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert home().post(f"http://127.0.0.1:{port}/", {}, b"") == WebhookResponse(failure=WebhookFailure.UNREACHABLE)


def test_the_next_address_of_a_name_is_tried(receiver: Receiver) -> None:
    names = Names(["::1", "127.0.0.1"])
    assert home(resolve=names).post(f"http://{HOST}:{receiver.port}/", {}, b"").status == 204


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_a_name_that_cannot_be_looked_up_is_reported(failure: Exception) -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        raise failure

    assert home(resolve=resolve).post(f"http://{HOST}/", {}, b"") == WebhookResponse(failure=WebhookFailure.UNREACHABLE)


def test_the_systems_resolver_finds_this_machine() -> None:
    assert set(system_resolver("localhost", 443)) <= {"127.0.0.1", "::1"}
    assert system_resolver("127.0.0.1", 443) == ["127.0.0.1"]


def test_a_silent_receiver_is_left_alone_for_a_while_and_holds_nobody_else_back(receiver: Receiver) -> None:
    moment = 0.0
    client = home(limits=BRIEF, clock=lambda: moment)
    with Receiver(silent) as dead:
        for _ in range(FAILURES):
            assert client.post(dead.url, {}, b"").failure is WebhookFailure.TIMEOUT
        assert client.post(dead.url, {}, b"").failure is WebhookFailure.SILENT
        assert dead.connections == FAILURES
        assert client.post(receiver.url, {}, b"").status == 204
        moment = PAUSE_SECONDS
        dead.behaviour = status(500)
        assert client.post(dead.url, {}, b"").status == 500
        assert client.post(dead.url, {}, b"").status == 500, "any answer heals it"


def test_one_who_hangs_silences_nobody_else_behind_the_same_host() -> None:
    client = home(limits=BRIEF)
    with Receiver(silent) as shared:
        for _ in range(FAILURES):
            client.post(f"{shared.url}/a", {}, b"")
        assert client.post(f"{shared.url}/a", {}, b"").failure is WebhookFailure.SILENT
        shared.behaviour = status(204)
        assert client.post(f"{shared.url}/b", {}, b"").status == 204


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What serves under the name, and what believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(path)
    return serving, ssl.create_default_context(cafile=str(path))


@pytest.fixture
def certified(tmp_path: Path) -> Callable[[str], tuple[ssl.SSLContext, ssl.SSLContext]]:
    return lambda name: certificate_for(name, tmp_path)


Certified = Callable[[str], tuple[ssl.SSLContext, ssl.SSLContext]]


def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(certified: Certified) -> None:
    serving, believing = certified(HOST)
    with Receiver(tls=serving) as receiver:
        client = home(tls=believing, resolve=Names(["127.0.0.1"]))
        assert client.post(f"https://{HOST}:{receiver.port}/", {}, b"{}").status == 204
        assert receiver.received[0].headers["host"] == f"{HOST}:{receiver.port}"


def test_another_names_certificate_is_not_believed(certified: Certified) -> None:
    serving, believing = certified("other.example")
    with Receiver(tls=serving) as receiver:
        client = home(tls=believing, resolve=Names(["127.0.0.1"]))
        outcome = client.post(f"https://{HOST}:{receiver.port}/", {}, b"secret")
        assert (outcome, receiver.received) == (WebhookResponse(failure=WebhookFailure.TLS), [])


def test_a_certificate_that_nobody_vouches_for_is_not_believed(certified: Certified) -> None:
    serving, _ = certified(HOST)
    with Receiver(tls=serving) as receiver:
        outcome = home(resolve=Names(["127.0.0.1"])).post(f"https://{HOST}:{receiver.port}/", {}, b"secret")
        assert (outcome, receiver.received) == (WebhookResponse(failure=WebhookFailure.TLS), [])


def test_a_receiver_that_trickles_under_tls_is_hung_up_on(certified: Certified) -> None:
    serving, believing = certified(HOST)
    with Receiver(trickle, tls=serving) as receiver:
        client = home(tls=believing, resolve=Names(["127.0.0.1"]), limits=BRIEF)
        assert client.post(f"https://{HOST}:{receiver.port}/", {}, b"").failure is WebhookFailure.TIMEOUT


def test_a_handshake_that_is_never_answered_comes_to_an_end(receiver: Receiver) -> None:
    client = home(resolve=Names(["127.0.0.1"]), limits=BRIEF)
    assert client.post(f"https://{HOST}:{receiver.port}/", {}, b"").failure in {
        WebhookFailure.TLS,
        WebhookFailure.TIMEOUT,
    }
