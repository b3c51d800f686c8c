"""Logout of the ID-porten simulator's clients: back-channel by request, front-channel by frames on its page.

Guarantees:
- Each client gets one request, which is abandoned after 2 s to connect or 5 s of silence.
- A client that cannot be reached does not prevent the logout.
- Frames carry no token, requests carry no cookie.

Sources: OpenID Connect Back-Channel Logout 1.0 and Front-Channel Logout 1.0; Digdir's ID-porten documentation.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

from deldokument.simulators.common.tokens import Client, Clients

LOGOUT_TOKEN_SECONDS: Final = 120
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_WAIT: Final = httpx.Timeout(5, connect=2)

Ended = Mapping[str, frozenset[str]]
"""Ended sessions by ``sid``, each with the ids of the clients that logged in with it."""


def frames(issuer: str, ended: Ended, clients: Clients) -> list[str]:
    """Return the addresses to load in frames; the browser sends no cookies with them."""
    return [
        f"{client.frontchannel_logout_uri}?{urlencode({'iss': issuer, 'sid': sid})}"
        for client, sid in _sessions_by_client(ended, clients)
        if client.frontchannel_logout_uri
    ]


async def call(issuer: str, key: RSAKey, ended: Ended, clients: Clients) -> None:
    """Send a logout token to every client's back-channel address."""
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
