"""A Maskinporten that signs anything, and whose keys fail as the test wants."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.faults.rsa_keys import rsa_key

SCOPE = "deldokument:share"
AUDIENCE = "https://del.example"


def actor(number: str, authority: str = "iso6523-actorid-upis") -> dict[str, str]:
    """An organisation as Maskinporten's claims name it."""
    return {"authority": authority, "ID": number}


class HostileIssuer:
    """Serves metadata and keys at ``issuer``. ``answer`` may take over the serving of a path."""

    def __init__(self) -> None:
        self.key = rsa_key("issuer")
        self.published: list[dict[str, Any]] = [self.key.as_dict(private=False)]
        self.metadata: dict[str, Any] = {}
        self.fetches = 0
        self.answer: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += self.path == "/jwks"
                if not issuer.answer(self):
                    send(self, 200, "application/json", json.dumps(issuer._document(self.path)).encode())

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.issuer = f"{self.url}/"

    def __enter__(self) -> HostileIssuer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def claims(self, /, **changes: Any) -> dict[str, Any]:
        """Claims that are right in everything but ``changes``; None leaves a claim out."""
        now = int(time.time())
        right = {
            "iss": self.issuer,
            "client_id": "a-client",
            "client_amr": "private_key_jwt",
            "consumer": actor("0192:312824450"),
            "scope": SCOPE,
            "token_type": "Bearer",
            "iat": now,
            "exp": now + 120,
            "jti": "one",
            "aud": AUDIENCE,
        }
        return {name: value for name, value in {**right, **changes}.items() if value is not None}

    def token(self, /, *, alg: str = "RS256", key: RSAKey | None = None, **changes: Any) -> str:
        """A token signed with ``key`` (the issuer's own when none is given)."""
        signer = key or self.key
        return jwt.encode({"alg": alg, "kid": signer.kid}, self.claims(**changes), signer, algorithms=[alg])

    def _document(self, path: str) -> dict[str, Any]:
        if path == "/jwks":
            return {"keys": self.published}
        return {
            "issuer": self.issuer,
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            **self.metadata,
        }


def send(handler: BaseHTTPRequestHandler, status: int, content_type: str, content: bytes, announced: int = -1) -> None:
    """An answer; one that announces more than it has is cut."""
    handler.send_response(status)
    handler.send_header("content-type", content_type)
    handler.send_header("content-length", str(len(content) if announced < 0 else announced))
    handler.end_headers()
    handler.wfile.write(content)
