"""Whose connection it is, for what a receipt may say."""

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from deldokument.web.transfer.response_receipt import is_direct

pytestmark = pytest.mark.once
PEER = ("192.0.2.1", 50000)


@pytest.mark.parametrize(
    ("url", "client", "header", "direct"),
    [
        ("http://del.example", PEER, None, True),
        ("https://del.example", PEER, None, False),
        ("http://del.example", PEER, b"via", False),
        # A Unix socket.
        ("http://del.example", None, None, False),
    ],
)
def test_a_connection_is_the_clients_own_only_without_any_sign_of_a_proxy(
    url: str, client: tuple[str, int] | None, header: bytes | None, direct: bool
) -> None:
    deps: Any = SimpleNamespace(config=SimpleNamespace(public_url=url))
    headers = [(header, b"1.1 del.example")] if header else []
    assert is_direct(deps, Request({"type": "http", "headers": headers, "client": client})) is direct
