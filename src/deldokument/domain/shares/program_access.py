"""A program's request for access to a share, which its recipient approves in a browser, and the proof of its secret.

The program listens on loopback (RFC 8252, 7.3). It draws a secret, the verifier, and sends its hash, the challenge (RFC
7636, method S256). The browser brings it a code, which only the holder of the verifier can use.

Guarantees:
- The browser is sent only to 127.0.0.1, to an unprivileged port.
"""

import hashlib
import re
import secrets
from base64 import b32encode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from deldokument.domain.errors import InvalidInput

FIRST_PORT: Final = 1024
LAST_PORT: Final = 65535
_PORT: Final = re.compile(r"[1-9]\d{3,4}", re.ASCII)
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""The format of a challenge, and of the program's state: 32 bytes in Base64url."""
_HALF: Final = 4


@dataclass(frozen=True, slots=True)
class ProgramRequest:
    """A program's request: the port that it listens on, its challenge, and a state that it gets back."""

    port: int
    challenge: str
    state: str

    @property
    def origin(self) -> str:
        """The origin at which the program listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def check_code(self) -> str:
        """A short code that page and program both show, so that the person can see that they belong together."""
        letters = b32encode(hashlib.sha256(self.challenge.encode()).digest()).decode()
        return f"{letters[:_HALF]}-{letters[_HALF : 2 * _HALF]}"

    def address(self, code: str) -> str:
        """Return the loopback address to which the browser takes the code."""
        return f"{self.origin}/?{urlencode({'code': code, 'state': self.state})}"


def parse_request(port: str, challenge: str, state: str) -> ProgramRequest:
    """Return a program's request. Raises: InvalidInput."""
    is_port = _PORT.fullmatch(port) is not None and FIRST_PORT <= int(port) <= LAST_PORT
    if not (is_port and _SECRET.fullmatch(challenge) and _SECRET.fullmatch(state)):
        raise InvalidInput("program", "program_request")
    return ProgramRequest(int(port), challenge, state)


def proves(verifier: str, challenge: str) -> bool:
    """Return whether the challenge is the hash of the verifier (RFC 7636, 4.6)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return secrets.compare_digest(urlsafe_b64encode(digest).rstrip(b"="), challenge.encode())
