"""Letters handed to a mail server over SMTP submission (RFC 5321, RFC 6409): the port Mail.

Promises that nothing, least of all the password, is said to a server whose certificate has not been checked, unless the
operator has chosen an unprotected connection to this machine; that the same letter is the same bytes each time, under
the same Message-ID; that no server that is there holds a thread for longer than a minute and a half; and that once the
server has taken a letter nothing that happens afterwards makes it unsent. Outcomes hold codes, never what the server
wrote: servers like to repeat addresses.

A refusal of the recipient or the content (5xx) is final. A refusal of who we are (login, sender, TLS) is the operator's
to mend, and so is tried again.
"""

from __future__ import annotations

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

from deldokument.domain.outbox import SENT, Outcome, again, refused
from deldokument.ports.channels import Email

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 30.0
WHOLE_SECONDS: Final = 90.0
"""Less than a message's lease, so that no letter is sent by two at once."""
_SENDER_NAME: Final = "Del dokument"
_PERMANENT: Final = 500
_OUR_LOGIN: Final = frozenset({530, 534, 535, 538})
"""What servers say, at any step, of a missing or too weak login (RFC 4954)."""

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where letters are handed in, and as whom. ``sender`` is the address that they come from."""

    host: str
    port: int
    security: Security
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)


class SmtpMail:
    """Satisfies `Mail`. ``name``: what we call ourselves (see ``mail_name``); Message-IDs end with it."""

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
        """Hand it over."""
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
            # ValueError is what a connection says that was cut from outside.
            return again("smtp_unreachable")
        except smtplib.SMTPException:
            # None of the server's ways to log in is one of smtplib's.
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
        """A greeted, protected, logged-in connection that is cut when the time for the whole is up."""
        server = self._server
        with (
            socket.create_connection((server.host, server.port), CONNECT_SECONDS) as plain,
            _cut_after(self._whole_seconds, plain),
        ):
            plain.settimeout(self._answer_seconds)
            smtp = smtplib.SMTP(local_hostname=self._name)
            smtp.sock = self._protected(plain) if server.security == "tls" else plain
            try:
                self._greet(smtp)
                yield smtp
            finally:
                # Whatever a server says to a farewell, the letter's fate has been decided.
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
        """RFC 3207: what was said before, or slipped in behind the answer, counts for nothing."""
        if not smtp.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError("no STARTTLS")
        code, words = smtp.docmd("STARTTLS")
        if not _is_success(code) or smtp.sock is None:
            raise smtplib.SMTPResponseException(code, words)
        smtp.sock, smtp.file = self._protected(smtp.sock), None
        code, words = smtp.ehlo()
        if not _is_success(code):
            raise smtplib.SMTPHeloError(code, words)

    def _protected(self, connection: socket.socket) -> ssl.SSLSocket:
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
    """What mail servers call a host: its name, or its address as a literal (RFC 5321, 4.1.3)."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


@contextmanager
def _cut_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Shut the connection down if it is still in use by then: whoever waits for the server is woken."""
    # A handle of its own: TLS takes the first one over.
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
    return refused(word) if code >= _PERMANENT and code not in _OUR_LOGIN else again(word)
