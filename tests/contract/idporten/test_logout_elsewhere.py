"""ID-porten tells its clients that a session has ended: what the simulator sends is what the adapter takes."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from deldokument.adapters.http.client import signing_key
from deldokument.adapters.idporten.id_tokens import LoginRefused
from deldokument.adapters.idporten.login import IdPorten
from deldokument.ports.login import Identity
from tests.support.deployment.simulators import (
    CLIENT_ID,
    POST_LOGOUT_REDIRECT_URI,
    REDIRECT_URI,
    Running,
    log_in,
)
from tests.support.stage.logouts import ended_session

SIMULATORS = ["idporten"]

OTHER = "another-service"


class Receiver:
    """A client's end of the back channel; keeps the tokens that it was sent."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                receiver.tokens.append(dict(parse_qsl(body))["logout_token"])
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver(running: Running) -> Iterator[Receiver]:
    """Ours, registered for both channels beside a client of somebody else."""
    with Receiver() as receiver:
        register(running, CLIENT_ID, receiver.url)
        register(running, OTHER, "")
        yield receiver


def register(running: Running, client_id: str, url: str) -> None:
    known = {
        "client_id": client_id,
        "jwks": "client-jwks.json",
        "redirect_uris": [REDIRECT_URI],
        "post_logout_redirect_uris": [POST_LOGOUT_REDIRECT_URI],
    }
    addresses = {"frontchannel_logout_uri": f"{url}/front", "backchannel_logout_uri": f"{url}/back"} if url else {}
    running.register_client(known | addresses)


def relying_party(running: Running, http: httpx.Client, client_id: str = CLIENT_ID) -> IdPorten:
    uris = running.redirect_uri, running.post_logout_redirect_uri
    return IdPorten(running.idporten, client_id, signing_key(running.client_key), *uris, http)


def logged_in(idporten: IdPorten, browser: httpx.Client) -> Identity:
    login = idporten.begin("nb")
    return idporten.complete(dict(parse_qsl(urlsplit(log_in(browser, login.url, person="Ola Nordmann")).query)), login)


def log_out_at_idporten(running: Running, browser: httpx.Client) -> httpx.Response:
    return browser.post(f"{running.idporten}/endsession", data={"confirmed": "1"})


def test_the_back_channels_token_names_our_session_and_counts_once(
    running: Running, receiver: Receiver, outbound: httpx.Client, browser: httpx.Client
) -> None:
    idporten = relying_party(running, outbound)
    identity = logged_in(idporten, browser)
    log_out_at_idporten(running, browser)
    [token] = receiver.tokens
    assert ended_session(idporten, token) == identity.session_id
    with pytest.raises(LoginRefused):
        ended_session(idporten, token)
    with pytest.raises(LoginRefused):
        ended_session(relying_party(running, outbound, OTHER), token)


def test_the_front_channels_frame_names_issuer_and_session_and_is_on_a_page_that_we_let_frame_ours(
    running: Running, receiver: Receiver, outbound: httpx.Client, browser: httpx.Client
) -> None:
    idporten = relying_party(running, outbound)
    identity = logged_in(idporten, browser)
    page = log_out_at_idporten(running, browser)
    [frame] = re.findall(r'<iframe src="([^"]+)"', page.text)
    address, _, query = html.unescape(frame).partition("?")
    assert address == f"{receiver.url}/front"
    assert dict(parse_qsl(query)) == {"iss": idporten.issuer, "sid": identity.session_id}
    assert f"frame-src {receiver.url}" in page.headers["content-security-policy"]
    assert idporten.framing_origins() == (running.idporten,)


def test_a_logout_from_another_service_is_sent_to_us(
    running: Running, receiver: Receiver, outbound: httpx.Client, browser: httpx.Client
) -> None:
    ours, theirs = relying_party(running, outbound), relying_party(running, outbound, OTHER)
    identity = logged_in(ours, browser)
    single_sign_on = logged_in(theirs, browser)
    assert single_sign_on.session_id == identity.session_id
    form = theirs.logout(single_sign_on.id_token, "bye")
    assert browser.post(form.action, data=dict(form.fields)).is_redirect
    assert [ended_session(ours, token) for token in receiver.tokens] == [identity.session_id]


def test_a_session_that_we_were_no_part_of_is_none_of_ours(
    running: Running, receiver: Receiver, outbound: httpx.Client, browser: httpx.Client
) -> None:
    logged_in(relying_party(running, outbound, OTHER), browser)
    page = log_out_at_idporten(running, browser)
    assert (receiver.tokens, "<iframe" in page.text) == ([], False)
    assert "frame-src 'none'" in page.headers["content-security-policy"]


def test_an_unreachable_client_keeps_nobody_from_logging_out(
    running: Running, receiver: Receiver, outbound: httpx.Client, browser: httpx.Client
) -> None:
    register(running, OTHER, "http://127.0.0.1:9")
    ours = relying_party(running, outbound)
    logged_in(ours, browser)
    logged_in(relying_party(running, outbound, OTHER), browser)
    assert "Du er logget ut" in log_out_at_idporten(running, browser).text
    assert len(receiver.tokens) == 1
    assert browser.get(ours.begin("nb").url).status_code == 200
