"""E-mail over SMTP submission (RFC 5321, RFC 6409): the port `EmailSender`.

Guarantees:
- Only EHLO and STARTTLS are sent before the server's certificate is verified, never the password. The exception is an
  unprotected connection to this machine, if the operator chose it.
- The same e-mail is the same bytes each time, with the same Message-ID.
- A slow server blocks a thread for at most a minute and a half.
- An e-mail that the server has accepted counts as sent, even after a later error.
- Outcomes contain codes, never the server's text, because servers often quote addresses.

A rejection of the recipient or the content (5xx) is final. A rejection of the login, the sender or TLS is for the
operator to fix, so it is retried.
"""

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from ipaddress import ip_address
from typing import Final, Literal

from deldokument.domain.messages.outbox import SENT, Outcome, again, refuse
from deldokument.ports.channels import Email

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 30.0
WHOLE_SECONDS: Final = 90.0
"""Shorter than a message's lease, so that no two workers send the same e-mail."""
_SENDER_NAME: Final = "Del dokument"
_PERMANENT: Final = 500
_OUR_LOGIN: Final = frozenset({530, 534, 535, 538})
"""Replies, at any step, about a missing or too weak login (RFC 4954)."""

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server, and the login for it. ``sender`` is the From address."""

    host: str
    port: int
    security: Security
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)


class SmtpMail:
    """The port `EmailSender`.

    ``name`` is our host name (see ``mail_name``), which also ends Message-IDs.
    """

    def __init__(
        self,
        server: SmtpServer,
        *,
        name: str,
        tls: ssl.SSLContext | None = None,
        answer_seconds: float = ANSWER_SECONDS,
        whole_seconds: float = WHOLE_SECONDS,
    ) -> None:
        self._server = server
        self._name = name
        self._tls = tls or ssl.create_default_context()
        self._answer_seconds = answer_seconds
        self._whole_seconds = whole_seconds

    def send(self, letter: Email) -> Outcome:
        """Submit an e-mail."""
        message = self._message(letter)
        try:
            with self._connection() as smtp:
                return self._hand_over(smtp, letter.to, message)
        except smtplib.SMTPAuthenticationError:
            return again("smtp_login")
        except ssl.SSLError:
            return again("smtp_tls")
        except smtplib.SMTPNotSupportedError:
            return again("smtp_not_supported")
        except smtplib.SMTPDataError as error:
            return _final_or_later("content", error.smtp_code)
        except smtplib.SMTPResponseException as error:
            return again(f"smtp_{error.smtp_code}" if error.smtp_code > 0 else "smtp_unreadable")
        except (smtplib.SMTPServerDisconnected, EOFError, ValueError):
            # A connection that `_cut_after` has shut down raises ValueError.
            return again("smtp_unreachable")
        except smtplib.SMTPException:
            # smtplib supports none of the server's login mechanisms.
            return again("smtp_login")
        except OSError:
            return again("smtp_unreachable")

    def _hand_over(self, smtp: smtplib.SMTP, to: str, message: bytes) -> Outcome:
        code, _ = smtp.mail(self._server.sender)
        if not _is_success(code):
            return again(f"smtp_sender_{code}")
        code, _ = smtp.rcpt(to)
        if not _is_success(code):
            return _final_or_later("recipient", code)
        code, _ = smtp.data(message)
        return SENT if _is_success(code) else _final_or_later("content", code)

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        """Yield a greeted, protected and logged-in connection, which is shut down when `whole_seconds` are over."""
        server = self._server
        with (
            socket.create_connection((server.host, server.port), CONNECT_SECONDS) as plain,
            _cut_after(self._whole_seconds, plain),
        ):
            plain.settimeout(self._answer_seconds)
            smtp = smtplib.SMTP(local_hostname=self._name)
            smtp.sock = self._wrap_in_tls(plain) if server.security == "tls" else plain
            try:
                self._greet(smtp)
                yield smtp
            finally:
                # The reply to QUIT does not matter: the outcome is already decided.
                with contextlib.suppress(OSError, ValueError):
                    smtp.quit()
                smtp.close()

    def _greet(self, smtp: smtplib.SMTP) -> None:
        code, words = smtp.getreply()
        if not _is_success(code):
            raise smtplib.SMTPConnectError(code, words)
        smtp.ehlo_or_helo_if_needed()
        if self._server.security == "starttls":
            self._start_tls(smtp)
        if self._server.username:
            smtp.login(self._server.username, self._server.password)

    def _start_tls(self, smtp: smtplib.SMTP) -> None:
        """Start TLS (RFC 3207).

        Discard everything received before, including bytes injected after the reply.
        """
        if not smtp.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError("no STARTTLS")
        code, words = smtp.docmd("STARTTLS")
        if not _is_success(code) or smtp.sock is None:
            raise smtplib.SMTPResponseException(code, words)
        smtp.sock, smtp.file = self._wrap_in_tls(smtp.sock), None
        code, words = smtp.ehlo()
        if not _is_success(code):
            raise smtplib.SMTPHeloError(code, words)

    def _wrap_in_tls(self, connection: socket.socket) -> ssl.SSLSocket:
        return self._tls.wrap_socket(connection, server_hostname=self._server.host)

    def _message(self, letter: Email) -> bytes:
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(_SENDER_NAME, addr_spec=self._server.sender)
        message["To"] = Address(addr_spec=letter.to)
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(letter.at.astimezone(UTC))
        message["Message-ID"] = f"<{letter.id}@{self._name}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text, cte="quoted-printable")
        message["Content-Language"] = letter.language.value
        return message.as_bytes()


def mail_name(host: str) -> str:
    """Return a host's name for SMTP: the name itself, or an address literal (RFC 5321, 4.1.3)."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


@contextmanager
def _cut_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Shut the connection down if it is still in use after ``seconds``.

    This wakes the thread that waits for the server.
    """
    # A duplicate of the socket, because TLS takes over the first one.
    handle = connection.dup()

    def cut() -> None:
        with contextlib.suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(seconds, cut)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        handle.close()


def _is_success(code: int) -> bool:
    return 200 <= code < 300


def _final_or_later(what: str, code: int) -> Outcome:
    word = f"smtp_{what}_{code}" if code > 0 else "smtp_unreadable"
    return refuse(word) if code >= _PERMANENT and code not in _OUR_LOGIN else again(word)
