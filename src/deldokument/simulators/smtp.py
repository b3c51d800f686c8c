"""Mail server on loopback that accepts e-mail and shows it on a page and as JSON, without delivering.

Guarantees:
- It acknowledges a message only after storing it, and stores no message that it refuses.
- It refuses a message without From, To, Subject, Date, Message-ID or Auto-Submitted.
- It refuses a message whose sender or recipient differs from the envelope's.
- On command it refuses, is slow, responds with garbage or disconnects.

Queues and relaying are missing.

Sources: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 4954 (AUTH), RFC 3834 (Auto-Submitted).
"""

import asyncio
import secrets
import socket
import ssl
import threading
from argparse import Namespace
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as LETTER
from pathlib import Path
from typing import Final, Literal, cast, get_args

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from deldokument.simulators.common.failures import CONTROL_PREFIX, read_order
from deldokument.simulators.common.pages import page
from deldokument.simulators.common.server import LOOPBACK, command_line, serve

Mode = Literal["ok", "450", "550", "451-data", "554-data", "slow", "slow-after", "garbage", "cut", "cut-after"]
"""``slow`` and ``cut`` happen before a message is accepted; with ``-after``, between that and the acknowledgement."""

_KEPT: Final = 1000
_MAX_DELAY_SECONDS: Final = 60.0
_RECIPIENT_ANSWERS: Final[Mapping[str, str]] = {
    "450": "450 4.2.1 The mailbox is busy",
    "550": "550 5.1.1 There is no such mailbox",
    "garbage": "<html>]]>",
}
_CONTENT_ANSWERS: Final[Mapping[str, str]] = {
    "451-data": "451 4.3.0 Try again",
    "554-data": "554 5.7.1 This looks like advertising",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """An accepted message."""

    message_id: str
    sender: str
    to: str
    subject: str
    date: str
    language: str
    text: str
    protected: bool


class MailServer:
    """One mail server, its messages and its current mode, with aiosmtpd's hooks."""

    def __init__(self) -> None:
        self.mode: Mode = "ok"
        self.delay_seconds = 10.0
        self.port = 0
        self.letters: deque[Taken] = deque(maxlen=_KEPT)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept the address as recipient, unless the mode refuses it."""
        if self.mode in _RECIPIENT_ANSWERS:
            return _RECIPIENT_ANSWERS[self.mode]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Accept the message, unless the mode refuses it or the message is invalid."""
        if self.mode == "slow":
            await asyncio.sleep(self.delay_seconds)
        if self.mode in _CONTENT_ANSWERS:
            return _CONTENT_ANSWERS[self.mode]
        if self.mode == "cut":
            return _break_off(server)
        letter = message_from_bytes(cast(bytes, envelope.content), policy=LETTER)
        if flaw := _flaw(letter, envelope):
            return f"554 5.6.0 {flaw}"
        self.letters.append(_accept(letter, envelope, protected=session.ssl is not None))
        if self.mode == "slow-after":
            await asyncio.sleep(self.delay_seconds)
        return _break_off(server) if self.mode == "cut-after" else "250 2.0.0 Taken"

    def routes(self) -> list[Route]:
        return [
            Route("/", self._page),
            Route("/letters", self._letters),
            Route("/server", self._server),
            Route(f"{CONTROL_PREFIX}mode", self._set, methods=["POST"]),
        ]

    async def _page(self, _request: Request) -> Response:
        return page("letters.html", letters=list(reversed(self.letters)))

    async def _letters(self, _request: Request) -> Response:
        return JSONResponse([asdict(letter) for letter in self.letters])

    async def _server(self, _request: Request) -> Response:
        return JSONResponse({"host": LOOPBACK, "port": self.port})

    async def _set(self, request: Request) -> Response:
        order = await read_order(request)
        if order is None or order.get("mode") not in get_args(Mode):
            return JSONResponse({"error": "expected application/json with a known mode"}, 400)
        self.mode = order["mode"]
        self.delay_seconds = min(float(order.get("seconds", self.delay_seconds)), _MAX_DELAY_SECONDS)
        return JSONResponse({"mode": self.mode})


def _break_off(server: SMTP) -> str:
    cast(asyncio.Transport, server.transport).abort()
    return "250 nobody hears this"


def _flaw(letter: EmailMessage, envelope: Envelope) -> str:
    missing = [name for name in ("From", "To", "Subject", "Date", "Message-ID") if not letter[name]]
    if missing:
        return f"No {missing[0]}"
    if len(envelope.rcpt_tos) != 1 or letter["To"].addresses[0].addr_spec != envelope.rcpt_tos[0]:
        return "Not to its one recipient"
    if letter["From"].addresses[0].addr_spec != envelope.mail_from:
        return "Not from its sender"
    return "" if letter["Auto-Submitted"] == "auto-generated" else "Not marked as sent by a machine"


def _accept(letter: EmailMessage, envelope: Envelope, *, protected: bool) -> Taken:
    return Taken(
        message_id=str(letter["Message-ID"]).strip("<>"),
        sender=str(envelope.mail_from),
        to=envelope.rcpt_tos[0],
        subject=str(letter["Subject"]),
        date=str(letter["Date"]),
        language=str(letter["Content-Language"] or ""),
        text=str(letter.get_content()).replace("\r\n", "\n"),
        protected=protected,
    )


def _factory(mail: MailServer, options: Namespace) -> SMTP:
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate, options.key)
    login = options.login

    def authenticate(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        given = b":".join((data.login, data.password)) if isinstance(data, LoginPassword) else b""
        return AuthResult(success=secrets.compare_digest(given, login.encode()), handled=False)

    return SMTP(
        mail,
        hostname="mail.simulator.example",
        ident="ESMTP simulator",
        tls_context=tls,
        require_starttls=tls is not None,
        auth_required=bool(login),
        auth_require_tls=True,
        authenticator=authenticate if login else None,
    )


def _listen(mail: MailServer, options: Namespace) -> None:
    """Accept e-mail in a thread with its own event loop, which ends with the process."""
    listener = socket.create_server((LOOPBACK, options.smtp_port))
    mail.port = listener.getsockname()[1]
    loop = asyncio.new_event_loop()
    loop.run_until_complete(loop.create_server(lambda: _in(loop, mail, options), sock=listener))
    threading.Thread(target=loop.run_forever, daemon=True).start()


def _in(loop: asyncio.AbstractEventLoop, mail: MailServer, options: Namespace) -> SMTP:
    asyncio.set_event_loop(loop)
    return _factory(mail, options)


def build(_url: str, options: Namespace) -> ASGIApp:
    mail = MailServer()
    _listen(mail, options)
    return Starlette(routes=mail.routes())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("smtp", "A mail server for the demo and the tests, on loopback")
    parser.add_argument("--smtp-port", type=int, default=0, help="port for SMTP; GET /server returns it")
    parser.add_argument("--certificate", type=Path, help="PEM file; with it, STARTTLS is required")
    parser.add_argument("--key", type=Path, help="PEM file with the certificate's key")
    parser.add_argument("--login", default="", help="user:password to require, over TLS")
    serve("smtp", parser.parse_args(arguments), build)


if __name__ == "__main__":
    main()
