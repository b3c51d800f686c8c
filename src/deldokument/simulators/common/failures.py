"""Simulated failures on command.

``POST /_simulator/mode`` takes ``{"mode": "ok|down|slow|garbage|500|mislabelled", "seconds": 10}`` as application/json.
A foreign web page cannot send that, because the CORS preflight gets no answer. ``down`` breaks the connection in the
middle of a response. ``mislabelled`` labels the correct response as text/html. The control address never fails.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal, get_args

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Mode = Literal["ok", "down", "slow", "garbage", "500", "mislabelled"]

CONTROL_PREFIX = "/_simulator/"
_DEFAULT_DELAY_SECONDS = 10.0
_MAX_DELAY_SECONDS = 60.0


class Failures:
    """Current mode of one simulator."""

    def __init__(self) -> None:
        self.mode: Mode = "ok"
        self.delay_seconds = _DEFAULT_DELAY_SECONDS

    def application(self, routes: Sequence[BaseRoute]) -> ASGIApp:
        """Return an application with these routes and the one for the mode. It fails as the mode demands."""
        return self._failing(Starlette(routes=[*routes, Route(f"{CONTROL_PREFIX}mode", self._set, methods=["POST"])]))

    def _failing(self, app: ASGIApp) -> ASGIApp:
        async def failing(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
                return await app(scope, receive, send)
            if self.mode == "slow":
                await asyncio.sleep(self.delay_seconds)
            if self.mode == "down":
                return await _break_off(send)
            if self.mode == "garbage":
                return await PlainTextResponse("<html>]]>")(scope, receive, send)
            if self.mode == "500":
                return await _PROBLEM(scope, receive, send)
            return await app(scope, receive, _mislabelling(send) if self.mode == "mislabelled" else send)

        return failing

    async def _set(self, request: Request) -> Response:
        order = await read_order(request)
        if order is None or order.get("mode") not in get_args(Mode):
            return JSONResponse({"error": "expected application/json with a known mode"}, 400)
        self.mode = order["mode"]
        self.delay_seconds = min(float(order.get("seconds", _DEFAULT_DELAY_SECONDS)), _MAX_DELAY_SECONDS)
        return JSONResponse({"mode": self.mode})


async def read_order(request: Request) -> dict[str, Any] | None:
    """Return the JSON object of a control request, or None for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return None
    try:
        order = await request.json()
    except ValueError:
        return None
    return order if isinstance(order, dict) else None


_PROBLEM = JSONResponse(
    {"type": "about:blank", "title": "Internal Server Error", "status": 500},
    500,
    media_type="application/problem+json",
)


def _mislabelling(send: Send) -> Send:
    """Return a ``send`` that labels responses as text/html and is otherwise the same."""

    async def mislabel(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message["headers"] if name != b"content-type"]
            message = {**message, "headers": [*kept, (b"content-type", b"text/html")]}
        await send(message)

    return mislabel


async def _break_off(send: Send) -> None:
    """Announce a body and send none: the server closes the connection, so the response is truncated."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
