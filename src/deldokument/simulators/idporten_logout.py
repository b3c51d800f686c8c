"""How the ID-porten simulator tells clients that a session has ended: by itself, and in frames of the page it shows.

Promises one call to each client, given up after 2 s to connect or 5 s of silence, and that a client which cannot be
told keeps nobody from logging out. Frames carry no token, calls no cookie. Knows nothing of persons.

Sources: OpenID Connect Back-Channel Logout 1.0 and Front-Channel Logout 1.0; Digdir's ID-porten documentation.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

from deldokument.simulators.tokens import Client, Clients

LOGOUT_TOKEN_SECONDS: Final = 120
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_WAIT: Final = httpx.Timeout(5, connect=2)

Ended = Mapping[str, frozenset[str]]
"""The sessions that have ended, by ``sid``, and the ids of the clients that had logged in under each."""


def frames(issuer: str, ended: Ended, clients: Clients) -> list[str]:
    """The addresses to load in the browser, which sends no cookies with them."""
    return [
        f"{client.frontchannel_logout_uri}?{urlencode({'iss': issuer, 'sid': sid})}"
        for client, sid in _sessions_by_client(ended, clients)
        if client.frontchannel_logout_uri
    ]


async def call(issuer: str, key: RSAKey, ended: Ended, clients: Clients) -> None:
    """Call every client's own address."""
    async with httpx.AsyncClient(timeout=_WAIT) as http:
        calls = [
            http.post(client.backchannel_logout_uri, data={"logout_token": _token(issuer, key, client, sid)})
            for client, sid in _sessions_by_client(ended, clients)
            if client.backchannel_logout_uri
        ]
        await asyncio.gather(*calls, return_exceptions=True)


def _sessions_by_client(ended: Ended, clients: Clients) -> list[tuple[Client, str]]:
    return [(client, sid) for sid, ids in ended.items() for client in clients.all() if client.client_id in ids]


def _token(issuer: str, key: RSAKey, client: Client, sid: str) -> str:
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": client.client_id,
        "iat": now,
        "exp": now + LOGOUT_TOKEN_SECONDS,
        "jti": secrets.token_urlsafe(16),
        "sid": sid,
        "events": {EVENT: {}},
    }
    return jwt.encode({"alg": "RS256", "typ": "logout+jwt", "kid": key.kid}, claims, key, algorithms=["RS256"])
