"""Approval by a person in a browser: the address to open, and a listener on loopback that gets the code.

Guarantees:
- The listener accepts connections of this machine only, and a code only with the state that was sent.
- Only this process can use the code: the verifier leaves it only to exchange the code for a token.

Sources: RFC 8252, 7.3 (loopback redirect); RFC 7636 (PKCE, method S256).
"""

import hashlib
import secrets
import threading
from base64 import b32encode, urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from time import monotonic
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from deldokument.client.errors import Refused
from deldokument.client.transport import RetryPolicy

APPROVAL_SECONDS: Final = 600.0
"""How long to wait for the person."""
_CHECK_SECONDS: Final = 0.2
_DONE: Final = """\
Programmet har fått tilgang. Du kan lukke denne siden.
The program has access. You can close this page.
"""


class Approval:
    """One request for approval. As a context manager it listens for the code."""

    def __init__(self) -> None:
        self.verifier = secrets.token_urlsafe(32)
        self.challenge = challenge_of(self.verifier)
        self._state = secrets.token_urlsafe(32)
        self._codes: SimpleQueue[str] = SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _listener(self._state, self._codes))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(_CHECK_SECONDS,), daemon=True).start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def check_code(self) -> str:
        """A short code that the page in the browser shows too."""
        return check_code_of(self.challenge)

    def address(self, link: str) -> str:
        """Return the address to open in the browser, for the share with this link."""
        asked = {"port": self._server.server_address[1], "challenge": self.challenge, "state": self._state}
        return f"{link}/program?{urlencode(asked)}"

    def code(self, patience: RetryPolicy, seconds: float = APPROVAL_SECONDS) -> str:
        """Wait for the code. Raises: Interrupted; Refused if nobody approves in time."""
        until = monotonic() + seconds
        while True:
            patience.check()
            try:
                return self._codes.get(timeout=_CHECK_SECONDS)
            except Empty:
                if monotonic() >= until:
                    raise Refused(403, "not_approved", "nobody has approved the program in the browser") from None


def challenge_of(verifier: str) -> str:
    """Return the challenge for a verifier (RFC 7636, 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def check_code_of(challenge: str) -> str:
    """Return the check code, as the service computes it."""
    letters = b32encode(hashlib.sha256(challenge.encode()).digest()).decode()
    return f"{letters[:4]}-{letters[4:8]}"


def _listener(state: str, codes: SimpleQueue[str]) -> type[BaseHTTPRequestHandler]:
    class Listener(BaseHTTPRequestHandler):
        # A browser may open a connection and send nothing.
        timeout = 10

        def do_GET(self) -> None:
            """Take the code from the browser."""
            address = urlsplit(self.path)
            given = parse_qs(address.query)
            is_ours = address.path == "/" and secrets.compare_digest("".join(given.get("state", [])), state)
            if not is_ours or "code" not in given:
                self.send_error(404)
                return
            codes.put(given["code"][0])
            body = _DONE.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing: the address contains the code."""

    return Listener
