"""An OpenID Provider that signs anything, to test what a relying party accepts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.support.faults.rsa_keys import rsa_key

TokenMaker = Callable[["HostileProvider"], str]


class HostileProvider:
    """Serves discovery, keys and tokens at ``issuer``. ``make_token`` gives the next ID token.

    ``before_keys`` runs before the keys are sent. ``answer`` may take over the answer to any request.
    """

    def __init__(self) -> None:
        self.key = rsa_key("provider")
        self.published = [self.key]
        self.key_fetches = 0
        self.asked: dict[str, str] = {}
        self.metadata: dict[str, Any] = {}
        self.status = 200
        self.make_token: TokenMaker = lambda _: ""
        self.before_keys: Callable[[], object] = lambda: None
        self.answer: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not provider.answer(self):
                    self._answer(200, provider._document(self.path))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                if provider.answer(self):
                    return
                provider.asked = {name: values[0] for name, values in parse_qs(body).items()}
                token = provider.make_token(provider) if provider.status == 200 else ""
                self._answer(provider.status, {"id_token": token, "access_token": "x", "token_type": "Bearer"})

            def _answer(self, status: int, document: dict[str, Any]) -> None:
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> HostileProvider:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def claims(self, client_id: str, expected_nonce: str, /, **changes: Any) -> dict[str, Any]:
        """Claims that are right in everything but ``changes``; None leaves a claim out."""
        now = int(time.time())
        right = {
            "iss": self.issuer,
            "aud": client_id,
            "sub": "pairwise",
            "pid": "21879498012",
            "acr": "idporten-loa-high",
            "amr": ["BankID"],
            "auth_time": now,
            "iat": now,
            "exp": now + 120,
            "jti": "one",
            "locale": "nb",
            "nonce": expected_nonce,
            "sid": "a-session",
        }
        return {name: value for name, value in {**right, **changes}.items() if value is not None}

    def _document(self, path: str) -> dict[str, Any]:
        if path == "/jwks":
            self.key_fetches += 1
            self.before_keys()
            return {"keys": [key.as_dict(private=False) for key in self.published]}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "end_session_endpoint": f"{self.issuer}/endsession",
            "jwks_uri": f"{self.issuer}/jwks",
            **self.metadata,
        }
