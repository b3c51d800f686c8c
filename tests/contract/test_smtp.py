"""Letters handed to the simulated mail server, and to others that are out of order."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deldokument.adapters.smtp import Security, SmtpMail, SmtpServer, mail_name
from deldokument.domain.messages.email_addresses import Language
from deldokument.domain.messages.outbox import SENT, Outcome, again, refuse
from deldokument.ports.channels import Email
from tests.support.servers.mail import SENDER, RunningMail, make_certificate, odd_mail_server, start_mail

LETTER = Email(
    id="Zx3-aa_9",
    to="kari.lunde@eksempel.example",
    subject="Én deling slutter snart",
    text="Første linje – æøå.\n.\n..to prikker\n\nhttps://del.example/delinger/Zx3-aa_9\n",
    language=Language.BOKMAAL,
    at=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningMail]:
    with start_mail() as running:
        yield running


@pytest.fixture
def mail(running: RunningMail) -> Iterator[RunningMail]:
    yield running
    running.fail("ok")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def protected(certificate: tuple[Path, Path]) -> Iterator[RunningMail]:
    options = ["--certificate", str(certificate[0]), "--key", str(certificate[1]), "--login", "del:hemmelig"]
    with start_mail(*options) as running:
        yield running


def sender(port: int, security: Security = "none", *, password: str = "", **others: object) -> SmtpMail:
    server = SmtpServer("127.0.0.1", port, security, SENDER, "del" if password else "", password)
    return SmtpMail(server, name="del.example", **others)  # type: ignore[arg-type]


def trusting(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


def test_a_letter_arrives_as_it_was_written(mail: RunningMail) -> None:
    letter = replace(LETTER, id="arrives")
    assert sender(mail.port).send(letter) == SENT
    arrived = mail.letters()[-1]
    assert arrived == {
        "message_id": "arrives@del.example",
        "sender": SENDER,
        "to": letter.to,
        "subject": letter.subject,
        "date": "Tue, 24 Nov 2026 12:00:00 +0000",
        "language": "nb",
        "text": letter.text,
        "protected": False,
    }


def test_a_letter_sent_twice_has_the_same_message_id(mail: RunningMail) -> None:
    letter = replace(LETTER, id="twice")
    sender(mail.port).send(letter)
    sender(mail.port).send(letter)
    one, other = mail.letters()[-2:]
    assert one == other


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("450", again("smtp_recipient_450")),
        ("550", refuse("smtp_recipient_550")),
        ("451-data", again("smtp_content_451")),
        ("554-data", refuse("smtp_content_554")),
        ("garbage", again("smtp_unreadable")),
        ("cut", again("smtp_unreachable")),
        ("cut-after", again("smtp_unreachable")),
    ],
)
def test_what_a_server_does_to_a_letter_becomes_an_outcome(mail: RunningMail, mode: str, outcome: Outcome) -> None:
    mail.fail(mode)
    assert sender(mail.port).send(LETTER) == outcome


def test_a_server_that_is_slow_is_not_waited_for(mail: RunningMail) -> None:
    mail.fail("slow", seconds=5)
    assert sender(mail.port, answer_seconds=0.2).send(LETTER) == again("smtp_unreachable")


def test_nobody_at_the_port_means_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert sender(port).send(LETTER) == again("smtp_unreachable")


def test_a_letter_goes_protected_and_logged_in(protected: RunningMail, certificate: tuple[Path, Path]) -> None:
    mail = sender(protected.port, "starttls", password="hemmelig", tls=trusting(certificate))
    assert mail.send(LETTER) == SENT
    assert protected.letters()[-1]["protected"] is True


def test_a_wrong_password_is_the_operators_to_mend(protected: RunningMail, certificate: tuple[Path, Path]) -> None:
    mail = sender(protected.port, "starttls", password="feil", tls=trusting(certificate))
    assert mail.send(LETTER) == again("smtp_login")


def test_a_login_that_is_missing_is_the_operators_to_mend(
    protected: RunningMail, certificate: tuple[Path, Path]
) -> None:
    assert sender(protected.port, "starttls", tls=trusting(certificate)).send(LETTER) == again("smtp_sender_530")


def test_nothing_is_said_to_a_server_with_an_invalid_certificate(protected: RunningMail) -> None:
    before = len(protected.letters())
    assert sender(protected.port, "starttls", password="hemmelig").send(LETTER) == again("smtp_tls")
    assert len(protected.letters()) == before


def test_the_password_is_not_said_to_a_server_that_takes_the_protection_away() -> None:
    # The server would accept a login: it answers a password, and says that it is wrong.
    with odd_mail_server([b"220 here\r\n", b"250-here\r\n250 AUTH PLAIN\r\n", b"535 wrong\r\n"]) as port:
        assert sender(port, "starttls", password="hemmelig").send(LETTER) == again("smtp_not_supported")


def test_a_server_without_logins_is_the_operators_to_mend(mail: RunningMail) -> None:
    assert sender(mail.port, password="hemmelig").send(LETTER) == again("smtp_not_supported")


def test_a_server_without_any_of_our_login_methods_is_the_operators_to_mend() -> None:
    with odd_mail_server([b"220 here\r\n", b"250-here\r\n250 AUTH GSSAPI\r\n", b"221 bye\r\n"]) as port:
        assert sender(port, password="hemmelig").send(LETTER) == again("smtp_login")


def test_tls_from_the_first_byte_is_not_talked_to_in_plain(mail: RunningMail) -> None:
    assert sender(mail.port, "tls").send(LETTER) == again("smtp_tls")


def test_tls_from_the_first_byte(certificate: tuple[Path, Path]) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(*map(str, certificate))

    def over_tls(connection: socket.socket) -> None:
        with server.wrap_socket(connection, server_side=True) as secure:
            secure.sendall(b"421 closing\r\n")
            with contextlib.suppress(OSError):
                secure.recv(100)

    with odd_mail_server([b""], over_tls) as port:
        assert sender(port, "tls", tls=trusting(certificate)).send(LETTER) == again("smtp_421")


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([b"<html>\r\n"], again("smtp_unreadable")),
        ([b"554 go away\r\n"], again("smtp_554")),
        ([b""], again("smtp_unreachable")),
        ([b"220 " + b"x" * 10_000 + b"\r\n"], again("smtp_500")),
        ([b"220 here\r\n", b"502 no\r\n", b"502 no\r\n"], again("smtp_502")),
        ([b"220 here\r\n", b"250 here\r\n", b"553 not you\r\n"], again("smtp_sender_553")),
        ([b"220 here\r\n", b"250 here\r\n", b"250 you\r\n", b"530 login\r\n"], again("smtp_recipient_530")),
        (
            [b"220 here\r\n", b"250 here\r\n", b"250 you\r\n", b"250 them\r\n", b"451 later\r\n"],
            again("smtp_content_451"),
        ),
    ],
    ids=["html", "refuses", "hangs-up", "endless-line", "no-greeting", "not-that-sender", "no-login", "no-data"],
)
def test_a_server_out_of_order_means_later(answers: list[bytes], outcome: Outcome) -> None:
    with odd_mail_server(answers) as port:
        assert sender(port).send(LETTER) == outcome


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([b"220 here\r\n", b"250-here\r\n250 STARTTLS\r\n", b"454 not now\r\n"], again("smtp_454")),
        ([b"220 here\r\n", b"250-here\r\n250 STARTTLS\r\n", b"220 go\r\n250 injected\r\n"], again("smtp_tls")),
    ],
    ids=["not-now", "injected"],
)
def test_tls_that_is_promised_and_not_given_means_later(answers: list[bytes], outcome: Outcome) -> None:
    with odd_mail_server(answers, lambda connection: connection.sendall(b"250 what follows is not TLS\r\n")) as port:
        assert sender(port, "starttls").send(LETTER) == outcome


def test_a_server_that_never_comes_to_an_end_holds_nobody() -> None:
    def go_on(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"220-and one more thing\r\n")

    with odd_mail_server([b""], go_on) as port:
        assert sender(port, whole_seconds=0.3).send(LETTER) == again("smtp_unreachable")


def test_a_farewell_that_fails_does_not_make_a_letter_unsent() -> None:
    taken = [b"220 here\r\n", b"250 here\r\n", b"250 you\r\n", b"250 them\r\n", b"354 go on\r\n"]

    def take(connection: socket.socket) -> None:
        content = b""
        while not content.endswith(b"\r\n.\r\n"):
            content += connection.recv(65536)
        connection.sendall(b"250 taken\r\n")

    with odd_mail_server(taken, take) as port:
        assert sender(port).send(LETTER) == SENT


def test_we_call_ourselves_as_mail_servers_want_it() -> None:
    assert [mail_name(host) for host in ("del.example", "127.0.0.1", "::1")] == [
        "del.example",
        "[127.0.0.1]",
        "[IPv6:::1]",
    ]
